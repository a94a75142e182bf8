//! Operations, history and the ledger, for people and for scripts.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Output;
use super::evidence;
use super::paint::Paint;
use super::status;
use crate::workflow::operation::Report;

/// Columns of the terminal; 100 where there is none.
pub fn width() -> u16 {
    rustix::termios::tcgetwinsize(std::io::stderr())
        .map(|size| size.ws_col)
        .ok()
        .filter(|columns| *columns >= 40)
        .unwrap_or(100)
}

/// The result of a changing command.
pub fn operation(report: &Report, paint: Paint) -> Output {
    let mut text = String::new();
    if !report.summary.is_empty() {
        text.push_str(&format!("{}: {}\n", paint.bold(&report.overview.key), report.summary));
    }
    if let Some(plan) = &report.plan {
        for (line, number) in plan.iter().zip(1..) {
            text.push_str(&format!("  {number}. {line}\n"));
        }
        return Output { text, json: with(fields(&report.overview), "plan", json!(plan)), exit: None };
    }
    if let Some(rows) = report.evidence.as_ref().filter(|rows| !rows.is_empty()) {
        text.push_str(&evidence::table(rows));
    }
    text.push_str(&status::block(&report.overview, paint));
    let mut json = fields(&report.overview);
    if let Some(rows) = &report.evidence {
        json = with(json, "evidence", json!(rows));
    }
    if let Some(emergency) = &report.emergency {
        json = with(json, "seconds", json!(emergency.seconds));
        json = with(json, "revoked_fingerprints", json!(emergency.revoked));
        json = with(json, "problems", json!(emergency.problems));
    }
    Output { text, json, exit: None }
}

/// The fields of a serialisable struct.
pub fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn with(mut fields: Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    fields.insert(name.to_owned(), value);
    fields
}
