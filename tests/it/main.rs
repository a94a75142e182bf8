//! The one integration-test binary: the real executable, real files, real HTTP on loopback.

mod config;
mod lab;
mod provider_anthropic;
mod sandbox;
mod slots;
mod targets;
mod whole_rotation;
