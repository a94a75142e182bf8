//! One key's story in the world of this test, and the judgement on whatever a run does: by what the
//! world really is, not by what the program believes of it.

use std::collections::BTreeSet;

use rotate::rotation::credential::{Capabilities, ProviderKeyId, SlotName, Verdict};
use rotate::rotation::event::Event;
use rotate::rotation::evidence::Item;
use rotate::rotation::grace::GracePolicy;
use rotate::rotation::phase::{Ending, KeyState, Phase, Rotation};
use rotate::rotation::plan::{Facts, Goal, Policy, Refusal, RevokeNow, Suspect, suspects};
use rotate::secret::Fingerprint;

use super::run::Run;
use super::world::{
    CREDENTIALS, GRACE, KEYS_LIMIT, KeyIs, LONGEST_JOB, PROPAGATION, REFRESH, World, candidate, fingerprint,
    id, number, target_id,
};

/// A command as an operator types it.
#[derive(Clone, Debug)]
pub enum Command {
    Adopt(usize),
    Stage { credential: usize, replace: bool },
    Promote,
    Finish { accept_targets: bool },
    Abort,
    Undo,
    Purge,
    RevokeNow { suspect: Suspect, replacement: Option<usize>, accept_outage: bool },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Done,
    Wait(u64),
    Refused(Refusal),
    /// A slot failed, or a value was not at hand.
    Failed(&'static str),
    Crashed,
}

/// What goes wrong in a run: one number a chance, and everything is well when they are used up.
#[derive(Clone, Debug, Default)]
pub struct Dice {
    pub throws: Vec<u8>,
    pub crash_after: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Luck {
    Good,
    UnknownNotDone,
    UnknownDone,
    Refused,
}

impl Dice {
    pub(super) fn luck(&mut self) -> Luck {
        match self.throws.pop().unwrap_or(0) {
            0..=179 => Luck::Good,
            180..=204 => Luck::UnknownNotDone,
            205..=229 => Luck::UnknownDone,
            _ => Luck::Refused,
        }
    }

