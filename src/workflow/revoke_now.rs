//! `rotate revoke-now`: ends a leaked credential in seconds, also when other things are broken.

use std::collections::BTreeSet;
use std::time::Duration;

use super::driver::Arrival;
use super::locked_state::{LockedState, decode_record};
use super::materials::Materials;
use super::operation::{self, Driven, EmergencyReport, Report};
use super::overview;
use super::ports::Ports;
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::rotation::credential::{Credential, ReadBack, Verdict};
use crate::rotation::phase::{Ending, KeyState, Phase, Rotation};
use crate::rotation::plan::{Goal, RevokeNow, Suspect, suspects};
use crate::rotation::stamp::{Stamp, elapsed};
use crate::secret::{Fingerprint, Secret};
use crate::store::OperationLock;
use crate::store::format::Record;

/// Another command is given this long to end by itself.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// What the operator said.
pub struct Options {
    /// What [`damage`] named to the operator: whatever others do meanwhile, no more than that is revoked.
    pub suspects: BTreeSet<Fingerprint>,
    pub reason: String,
    /// What takes the place of a suspect that serves traffic.
    pub replacement: Option<Secret>,
    pub accept_outage: bool,
    /// The name under which the journal keeps this emergency.
    pub rotation: Rotation,
    /// When the command was started.
    pub started: Stamp,
    pub dry_run: bool,
}

/// What a revocation would break, told before anything is done.
#[derive(Clone, Debug)]
pub struct Damage {
    /// Empty where the emergency is over already.
    pub suspects: BTreeSet<Fingerprint>,
    /// The same as people know them.
    pub names: Vec<String>,
    /// One line each.
    pub consequences: Vec<String>,
    /// Whether something given with the command must take over, because nothing staged can.
    pub needs_replacement: bool,
}

/// Says what `revoke-now` would do and break, without changing anything.
///
/// # Errors
/// The state cannot be read (exit 5); the key was never adopted, or this very emergency is over (exit 6).
pub fn damage(
    ports: &Ports,
    suspect: Suspect,
    reason: &str,
    replacement: Option<&Secret>,
) -> Result<Damage, Failure> {
    let key = &ports.settings.key;
    let decoded = decode_record(&*ports.store, key)?;
    let state = adopted(ports, decoded.as_ref().map(|decoded| &decoded.record.state))?;
    if replacement.is_some_and(|replacement| is_over(state, replacement.fingerprint())) {
        return Ok(Damage {
            suspects: BTreeSet::new(),
            names: Vec::new(),
            consequences: Vec::new(),
            needs_replacement: false,
        });
    }
    if is_repeated(state, reason) {
        // What is told as over stays over.
        if let Err(error) = ports.store.make_durable() {
            ports.narrator.warn(&format!("a power cut could still lose the state: {error}"));
        }
        let record = decoded.as_ref().map(|decoded| &decoded.record);
        return Err(repeated(ports, record, reason));
    }
    let suspects = open_suspects(state, suspect);
    let active = state.active();
    let mut consequences = Vec::new();
    let hits_active = suspects.contains(&active.fingerprint) && !state.outage;
    let successor = state
        .phase
        .staged()
        .or(state.phase.retiring())
        .filter(|other| !suspects.contains(&other.fingerprint));
    for suspect in suspects.iter().filter_map(|fingerprint| state.credential(*fingerprint)) {
        consequences.push(format!(
            "every job that still holds {} fails with 401 at its next request; there is no grace window",
            suspect.name()
        ));
    }
    for suspect in &suspects {
        if let Some(other) = ports.settings.policy.holder(*suspect, &ports.clock.now()) {
            consequences.push(format!(
                "the key `{other}` uses it, too, and its consumers get no other one from this"
            ));
        }
    }
    match (hits_active, successor) {
        (true, Some(successor)) => {
            consequences
                .push(format!("{} takes over: it is written to every target first", successor.name()));
        }
        (true, None) => consequences.push(
            "it is the one that serves: a replacement must take over, or nothing valid remains".to_owned(),
        ),
        (false, _) if state.outage => {
            consequences.push("nothing serves now: that was revoked before".to_owned())
        }
        (false, _) => consequences.push(format!("{} goes on serving", active.name())),
    }
    let names = suspects
        .iter()
        .map(|fingerprint| {
            state.credential(*fingerprint).map_or_else(|| fingerprint.to_string(), Credential::name)
        })
        .collect();
    let needs_replacement = hits_active && successor.is_none();
    Ok(Damage { suspects, names, consequences, needs_replacement })
}

