//! What must be rotated when, as a table.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use super::render::width;
use crate::check::due::Due;

/// One line a key, the most urgent first.
pub fn table(rows: &[&Due]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    table.set_header(["KEY", "WHEN", "NEXT"]);
    for due in rows {
        table.add_row([due.key.clone(), due.told(), due.next.clone()]);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}
