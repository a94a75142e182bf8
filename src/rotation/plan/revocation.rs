//! Ending one credential, with proof before and after; shared by `finish` and `revoke-now`.

use super::{Question, Refusal, Step, View, Wanted};
use crate::rotation::credential::{Credential, Identity, KeyStatus, ProviderKey, ProviderKeyId, Verdict};
use crate::rotation::effect::Effect;
use crate::rotation::event::{Event, Proof, RevokedBy};
use crate::rotation::phase::KeyState;
use crate::rotation::stamp::plus_seconds;
use crate::secret::Fingerprint;

/// The next step in ending `victim`. After `Record(Revoked)` there is none.
pub(super) fn plan(state: &KeyState, victim: &Credential, view: View<'_>) -> Step {
    let revocation = Revocation { state, victim, active: state.active().fingerprint, view };
    let step = match state.intent.as_ref().map(|intent| &intent.effect) {
        Some(Effect::Reactivate { id, fingerprint }) if *fingerprint == victim.fingerprint => {
            revocation.take_back(id, *fingerprint)
        }
        Some(Effect::Revoke { id, fingerprint }) if *fingerprint == victim.fingerprint => {
            revocation.prove(id)
        }
        _ => revocation.begin(),
    };
    step.unwrap_or_else(|step| step)
}

struct Revocation<'a> {
    state: &'a KeyState,
    victim: &'a Credential,
    active: Fingerprint,
    view: View<'a>,
}

