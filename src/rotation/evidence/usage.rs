//! What the provider's usage report proves.
//!
//! Silence on the old credential counts only over a span that the report has certainly reached, and only where the
//! report was seen to work: it must have told of the new credential's use since the promotion.

use jiff::{SignedDuration, Timestamp};

use super::Finding;
use crate::rotation::credential::{LastUseSeen, ProviderKeyId, UsageBucket};
use crate::rotation::phase::{KeyState, Phase, Window};
use crate::rotation::plan::{Facts, Policy};
use crate::rotation::stamp::{Stamp, minus_seconds, plus_seconds};

/// What is to be asked of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub retiring: ProviderKeyId,
    pub active: ProviderKeyId,
    pub promoted_at: Timestamp,
    /// From here on the report must be quiet on the retiring one. Between the two it may tell of both.
    pub quiet_from: Timestamp,
}

/// What is to be asked, by the provider's clock.
///
/// # Errors
/// Why it cannot be asked at all.
pub fn wanted(state: &KeyState, facts: &Facts, policy: &Policy, now: &Stamp) -> Result<Wanted, String> {
    let Phase::GraceWindow { active, retiring, window, .. } = &state.phase else {
        return Err("no credential is being left".to_owned());
    };
    let id = |which: &str, credential| {
        facts
            .id_of(credential)
            .ok_or_else(|| format!("the provider's id of the {which} credential is not known"))
    };
    // The host's clock may be hours off, and the report would be asked for the wrong span.
    let now = now.provider.ok_or(NO_TIME)?;
    Ok(Wanted {
        retiring: id("old", retiring)?,
        active: id("new", active)?,
        promoted_at: promoted_at(state, window),
        quiet_from: quiet_from(policy, now),
    })
}

/// When the active credential was first used after its promotion, as far as the provider's answers in this run tell.
pub fn first_use(state: &KeyState, facts: &Facts, policy: &Policy, now: &Stamp) -> Option<Timestamp> {
    let Phase::GraceWindow { active, window, .. } = &state.phase else { return None };
    let promoted_at = promoted_at(state, window);
    let id = facts.id_of(active);
    let is_use = |bucket: &&UsageBucket| {
        let minutes = u64::try_from(bucket.until.duration_since(bucket.from).as_mins()).unwrap_or(1).max(1);
        // An hour in which the promotion falls may tell of what was tried before it.
        let is_after = bucket.from >= promoted_at || (minutes == 1 && bucket.until > promoted_at);
        let may_be_ours = bucket.tokens <= policy.capabilities.probe_tokens.saturating_mul(minutes);
        Some(&bucket.id) == id.as_ref() && is_after && !may_be_ours
    };
    let reported = facts.usage.iter().flatten().flatten().filter(is_use);
    // The end of the bucket: a window that runs from here is never too short.
    let reported = reported.map(|bucket| bucket.until.min(now.by_provider())).min();
    let last = match facts.last_uses.get(&active.fingerprint) {
        Some(LastUseSeen::At(used)) if used.at > promoted_at && !used.may_be_a_probe => Some(used.at),
        _ => None,
    };
    reported.into_iter().chain(last).min()
}

/// The item of evidence.
pub(super) fn weigh(
    state: &KeyState,
    facts: &Facts,
    window: &Window,
    policy: &Policy,
    now: &Stamp,
) -> (Finding, String) {
    if !policy.capabilities.usage {
        return (Finding::NotAvailable, "no usage report of this provider is at hand".to_owned());
    }
    let buckets = match &facts.usage {
        None => return (Finding::Unknown, "the usage report was not asked".to_owned()),
        Some(Err(detail)) => return (Finding::Unknown, detail.clone()),
        Some(Ok(buckets)) => buckets,
    };
    let Some(retiring) = state.phase.retiring().and_then(|retiring| facts.id_of(retiring)) else {
        return (Finding::Unknown, "the provider's id of the old credential is not known".to_owned());
    };
    let Some(provider_now) = now.provider else {
        return (Finding::Unknown, NO_TIME.to_owned());
    };
    let from = quiet_from(policy, provider_now);
    let last = buckets.iter().filter(|bucket| bucket.id == retiring).map(|bucket| bucket.until).max();
    if let Some(last) = last.filter(|last| *last > from) {
        let detail =
            format!("the old credential was used until {last:.0} or shortly before: somebody has it");
        return (Finding::Unmet, detail);
    }
    let opened_at = window.opened_at.by_provider();
    if from < opened_at {
        let enough_at = plus_seconds(opened_at, span_seconds(policy));
        return (
            Finding::Unknown,
            format!(
                "the report lags by up to {} s and must be quiet for {} s of the window: enough at {enough_at:.0}",
                policy.usage_lag_seconds, policy.usage_quiet_seconds
            ),
        );
    }
    match state.first_used_at.or_else(|| first_use(state, facts, policy, now)) {
        Some(used_at) => {
            let last = last.map(|last| format!(" (last until {last:.0})")).unwrap_or_default();
            let detail = format!(
                "no use of the old credential since {from:.0}{last}; of the new one since {used_at:.0}"
            );
            (Finding::Met, detail)
        }
        None => (Finding::Unknown, NO_CONTROL.to_owned()),
    }
}

/// Why the span is not known.
const NO_TIME: &str = "the provider's time is not known: its answers carry no date";

/// Why silence proves nothing.
pub(super) const NO_CONTROL: &str = "no use of the new credential since the promotion is reported yet, so silence on the old one proves nothing";

/// From where on the report must be quiet.
fn quiet_from(policy: &Policy, now: Timestamp) -> Timestamp {
    minus_seconds(now, span_seconds(policy))
}

/// How long before this moment the span begins that must be quiet.
fn span_seconds(policy: &Policy) -> u64 {
    policy.usage_quiet_seconds.saturating_add(policy.usage_lag_seconds)
}

/// The moment of the switch. It was recorded by the host's clock; the window has both.
fn promoted_at(state: &KeyState, window: &Window) -> Timestamp {
    let before = window.opened_at.wall.duration_since(state.active_since).max(SignedDuration::ZERO);
    window.opened_at.by_provider().checked_sub(before).unwrap_or(Timestamp::MIN)
}
