//! `rotate sandbox`

use serde_json::{Map, json};

use super::context::Context;
use super::definition::{FaultScopeName, Sandbox as Arguments};
use super::runtime;
use crate::clock;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::sandbox::{FaultScope, Faults, Sandbox, SandboxSettings};
use crate::ui::Output;

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Output, Failure> {
    let settings = SandboxSettings {
        revocation_lag_milliseconds: milliseconds(arguments.revocation_lag),
        latency_milliseconds: milliseconds(arguments.latency),
        faults: faults(&arguments.fault)?,
        fault_scope: match arguments.fault_scope {
            FaultScopeName::Api => FaultScope::Api,
            FaultScopeName::Admin => FaultScope::Admin,
            FaultScopeName::All => FaultScope::All,
        },
        ..SandboxSettings::default()
    };
    let running = Sandbox::start(arguments.listen, clock::from_environment, settings, arguments.seed)?;
    let base_url = running.base_url();
    // The sandbox's admin key protects nothing outside this process, and nobody could use it unseen.
    let admin_key = running.admin_key().expose().to_owned();
    let mut json = Map::new();
    json.insert("base_url".to_owned(), json!(base_url));
    json.insert("admin_key".to_owned(), json!(admin_key));
    let text = format!("base_url  {base_url}\nadmin_key {admin_key}\n");
    context.ui.print(&Output { text, json, exit: None })?;
    context.ui.note(&format!(
        "create a key as at a console: curl -s {base_url}/console/api_keys -d '{{\"name\":\"first\"}}'\n\
         Ctrl-C ends the sandbox and forgets its keys"
    ));
    runtime::serve(async |stop| running.serve_until(stop).await)?;
    Ok(Output::default())
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn faults(given: &[(String, f64)]) -> Result<Faults, Failure> {
    let mut faults = Faults::default();
    for (name, rate) in given {
        let field = match name.as_str() {
            "rate_limited" => &mut faults.rate_limited,
            "overloaded" => &mut faults.overloaded,
            "server_error" => &mut faults.server_error,
            "closed" => &mut faults.closed,
            "garbage" => &mut faults.garbage,
            "lost_answer" => &mut faults.lost_answer,
            _ => {
                return Err(Failure::new(
                    ExitCode::Usage,
                    format!("no fault is called `{}`", name.escape_default()),
                    "one of: rate_limited, overloaded, server_error, closed, garbage, lost_answer",
                ));
            }
        };
        *field = *rate;
    }
    Ok(faults)
}
