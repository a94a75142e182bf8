//! `rotate exec`: real jobs with real processes.

mod auth_failures;
mod endings;
mod environment;
mod expectations;
mod fail_open;
mod lean;
mod leases;
mod preflight;
mod promotions;
mod running;
mod signals;
