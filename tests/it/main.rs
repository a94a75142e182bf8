//! The one integration-test binary: the real executable, real files, real HTTP on loopback.

mod aws;
mod bad_input;
mod canary;
mod commands;
mod config;
mod core;
mod crash;
mod docs;
mod doors;
mod drill;
mod emergency;
mod exit_codes;
mod lab;
mod lean;
mod overtaken;
mod promise;
mod provider_anthropic;
mod races;
mod sandbox;
mod slots;
mod store;
mod targets;
mod terminal;
mod whole_rotation;
