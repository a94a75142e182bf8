//! What the provider's last-used time proves, and what our own probes hide of it.

use rotate::rotation::credential::{Capabilities, LastUse, LastUseSeen};
use rotate::rotation::evidence::{Finding, Item, weigh};
use rotate::rotation::phase::KeyState;
use rotate::rotation::plan::{Facts, Policy};
use rotate::rotation::stamp::Stamp;

use super::plan_table::{ideal, policy};
use super::sample::{at, credential, grace};

/// When the window opened; jobs that had the old credential may go on for its floor, 3360 s.
const START: i64 = 1_772_366_400;
const JOBS_END: i64 = START + 3360;

fn telling() -> Policy {
    let policy = policy();
    Policy { capabilities: Capabilities { last_used: true, ..policy.capabilities }, ..policy }
}

/// The new credential was seen in use: without that, silence proves nothing.
fn in_use() -> KeyState {
    let mut state = grace();
    state.first_used_at = Some(at(START + 100).wall);
    state
}

fn seen(last: LastUseSeen) -> Facts {
    let mut facts = ideal(Some(&grace()));
    facts.last_uses.insert(credential("old").fingerprint, last);
    facts
}

fn used(second: i64, may_be_a_probe: bool) -> Facts {
    seen(LastUseSeen::At(LastUse { at: at(second).wall, by: "s3".to_owned(), may_be_a_probe }))
}

#[track_caller]
fn is(state: &KeyState, facts: &Facts, now: &Stamp, expected: (Finding, &str)) {
    let table = weigh(state, facts, &telling(), now).unwrap();
    let row = table.into_iter().find(|row| row.item == Item::LastUsed).unwrap();
    assert_eq!((row.verdict, row.detail.as_str()), expected);
}

#[test]
fn what_nobody_tells_is_not_available_or_unknown() {
    let table = weigh(&in_use(), &ideal(Some(&grace())), &policy(), &at(JOBS_END)).unwrap();
    let row = table.into_iter().find(|row| row.item == Item::LastUsed).unwrap();
    let silent = (Finding::NotAvailable, "the provider tells no last-used time");
    assert_eq!((row.verdict, row.detail.as_str()), silent);
    let not_asked = (Finding::Unknown, "the provider was not asked");
    is(&in_use(), &ideal(Some(&grace())), &at(JOBS_END), not_asked);
    let failed = seen(LastUseSeen::Unknown("503 from IAM".to_owned()));
    is(&in_use(), &failed, &at(JOBS_END), (Finding::Unknown, "503 from IAM"));
}

#[test]
fn a_use_by_jobs_that_had_it_counts_for_nothing() {
    let never = "never used, as far as the provider knows: not after the jobs that had it could go on";
    is(&in_use(), &seen(LastUseSeen::Never), &at(JOBS_END), (Finding::Met, never));
    let job = "last used at 2026-03-01T12:56:00Z (s3): not after the jobs that had it could go on";
    is(&in_use(), &used(JOBS_END, false), &at(JOBS_END), (Finding::Met, job));
}

#[test]
fn a_later_use_counts_until_it_was_quiet_for_as_long_as_a_job_takes() {
    let late = used(JOBS_END + 1, false);
    let enough = JOBS_END + 1 + 3360 + 900;
    let still = "last used at 2026-03-01T12:56:01Z (s3): somebody still uses it; enough when there is none until 2026-03-01T14:07:01Z";
    is(&in_use(), &late, &at(enough - 1), (Finding::Unmet, still));
    let met = "last used at 2026-03-01T12:56:01Z (s3), and not since";
    is(&in_use(), &late, &at(enough), (Finding::Met, met));
}

#[test]
fn what_may_be_a_probe_is_unknown_for_as_long() {
    let ping = used(JOBS_END + 1, true);
    let perhaps = "last used at 2026-03-01T12:56:01Z (s3): perhaps a probe of our own, perhaps not; enough at 2026-03-01T14:07:01Z";
    is(&in_use(), &ping, &at(JOBS_END + 600), (Finding::Unknown, perhaps));
}

/// With a probe of the old credential that was announced then.
fn probed(second: i64) -> KeyState {
    KeyState { retiring_probed_at: Some(at(second).wall), ..in_use() }
}

#[test]
fn our_own_probe_is_known_by_its_time() {
    let ping = used(JOBS_END + 60, true);
    let hidden = "last used at 2026-03-01T12:57:00Z (s3): our own probe, which hides other uses for a while: enough at 2026-03-01T13:17:00Z";
    is(&probed(JOBS_END), &ping, &at(JOBS_END + 60 + 1199), (Finding::Unknown, hidden));
    let met = "last used at 2026-03-01T12:57:00Z (s3), and not since";
    is(&probed(JOBS_END), &ping, &at(JOBS_END + 60 + 1200), (Finding::Met, met));
    // A second later it is too late to be ours; and what no probe does is never ours.
    let perhaps = "last used at 2026-03-01T12:57:00Z (s3): perhaps a probe of our own, perhaps not; enough at 2026-03-01T14:08:00Z";
    is(&probed(JOBS_END - 1), &ping, &at(JOBS_END + 61), (Finding::Unknown, perhaps));
    let somebody = "last used at 2026-03-01T12:57:00Z (s3): somebody still uses it; enough when there is none until 2026-03-01T14:08:00Z";
    is(&probed(JOBS_END), &used(JOBS_END + 60, false), &at(JOBS_END + 61), (Finding::Unmet, somebody));
}

#[test]
fn a_probe_that_was_announced_in_this_run_hides_nothing() {
    let announced = Facts { has_announced: true, ..used(JOBS_END + 60, true) };
    let ours = "last used at 2026-03-01T12:57:00Z (s3): our own probe; what was before it was looked at then";
    is(&probed(JOBS_END), &announced, &at(JOBS_END + 61), (Finding::Met, ours));
    let not_ours = Facts { has_announced: true, ..used(JOBS_END + 60, false) };
    let somebody = "last used at 2026-03-01T12:57:00Z (s3): somebody still uses it; enough when there is none until 2026-03-01T14:08:00Z";
    is(&probed(JOBS_END), &not_ours, &at(JOBS_END + 61), (Finding::Unmet, somebody));
}

#[test]
fn silence_proves_nothing_before_the_new_credential_was_seen() {
    let unproven = "never used, as far as the provider knows: not after the jobs that had it could go on; but no use of the new credential since the promotion is reported yet, so silence on the old one proves nothing";
    is(&grace(), &seen(LastUseSeen::Never), &at(JOBS_END), (Finding::Unknown, unproven));
    let still = "last used at 2026-03-01T12:56:01Z (s3): somebody still uses it; enough when there is none until 2026-03-01T14:07:01Z";
    is(&grace(), &used(JOBS_END + 1, false), &at(JOBS_END + 2), (Finding::Unmet, still));
}
