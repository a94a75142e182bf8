//! What the provider's usage report proves: silence counts only over a span that the report has reached, and only
//! where the report was seen to tell of the new credential.

use jiff::Timestamp;
use rotate::rotation::credential::{Capabilities, LastUse, LastUseSeen, ProviderKeyId, UsageBucket};
use rotate::rotation::evidence::{Finding, Item, usage, weigh};
use rotate::rotation::phase::{KeyState, Phase};
use rotate::rotation::plan::{Facts, Policy};
use rotate::rotation::stamp::Stamp;

use super::plan_table::{ideal, policy};
use super::sample::{at, credential, grace, idle};

/// When the window opened, by every clock.
const START: i64 = 1_772_366_400;
/// A span of 300 s that ended 900 s ago must be quiet: it lies in the window from here on.
const REACHED: i64 = START + 1200;

/// A provider that reports usage, and whose probes take a token each.
fn reporting() -> Policy {
    let policy = policy();
    Policy { capabilities: Capabilities { usage: true, probe_tokens: 1, ..policy.capabilities }, ..policy }
}

/// A window that opened by both clocks, a minute after the promotion.
fn window_of_both_clocks() -> KeyState {
    let mut state = grace();
    state.active_since = at(START - 60).wall;
    if let Phase::GraceWindow { window, .. } = &mut state.phase {
        window.opened_at = now(START);
    }
    state
}

fn now(second: i64) -> Stamp {
    at(second).with_provider(Some(at(second).wall))
}

fn wall(second: i64) -> Timestamp {
    at(second).wall
}

/// So many tokens of one credential in the minutes that end then.
fn bucket(name: &str, minutes: i64, until: i64, tokens: u64) -> UsageBucket {
    UsageBucket {
        id: ProviderKeyId(format!("id-{name}")),
        from: wall(until - 60 * minutes),
        until: wall(until),
        tokens,
    }
}

fn told(buckets: Vec<UsageBucket>) -> Facts {
    Facts { usage: Some(Ok(buckets)), ..ideal(Some(&grace())) }
}

#[track_caller]
fn is(state: &KeyState, facts: &Facts, second: &Stamp, expected: (Finding, &str)) {
    let table = weigh(state, facts, &reporting(), second).unwrap();
    let row = table.into_iter().find(|row| row.item == Item::Usage).unwrap();
    assert_eq!((row.verdict, row.detail.as_str()), expected);
}

const NO_CONTROL: &str = "no use of the new credential since the promotion is reported yet, so silence on the old one proves nothing";

#[test]
fn what_was_not_asked_or_not_answered_is_unknown() {
    let state = window_of_both_clocks();
    let facts = ideal(Some(&state));
    is(&state, &facts, &now(REACHED), (Finding::Unknown, "the usage report was not asked"));
    let failed = Facts { usage: Some(Err("503 from the report".to_owned())), ..facts.clone() };
    is(&state, &failed, &now(REACHED), (Finding::Unknown, "503 from the report"));
    let no_date = at(REACHED);
    let unknown = (Finding::Unknown, "the provider's time is not known: its answers carry no date");
    is(&state, &told(vec![]), &no_date, unknown);
    let table = weigh(&state, &facts, &policy(), &now(REACHED)).unwrap();
    let row = table.into_iter().find(|row| row.item == Item::Usage).unwrap();
    assert_eq!(
        (row.verdict, row.detail.as_str()),
        (Finding::NotAvailable, "no usage report of this provider is at hand")
    );
}

#[test]
fn without_the_old_credential_s_id_nothing_is_told_of_it() {
    let mut state = window_of_both_clocks();
    if let Phase::GraceWindow { retiring, .. } = &mut state.phase {
        retiring.provider_key_id = None;
    }
    let mut facts = told(vec![bucket("old", 1, REACHED, 5)]);
    // An id that was proven in this run is as good as one that is recorded.
    let used = "the old credential was used until 2026-03-01T12:20:00Z or shortly before: somebody has it";
    is(&state, &facts, &now(REACHED), (Finding::Unmet, used));
    facts.identities.clear();
    let unknown = (Finding::Unknown, "the provider's id of the old credential is not known");
    is(&state, &facts, &now(REACHED), unknown);
}

#[test]
fn the_span_must_have_passed_in_the_window() {
    let state = window_of_both_clocks();
    let facts = told(vec![bucket("new", 1, START + 600, 5)]);
    let early = "the report lags by up to 900 s and must be quiet for 300 s of the window: enough at 2026-03-01T12:20:00Z";
    is(&state, &facts, &now(REACHED - 1), (Finding::Unknown, early));
    let met =
        "no use of the old credential since 2026-03-01T12:00:00Z; of the new one since 2026-03-01T12:10:00Z";
    is(&state, &facts, &now(REACHED), (Finding::Met, met));
}