    pub(super) fn crash_point(&mut self) -> Result<(), End> {
        match &mut self.crash_after {
            Some(0) => Err(End::Crashed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// One key's story: the world, what is recorded of it, and what this test keeps for its judgement.
#[derive(Clone, Debug)]
pub struct Story {
    pub world: World,
    pub state: Option<KeyState>,
    pub policy: Policy,
    /// Whether the provider's answers carry a date.
    pub dated: bool,
    /// Seen revoked and not brought back.
    dead: BTreeSet<usize>,
    /// The true time at which the window was opened.
    opened: Option<i64>,
    /// An operator accepted, in this emergency, that nothing valid remains.
    outage_accepted: bool,
    /// Credentials that an operator ordered to be revoked though nothing else was valid.
    given_up: BTreeSet<usize>,
    /// Credentials that an operator ordered to be revoked at once.
    ordered: BTreeSet<usize>,
}

pub fn policy(readable_targets: &[bool], admin: bool) -> Policy {
    Policy {
        grace: GracePolicy {
            from: rotate::rotation::grace::GraceFrom::Promotion,
            grace_seconds: GRACE.unsigned_abs(),
            longest_job_seconds: LONGEST_JOB.unsigned_abs(),
            slowest_refresh_seconds: REFRESH.unsigned_abs(),
            provider_propagation_seconds: PROPAGATION.unsigned_abs(),
        },
        targets: (0..readable_targets.len()).map(target_id).collect(),
        capabilities: Capabilities {
            revoke: admin,
            reactivate: admin,
            delete: admin,
            ..Capabilities::default()
        },
        workspace: None,
        required_evidence: BTreeSet::new(),
        undo_seconds: 86_400,
        held_elsewhere: Vec::new(),
        usage_quiet_seconds: 300,
        usage_lag_seconds: 900,
    }
}

impl Story {
    pub fn new(readable_targets: &[bool], admin: bool, dated: bool) -> Self {
        Self {
            world: World::new(readable_targets),
            state: None,
            policy: policy(readable_targets, admin),
            dated,
            dead: BTreeSet::new(),
            opened: None,
            outage_accepted: false,
            given_up: BTreeSet::new(),
            ordered: BTreeSet::new(),
        }
    }

    /// The same with a provider that makes the credentials, two at a time.
    pub fn with_minting_provider(readable_targets: &[bool], dated: bool) -> Self {
        let mut story = Self::new(readable_targets, true, dated);
        story.policy.capabilities.mint = true;
        story.policy.capabilities.keys_limit = Some(KEYS_LIMIT);
        story.world.make_keys_to_order();
        story
    }

    /// Deletes a key that `rotate` takes for one that nobody has.
    pub(super) fn delete_unused(&mut self, swept: &ProviderKeyId) {
        let victim = (0..CREDENTIALS).find(|number| id(*number) == *swept).unwrap();
        let state = self.state.as_ref().unwrap();
        let in_use = [Some(state.active()), state.phase.other()].into_iter().flatten();
        assert!(
            in_use.into_iter().all(|credential| number(credential.fingerprint) != victim),
            "{victim} is deleted as if nobody had it: {state:#?}"
        );
        assert_eq!(self.world.may_be_in_use(victim, true), None, "{victim} is deleted while in use");
        self.world.keys[victim].is = KeyIs::Archived;
    }

    /// Runs one command until it ends or dies.
    pub fn run(&mut self, command: &Command, dice: &mut Dice) -> End {
        let Some(goal) = self.goal(command) else { return End::Done };
        let brought = match command {
            Command::Stage { .. } if self.policy.capabilities.mint => None,
            Command::Adopt(given) | Command::Stage { credential: given, .. } => Some(*given),
            Command::RevokeNow { replacement, .. } => *replacement,
            _ => None,
        };
        let end = Run::new(self, goal, brought).drive(dice);
        self.judge_rest();
        end
    }

    /// The goal of a command, as the workflow makes it; `None` where there is nothing left to do.
    fn goal(&mut self, command: &Command) -> Option<Goal> {
        let rotation = |name: &str| Rotation {
            id: format!("{name}-{}", self.world.truth),
            ticket: None,
            reason: None,
            started_at: self.world.stamp(false).wall,
        };
        Some(match command {
            Command::Adopt(credential) => {
                Goal::Adopt { candidate: candidate(*credential), slot: SlotName::Primary }
            }
            Command::Stage { replace, .. } if self.policy.capabilities.mint => {
                Goal::Mint { rotation: rotation("stage"), replace: *replace }
            }
            Command::Stage { credential, replace } => Goal::Stage {
                candidate: candidate(*credential),
                rotation: rotation("stage"),
                replace: *replace,
            },
            Command::Promote => Goal::Promote,
            Command::Finish { accept_targets } => Goal::Finish {
                accept_unknown: accept_targets.then_some(Item::Targets).into_iter().collect(),
                reason: None,
            },
            Command::Abort => Goal::Abort,
            Command::Undo => Goal::Undo,
            Command::Purge => Goal::Purge,
            Command::RevokeNow { suspect, replacement, accept_outage } => {
                let state = self.state.as_ref()?;
                // Each command has its own words: repeated, it is known for the one that is over.
                let reason = format!("{command:?}");
                let last = state.last_rotation.as_ref().filter(|last| last.ended == Ending::Emergency);
                let is_repeated =
                    last.is_some_and(|last| last.rotation.reason.as_deref() == Some(reason.as_str()));
                let serves = *replacement == Some(number(state.active().fingerprint));
                let at_rest = matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. });
                let is_over = at_rest && last.is_some() && (serves || is_repeated && !state.outage);
                if state.emergency.is_none() && is_over {
                    return None;
                }
                let named = match &state.emergency {
                    Some(emergency) => emergency.suspects.clone(),
                    None => suspects(state, *suspect),
                };
                if state.emergency.is_none() {
                    self.outage_accepted = false;
                }
                self.outage_accepted |= accept_outage;
                self.ordered.extend(named.iter().map(|suspect| number(*suspect)));
                if self.outage_accepted {
                    self.given_up.extend(named.iter().map(|suspect| number(*suspect)));
                }
                Goal::RevokeNow(RevokeNow {
                    suspects: named,
                    reason: reason.clone(),
                    replacement: replacement.map(candidate),
                    accept_outage: *accept_outage,
                    rotation: Rotation { reason: Some(reason), ..rotation("emergency") },
                })
            }
        })
    }

    /// Whether the value of a credential lies where the state says.
    pub fn has_value(&self, state: &KeyState, wanted: Fingerprint) -> bool {
        state.slot_of(wanted).is_some_and(|slot| {
            let holds = self.world.slots[usize::from(slot == SlotName::Secondary)];
            holds.map(fingerprint) == Some(wanted)
        })
    }

    /// What must hold whenever no run is under way.
    fn judge_rest(&self) {
        let Some(state) = &self.state else { return };
        let active = number(state.active().fingerprint);
        let lawful = self.world.keys[active].disabled_by_person || self.given_up.contains(&active);
        assert!(
            self.world.accepts(active) || lawful,
            "invariant 1: the active credential {active} is refused, and nobody ordered it: {state:#?}"
        );
        if let Phase::SecondaryStaged { staged, .. } = &state.phase {
            assert!(!self.dead.contains(&number(staged.fingerprint)), "a dead credential is staged");
        }
    }

    /// What must hold of every event, as the world really is.
    pub(super) fn judge_event(&mut self, before: Option<&KeyState>, event: &Event) {
        let emergency = before.is_some_and(|state| state.emergency.is_some());
        match event {
            Event::Staged { credential, .. } => {
                let staged = number(credential.fingerprint);
                assert!(
                    !self.dead.contains(&staged),
                    "invariant: the dead credential {staged} is staged again"
                );
                let under_way = matches!(
                    before.map(|state| &state.phase),
                    Some(Phase::Promoted { .. } | Phase::GraceWindow { .. })
                );
                assert!(!under_way || emergency, "invariant 4: a second rotation begins");
            }
            Event::GraceOpened { window, .. } => {
                let length = window.not_before.as_second() - window.opened_at.wall.as_second();
                assert!(length >= GRACE.max(LONGEST_JOB + REFRESH + PROPAGATION), "invariant 6: {window:?}");
                let active = before.map(|state| number(state.active().fingerprint));
                for (at, target) in self.world.targets.iter().enumerate() {
                    let foreign = target.history.last().is_some_and(|held| held.foreign);
                    assert!(
                        target.holds() == active || foreign,
                        "the clock runs, but target {at} lacks {active:?}"
                    );
                }
                self.opened = Some(self.world.truth);
            }
            Event::Undone { .. } => {
                let revoked = before.and_then(|state| match &state.phase {
                    Phase::Revoked { revoked, .. } => Some(number(revoked.credential.fingerprint)),
                    _ => None,
                });
                let revoked = revoked.unwrap();
                assert!(self.world.accepts(revoked), "{revoked} is called valid again, and is not");
                self.dead.remove(&revoked);
                self.opened = Some(self.world.truth);
            }
            Event::Revoked { fingerprint, proof } => {
                let victim = number(*fingerprint);
                // Without its value the provider's own record is all that can be looked at.
                let by_record = emergency && before.is_some_and(|state| !self.has_value(state, *fingerprint));
                let is_ended = self.world.keys[victim].is != KeyIs::Active;
                assert!(
                    !self.world.accepts(victim) || by_record && is_ended,
                    "{victim} is called dead, and is accepted"
                );
                if proof.active_accepted {
                    let active = before.map(|state| number(state.active().fingerprint)).unwrap();
                    assert!(
                        self.world.accepts(active),
                        "invariant 7: {active} is called accepted, and is not"
                    );
                }
                self.dead.insert(victim);
            }
            _ => {}
        }
    }

    /// What must hold at the moment in which `rotate` makes the provider refuse a credential.
    pub(super) fn judge_revocation(&self, named: &str, victim: usize, goal: &Goal, facts: &Facts) {
        let state = self.state.as_ref().unwrap();
        let active = number(state.active().fingerprint);
        assert_eq!(named, id(victim).0, "invariant 7: revoked by another key's id");
        if state.emergency.is_some() {
            assert!(self.ordered.contains(&victim), "invariant 3: {victim} is no suspect");
            let another_serves =
                active != victim && (self.world.accepts(active) || self.ordered.contains(&active));
            // Dead by someone else's hand already; what came with the command serves right after this.
            let replaced = active != victim
                && matches!(goal, Goal::RevokeNow(RevokeNow { replacement: Some(replacement), .. })
                    if self.world.accepts(number(replacement.fingerprint)));
            // A leak is ended though the provider did not say how the other one fares.
            let not_told = facts.probes.get(&fingerprint(active)) == Some(&Verdict::Unknown);
            assert!(
                another_serves || replaced || not_told || self.outage_accepted,
                "invariant 1: after {victim} nothing valid is active, and nobody accepted that"
            );
            return;
        }
        assert_ne!(active, victim, "invariant 2");
        assert!(
            self.world.accepts(active),
            "invariant 1: {active} is dead, and {victim} is revoked all the same"
        );
        let opened = self.opened.expect("invariant 3: revoked without a window");
        let passed = self.world.truth - opened;
        assert!(passed >= GRACE, "invariant 3: revoked {passed} s after the window opened");
        let accepted_blind =
            matches!(goal, Goal::Finish { accept_unknown, .. } if !accept_unknown.is_empty());
        let user = self.world.may_be_in_use(victim, !accepted_blind);
        assert_eq!(user, None, "the promise is broken: {victim} is revoked while in use");
    }
}