/// Revokes the suspects, now.
///
/// # Errors
/// Exit 2 where a replacement is needed and none was given, 12 where something was passed over or the
/// provider goes on accepting a suspect, 13 where only a person can revoke, 20 and 21 by the provider.
pub async fn revoke_now(ports: &Ports, options: Options) -> Result<Report, Failure> {
    let replacement =
        options.replacement.as_ref().map(|value| operation::candidate(ports, value)).transpose()?;
    let suspects = options.suspects.clone();
    let goal = Goal::RevokeNow(RevokeNow {
        suspects: options.suspects,
        reason: options.reason.clone(),
        replacement: replacement.clone(),
        accept_outage: options.accept_outage,
        rotation: options.rotation,
    });
    if options.dry_run {
        return operation::rehearse(ports, &goal);
    }
    let lock = lock_if_free(ports, &goal).await;
    let mut locked = LockedState::open_for_emergency(ports, lock.as_ref())?;
    let state = adopted(ports, locked.state())?;
    if let Some(summary) = over_already(state, replacement.as_ref(), options.accept_outage) {
        return Ok(operation::report(ports, locked.record(), summary));
    }
    if is_repeated(state, &options.reason) {
        return Err(repeated(ports, locked.record(), &options.reason));
    }
    let mut materials = Materials::default();
    if let Some(value) = options.replacement {
        materials.add(value);
    }
    let Driven { arrival, facts, .. } =
        operation::drive(ports, &mut locked, &goal, &mut materials, false).await?;
    if !matches!(arrival, Arrival::Done) {
        let failure = operation::unfinished(&arrival, &goal, ports, &locked);
        // Whoever ends a leak wants to know this first, whatever else is missing.
        let ended = suspects.iter().filter(|suspect| facts.probes.get(suspect) == Some(&Verdict::Rejected));
        let failure = ended.fold(failure, |failure, suspect| {
            failure.because(format!("{suspect} is refused by the provider already"))
        });
        return Err(with_problems(failure, locked.problems()));
    }
    let milliseconds = elapsed(&options.started, &ports.clock.now()).milliseconds;
    let seconds = Duration::from_millis(milliseconds).as_secs_f64();
    let failed = facts.failed_targets.iter().map(|(target, reason)| format!("{target}: {reason}"));
    let unread = facts.target_reads.iter().flatten().filter_map(|(target, read)| match read {
        ReadBack::Unknown(reason) => Some(format!("{target}: not read: {reason}")),
        _ => None,
    });
    let problems: Vec<_> = failed.chain(unread).chain(locked.problems().iter().cloned()).collect();
    if !problems.is_empty() {
        return Err(passed_over(ports, seconds, &problems, &locked));
    }
    let summary = format!("revoked: the provider refuses it, {seconds:.1} s after the command");
    let revoked = suspects.iter().map(ToString::to_string).collect();
    let emergency = Some(EmergencyReport { seconds, revoked, problems });
    Ok(Report { emergency, ..operation::report(ports, locked.record(), &summary) })
}

/// The lock, if it can be had soon; an emergency goes on without it, kept safe by compare-and-swap.
async fn lock_if_free(ports: &Ports, goal: &Goal) -> Option<OperationLock> {
    match operation::lock(ports, goal, LOCK_WAIT).await {
        Ok(lock) => Some(lock),
        Err(failure) => {
            ports.narrator.warn(&format!("going on without the lock: {failure}"));
            None
        }
    }
}

fn adopted<'s>(ports: &Ports, state: Option<&'s KeyState>) -> Result<&'s KeyState, Failure> {
    let key = &ports.settings.key;
    state.ok_or_else(|| {
        Failure::new(
            ExitCode::WrongPhase,
            format!("`{key}` was never adopted, so nothing is known that could be revoked"),
            format!("disable the leaked key by hand, now, at {}", ports.provider.console_page()),
        )
    })
}

/// The suspects; those of an emergency that is under way stay suspects.
fn open_suspects(state: &KeyState, suspect: Suspect) -> BTreeSet<Fingerprint> {
    match &state.emergency {
        Some(emergency) => emergency.suspects.clone(),
        None => suspects(state, suspect),
    }
}

/// What to say where the command had reached its end before.
fn over_already(
    state: &KeyState,
    replacement: Option<&Credential>,
    accept_outage: bool,
) -> Option<&'static str> {
    if replacement.is_some_and(|replacement| is_over(state, replacement.fingerprint)) {
        return Some("the emergency is over already: the replacement serves");
    }
    let is_outage = accept_outage && state.outage && state.emergency.is_none();
    is_outage.then_some("the emergency is over already: nothing valid remains")
}

/// Run again after it had ended: the replacement is active and the emergency is closed.
fn is_over(state: &KeyState, replacement: Fingerprint) -> bool {
    state.emergency.is_none()
        && state.active().fingerprint == replacement
        && matches!(state.phase, Phase::Revoked { .. })
        && state.last_rotation.as_ref().is_some_and(|last| last.ended == Ending::Emergency)
}

/// Whether this very emergency is over. Then `old` and `new` no longer mean what they meant: only what
/// took over is live, and a command that is merely repeated must not revoke that.
fn is_repeated(state: &KeyState, reason: &str) -> bool {
    if state.outage {
        return false;
    }
    let last = state.last_rotation.as_ref().filter(|last| last.ended == Ending::Emergency);
    state.emergency.is_none()
        && matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. })
        && last.is_some_and(|last| last.rotation.reason.as_deref() == Some(reason))
}

fn repeated(ports: &Ports, record: Option<&Record>, reason: &str) -> Failure {
    let key = &ports.settings.key;
    let failure = Failure::new(
        ExitCode::WrongPhase,
        format!(
            "the emergency \"{}\" of `{key}` is over, and nothing more was revoked",
            reason.escape_debug()
        ),
        format!(
            "look at `rotate status {key}`; if what serves now has leaked as well, say so with another --reason"
        ),
    );
    match record {
        Some(record) => failure.with_status(overview::serving(record)),
        None => failure,
    }
}

fn with_problems(mut failure: Failure, problems: &[String]) -> Failure {
    failure.causes.extend(problems.iter().cloned());
    failure
}

fn passed_over(ports: &Ports, seconds: f64, problems: &[String], locked: &LockedState<'_>) -> Failure {
    let key = &ports.settings.key;
    let failure = Failure::new(
        ExitCode::Partial,
        format!("the suspect is revoked ({seconds:.1} s after the command), but not everything went well"),
        format!(
            "consumers of what is named above may hold a dead key: mend it, then `rotate promote {key}`; see \
             runbook.md, section \"Emergency\""
        ),
    )
    .with_detail("seconds", serde_json::json!(seconds))
    .with_detail("problems", serde_json::json!(problems));
    let failure = with_problems(failure, problems);
    match locked.record() {
        Some(record) => failure.with_status(overview::serving(record)),
        None => failure,
    }
}
