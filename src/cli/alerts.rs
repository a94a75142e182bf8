//! `rotate alerts`

use std::time::Duration;

use serde_json::{Map, json};

use super::context::Context;
use super::definition_alerts::{Alerts, AlertsCommand};
use super::runtime;
use super::telling::Desk;
use crate::alert::incidents::Incidents;
use crate::alert::outbox::Outbox;
use crate::alert::post::{Round, Which};
use crate::alert::{Alert, Kind, Status};
use crate::config::{Config, Scope, nearest};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::ui::Output;
use crate::ui::plain::one_line;
use crate::wiring;

/// Whoever asks for it waits for it.
const FLUSH_LIMIT: Duration = Duration::from_secs(10 * 60);

pub(super) fn run(context: &Context, arguments: &Alerts) -> Result<Output, Failure> {
    let config = context.config(Scope::Text)?;
    match &arguments.command {
        AlertsCommand::Test(arguments) => test(context, &config, &arguments.name),
        AlertsCommand::Flush => flush(context, &config),
        AlertsCommand::List => list(context, &config),
    }
}

/// Past the outbox: whoever tests wants to know whether this very one arrived.
fn test(context: &Context, config: &Config, name: &str) -> Result<Output, Failure> {
    let Some(receiver) = wiring::alerts::receiver(config, name, &context.surroundings()) else {
        return Err(no_such_receiver(config, name));
    };
    let refused = |failed: &crate::alert::Undelivered| {
        let exit = if failed.is_lasting() { ExitCode::Configuration } else { ExitCode::Unreachable };
        let hint = match failed.remedy.as_str() {
            "" => format!("look at the receiver, then run `rotate alerts test {name}` again"),
            remedy => remedy.to_owned(),
        };
        Failure::new(exit, format!("`{name}` has not taken the test alert"), hint).because(&failed.reason)
    };
    let receiver = receiver.map_err(|failed| refused(&failed))?;
    let now = context.clock.now().wall;
    let alert = Alert {
        event: Kind::Test,
        severity: Kind::Test.severity(),
        keys: vec!["test".to_owned()],
        environment: None,
        summary: format!("this is a test of the receiver {name}; nothing is wrong"),
        hint: String::new(),
        rotation_id: None,
        dedup_key: format!("test/{name}/{}", now.as_millisecond()),
        occurred_at: now,
        status: Status::Firing,
        step: 0,
    };
    let delivery = format!("test-{}", now.as_millisecond());
    let taken = runtime::run(async { Ok(receiver.deliver(&alert, &delivery, now).await) })?;
    taken.map_err(|failed| refused(&failed))?;
    // A test that pages somebody is over at once.
    let over = alert.resolved(now);
    let told = runtime::run(async { Ok(receiver.deliver(&over, &format!("{delivery}-over"), now).await) })?;
    told.map_err(|failed| refused(&failed))?;
    let mut json = Map::new();
    json.insert("receiver".to_owned(), json!(name));
    json.insert("dedup_key".to_owned(), json!(alert.dedup_key));
    Ok(Output { text: format!("{name} has taken the test alert, and that it is over\n"), json, exit: None })
}

fn no_such_receiver(config: &Config, name: &str) -> Failure {
    let names = || config.alerts.iter().map(|settings| settings.name.as_str());
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if config.alerts.is_empty() => {
            "add one, beginning with [alerts.NAME] and type = \"slack\"".to_owned()
        }
        None => format!("name one of: {}", names().collect::<Vec<_>>().join(", ")),
    };
    let message = format!("no receiver `{}` in {}", one_line(name), config.path.display());
    Failure::new(ExitCode::Usage, message, hint)
}

fn flush(context: &Context, config: &Config) -> Result<Output, Failure> {
    let desk = Desk::new(context, config);
    if config.state_directory.exists() {
        for key in config.keys.values() {
            desk.catch_up(key);
        }
    }
    let round = desk.deliver(Which::All, FLUSH_LIMIT)?;
    if round.is_elsewhere {
        return Err(Failure::new(
            ExitCode::Locked,
            "another command is delivering alerts just now",
            "let it end and run `rotate alerts flush` again",
        ));
    }
    let mut output = Output { text: told(&round), json: document(&round), exit: None };
    if round.left > 0 || !round.unreadable.is_empty() {
        output.exit = Some(ExitCode::Unreachable);
    }
    Ok(output)
}

fn told(round: &Round) -> String {
    let mut text = format!("{} delivered, {} still on the way\n", round.delivered, round.left);
    for (name, failed) in &round.failed {
        text.push_str(&format!("  {name}: {}\n", one_line(&failed.reason)));
        if failed.is_lasting() {
            text.push_str(&format!("    hint: {}\n", one_line(&failed.remedy)));
        }
    }
    for (name, count) in &round.given_up {
        text.push_str(&format!(
            "  {name}: {count} given up, the configuration has no such receiver any more\n"
        ));
    }
    for (path, reason) in &round.unreadable {
        text.push_str(&format!("  {path}: {}; look at it, then remove it\n", one_line(reason)));
    }
    text
}

fn document(round: &Round) -> Map<String, serde_json::Value> {
    let failed: Vec<_> = round
        .failed
        .iter()
        .map(|(name, failed)| json!({ "receiver": name, "reason": failed.reason, "hint": failed.remedy }))
        .collect();
    let mut json = Map::new();
    json.insert("delivered".to_owned(), json!(round.delivered));
    json.insert("left".to_owned(), json!(round.left));
    json.insert("failed".to_owned(), json!(failed));
    json.insert("given_up".to_owned(), json!(round.given_up));
    json
}

fn list(context: &Context, config: &Config) -> Result<Output, Failure> {
    let (incidents, _) = Incidents::load(&config.state_directory.join("alerts").join("incidents.json"))?;
    let pending = Outbox::new(&config.state_directory).pending()?;
    let mut text = String::new();
    for incident in incidents.standing.values() {
        let since = context.ui.stdout.dim(&format!("since {:.0}", incident.since));
        text.push_str(&format!("{}  {since}\n", one_line(&incident.alert.headline())));
    }
    for delivery in &pending.deliveries {
        let why = delivery.problem.as_ref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        text.push_str(&format!(
            "on its way to {} since {:.0}, {} tries failed{why}\n",
            delivery.receiver, delivery.queued_at, delivery.attempts
        ));
    }
    if text.is_empty() {
        text.push_str("nothing stands, and nothing is on its way\n");
    }
    let mut json = Map::new();
    json.insert("standing".to_owned(), json!(incidents.standing.values().collect::<Vec<_>>()));
    json.insert("undelivered".to_owned(), json!(pending.deliveries));
    Ok(Output { text, json, exit: None })
}
