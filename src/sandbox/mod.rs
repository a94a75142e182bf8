//! The loopback provider: an HTTP server that behaves as Anthropic's documentation says its API does.
//!
//! Drills and tests rotate real credentials of a provider that is not real. Everything here is "from
//! documentation" (no real answer was ever recorded); where the documentation is silent, the comment
//! at the place says what was assumed.
//!
//! Four groups of routes, all of them refused unless the `Host` header names the loopback:
//! - `/v1/…` with an API key: models, count_tokens, messages;
//! - `/v1/organizations/…` with the admin key: keys and the usage report;
//! - `/console/api_keys`, without a key: what a person does in the provider's web console;
//! - `/sandbox/settings` and `/sandbox/statistics`: lags, faults and counts.
//!
//! [`Sandbox::start`] binds the port and starts one thread with a runtime of its own, so that a drill
//! can run beside it in the same process. Credentials of a sandbox protect nothing.

mod admin;
mod answer;
mod api;
mod auth;
mod console;
mod faults;
mod host;
mod key_record;
mod mint;
mod paging;
mod query;
mod random;
mod registry;
mod routes;
mod running;
mod server;
mod settings;
mod state;
mod statistics;
mod usage;
mod usage_report;

pub use running::{Memory, RunningSandbox, Sandbox};
pub use settings::{FaultScope, Faults, SandboxSettings};
pub use statistics::{KeyStatistics, Statistics};
