//! Idle, Revoked → SecondaryStaged, where the provider makes the new credential.
//!
//! The value is told once, to the process that asked. So the intent is durable first, with the ids of all
//! keys that exist; whatever is there afterwards beside them came of it. A key whose value was lost on the
//! way is found by that, deleted, and another one is made.

use std::collections::BTreeSet;

use super::{ATTEMPTS_LIMIT, Question, Refusal, Step, View, Wanted, abort, purge, stage, wrong_phase};
use crate::rotation::credential::{Credential, Identity, LastUseSeen, ListedKey, ProviderKeyId};
use crate::rotation::effect::{Effect, Intent};
use crate::rotation::event::Event;
use crate::rotation::phase::{Direction, KeyState, Phase, Rotation};
use crate::rotation::stamp::{Stamp, elapsed};

/// How far the provider's clock and this machine's may be apart.
const SKEW_SECONDS: i64 = 60;
/// How old an intent may be when the call is made, and how long the call may take.
const FRESH_SECONDS: i64 = 30;
const CALL_SECONDS: i64 = 30;

pub(super) fn plan(state: &KeyState, rotation: &Rotation, replace: bool, view: View<'_>) -> Step {
    match &state.phase {
        Phase::Promoted { direction: Direction::Back, .. } => return wrong_phase(&["abort"]),
        Phase::Promoted { .. } => return wrong_phase(&["promote", "abort"]),
        Phase::GraceWindow { .. } => return wrong_phase(&["finish", "abort"]),
        Phase::SecondaryStaged { staged, .. } => {
            let is_in_doubt = state.other_slot_is_in_doubt();
            if view.facts.minted.as_ref().is_some_and(|minted| minted.fingerprint == staged.fingerprint)
                || (!replace && !is_in_doubt)
            {
                return Step::Done;
            }
            // It makes room first: two at a time may be all that the provider allows.
            return abort::erase(state, Some(staged.fingerprint));
        }
        Phase::Idle { .. } | Phase::Revoked { .. } => {}
    }
    if !view.policy.capabilities.mint {
        return Step::Refused(Refusal::CannotMint);
    }
    next(state, rotation, view).unwrap_or_else(|step| step)
}

fn next(state: &KeyState, rotation: &Rotation, view: View<'_>) -> Result<Step, Step> {
    let effect = state.intent.as_ref().map(|intent| &intent.effect);
    if let Some(minted) = &view.facts.minted {
        let begun = match effect {
            Some(Effect::Mint { rotation, .. } | Effect::StoreStaged { rotation, .. }) => rotation,
            _ => rotation,
        };
        return store(state, minted, begun, view);
    }
    match effect {
        Some(Effect::Sweep { ids }) => sweep(ids.clone(), view),
        Some(Effect::StoreStaged { credential, rotation, .. }) if credential.never_served => {
            if view.facts.missing_values.contains_key(&credential.fingerprint) {
                return sweep(credential.provider_key_id.clone().into_iter().collect(), view);
            }
            store(state, credential, rotation, view)
        }
        Some(Effect::Mint { rotation, existing }) => match lost(state, None, view)?.ours()? {
            ids if ids.is_empty() => again(state, rotation, existing, view),
            ids => sweep(ids, view),
        },
        _ if state.left_over.is_some() => Ok(take_up(state)),
        Some(Effect::Delete { .. }) => Ok(purge::plan(state, view)),
        _ => begin(state, rotation, view),
    }
}

/// Proves the new key and stores it. A provider may need a while before it accepts what it has just made.
fn store(state: &KeyState, minted: &Credential, rotation: &Rotation, view: View<'_>) -> Result<Step, Step> {
    if !view.facts.probes.contains_key(&minted.fingerprint) {
        return Err(Step::Observe(Question::AwaitAcceptance(minted.fingerprint)));
    }
    stage::store(state, minted, rotation, Wanted::Minted, view)
}

fn begin(state: &KeyState, rotation: &Rotation, view: View<'_>) -> Result<Step, Step> {
    if let Some(detail) = &view.facts.minting.refused {
        return Err(Step::Refused(Refusal::ProviderRefused { act: "make", detail: detail.clone() }));
    }
    let listed = listed(view)?;
    if view.policy.capabilities.keys_limit.is_some_and(|limit| listed.len() >= limit) {
        return make_room(state, listed, view);
    }
    let existing = listed.iter().map(|key| key.id.clone()).collect();
    Ok(Step::Act(Effect::Mint { rotation: rotation.clone(), existing }))
}

