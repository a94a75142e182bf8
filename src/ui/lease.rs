//! Leases: a table of them, and what came of one.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::Output;
use super::paint::Paint;
use super::plain::one_line;
use super::render::fields;

/// One lease as people and scripts see it.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub id: String,
    pub key: String,
    /// This and what follows is `None` where the record cannot be read.
    pub fingerprint: Option<String>,
    /// `active`, `retiring` or `other`; `None` where the state does not tell.
    pub role: Option<&'static str>,
    /// `process` or `bearer`.
    pub kind: Option<&'static str>,
    pub holder: Option<String>,
    pub host: Option<String>,
    pub pid: Option<u32>,
    pub started_at: Option<Timestamp>,
    /// When the lease of a bearer ends; a process's ends with the process.
    pub expires_at: Option<Timestamp>,
    /// When a process is expected to end.
    pub expected_end_at: Option<Timestamp>,
    /// `held` or `unknown`.
    pub standing: &'static str,
    /// Why it is unknown.
    pub detail: Option<String>,
}

/// What came of `acquire` or `renew`.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    pub id: String,
    pub key: String,
    pub fingerprint: String,
    /// Whether the lease's credential is the active one.
    pub is_active: bool,
    pub active_fingerprint: String,
    pub expires_at: Option<Timestamp>,
}

/// The result of `lease list`.
pub fn list(rows: &[Row], paint: Paint) -> Output {
    let mut output = Output::default();
    output.json.insert("leases".to_owned(), json!(rows));
    output.text = if rows.is_empty() { "no job holds a lease\n".to_owned() } else { table(rows) };
    for row in rows {
        if let Some(detail) = &row.detail {
            let detail = one_line(detail);
            output.text.push_str(&format!("{} {}: {detail}\n", paint.yellow("unknown:"), row.id));
        }
    }
    output
}

/// The result of `lease acquire`: the id alone, for scripts.
pub fn acquired(granted: &Granted) -> Output {
    Output { text: format!("{}\n", granted.id), json: fields(granted), exit: None }
}

/// The result of `lease renew`.
pub fn renewed(granted: &Granted) -> Output {
    let Granted { id, key, fingerprint, .. } = granted;
    let until = granted.expires_at.map(|until| format!("until {until:.0}")).unwrap_or_default();
    let text = if granted.is_active {
        format!("{id}: held {until}; {fingerprint} is the active credential of {key}\n")
    } else {
        format!(
            "{id}: held {until}; {fingerprint} is not the active credential of {key} any more: read the key again\n"
        )
    };
    Output { text, json: fields(granted), exit: None }
}

/// The result of `lease release`.
pub fn released(id: &str, key: &str) -> Output {
    let mut output = Output { text: format!("{id}: released\n"), ..Output::default() };
    output.json.insert("id".to_owned(), json!(id));
    output.json.insert("key".to_owned(), json!(key));
    output.json.insert("released".to_owned(), json!(true));
    output
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    // One line a lease, however narrow the terminal: lines are counted and searched.
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["ID", "KEY", "CREDENTIAL", "HOLDER", "SINCE", "UNTIL"]);
    for row in rows {
        table.add_row([
            row.id.clone(),
            row.key.clone(),
            credential(row),
            holder(row),
            since(row),
            until(row),
        ]);
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn credential(row: &Row) -> String {
    match (&row.fingerprint, row.role) {
        (None, _) => "perhaps any".to_owned(),
        (Some(fingerprint), None) => fingerprint.clone(),
        (Some(fingerprint), Some(role)) => format!("{fingerprint} ({role})"),
    }
}

fn holder(row: &Row) -> String {
    let host = row.host.as_deref().unwrap_or_default();
    match (&row.holder, row.pid) {
        (None, _) => "(unknown)".to_owned(),
        (Some(holder), None) => format!("{holder} on {host}"),
        (Some(holder), Some(pid)) => format!("{holder}, pid {pid} on {host}"),
    }
}

fn since(row: &Row) -> String {
    row.started_at.map(|at| format!("{at:.0}")).unwrap_or_default()
}

fn until(row: &Row) -> String {
    match (row.expires_at, row.expected_end_at) {
        _ if row.standing == "unknown" => "it cannot be told".to_owned(),
        (Some(at), _) => format!("{at:.0}"),
        (None, Some(at)) => format!("its process ends, about {at:.0}"),
        (None, None) => "its process ends".to_owned(),
    }
}
