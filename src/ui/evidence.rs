//! The table of evidence.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Map, Value};

use super::plain::one_line;
use super::render::width;
use crate::rotation::evidence::{Evidence, Finding};

/// The rows as a table for people, each line indented.
pub fn table(rows: &[Evidence]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    for row in rows {
        table.add_row([mark(row.verdict), row.item.name(), row.verdict.name(), &one_line(&row.detail)]);
    }
    table.lines().map(|line| format!("  {}\n", line.trim_end())).collect()
}

/// The rows that a failure carries for its JSON document.
pub fn from_details(details: &Map<String, Value>) -> Option<Vec<Evidence>> {
    serde_json::from_value(details.get("evidence")?.clone()).ok()
}

fn mark(verdict: Finding) -> &'static str {
    match verdict {
        Finding::Met => "+",
        Finding::Unmet => "x",
        Finding::Unknown => "?",
        Finding::NotAvailable => "-",
    }
}