/// Frees a place that nobody can need any more, or says what holds the places.
fn make_room(state: &KeyState, listed: &[ListedKey], view: View<'_>) -> Result<Step, Step> {
    let is_listed = |id: &ProviderKeyId| listed.iter().any(|key| key.id == *id);
    let garbage = garbage(state, view)?;
    if !garbage.is_empty() {
        return sweep(garbage, view);
    }
    if let Phase::Revoked { revoked, .. } = &state.phase
        && !revoked.purged
        && revoked.credential.provider_key_id.as_ref().is_some_and(is_listed)
        && revoked.undo_until.is_none_or(|until| until < view.now.wall)
    {
        return Ok(purge::plan(state, view));
    }
    Err(Step::Refused(Refusal::NoRoom { listed: listed.to_vec() }))
}

/// Once more, with the same intent: nothing came of it so far.
fn again(
    state: &KeyState,
    rotation: &Rotation,
    existing: &BTreeSet<ProviderKeyId>,
    view: View<'_>,
) -> Result<Step, Step> {
    let minting = &view.facts.minting;
    if let Some(detail) = &minting.refused {
        // After an unknown outcome a key may still turn up, and only the intent tells whose it is.
        let is_certain = !minting.is_resumed && minting.unknown.count == 0;
        return if is_certain {
            Ok(Step::Record(Event::IntentDropped { reason: detail.clone() }))
        } else {
            let detail = detail.clone();
            Err(Step::Refused(Refusal::ProviderRefused { act: "make", detail }))
        };
    }
    if minting.unknown.count >= ATTEMPTS_LIMIT {
        let detail = minting.unknown.detail.clone();
        return Err(Step::Refused(Refusal::AdminUnreachable { detail }));
    }
    if view.policy.capabilities.keys_limit.is_some_and(|limit| existing.len() >= limit) {
        return make_room(state, listed(view)?, view);
    }
    if intent_age_seconds(state, view) > FRESH_SECONDS && minting.unknown.count == 0 {
        // What would come of it now could not be told from somebody else's by its age.
        return Ok(Step::Record(Event::IntentDropped { reason: "nothing came of it".to_owned() }));
    }
    Ok(Step::Act(Effect::Mint { rotation: rotation.clone(), existing: existing.clone() }))
}

fn intent_age_seconds(state: &KeyState, view: View<'_>) -> i64 {
    let Some(Intent { begun_at, .. }) = &state.intent else { return 0 };
    match (begun_at.provider, view.now.provider) {
        // The clock that tells when a key was made.
        (Some(began), Some(now)) => now.as_second() - began.as_second(),
        _ => i64::try_from(elapsed(begun_at, view.now).seconds).unwrap_or(i64::MAX),
    }
}

/// What an `abort` clears away when nothing is staged; `None` where there is nothing.
///
/// # Errors
/// The question that must be answered first, or the refusal to delete what may be somebody else's.
pub(super) fn clear_away(state: &KeyState, view: View<'_>) -> Result<Option<Step>, Step> {
    match state.intent.as_ref().map(|intent| &intent.effect) {
        Some(Effect::Sweep { ids }) => sweep(ids.clone(), view).map(Some),
        Some(Effect::Mint { .. }) => match lost(state, None, view)? {
            Lost { ids, .. } if !ids.is_empty() => sweep(ids, view).map(Some),
            // What may be somebody else's is left alone.
            Lost { strange, .. } => {
                let left = |key: &ListedKey| {
                    format!("the key {} is not known to be ours, and is left alone", key.id)
                };
                let told = std::iter::once("aborted".to_owned()).chain(strange.iter().map(left));
                let reason = told.collect::<Vec<_>>().join("; ");
                Ok(Some(Step::Record(Event::IntentDropped { reason })))
            }
        },
        None if state.left_over.is_some() => Ok(Some(take_up(state))),
        None => match garbage(state, view)? {
            ids if ids.is_empty() => Ok(None),
            ids => sweep(ids, view).map(Some),
        },
        Some(_) => Ok(None),
    }
}

/// Goes on with what an emergency came in between of.
fn take_up(state: &KeyState) -> Step {
    match state.left_to_do() {
        Some(intent) => Step::Record(Event::Intended { intent }),
        None => Step::Done,
    }
}

