//! What `rotate exec` tells of a job that went wrong, and that the next one went right.

use super::context::Context;
use super::telling::Desk;
use crate::alert::{Alert, Kind, Status};
use crate::config::{Config, KeySettings};
use crate::exit::ExitCode;
use crate::job::{Refusal, Report, Trouble};

/// Tells of trouble, and settles it when a job of the key goes well; a job that failed loudly does neither.
pub(super) fn tell(context: &Context, config: &Config, key: &KeySettings, result: &Result<Report, Refusal>) {
    let desk = Desk::new(context, config);
    let mine = format!("job/{}/", key.name);
    match trouble(result) {
        Some((kind, summary, hint)) => {
            let alert = Alert {
                event: kind,
                severity: kind.severity(),
                keys: vec![key.name.clone()],
                environment: key.environment.clone(),
                summary,
                hint,
                rotation_id: None,
                dedup_key: format!("{mine}{}", kind.name()),
                occurred_at: context.clock.now().wall,
                status: Status::Firing,
                step: 0,
            };
            desk.survey(&[alert], &|_| false);
            desk.post();
        }
        None if result.as_ref().is_ok_and(|report| report.number == 0) => {
            desk.survey(&[], &|incident| incident.alert.dedup_key.starts_with(&mine));
        }
        None => {}
    }
}

fn trouble(result: &Result<Report, Refusal>) -> Option<(Kind, String, String)> {
    match result {
        Ok(report) => {
            let (kind, told) = match report.trouble? {
                Trouble::AuthFailure => (Kind::JobAuthFailure, "a job printed that its key was refused"),
                Trouble::OutputMissing => {
                    (Kind::JobOutputMissing, "a job exited 0, and what it should have made is missing")
                }
            };
            let causes = report.quiet_failure.as_ref().map(|failure| failure.causes.join("; "));
            let summary = match causes.filter(|causes| !causes.is_empty()) {
                Some(causes) => format!("{told}: {causes}"),
                None => told.to_owned(),
            };
            let hint = report.quiet_failure.as_ref().map(|failure| failure.hint.clone());
            Some((kind, summary, hint.unwrap_or_default()))
        }
        Err(refusal) => matches!(refusal.failure.exit, ExitCode::Rejected | ExitCode::Unreachable)
            .then(|| (Kind::JobRefused, refusal.failure.to_string(), refusal.failure.hint.clone())),
    }
}
