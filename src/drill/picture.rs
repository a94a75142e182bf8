//! The picture of a drill: which key served which agents when. Pure.

use super::habit::Habit;
use super::report::Report;
use super::tally::{Column, Counts, Timeline, column_at};

/// The chart's columns; with the names before it and the sums behind it, a line has at most 78.
const CHART: usize = 54;
const NAME: usize = 11;
const ROW: usize = 4;
const SECONDS_APART: [u32; 10] = [1, 2, 5, 10, 20, 60, 120, 300, 600, 3600];

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Characters {
    Unicode,
    Ascii,
}

impl Characters {
    /// By the locale. Where none is set, as in most containers, terminals show UTF-8 all the same.
    pub(super) fn of_environment() -> Self {
        let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let name = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(set);
        let locale = name.and_then(|name| std::env::var(name).ok()).unwrap_or_else(|| "UTF-8".to_owned());
        let locale = locale.to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Unicode } else { Self::Ascii }
    }

    /// From few to many; nothing is a space.
    fn levels(self) -> &'static [char] {
        match self {
            Characters::Unicode => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Characters::Ascii => &['.', ':', '+', '#'],
        }
    }

    fn mark(self) -> char {
        match self {
            Characters::Unicode => '▼',
            Characters::Ascii => 'v',
        }
    }
}

/// Draws the timeline of a report: marks of the phases, two or three rows a habit, the time, a legend.
pub(super) fn draw(timeline: &Timeline, report: &Report, characters: Characters) -> String {
    let mut lines = marks(report, characters);
    let mut legend = vec![match characters {
        Characters::Unicode => "the taller the bar, the more requests the key served".to_owned(),
        Characters::Ascii => "from . to #: how many requests the key served".to_owned(),
    }];
    let (mut refused, mut failed) = (false, false);
    for habit in Habit::ALL.into_iter().filter(|habit| habit.share(report.agents) > 0) {
        let columns = timeline.columns(habit, CHART, report.seconds);
        let total = timeline.of_habit(habit);
        let steady = steady_pace(&columns);
        let bars = |served: fn(Counts) -> u64| -> String {
            let paces = columns.iter().map(|column| column.per_second(served(column.counts)));
            paces.map(|pace| level(pace, steady, characters)).collect()
        };
        lines.push(row(&name(habit, report), "old", &bars(|counts| counts.old), &total.old.to_string()));
        lines.push(row("", "new", &bars(|counts| counts.new), &total.new.to_string()));
        if total.refused + total.failed > 0 {
            let crosses: String = columns.iter().map(|column| cross(column.counts)).collect();
            lines.push(row("", "", &crosses, &(total.refused + total.failed).to_string()));
        }
        refused |= total.refused > 0;
        failed |= total.failed > 0;
    }
    lines.push(axis(report.seconds));
    if refused {
        legend.push("x refused (401)".to_owned());
    }
    if failed {
        legend.push("! failed otherwise".to_owned());
    }
    lines.push(String::new());
    lines.push(legend.join("; "));
    lines.push(format!(
        "jobs read their key: once a job (of {} s), every {} s, or for each request",
        report.job_seconds, report.refresh_seconds
    ));
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn name(habit: Habit, report: &Report) -> String {
    match habit {
        Habit::Cached => "once a job".to_owned(),
        Habit::Reread => format!("every {} s", report.refresh_seconds),
        Habit::EveryTime => "each time".to_owned(),
    }
}

fn row(name: &str, key: &str, chart: &str, last: &str) -> String {
    format!("{name:<NAME$}{key:<ROW$}{chart:<CHART$} {last:>8}")
}

/// The median of the columns in which anything was asked. The busiest column would not do: beside it
/// every other one of a steady pace looks weak.
fn steady_pace(columns: &[Column]) -> f64 {
    let all = columns.iter().map(|column| column.per_second(column.counts.requests()));
    let mut paces: Vec<f64> = all.filter(|pace| *pace > 0.0).collect();
    paces.sort_by(f64::total_cmp);
    paces.get(paces.len() / 2).copied().unwrap_or(0.0)
}

/// As high as its share of the steady pace; one request is enough to be seen.
fn level(pace: f64, steady: f64, characters: Characters) -> char {
    let levels = characters.levels();
    if pace <= 0.0 || steady <= 0.0 {
        return ' ';
    }
    let step = (pace / steady * levels.len() as f64).ceil() as usize;
    levels[step.clamp(1, levels.len()) - 1]
}

fn cross(counts: Counts) -> char {
    match counts {
        Counts { refused: 1.., .. } => 'x',
        Counts { failed: 1.., .. } => '!',
        _ => ' ',
    }
}

/// The lines above the chart, each mark above its moment; one that would cover another goes a line up.
fn marks(report: &Report, characters: Characters) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = Vec::new();
    for phase in &report.phases {
        let Some(text) = caption(phase.phase) else { continue };
        let at = column_at(phase.at_seconds, CHART, report.seconds);
        let length = text.chars().count() + 2;
        let (start, text) = if at + length <= CHART {
            (at, format!("{} {text}", characters.mark()))
        } else {
            ((at + 1).saturating_sub(length), format!("{text} {}", characters.mark()))
        };
        let is_free =
            |line: &Vec<char>| line.iter().skip(start.saturating_sub(1)).take(length + 2).all(|c| *c == ' ');
        let line = match lines.iter().position(is_free) {
            Some(line) => line,
            None => {
                lines.push(vec![' '; CHART]);
                lines.len() - 1
            }
        };
        if let Some(line) = lines.get_mut(line) {
            line.iter_mut().skip(start).zip(text.chars()).for_each(|(place, c)| *place = c);
        }
    }
    lines.iter().rev().map(|line| row("", "", &line.iter().collect::<String>(), "")).collect()
}

/// What a phase's beginning is called. The grace window opens a moment after the promotion, and one
/// mark says it for both.
fn caption(phase: &'static str) -> Option<&'static str> {
    match phase {
        "Idle" => Some("adopted"),
        "SecondaryStaged" => Some("staged"),
        "Promoted" => Some("promoted"),
        "GraceWindow" | "old key serves" => None,
        "Revoked" => Some("revoked"),
        other => Some(other),
    }
}

fn axis(seconds: f64) -> String {
    let apart = SECONDS_APART.into_iter().find(|apart| seconds / f64::from(*apart) <= 7.0).unwrap_or(7200);
    let mut line = String::new();
    let mut at = 0;
    while f64::from(at) <= seconds {
        let column = column_at(f64::from(at), CHART, seconds);
        let label = format!("{at} s");
        if column >= line.len() && column + label.len() <= CHART {
            line = format!("{line:<column$}{label}");
        }
        at += apart;
    }
    row("", "", &line, "requests")
}

#[cfg(test)]
mod tests;
