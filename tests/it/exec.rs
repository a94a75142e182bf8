//! `rotate exec`: real jobs with real processes.

mod auth_failures;
mod endings;
mod environment;
mod expectations;
mod fail_open;
mod killed;
mod lean;
mod leases;
mod preflight;
mod promotions;
pub mod running;
mod signals;