/// Keys that were made here, put aside before they were promoted, and never used: nobody has them.
fn garbage(state: &KeyState, view: View<'_>) -> Result<BTreeSet<ProviderKeyId>, Step> {
    let unused = state.set_aside.iter().filter(|aside| aside.never_served);
    let ids: BTreeSet<_> = unused.filter_map(|aside| aside.provider_key_id.clone()).collect();
    if !view.policy.capabilities.mint || ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut garbage = BTreeSet::new();
    for key in listed(view)?.iter().filter(|key| ids.contains(&key.id)) {
        if is_unused(key)? {
            garbage.insert(key.id.clone());
        }
    }
    Ok(garbage)
}

/// What is there beside the keys that were there when the pending intent was written.
#[derive(Default)]
struct Lost {
    /// They came of the intent, and their values are lost.
    ids: BTreeSet<ProviderKeyId>,
    /// They may be somebody else's.
    strange: Vec<ListedKey>,
}

impl Lost {
    /// What is ours for certain, where nothing is there that may be.
    fn ours(self) -> Result<BTreeSet<ProviderKeyId>, Step> {
        match self.strange.into_iter().next() {
            Some(key) => Err(Step::Refused(Refusal::StrangeKey { key })),
            None => Ok(self.ids),
        }
    }
}

/// `given` is a key whose value is at hand.
fn lost(state: &KeyState, given: Option<&ProviderKeyId>, view: View<'_>) -> Result<Lost, Step> {
    let mut lost = Lost::default();
    let Some(Intent { effect: Effect::Mint { existing, .. }, begun_at, .. }) = &state.intent else {
        return Ok(lost);
    };
    for key in listed(view)? {
        if existing.contains(&key.id) || state.knows(&key.id) || given == Some(&key.id) {
            continue;
        }
        if is_of(begun_at, key) && is_unused(key)? {
            lost.ids.insert(key.id.clone());
        } else {
            lost.strange.push(key.clone());
        }
    }
    Ok(lost)
}

/// Whether a key was made when the call of an intent was; by the provider's clock, where it was told with the list.
fn is_of(begun_at: &Stamp, key: &ListedKey) -> bool {
    let began = begun_at.by_provider().as_second();
    let span = -SKEW_SECONDS..=FRESH_SECONDS + CALL_SECONDS + SKEW_SECONDS;
    key.created_at.is_some_and(|at| span.contains(&(at.as_second() - began)))
}

/// Whether nobody used a key, but for a ping.
fn is_unused(key: &ListedKey) -> Result<bool, Step> {
    match &key.last_use {
        LastUseSeen::Never => Ok(true),
        LastUseSeen::At(used) => Ok(used.may_be_a_probe),
        LastUseSeen::Unknown(detail) => {
            Err(Step::Refused(Refusal::AdminUnreachable { detail: detail.clone() }))
        }
    }
}

/// What a value that was given leaves to be cleared away, where having the provider make one was begun. As by
/// [`plan`], nothing is forgotten that may be ours.
pub(super) fn instead(state: &KeyState, given: &Identity, view: View<'_>) -> Result<(), Step> {
    let given = match given {
        Identity::Proven(key) => Some(&key.id),
        _ => None,
    };
    let ids = lost(state, given, view)?.ours()?;
    if ids.is_empty() { Ok(()) } else { Err(sweep(ids, view)?) }
}

fn sweep(ids: BTreeSet<ProviderKeyId>, view: View<'_>) -> Result<Step, Step> {
    let sweeping = &view.facts.sweeping;
    if let Some(detail) = &sweeping.refused {
        return Err(Step::Refused(Refusal::ProviderRefused { act: "delete", detail: detail.clone() }));
    }
    if sweeping.unknown.count >= ATTEMPTS_LIMIT {
        let detail = sweeping.unknown.detail.clone();
        return Err(Step::Refused(Refusal::AdminUnreachable { detail }));
    }
    Ok(Step::Act(Effect::Sweep { ids }))
}

fn listed(view: View<'_>) -> Result<&[ListedKey], Step> {
    match &view.facts.listed {
        None => Err(Step::Observe(Question::ListKeys)),
        Some(Ok(listed)) => Ok(listed),
        Some(Err(detail)) => Err(Step::Refused(Refusal::AdminUnreachable { detail: detail.clone() })),
    }
}