impl Revocation<'_> {
    /// What the victim is called in messages.
    fn wanted(&self) -> Wanted {
        if self.state.emergency.is_some() { Wanted::Suspect } else { Wanted::Retiring }
    }

    /// Before: the victim is accepted (or dead already), and exactly one provider key is its own.
    fn begin(&self) -> Result<Step, Step> {
        let victim = self.victim.fingerprint;
        if self.view.dead_by_order(self.state, victim)? {
            return self.record(RevokedBy::Elsewhere);
        }
        match self.view.probe(victim)? {
            Verdict::Rejected => return self.dead_already(),
            Verdict::Unknown if self.is_lost_suspect() => return self.begin_by_record(),
            Verdict::Unknown => return Err(self.view.no_verdict(victim, self.wanted())),
            Verdict::Accepted => {}
        }
        if let Some(key) = self.view.policy.holder(victim, self.view.now)
            && self.state.emergency.is_none()
        {
            return Err(Step::Refused(Refusal::InUseElsewhere { key: key.to_owned() }));
        }
        if !self.view.policy.capabilities.revoke {
            return self.leave_to_person();
        }
        if let Some(detail) = self.view.facts.refused.get(&victim) {
            return Err(Step::Refused(Refusal::ProviderRefused { act: "revoke", detail: detail.clone() }));
        }
        let Some(key) = self.proven_key()? else {
            return self.leave_to_person();
        };
        if key.status != KeyStatus::Active {
            return self.still_accepted();
        }
        if !self.active_serves()? {
            return Err(match self.state.emergency {
                Some(_) => Step::Refused(Refusal::NeedsReplacement { suspect: victim }),
                None => self.active_is_dead(),
            });
        }
        Ok(Step::Act(Effect::Revoke { id: key.id, fingerprint: victim }))
    }

    /// Somebody else has ended it, and the provider lags: it is waited for, and not asked for twice.
    fn still_accepted(&self) -> Result<Step, Step> {
        let fingerprint = self.victim.fingerprint;
        Err(self.wait_once(Question::AwaitRejection(fingerprint), Refusal::StillAccepted { fingerprint }))
    }

    /// It is refused, and nothing was sent from here: somebody else has ended it. But where the provider's record calls it
    /// active, some server of the provider is late, and it will be accepted again.
    fn dead_already(&self) -> Result<Step, Step> {
        let fingerprint = self.victim.fingerprint;
        let has_record = self.view.policy.capabilities.revoke && self.victim.provider_key_id.is_some();
        if !has_record {
            return self.record(RevokedBy::Elsewhere);
        }
        match self.view.status(fingerprint)? {
            Some(KeyStatus::Active) if self.state.emergency.is_some() => self.begin_by_record(),
            Some(KeyStatus::Active) => Err(Step::Refused(Refusal::Unreachable {
                wanted: self.wanted(),
                detail: "it is refused, but the provider's record says active".to_owned(),
            })),
            _ => self.record(RevokedBy::Elsewhere),
        }
    }

    /// Whether an emergency is about a credential whose value is gone: it cannot be probed, but it has
    /// leaked, and which key it is was proven when it was stored.
    fn is_lost_suspect(&self) -> bool {
        self.state.emergency.is_some()
            && self.view.facts.missing_values.contains_key(&self.victim.fingerprint)
    }

    /// Without the value: the id on record stands for it, and the provider's own record for a probe.
    fn begin_by_record(&self) -> Result<Step, Step> {
        let fingerprint = self.victim.fingerprint;
        let facts = self.view.facts;
        let id = self.victim.provider_key_id.clone().filter(|_| self.view.policy.capabilities.revoke);
        let Some(id) = id else {
            return Err(Step::Refused(Refusal::PersonMustRevoke { fingerprint }));
        };
        if let Some(detail) = facts.refused.get(&fingerprint) {
            return Err(Step::Refused(Refusal::ProviderRefused { act: "revoke", detail: detail.clone() }));
        }
        match self.view.status(fingerprint)? {
            Some(KeyStatus::Active) if !self.active_serves()? => {
                Err(Step::Refused(Refusal::NeedsReplacement { suspect: fingerprint }))
            }
            Some(KeyStatus::Active) => Ok(Step::Act(Effect::Revoke { id, fingerprint })),
            _ => self.record(RevokedBy::Elsewhere),
        }
    }

    fn prove_by_record(&self) -> Result<Step, Step> {
        let fingerprint = self.victim.fingerprint;
        match self.view.status(fingerprint)? {
            Some(KeyStatus::Active) => Err(Step::Refused(Refusal::StillAccepted { fingerprint })),
            _ => self.record(RevokedBy::Api),
        }
    }

    /// The key that is provably the victim's own, and is not the active credential's.
    fn proven_key(&self) -> Result<Option<ProviderKey>, Step> {
        let wanted = self.wanted();
        let key = match self.view.identity(self.victim.fingerprint)? {
            Identity::Proven(key) => key.clone(),
            Identity::Unavailable => return Ok(None),
            Identity::NotFound => {
                let fingerprint = self.victim.fingerprint;
                return Err(Step::Refused(Refusal::IdNotFound { wanted, fingerprint }));
            }
            Identity::Ambiguous(candidates) => {
                let candidates = candidates.clone();
                return Err(Step::Refused(Refusal::IdAmbiguous { wanted, candidates }));
            }
            Identity::Unknown(detail) => {
                return Err(Step::Refused(Refusal::AdminUnreachable { detail: detail.clone() }));
            }
        };
        if let Some(recorded) = &self.victim.provider_key_id
            && *recorded != key.id
        {
            return Err(Step::Refused(Refusal::IdChanged {
                wanted,
                recorded: recorded.0.clone(),
                found: key.id.0,
            }));
        }
        if self.victim.fingerprint != self.active {
            self.not_the_active_one(&key.id)?;
        }
        Ok(Some(key))
    }

    /// Reads the active credential's id once more. Where it cannot be proven, the victim's own proof
    /// stands: one listed key fits the victim's value, and another value is active.
    fn not_the_active_one(&self, id: &ProviderKeyId) -> Result<(), Step> {
        let recorded = self.state.active().provider_key_id.as_ref();
        match self.view.identity(self.active)? {
            _ if recorded == Some(id) => Err(Step::Refused(Refusal::IdChanged {
                wanted: Wanted::Active,
                recorded: id.0.clone(),
                found: format!("the {}", Wanted::Retiring),
            })),
            Identity::Proven(key) if key.id == *id => Err(Step::Refused(Refusal::IdAmbiguous {
                wanted: self.wanted(),
                candidates: vec![key.clone()],
            })),
            Identity::Unknown(detail) if self.state.emergency.is_none() => {
                Err(Step::Refused(Refusal::AdminUnreachable { detail: detail.clone() }))
            }
            _ => Ok(()),
        }
    }

    /// After: the intent is durable, and the act may or may not have happened. Look, then act.
    fn prove(&self, id: &ProviderKeyId) -> Result<Step, Step> {
        let victim = self.victim.fingerprint;
        let facts = self.view.facts;
        if let Some(detail) = self.view.definite_refusal(victim)? {
            return Ok(Step::Record(Event::IntentDropped { reason: detail.clone() }));
        }
        let is_confirmed = facts.confirmed_calls.contains(&victim);
        if !is_confirmed && self.view.status(victim)? == Some(KeyStatus::Active) {
            // It did not happen yet, and much may have since the intent was written.
            if !self.active_serves()? {
                return Ok(self.reactivate(id));
            }
            return Ok(Step::Act(Effect::Revoke { id: id.clone(), fingerprint: victim }));
        }
        match facts.probes.get(&victim) {
            None => Err(Step::Observe(Question::AwaitRejection(victim))),
            Some(Verdict::Rejected) => self.record(RevokedBy::Api),
            // In an emergency the victim has leaked: a provider that lags is waited for, not undone.
            Some(Verdict::Accepted) if self.state.emergency.is_some() => {
                Err(Step::Refused(Refusal::StillAccepted { fingerprint: victim }))
            }
            Some(Verdict::Accepted) => Ok(self.reactivate(id)),
            Some(Verdict::Unknown) if self.is_lost_suspect() => self.prove_by_record(),
            Some(Verdict::Unknown) => Err(self.view.no_verdict(victim, self.wanted())),
        }
    }

    /// The refusal is seen; the active one must still be accepted, or the revocation hit the wrong key.
    fn record(&self, by: RevokedBy) -> Result<Step, Step> {
        let victim = self.victim.fingerprint;
        let active_accepted = victim != self.active && self.active_still_serves(by)?;
        let reactivates = self.view.policy.capabilities.reactivate && by == RevokedBy::Api;
        let undo_until = reactivates.then(|| plus_seconds(self.view.now.wall, self.view.policy.undo_seconds));
        let proof = Proof {
            by,
            at: self.view.now.clone(),
            active_accepted,
            lag_seconds: self.view.facts.lag_seconds.get(&victim).copied(),
            undo_until,
        };
        Ok(Step::Record(Event::Revoked { fingerprint: victim, proof }))
    }

    /// Before: that the victim is not the last that serves.
    fn active_serves(&self) -> Result<bool, Step> {
        if self.victim.fingerprint == self.active || self.state.active_may_be_dead() {
            return Ok(true);
        }
        match self.view.probe(self.active)? {
            Verdict::Accepted => Ok(true),
            Verdict::Rejected => Ok(false),
            // A leaked credential is ended though nobody can tell how the other one fares.
            Verdict::Unknown if self.state.emergency.is_some() => Ok(true),
            Verdict::Unknown => Err(self.active_is_unknown()),
        }
    }

    /// After: the same, seen once more.
    fn active_still_serves(&self, by: RevokedBy) -> Result<bool, Step> {
        if self.state.active_may_be_dead() {
            return Ok(self.view.facts.probes.get(&self.active) == Some(&Verdict::Accepted));
        }
        match self.view.probe(self.active)? {
            Verdict::Accepted => Ok(true),
            Verdict::Rejected if by == RevokedBy::Api => match self.state.pending_revocation() {
                Some((id, _)) => Err(self.reactivate(id)),
                None => Err(self.active_is_dead()),
            },
            Verdict::Rejected => Err(self.active_is_dead()),
            Verdict::Unknown => Err(self.active_is_unknown()),
        }
    }

    fn active_is_unknown(&self) -> Step {
        self.view.no_verdict(self.active, Wanted::Active)
    }

    fn active_is_dead(&self) -> Step {
        Step::Refused(Refusal::Rejected {
            wanted: Wanted::Active,
            fingerprint: self.active,
            detail: self.view.facts.probe_detail(self.active),
        })
    }

    fn reactivate(&self, id: &ProviderKeyId) -> Step {
        Step::Act(Effect::Reactivate { id: id.clone(), fingerprint: self.victim.fingerprint })
    }

    /// A revocation that hit the wrong thing is taken back; it is repeated until the provider confirms.
    fn take_back(&self, id: &ProviderKeyId, fingerprint: Fingerprint) -> Result<Step, Step> {
        if let Some(taken_back) = &self.view.facts.taken_back {
            let reason = taken_back.reason.clone();
            return Ok(Step::Record(Event::RevocationUndone { fingerprint, reason }));
        }
        if let Some(detail) = self.view.facts.refused.get(&fingerprint) {
            // A definite refusal ends the attempt: what is left is looked at as it is.
            return Ok(Step::Record(Event::IntentDropped { reason: detail.clone() }));
        }
        self.view.tried_enough(fingerprint)?;
        Ok(Step::Act(Effect::Reactivate { id: id.clone(), fingerprint }))
    }

    fn leave_to_person(&self) -> Result<Step, Step> {
        let fingerprint = self.victim.fingerprint;
        Err(self.wait_once(Question::AwaitPerson(fingerprint), Refusal::PersonMustRevoke { fingerprint }))
    }

    /// The victim's end is waited for once in a run.
    fn wait_once(&self, question: Question, refusal: Refusal) -> Step {
        let has_waited = self.view.facts.waited_for.contains(&self.victim.fingerprint);
        if has_waited { Step::Refused(refusal) } else { Step::Observe(question) }
    }
}
