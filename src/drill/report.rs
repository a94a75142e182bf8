//! What a drill found.

use serde::Serialize;

use super::Options;
use super::habit::{Habit, Keep};
use super::tally::Timeline;

/// The result of a drill. In JSON it is the document of `drill` but for `schema_version`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Every request of every agent. The rotation's own probes are not among them.
    pub requests: u64,
    /// Those that were answered 401.
    pub refused: u64,
    /// Those that were neither accepted nor refused.
    pub failed: u64,
    /// In order; after a naive drill, what was done by hand.
    pub phases: Vec<PhaseTime>,
    /// How `finish` waited for the job that overstayed; not in a naive drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
    /// The whole drill.
    pub seconds: f64,
    /// While the agents worked.
    pub requests_per_second: f64,
    pub naive: bool,
    pub agents: u32,
    pub job_seconds: u64,
    /// How long agents of the habit `reread` keep what they read.
    pub refresh_seconds: u64,
    pub habits: Vec<HabitCounts>,
    /// Why the first of `failed` failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// Which key served when, for a terminal of 78 columns; with a newline at its end.
    #[serde(skip)]
    pub picture: String,
}

/// One phase of a drill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseTime {
    /// As `status` names it.
    pub phase: &'static str,
    /// When it began, since the drill began.
    pub at_seconds: f64,
    /// How long it lasted; the last one until the drill ended.
    pub seconds: f64,
}

/// A job that held the old key for longer than the window, and what that did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeldBack {
    /// When the window was over, since the drill began.
    pub window_over_at_seconds: f64,
    pub job_ended_at_seconds: f64,
    pub revoked_at_seconds: f64,
}

impl HeldBack {
    pub(super) fn of(phases: &[PhaseTime], window_seconds: f64, job_ended_at_seconds: f64) -> Self {
        let at = |name| {
            phases.iter().rev().find(|phase| phase.phase == name).map_or(0.0, |phase| phase.at_seconds)
        };
        Self {
            window_over_at_seconds: rounded(at("GraceWindow") + window_seconds),
            job_ended_at_seconds,
            revoked_at_seconds: at("Revoked"),
        }
    }

    /// Whether nothing was revoked while the job worked.
    fn is_respected(self) -> bool {
        self.revoked_at_seconds >= self.job_ended_at_seconds
    }

    fn text(self) -> String {
        format!(
            "one job overstayed the window by {:.1} s; the old key was revoked {:.1} s after it had ended",
            self.job_ended_at_seconds - self.window_over_at_seconds,
            self.revoked_at_seconds - self.job_ended_at_seconds
        )
    }
}

/// What agents of one habit got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HabitCounts {
    pub habit: Habit,
    pub agents: u32,
    pub requests: u64,
    /// Accepted, made with the old key.
    pub old: u64,
    /// Accepted, made with the new key.
    pub new: u64,
    pub refused: u64,
    pub failed: u64,
}

impl Report {
    /// Everything but the picture.
    pub(super) fn new(
        options: &Options,
        timeline: &Timeline,
        (phases, held_back): (Vec<PhaseTime>, Option<HeldBack>),
        seconds: f64,
        first_failure: Option<String>,
    ) -> Self {
        let total = timeline.total();
        let working_seconds = seconds - phases.first().map_or(0.0, |phase| phase.at_seconds);
        let keep = Keep::of(options.job_seconds);
        Self {
            requests: total.requests(),
            refused: total.refused,
            failed: total.failed,
            phases,
            held_back,
            seconds,
            requests_per_second: rounded(total.requests() as f64 / working_seconds.max(0.001)),
            naive: options.naive,
            agents: options.agents,
            job_seconds: keep.job.as_secs(),
            refresh_seconds: keep.refresh.as_secs(),
            habits: Habit::ALL.map(|habit| of_habit(habit, options.agents, timeline)).into(),
            first_failure,
            picture: String::new(),
        }
    }

    /// Whether no agent noticed anything: no request was refused, none failed, and no key in use was revoked.
    pub fn is_promise_kept(&self) -> bool {
        self.refused == 0 && self.failed == 0 && self.held_back.is_none_or(HeldBack::is_respected)
    }

    /// The picture, the phases and the counts, for people; with a newline at its end.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.picture);
        let phases: Vec<String> =
            self.phases.iter().map(|phase| format!("{} {:.1} s", phase.phase, phase.seconds)).collect();
        text.push_str(&format!("{}\n", phases.join(" · ")));
        if let Some(held_back) = self.held_back {
            text.push_str(&format!("{}\n", held_back.text()));
        }
        let agents = if self.agents == 1 { "1 agent".to_owned() } else { format!("{} agents", self.agents) };
        text.push_str(&format!(
            "{agents}, {} requests in {:.1} s ({:.0} a second): {} refused",
            self.requests, self.seconds, self.requests_per_second, self.refused
        ));
        if self.failed > 0 {
            let why = self.first_failure.as_deref().unwrap_or("for reasons unknown");
            text.push_str(&format!(", {} failed otherwise (the first: {why})", self.failed));
        }
        text.push_str(match (self.naive, self.is_promise_kept()) {
            (false, true) => "\nthe key was rotated and no agent noticed\n",
            (false, false) => "\nthe key was rotated and agents noticed: that should not happen, report it\n",
            (true, _) => "\nthis is what swapping in place does; `rotate drill` shows a rotation\n",
        });
        text
    }
}

fn of_habit(habit: Habit, agents: u32, timeline: &Timeline) -> HabitCounts {
    let counts = timeline.of_habit(habit);
    HabitCounts {
        habit,
        agents: habit.share(agents),
        requests: counts.requests(),
        old: counts.old,
        new: counts.new,
        refused: counts.refused,
        failed: counts.failed,
    }
}

/// Phases with their lengths, from when each began.
pub(super) fn phases(
    entered: impl IntoIterator<Item = (&'static str, f64)>,
    end_seconds: f64,
) -> Vec<PhaseTime> {
    let entered: Vec<_> = entered.into_iter().collect();
    let ends = entered.iter().skip(1).map(|(_, at)| *at).chain([end_seconds]);
    let with_end = entered.iter().zip(ends);
    with_end
        .map(|((phase, at), end)| PhaseTime {
            phase,
            at_seconds: rounded(*at),
            seconds: rounded((end - at).max(0.0)),
        })
        .collect()
}

/// To the millisecond.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_lasts_until_the_next_one() {
        let phases = phases([("Idle", 0.5), ("SecondaryStaged", 2.0)], 9.25);
        let lengths: Vec<_> = phases.iter().map(|phase| (phase.phase, phase.seconds)).collect();
        assert_eq!(lengths, [("Idle", 1.5), ("SecondaryStaged", 7.25)]);
    }

    #[test]
    fn the_document_has_the_names_of_the_interface() {
        let timeline = Timeline::default();
        let report =
            Report::new(&Options::default(), &timeline, (phases([("Idle", 0.0)], 1.0), None), 1.0, None);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["requests"], 0);
        assert_eq!(json["refused"], 0);
        assert_eq!(json["seconds"], 1.0);
        assert_eq!(json["phases"][0]["phase"], "Idle");
        assert_eq!(json["habits"][2]["habit"], "every_time");
        assert!(json.get("picture").is_none());
    }
}