#[test]
fn a_use_within_the_span_counts_and_one_before_it_is_told() {
    let state = window_of_both_clocks();
    let later = START + 3600;
    let span = later - 1200;
    let with_old = |until| told(vec![bucket("new", 1, START + 600, 5), bucket("old", 1, until, 1)]);
    let met = "no use of the old credential since 2026-03-01T12:40:00Z (last until 2026-03-01T12:40:00Z); of the new one since 2026-03-01T12:10:00Z";
    is(&state, &with_old(span), &now(later), (Finding::Met, met));
    let used = "the old credential was used until 2026-03-01T12:40:01Z or shortly before: somebody has it";
    is(&state, &with_old(span + 1), &now(later), (Finding::Unmet, used));
    // Of many the last.
    let mut many = with_old(span + 1);
    many.usage.as_mut().unwrap().as_mut().unwrap().push(bucket("old", 1, START, 9));
    is(&state, &many, &now(later), (Finding::Unmet, used));
}

#[test]
fn silence_proves_nothing_before_the_new_credential_was_seen() {
    let state = window_of_both_clocks();
    is(&state, &told(vec![]), &now(REACHED), (Finding::Unknown, NO_CONTROL));
    let of_another = told(vec![bucket("third", 1, START + 600, 5)]);
    is(&state, &of_another, &now(REACHED), (Finding::Unknown, NO_CONTROL));
    let mut seen_before = state;
    seen_before.first_used_at = Some(wall(START + 300));
    let met =
        "no use of the old credential since 2026-03-01T12:00:00Z; of the new one since 2026-03-01T12:05:00Z";
    is(&seen_before, &told(vec![]), &now(REACHED), (Finding::Met, met));
}

#[track_caller]
fn first_use(facts: &Facts, expected: Option<i64>) {
    let found = usage::first_use(&window_of_both_clocks(), facts, &reporting(), &now(START + 9000));
    assert_eq!(found, expected.map(wall));
}

#[test]
fn a_use_of_the_new_credential_counts_from_the_promotion_on() {
    let promoted = START - 60;
    first_use(&told(vec![bucket("new", 60, promoted + 3600, 500)]), Some(promoted + 3600));
    first_use(&told(vec![bucket("new", 60, promoted + 3599, 500)]), None);
    // Of a minute its end is enough: nothing shorter is reported.
    first_use(&told(vec![bucket("new", 1, promoted + 1, 500)]), Some(promoted + 1));
    first_use(&told(vec![bucket("new", 1, promoted, 500)]), None);
    first_use(&told(vec![bucket("new", 2, promoted + 1, 500)]), None);
    // The earliest, and never later than now.
    let several = vec![bucket("new", 1, START + 900, 5), bucket("new", 1, START + 300, 5)];
    first_use(&told(several), Some(START + 300));
    first_use(&told(vec![bucket("new", 60, START + 9600, 500)]), Some(START + 9000));
}

#[test]
fn our_own_probes_are_no_use_of_the_new_credential() {
    first_use(&told(vec![bucket("new", 1, START + 600, 1)]), None);
    first_use(&told(vec![bucket("new", 1, START + 600, 2)]), Some(START + 600));
    first_use(&told(vec![bucket("new", 60, START + 3600, 60)]), None);
    first_use(&told(vec![bucket("new", 60, START + 3600, 61)]), Some(START + 3600));
    // A bucket shorter than a minute may hold a probe as well.
    let short = UsageBucket { from: wall(START + 590), ..bucket("new", 1, START + 600, 1) };
    first_use(&told(vec![short]), None);
}

#[test]
fn a_last_use_of_the_new_credential_counts_as_well() {
    let with_last = |second, may_be_a_probe| {
        let mut facts = told(vec![]);
        let used = LastUse { at: wall(second), by: "s3".to_owned(), may_be_a_probe };
        facts.last_uses.insert(credential("new").fingerprint, LastUseSeen::At(used));
        facts
    };
    first_use(&with_last(START - 59, false), Some(START - 59));
    first_use(&with_last(START - 60, false), None);
    first_use(&with_last(START + 10, true), None);
    let mut both = with_last(START + 900, false);
    both.usage = Some(Ok(vec![bucket("new", 1, START + 600, 5)]));
    first_use(&both, Some(START + 600));
    assert_eq!(usage::first_use(&idle(), &both, &reporting(), &now(REACHED)), None);
}

#[test]
fn the_report_is_asked_for_both_credentials_by_the_provider_s_clock() {
    let state = window_of_both_clocks();
    let facts = ideal(Some(&state));
    let fast = at(START + 90_000).with_provider(Some(wall(START + 5000)));
    let wanted = usage::wanted(&state, &facts, &reporting(), &fast).unwrap();
    assert_eq!((wanted.retiring.0.as_str(), wanted.active.0.as_str()), ("id-old", "id-new"));
    assert_eq!((wanted.promoted_at, wanted.quiet_from), (wall(START - 60), wall(START + 3800)));
    let no_time = usage::wanted(&state, &facts, &reporting(), &at(START + 5000)).unwrap_err();
    assert_eq!(no_time, "the provider's time is not known: its answers carry no date");
    let no_window = usage::wanted(&idle(), &facts, &reporting(), &fast).unwrap_err();
    assert_eq!(no_window, "no credential is being left");
    let mut nameless = state;
    if let Phase::GraceWindow { active, .. } = &mut nameless.phase {
        active.provider_key_id = None;
    }
    let no_id = usage::wanted(&nameless, &Facts::default(), &reporting(), &fast).unwrap_err();
    assert_eq!(no_id, "the provider's id of the new credential is not known");
}
