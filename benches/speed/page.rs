//! The table in docs/performance.md.

use std::fmt::Write;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
const BEGIN: &str = "<!-- measured by ./scripts/bench: do not edit -->\n";
const END: &str = "<!-- end of what ./scripts/bench writes -->\n";

/// One thing measured against another.
pub struct Row {
    pub what: String,
    pub measured: String,
    pub against: String,
    pub base: String,
    pub ratio: f64,
    /// The ratio that is promised, where one is.
    pub goal: Option<f64>,
    /// Whether the goal is a floor instead of a ceiling.
    pub is_at_least: bool,
}

impl Row {
    /// Whether the promise is kept; there may be none.
    pub fn is_met(&self) -> bool {
        self.goal.is_none_or(|goal| if self.is_at_least { self.ratio >= goal } else { self.ratio <= goal })
    }

    fn line(&self) -> String {
        let goal = match self.goal {
            None => "–".to_owned(),
            Some(goal) => {
                let bound = if self.is_at_least { "at least" } else { "at most" };
                format!("{bound} {goal}×, {}", if self.is_met() { "met" } else { "**missed**" })
            }
        };
        let Row { what, measured, against, base, ratio, .. } = self;
        format!("| {what} | {measured} | {against} | {base} | {ratio:.2}× | {goal} |")
    }
}

/// How busy the machine is, with all that it runs: the average load of the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}

/// Prints the table and puts it into the page.
pub fn write(rows: &[Row], load_before: &str) {
    let mut table =
        "| what | median | against | median | ratio | goal |\n|---|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let _ = writeln!(table, "{}", row.line());
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = load();
    let _ = writeln!(table, "\nCores: {cores}. Load when it began: {load_before}, when it ended: {load}.");
    print!("{table}");
    let page = std::fs::read_to_string(PAGE).expect("docs/performance.md");
    let (before, rest) = page.split_once(BEGIN).expect("the mark before the table");
    let (_, after) = rest.split_once(END).expect("the mark after the table");
    std::fs::write(PAGE, format!("{before}{BEGIN}\n{table}\n{END}{after}")).expect("the page is written");
}
