//! Where keys stand: a block for one, a table for many.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::json;

use super::paint::Paint;
use super::render::width;
use super::{Output, Ui};
use crate::duration::friendly;
use crate::workflow::overview::{Overview, Shown};

/// The result of `status`, in the one rendering that `ui` prints.
pub fn output(overviews: &[Overview], ui: Ui) -> Output {
    let mut output = Output::default();
    if ui.json {
        output.json.insert("keys".to_owned(), json!(overviews));
    } else {
        output.text = match overviews {
            [only] => format!("{}\n{}", ui.stdout.bold(&only.key), block(only, ui.stdout)),
            many => table(many),
        };
    }
    output
}

/// One key, line by line.
pub fn block(overview: &Overview, paint: Paint) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(problem) = &overview.problem {
        lines.push(("problem", paint.red(problem)));
    }
    match overview.phase {
        Some(phase) => lines.push(("phase", phase.to_owned())),
        None if overview.problem.is_some() => lines.push(("phase", "(unknown)".to_owned())),
        None => lines.push(("phase", "(never adopted)".to_owned())),
    }
    if overview.outage {
        lines.push(("outage", paint.red("the active credential was revoked by order; nothing serves")));
    }
    if overview.emergency {
        lines.push(("emergency", paint.red("an emergency revocation is under way")));
    }
    if let Some(interrupted) = &overview.interrupted {
        let text = format!(
            "{} was begun {:.0} and its outcome is not recorded; resume with `{}`",
            interrupted.effect, interrupted.since, interrupted.resume
        );
        lines.push(("interrupted", paint.yellow(&text)));
    }
    credentials(overview, &mut lines);
    for aside in &overview.set_aside {
        let text = format!(
            "{} …{} perhaps still accepted; end it with `rotate revoke-now {} --suspect new --reason …`",
            aside.fingerprint, aside.last4, overview.key
        );
        lines.push(("set aside", text));
    }
    for target in &overview.propagation {
        let reason = target.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        lines.push(("target", format!("{}: {}{reason}", target.target, target.state)));
    }
    if let Some(grace) = &overview.grace {
        let left = match grace.remaining_seconds {
            0 => "over".to_owned(),
            seconds => format!("{} left", friendly(seconds)),
        };
        let text = if grace.awaits_first_use {
            format!(
                "starts with the first use of the new credential, for {}",
                friendly(grace.remaining_seconds)
            )
        } else {
            format!("{left}; not before {:.0}", grace.not_before)
        };
        lines.push(("grace", text));
    }
    if let Some(rotation) = &overview.rotation {
        let ticket = rotation.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
        lines.push(("rotation", format!("{}{ticket}", rotation.id)));
    }
    if let Some(due) = &overview.due_at {
        lines.push(("due", format!("{due:.0}")));
    }
    if let Some(next) = &overview.next {
        lines.push(("next", next.clone()));
    }
    // One line each: a recorded text cannot pass for another line of ours.
    lines.iter().map(|(name, text)| format!("  {name:<12}{}\n", text.replace('\n', " "))).collect()
}

fn credentials(overview: &Overview, lines: &mut Vec<(&str, String)>) {
    let of = |shown: &Shown| {
        let id = shown.provider_key_id.as_ref().map(|id| format!(", {id}")).unwrap_or_default();
        format!("{} …{} ({} slot{id})", shown.fingerprint, shown.last4, shown.slot)
    };
    if let Some(active) = &overview.active {
        lines.push(("active", of(active)));
    }
    if let Some(staged) = &overview.staged {
        lines.push(("staged", of(staged)));
    }
    if let Some(retiring) = &overview.retiring {
        let how = match (overview.retiring_is_dead, overview.rolling_back) {
            (true, _) => "revoked before",
            (false, true) => "being taken out of use",
            (false, false) => "still valid",
        };
        lines.push(("retiring", format!("{} {how}", of(retiring))));
    }
    if let Some(revoked) = &overview.revoked {
        let undo = match &revoked.undo_until {
            _ if revoked.purged => "; purged for good".to_owned(),
            _ if revoked.leaked => format!("; it leaked: `rotate purge {}` ends it for good", overview.key),
            Some(until) => format!("; `rotate undo {}` until {until:.0}", overview.key),
            None => String::new(),
        };
        let text = format!("{} …{} at {:.0}{undo}", revoked.fingerprint, revoked.last4, revoked.revoked_at);
        lines.push(("revoked", text));
    }
}

fn table(overviews: &[Overview]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width());
    table.set_header(["KEY", "PHASE", "ACTIVE", "LEFT", "DUE", "NEXT"]);
    for overview in overviews {
        let phase = match (&overview.problem, overview.phase) {
            (Some(problem), _) => problem.clone(),
            (None, Some(phase)) if overview.interrupted.is_some() => format!("{phase} (interrupted)"),
            (None, Some(phase)) => phase.to_owned(),
            (None, None) => "(never adopted)".to_owned(),
        };
        let active = overview
            .active
            .as_ref()
            .map(|active| format!("…{} {}", active.last4, active.slot))
            .unwrap_or_default();
        let left = overview.grace.as_ref().map(|grace| friendly(grace.remaining_seconds)).unwrap_or_default();
        let due = overview.due_at.map(|due| due.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        let next = overview.next.clone().unwrap_or_default();
        table.add_row([overview.key.clone(), phase, active, left, due, next]);
    }
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}
