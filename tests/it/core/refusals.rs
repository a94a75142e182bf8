//! What each goal refuses, fact by fact: nothing bad is passed over, and nothing unknown is taken for
//! good.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rotate::rotation::credential::{
    Credential, Identity, KeyStatus, LastUse, LastUseSeen, ListedKey, ProviderKeyId, ReadBack, SlotName,
    TargetId, UsageBucket, Verdict,
};
use rotate::rotation::effect::Effect;
use rotate::rotation::evidence::Item;
use rotate::rotation::grace::GraceFrom;
use rotate::rotation::lease::{LeaseSeen, LeaseStanding};
use rotate::rotation::phase::{Direction, Ending, KeyState, Phase, Propagation};
use rotate::rotation::plan::{Facts, Goal, Policy, Step, UnknownCalls, plan};

use super::plan_table::{goals, ideal, policy, word};
use super::sample::{self, credential, grace, idle, over, promoted, revoke, revoked, staged, with_intent};
use super::standings::{
    by_providers_clock, ended_as, grace_with_one_id, interrupted_making, interrupted_storing, leaked_forward,
    leaked_in, left_behind, left_over, making_for, nameless, undone_until, unwritten,
};

type Spoil = fn(&mut Facts, &mut Policy);

pub struct Case {
    pub state: Option<KeyState>,
    pub goal: &'static str,
    pub what: &'static str,
    spoil: Spoil,
    expected: &'static str,
}

fn case(
    state: KeyState,
    goal: &'static str,
    what: &'static str,
    spoil: Spoil,
    expected: &'static str,
) -> Case {
    Case { state: Some(state), goal, what, spoil, expected }
}

fn goal(name: &str, state: Option<&KeyState>) -> Goal {
    goals(state).into_iter().find(|(found, _)| *found == name).unwrap().1
}

fn see(facts: &mut Facts, name: &str, verdict: Verdict) {
    facts.probes.insert(credential(name).fingerprint, verdict);
}

fn identify(facts: &mut Facts, name: &str, identity: Identity) {
    facts.identities.insert(credential(name).fingerprint, identity);
}

fn reads(facts: &mut Facts, read: ReadBack) {
    facts.target_reads = Some(BTreeMap::from([(TargetId("app".to_owned()), read)]));
}

fn on_record(facts: &mut Facts, name: &str, status: KeyStatus) {
    facts.key_statuses.insert(credential(name).fingerprint, Some(status));
}

/// Storing a key that the provider made, and that no consumer ever got.
fn made(name: &str) -> Effect {
    let credential = Credential { never_served: true, ..credential(name) };
    Effect::StoreStaged { slot: SlotName::Secondary, credential, rotation: sample::rotation() }
}

/// What the provider's own list calls the key.
fn listed_as(facts: &mut Facts, name: &str, status: KeyStatus) {
    if let Some(Identity::Proven(key)) = facts.identities.get_mut(&credential(name).fingerprint) {
        key.status = status;
    }
}

/// The provider accepts it, and its list calls it active.
fn revived(facts: &mut Facts, name: &str) {
    see(facts, name, Verdict::Accepted);
    listed_as(facts, name, KeyStatus::Active);
}

/// Its value is in no slot any more.
fn is_gone(facts: &mut Facts, name: &str) {
    see(facts, name, Verdict::Unknown);
    facts.missing_values.insert(credential(name).fingerprint, "?".to_owned());
}

fn another_id(facts: &mut Facts, name: &str) {
    let fingerprint = credential(name).fingerprint;
    let Some(Identity::Proven(mut key)) = facts.identities.get(&fingerprint).cloned() else { panic!() };
    key.id = ProviderKeyId("id-of-something-else".to_owned());
    facts.identities.insert(fingerprint, Identity::Proven(key));
}

fn has_id_of(facts: &mut Facts, name: &str, other: &str) {
    let taken = facts.identities[&credential(other).fingerprint].clone();
    facts.identities.insert(credential(name).fingerprint, taken);
}

fn in_workspace(facts: &mut Facts, policy: &mut Policy, found: Option<&str>) {
    policy.workspace = Some("mine".to_owned());
    let fingerprint = credential("new").fingerprint;
    if let Some(Identity::Proven(key)) = facts.identities.get_mut(&fingerprint) {
        key.workspace = found.map(str::to_owned);
    }
}

fn nobody_to_ask(facts: &mut Facts) {
    for name in ["old", "new", "third"] {
        identify(facts, name, Identity::Unavailable);
    }
}

fn list(facts: &mut Facts, names: &[&str]) {
    let listed = names.iter().map(|name| ListedKey {
        id: credential(name).provider_key_id.unwrap(),
        status: KeyStatus::Active,
        created_at: Some(over().wall),
        last_use: LastUseSeen::Never,
    });
    facts.listed = Some(Ok(listed.collect()));
}

fn last_use(facts: &mut Facts, by: &str, may_be_a_probe: bool) {
    let Some(Ok(listed)) = &mut facts.listed else { panic!() };
    for key in listed {
        key.last_use = LastUseSeen::At(LastUse { at: over().wall, by: by.to_owned(), may_be_a_probe });
    }
}

/// A use so many seconds after the window was opened; the floor of these tests is 3360.
/// It is accepted again, and the provider's record says so.
fn is_back(facts: &mut Facts) {
    see(facts, "old", Verdict::Accepted);
    on_record(facts, "old", KeyStatus::Active);
}

fn used_at(seconds: i64, may_be_a_probe: bool) -> LastUseSeen {
    let at = Timestamp::from_second(sample::opened().wall.as_second() + seconds).unwrap();
    LastUseSeen::At(LastUse { at, by: "s3".to_owned(), may_be_a_probe })
}

fn used(facts: &mut Facts, policy: &mut Policy, seen: LastUseSeen) {
    policy.capabilities.last_used = true;
    policy.usage_lag_seconds = 240;
    facts.last_uses.insert(credential("old").fingerprint, seen);
}

/// The report of a provider that has one: so many seconds after the window was opened, for a minute.
fn report(facts: &mut Facts, policy: &mut Policy, used: &[(&str, i64, u64)]) {
    policy.capabilities.usage = true;
    let at = |seconds| Timestamp::from_second(sample::opened().wall.as_second() + seconds).unwrap();
    let bucket = |&(name, seconds, tokens): &(&str, i64, u64)| UsageBucket {
        id: credential(name).provider_key_id.unwrap(),
        from: at(seconds),
        until: at(seconds + 60),
        tokens,
    };
    facts.usage = Some(Ok(used.iter().map(bucket).collect()));
}

fn lengthen(facts: &mut Facts, seconds: i64) {
    let Some(Ok(buckets)) = &mut facts.usage else { panic!() };
    for bucket in buckets {
        bucket.until = Timestamp::from_second(bucket.from.as_second() + seconds).unwrap();
    }
}

fn lease(facts: &mut Facts, held: Option<&str>, standing: LeaseStanding) {
    let seen = LeaseSeen {
        id: "1f".to_owned(),
        fingerprint: held.map(|name| credential(name).fingerprint),
        holder: "a job".to_owned(),
        standing,
    };
    facts.leases = Some(Ok(vec![seen]));
}

fn unknown() -> LeaseStanding {
    LeaseStanding::Unknown("another host".to_owned())
}

/// Beside the one that was there, a key that was made so many seconds after the intent.
fn list_made(facts: &mut Facts, seconds: i64) {
    list(facts, &["old", "third"]);
    let Some(Ok(listed)) = &mut facts.listed else { panic!() };
    listed[1].created_at = Some(sample::at(over().wall.as_second() + seconds).wall);
}

#[rustfmt::skip]
pub fn cases() -> Vec<Case> {
    let forward = || promoted(Direction::Forward, &Propagation::Pending);
    let back = || promoted(Direction::Back, &Propagation::Pending);
    let ended = || sample::with_dead("old", grace());
    let leaked = || sample::with_emergency(&["old"], false, staged());
    let begun = || with_intent(revoke("old"), grace());
    // An hour after the window was opened.
    let controlled = || KeyState { first_used_at: Some(over().wall), ..grace() };
    let probed = || KeyState { retiring_probed_at: Some(over().wall), ..controlled() };
    let making = || with_intent(sample::mint(), idle());
    let sweeping = || with_intent(sample::sweep("third"), idle());
    let storing_made = || with_intent(made("third"), idle());
    vec![
        case(idle(), "stage new", "rejected", |f, _| see(f, "new", Verdict::Rejected), "-Rejected"),
        case(idle(), "stage new", "no verdict", |f, _| see(f, "new", Verdict::Unknown), "-Unreachable"),
        case(idle(), "stage new", "not listed", |f, _| identify(f, "new", Identity::NotFound), "-IdNotFound"),
        case(idle(), "stage new", "two fit", |f, _| identify(f, "new", Identity::Ambiguous(vec![])), "-IdAmbiguous"),
        case(idle(), "stage new", "admin silent", |f, _| identify(f, "new", Identity::Unknown("?".into())), "-AdminUnreachable"),
        case(idle(), "stage new", "no admin key", |f, _| nobody_to_ask(f), "store_staged"),
        case(idle(), "stage new", "right workspace", |f, p| in_workspace(f, p, Some("mine")), "store_staged"),
        case(idle(), "stage new", "wrong workspace", |f, p| in_workspace(f, p, Some("theirs")), "-WrongWorkspace"),
        case(idle(), "stage new", "default workspace", |f, p| in_workspace(f, p, None), "-WrongWorkspace"),
        case(idle(), "stage new", "workspace unknown", |f, p| { in_workspace(f, p, None); nobody_to_ask(f); }, "-WorkspaceUnknown"),
        case(idle(), "mint", "nobody lists", |f, _| f.listed = Some(Err("?".into())), "-AdminUnreachable"),
        case(idle(), "mint", "not listed yet", |f, _| f.listed = None, "ask ListKeys"),
        case(idle(), "mint", "no room", |f, _| list(f, &["old", "third"]), "-NoRoom"),
        case(idle(), "mint", "cannot mint", |_, p| p.capabilities.mint = false, "-CannotMint"),
        case(idle(), "mint", "refused", |f, _| f.minting.refused = Some("?".into()), "-ProviderRefused"),
        case(making(), "mint", "made now", |f, _| f.minted = Some(credential("third")), "store_staged"),
        case(interrupted_making(), "mint", "made now, for an earlier rotation", |f, _| f.minted = Some(credential("third")), "store_staged"),
        case(undone_until(0), "mint", "the revoked one may still be brought back", |f, _| list(f, &["old", "new"]), "-NoRoom"),
        case(undone_until(-1), "mint", "the revoked one makes room", |f, _| list(f, &["old", "new"]), "delete"),
        case(undone_until(-1), "mint", "the revoked one is gone already", |f, _| list(f, &["third", "new"]), "-NoRoom"),
        case(making_for(30), "mint", "begun half a minute ago", |f, _| f.listed = Some(Ok(vec![])), "mint"),
        case(making_for(31), "mint", "begun longer ago", |f, _| f.listed = Some(Ok(vec![])), "+dropped"),
        case(by_providers_clock(making_for(9000), 30), "mint", "begun half a minute ago, by the provider's clock", |f, _| f.listed = Some(Ok(vec![])), "mint"),
        case(by_providers_clock(making_for(0), 31), "mint", "begun longer ago, by the provider's clock", |f, _| f.listed = Some(Ok(vec![])), "+dropped"),
        case(making(), "mint", "a key from a minute before", |f, _| list_made(f, -60), "sweep"),
        case(making(), "mint", "a key from longer before", |f, _| list_made(f, -61), "-StrangeKey"),
        case(making(), "mint", "a key from two minutes after", |f, _| list_made(f, 120), "sweep"),
        case(making(), "mint", "a key from longer after", |f, _| list_made(f, 121), "-StrangeKey"),
        case(left_over(), "mint", "something is left over", |_, _| {}, "+intended"),
        case(making(), "mint", "refused at once", |f, _| f.minting.refused = Some("?".into()), "+dropped"),
        case(making(), "mint", "refused, perhaps made before", |f, _| { f.minting.refused = Some("?".into()); f.minting.is_resumed = true; }, "-ProviderRefused"),
        case(making(), "mint", "never answered", |f, _| f.minting.unknown = UnknownCalls { count: 3, detail: "?".into() }, "-AdminUnreachable"),
        case(making(), "mint", "an orphan", |f, _| list(f, &["old", "third"]), "sweep"),
        case(making(), "mint", "an orphan that was used", |f, _| { list(f, &["old", "third"]); last_use(f, "s3", false); }, "-StrangeKey"),
        case(making(), "stage new", "an orphan that was used", |f, _| { list(f, &["old", "third"]); last_use(f, "s3", false); }, "-StrangeKey"),
        case(making(), "mint", "an orphan that was probed", |f, _| { list(f, &["old", "third"]); last_use(f, "sts", true); }, "sweep"),
        case(storing_made(), "stage third", "the same key", |_, _| {}, "store_staged"),
        case(storing_made(), "stage new", "another one, and nobody would have the key", |_, _| {}, ">abort"),
        case(with_intent(sample::store("third"), idle()), "stage new", "another one", |_, _| {}, "store_staged"),
        case(with_intent(sample::erase("new"), idle()), "promote", "nothing is staged", |_, _| {}, "-phase"),
        case(with_intent(sample::erase("new"), staged()), "promote", "its value may be gone", |_, _| {}, ">abort"),
        case(sweeping(), "mint", "refused", |f, _| f.sweeping.refused = Some("?".into()), "-ProviderRefused"),
        case(sweeping(), "abort", "never answered", |f, _| f.sweeping.unknown = UnknownCalls { count: 3, detail: "?".into() }, "-AdminUnreachable"),
        case(grace(), "finish", "last use not asked", |f, p| { p.capabilities.last_used = true; f.last_uses.clear(); }, "ask LastUse"),
        case(controlled(), "finish", "never used", |f, p| used(f, p, LastUseSeen::Never), "+probe_announced"),
        case(controlled(), "finish", "last use unknown", |f, p| used(f, p, LastUseSeen::Unknown("?".into())), "-EvidenceMissing"),
        case(controlled(), "finish", "used by a job that had it", |f, p| used(f, p, used_at(3360, false)), "+probe_announced"),
        case(controlled(), "finish", "used after every job", |f, p| used(f, p, used_at(3361, false)), "-EvidenceMissing"),
        case(controlled(), "finish", "perhaps our own probe", |f, p| used(f, p, used_at(3361, true)), "-EvidenceMissing"),
        case(probed(), "finish", "our own probe hides others", |f, p| used(f, p, used_at(3590, true)), "-EvidenceMissing"),
        case(probed(), "finish", "our own probe hides others no more", |f, p| { used(f, p, used_at(3590, true)); p.usage_lag_seconds = 0; p.usage_quiet_seconds = 10; }, "+probe_announced"),
        case(probed(), "finish", "somebody else's use since", |f, p| used(f, p, used_at(3660, false)), "-EvidenceMissing"),
        case(probed(), "finish", "a ping after that", |f, p| used(f, p, used_at(3661, true)), "-EvidenceMissing"),
        case(probed(), "finish", "announced in this run", |f, p| { used(f, p, used_at(3660, true)); f.has_announced = true; }, "revoke"),
        case(grace(), "finish", "last use of the new one not asked", |f, p| used(f, p, LastUseSeen::Never), "ask LastUse"),
        case(grace(), "finish", "nobody uses the new one", |f, p| { used(f, p, LastUseSeen::Never); f.last_uses.insert(credential("new").fingerprint, LastUseSeen::Never); }, "-EvidenceMissing"),
        case(grace(), "finish", "the new one was only pinged", |f, p| { used(f, p, LastUseSeen::Never); f.last_uses.insert(credential("new").fingerprint, used_at(60, true)); }, "-EvidenceMissing"),
        case(grace(), "finish", "the new one was used before the promotion", |f, p| { used(f, p, LastUseSeen::Never); f.last_uses.insert(credential("new").fingerprint, used_at(-60, false)); }, "-EvidenceMissing"),
        case(grace(), "finish", "the new one is used", |f, p| { used(f, p, LastUseSeen::Never); f.last_uses.insert(credential("new").fingerprint, used_at(60, false)); }, "+first_use_seen"),
        case(grace(), "finish", "report not asked", |_, p| p.capabilities.usage = true, "ask Usage"),
        case(nameless("old"), "finish", "old one's id unknown", |f, p| { p.capabilities.usage = true; f.identities.clear(); }, "ask Identify"),
        case(nameless("new"), "finish", "new one's id unknown", |f, p| { p.capabilities.usage = true; f.identities.clear(); }, "ask Identify"),
        case(nameless("new"), "finish", "new one's id proven", |_, p| p.capabilities.usage = true, "ask Usage"),
        case(nameless("new"), "finish", "nobody tells the new one's id", |f, p| { p.capabilities.usage = true; identify(f, "new", Identity::Unavailable); }, "ask Usage"),
        case(grace(), "finish", "no report to be had", |f, p| { p.capabilities.usage = true; f.usage = Some(Err("403".into())); }, "-EvidenceMissing"),
        case(grace(), "finish", "report silent on both", |f, p| report(f, p, &[]), "-EvidenceMissing"),
        case(grace(), "finish", "report tells of the new one", |f, p| report(f, p, &[("new", 60, 1)]), "revoke"),
        case(grace(), "finish", "report tells of the new one before the promotion", |f, p| report(f, p, &[("new", -60, 1)]), "-EvidenceMissing"),
        case(grace(), "finish", "report tells of our own probes", |f, p| { report(f, p, &[("new", 60, 40)]); p.capabilities.probe_tokens = 40; }, "-EvidenceMissing"),
        case(grace(), "finish", "report tells of others", |f, p| report(f, p, &[("third", 60, 1)]), "-EvidenceMissing"),
        case(controlled(), "finish", "report quiet", |f, p| report(f, p, &[]), "revoke"),
        case(controlled(), "finish", "old one used before the span", |f, p| report(f, p, &[("old", 2340, 1)]), "revoke"),
        case(controlled(), "finish", "old one used in the span", |f, p| report(f, p, &[("old", 2341, 1)]), "-EvidenceMissing"),
        case(controlled(), "finish", "old one used just now", |f, p| report(f, p, &[("old", 3540, 1)]), "-EvidenceMissing"),
        case(controlled(), "finish", "report lags beyond the window", |f, p| { report(f, p, &[]); p.usage_lag_seconds = 3301; }, "-EvidenceMissing"),
        case(grace(), "finish", "clock not started", |f, p| { report(f, p, &[]); p.grace.from = GraceFrom::FirstUse; }, "wait"),
        case(grace(), "finish", "clock starts", |f, p| { report(f, p, &[("new", 60, 1)]); p.grace.from = GraceFrom::FirstUse; }, "+first_use_seen"),
        case(grace(), "finish", "an hour in which the promotion falls", |f, p| { report(f, p, &[("new", -600, 1)]); lengthen(f, 3600); }, "-EvidenceMissing"),
        case(grace(), "finish", "an hour after the promotion", |f, p| { report(f, p, &[("new", 0, 1)]); lengthen(f, 3600); }, "revoke"),
        case(grace(), "finish", "leases not looked at", |f, _| f.leases = None, "ask Leases"),
        case(grace(), "finish", "leases unreadable", |f, _| f.leases = Some(Err("?".into())), "-EvidenceMissing"),
        case(grace(), "finish", "old one leased", |f, _| lease(f, Some("old"), LeaseStanding::Held), "-EvidenceMissing"),
        case(grace(), "finish", "old one perhaps leased", |f, _| lease(f, Some("old"), unknown()), "-EvidenceMissing"),
        case(grace(), "finish", "a lease of who knows what", |f, _| lease(f, None, unknown()), "-EvidenceMissing"),
        case(grace(), "finish", "new one leased", |f, _| lease(f, Some("new"), LeaseStanding::Held), "revoke"),
        case(grace(), "finish", "new one perhaps leased", |f, _| lease(f, Some("new"), unknown()), "revoke"),
        case(grace(), "finish", "a longer job was seen", |f, _| f.longest_run_seconds = 9000, "+longer_job_seen"),
        case(begun(), "finish", "a longer job was seen too late", |f, _| f.longest_run_seconds = 9000, "revoke"),
        case(staged(), "promote", "a longer job was seen", |f, _| f.longest_run_seconds = 9000, "+longer_job_seen"),
        case(staged(), "promote", "rejected", |f, _| see(f, "new", Verdict::Rejected), "-Rejected"),
        case(staged(), "promote", "no verdict", |f, _| see(f, "new", Verdict::Unknown), "-Unreachable"),
        case(staged(), "promote", "target broken", |f, _| { f.broken_targets = Some(BTreeMap::from([(TargetId("app".into()), "?".into())])); }, "-TargetsBroken"),
        case(forward(), "promote", "active died", |f, _| see(f, "new", Verdict::Rejected), "-Rejected"),
        case(forward(), "promote", "active unknown", |f, _| see(f, "new", Verdict::Unknown), "-Unreachable"),
        case(forward(), "promote", "target failed", |f, _| { f.failed_targets.insert(TargetId("app".into()), "?".into()); }, "-TargetsFailed"),
        case(grace(), "promote", "target drifted", |f, _| reads(f, ReadBack::Absent), "+drifted"),
        case(forward(), "abort", "old one rejected", |f, _| see(f, "old", Verdict::Rejected), "-Rejected"),
        case(forward(), "abort", "old one unknown", |f, _| see(f, "old", Verdict::Unknown), "-Unreachable"),
        case(forward(), "abort", "record not asked", |f, _| f.key_statuses.clear(), "ask KeyStatus"),
        case(forward(), "abort", "there is no record", |f, p| { f.key_statuses.clear(); p.capabilities.revoke = false; }, "+switched"),
        case(forward(), "abort", "the record cannot be had", |f, _| { f.key_statuses.clear(); f.unknown_calls.insert(credential("old").fingerprint, UnknownCalls { count: 1, detail: "?".into() }); }, "+switched"),
        case(forward(), "abort", "disabled, and the provider lags", |f, _| on_record(f, "old", KeyStatus::Inactive), "-Rejected"),
        case(forward(), "abort", "gone, and the provider lags", |f, _| { f.key_statuses.insert(credential("old").fingerprint, None); }, "-Rejected"),
        case(with_intent(sample::erase("third"), staged()), "abort", "another value may lie there", |_, _| {}, "erase"),
        case(ended_as(Ending::Aborted), "abort", "aborted before", |_, _| {}, "done"),
        case(ended_as(Ending::Finished), "abort", "finished before", |_, _| {}, "-phase"),
        case(idle(), "abort", "an emergency was called off", |f, _| f.emergency_ended = true, "done"),
        case(idle(), "abort", "a stage was called off", |f, _| f.has_dropped = true, "done"),
        case(idle(), "abort", "a key was swept", |f, _| { f.swept.insert(ProviderKeyId("id-third".into())); }, "done"),
        case(undone_until(0), "abort", "can be undone", |_, _| {}, "-phase"),
        case(undone_until(-1), "abort", "can be undone no more", |_, _| {}, "-phase"),
        case(back(), "abort", "old one died", |f, _| see(f, "old", Verdict::Rejected), "-Rejected"),
        case(grace(), "finish", "active rejected", |f, _| see(f, "new", Verdict::Rejected), "-ActiveRejected"),
        case(grace(), "finish", "active unknown", |f, _| see(f, "new", Verdict::Unknown), "-EvidenceMissing"),
        case(grace(), "finish", "target unread", |f, _| reads(f, ReadBack::Unknown("?".into())), "-EvidenceMissing"),
        case(grace(), "finish", "target holds old", |f, _| reads(f, ReadBack::Holds(credential("old").fingerprint)), "-EvidenceMissing"),
        case(grace(), "finish", "required, not available", |_, p| { p.required_evidence.insert(Item::Usage); }, "-EvidenceMissing"),
        case(grace(), "finish", "old unknown", |f, _| see(f, "old", Verdict::Unknown), "-Unreachable"),
        case(grace(), "finish", "old dead already", |f, _| { see(f, "old", Verdict::Rejected); f.key_statuses.insert(credential("old").fingerprint, Some(KeyStatus::Inactive)); }, "+revoked"),
        case(grace(), "finish", "old refused, active on record", |f, _| see(f, "old", Verdict::Rejected), "-Unreachable"),
        case(grace(), "finish", "not listed", |f, _| identify(f, "old", Identity::NotFound), "-IdNotFound"),
        case(grace(), "finish", "two fit", |f, _| identify(f, "old", Identity::Ambiguous(vec![])), "-IdAmbiguous"),
        case(grace(), "finish", "admin silent", |f, _| identify(f, "old", Identity::Unknown("?".into())), "-AdminUnreachable"),
        case(grace(), "finish", "another id now", |f, _| another_id(f, "old"), "-IdChanged"),
        case(grace(), "finish", "the active one's id", |f, _| has_id_of(f, "new", "old"), "-IdAmbiguous"),
        case(grace(), "finish", "active's id untold", |f, _| identify(f, "new", Identity::Unknown("?".into())), "-AdminUnreachable"),
        case(grace(), "finish", "no admin key", |f, _| nobody_to_ask(f), "ask AwaitPerson"),
        case(grace(), "finish", "cannot revoke", |_, p| p.capabilities.revoke = false, "ask AwaitPerson"),
        case(grace(), "finish", "person did not", |f, p| { p.capabilities.revoke = false; f.waited_for.insert(credential("old").fingerprint); }, "-PersonMustRevoke"),
        case(grace(), "finish", "provider refused", |f, _| { f.refused.insert(credential("old").fingerprint, "?".into()); }, "-ProviderRefused"),
        case(grace(), "finish", "ended, and the provider lags", |f, _| listed_as(f, "old", KeyStatus::Inactive), "ask AwaitRejection"),
        case(grace(), "finish", "ended, and accepted for long", |f, _| { listed_as(f, "old", KeyStatus::Inactive); f.waited_for.insert(credential("old").fingerprint); }, "-StillAccepted"),
        case(ended(), "finish", "by order, refused", |f, _| { see(f, "old", Verdict::Rejected); on_record(f, "old", KeyStatus::Active); }, "+revoked"),
        case(ended(), "finish", "by order, brought back", |f, _| { revived(f, "old"); on_record(f, "old", KeyStatus::Active); }, "revoke"),
        case(ended(), "finish", "by order, and the provider lags", |f, _| revived(f, "old"), "+revoked"),
        case(ended(), "finish", "by order, no verdict", |f, _| see(f, "old", Verdict::Unknown), "-Unreachable"),
        case(ended(), "finish", "by order, value gone", |f, _| { is_gone(f, "old"); on_record(f, "old", KeyStatus::Inactive); }, "+revoked"),
        case(ended(), "finish", "by order, value gone, no record", |f, p| { is_gone(f, "old"); p.capabilities.revoke = false; }, "+revoked"),
        case(ended(), "finish", "by order, accepted, no record", |f, p| { revived(f, "old"); p.capabilities.revoke = false; }, "ask AwaitPerson"),
        case(begun(), "finish", "active died meanwhile", |f, _| see(f, "new", Verdict::Rejected), "reactivate"),
        case(begun(), "finish", "active unknown", |f, _| see(f, "new", Verdict::Unknown), "-Unreachable"),
        case(begun(), "finish", "confirmed, still accepted", |f, _| { f.confirmed_calls.insert(credential("old").fingerprint); }, "reactivate"),
        case(begun(), "finish", "confirmed, no verdict", |f, _| { f.confirmed_calls.insert(credential("old").fingerprint); see(f, "old", Verdict::Unknown); }, "-Unreachable"),
        case(begun(), "finish", "definitely refused", |f, _| { f.refused.insert(credential("old").fingerprint, "?".into()); }, "+dropped"),
        case(begun(), "finish", "never told", |f, _| { f.key_statuses.clear(); f.unknown_calls.insert(credential("old").fingerprint, UnknownCalls { count: 3, detail: "?".into() }); }, "-AdminUnreachable"),
        case(begun(), "finish", "dead, and active dead", |f, _| { f.confirmed_calls.insert(credential("old").fingerprint); see(f, "old", Verdict::Rejected); see(f, "new", Verdict::Rejected); }, "reactivate"),
        case(revoked(), "undo", "cannot reactivate", |_, p| p.capabilities.reactivate = false, "-CannotReactivate"),
        case(revoked(), "undo", "no verdict", |f, _| see(f, "old", Verdict::Unknown), "-Unreachable"),
        case(revoked(), "undo", "accepted already", |f, _| { see(f, "old", Verdict::Accepted); f.key_statuses.insert(credential("old").fingerprint, Some(KeyStatus::Active)); }, "+undone"),
        case(revoked(), "undo", "accepted still", |f, _| see(f, "old", Verdict::Accepted), "reactivate"),
        case(revoked(), "undo", "refused at last", |f, _| { f.refused.insert(credential("old").fingerprint, "?".into()); f.unknown_calls.insert(credential("old").fingerprint, UnknownCalls { count: 1, detail: "?".into() }); }, "-AdminUnreachable"),
        case(left_over(), "stage third", "it is being deleted", |_, _| {}, "-BeingDeleted"),
        case(left_over(), "stage new", "another one is being deleted", |_, _| {}, "store_staged"),
        case(interrupted_storing(), "stage new", "the same one, for an earlier rotation", |_, _| {}, "store_staged"),
        case(interrupted_storing(), "stage third", "another one", |_, _| {}, "store_staged"),
        case(undone_until(0), "undo", "to the last second", |_, _| {}, "reactivate"),
        case(undone_until(-1), "undo", "too late", |_, _| {}, "-UndoExpired"),
        case(revoked(), "undo", "confirmed, and refused all the same", |f, _| { f.confirmed_calls.insert(credential("old").fingerprint); }, "-Rejected"),
        case(revoked(), "undo", "back, and the target holds the active one", |f, _| { is_back(f); reads(f, ReadBack::Holds(credential("new").fingerprint)); }, "+undone"),
        case(revoked(), "undo", "back, and the target holds another one", |f, _| { is_back(f); reads(f, ReadBack::Holds(credential("old").fingerprint)); }, "+undone"),
        case(revoked(), "undo", "back, and the target gives nothing back", |f, _| { is_back(f); reads(f, ReadBack::NotReadable); }, "+undone"),
        case(left_behind(revoked()), "undo", "back, and the target was left behind", |f, _| { is_back(f); reads(f, ReadBack::NotReadable); }, "+undone"),
        case(revoked(), "purge", "refused at last", |f, _| { f.refused.insert(credential("old").fingerprint, "?".into()); f.unknown_calls.insert(credential("old").fingerprint, UnknownCalls { count: 1, detail: "?".into() }); }, "-AdminUnreachable"),
        case(revoked(), "undo", "definitely refused", |f, _| { f.refused.insert(credential("old").fingerprint, "?".into()); }, "-ProviderRefused"),
        case(revoked(), "purge", "cannot delete", |_, p| p.capabilities.delete = false, "-CannotDelete"),
        case(revoked(), "purge", "brought back by hand", |f, _| { f.key_statuses.insert(credential("old").fingerprint, Some(KeyStatus::Active)); }, "-StillAccepted"),
        case(revoked(), "purge", "gone already", |f, _| { f.key_statuses.insert(credential("old").fingerprint, None); }, "+purged"),
        case(grace(), "promote", "target does not answer", |_, _| {}, "done"),
        case(grace(), "promote", "target that was written does not answer", |f, _| reads(f, ReadBack::Unknown("?".into())), "-TargetsBroken"),
        case(unwritten(), "promote", "target that was not written does not answer", |f, _| reads(f, ReadBack::Unknown("?".into())), "+drifted"),
        case(left_behind(sample::outage()), "promote", "nothing serves", |_, _| {}, "-phase"),
        case(left_behind(revoked()), "promote", "a target was left behind", |_, _| {}, "write_targets"),
        case(making(), "stage third", "just that key was made", |f, _| list(f, &["old", "third"]), "store_staged"),
        case(grace(), "finish", "value gone", |f, _| { is_gone(f, "old"); on_record(f, "old", KeyStatus::Active); }, "-ValueMissing"),
        case(grace_with_one_id(), "finish", "both have one id", |_, _| {}, "-IdChanged"),
        case(leaked_forward(), "old leaked", "nobody tells of the active one", |f, _| see(f, "new", Verdict::Unknown), "revoke"),
        case(leaked_in(grace()), "old leaked", "in the window", |_, _| {}, "revoke"),
        case(leaked_in(grace()), "old leaked", "target drifted", |f, _| reads(f, ReadBack::Absent), "+drifted"),
        case(leaked_in(grace()), "old leaked", "target that was written does not answer", |f, _| reads(f, ReadBack::Unknown("?".into())), "revoke"),
        case(leaked_in(unwritten()), "old leaked", "target that was not written does not answer", |f, _| reads(f, ReadBack::Unknown("?".into())), "+drifted"),
        case(leaked_forward(), "old leaked", "no verdict", |f, _| see(f, "old", Verdict::Unknown), "-Unreachable"),
        case(leaked_forward(), "old leaked", "value gone", |f, _| { is_gone(f, "old"); on_record(f, "old", KeyStatus::Active); }, "revoke"),
        case(leaked_forward(), "old leaked", "value gone, and nothing else serves", |f, _| { is_gone(f, "old"); on_record(f, "old", KeyStatus::Active); see(f, "new", Verdict::Rejected); }, "-NeedsReplacement"),
        case(leaked_forward(), "old leaked", "value gone, and gone at the provider", |f, _| { is_gone(f, "old"); on_record(f, "old", KeyStatus::Inactive); }, "+revoked"),
        case(with_intent(revoke("old"), leaked_forward()), "old leaked", "asked for, value gone, active on record", |f, _| { f.confirmed_calls.insert(credential("old").fingerprint); is_gone(f, "old"); on_record(f, "old", KeyStatus::Active); }, "-StillAccepted"),
        case(with_intent(revoke("old"), leaked_forward()), "old leaked", "asked for, value gone, ended on record", |f, _| { f.confirmed_calls.insert(credential("old").fingerprint); is_gone(f, "old"); on_record(f, "old", KeyStatus::Inactive); }, "+revoked"),
        case(with_intent(sample::reactivate("old"), sample::with_emergency(&["new"], true, revoked())), "give up", "an undo of another one is under way", |_, _| {}, "revoke"),
        case(leaked(), "old leaked", "successor rejected", |f, _| see(f, "new", Verdict::Rejected), "-NeedsReplacement"),
        case(leaked(), "with third", "replacement rejected", |f, _| see(f, "third", Verdict::Rejected), "-Rejected"),
        case(leaked(), "with third", "replacement unknown", |f, _| see(f, "third", Verdict::Unknown), "-Unreachable"),
    ]
}

/// The first step where everything is well but what the case spoils.
pub fn step(case: &Case) -> Step {
    let Case { state, goal: name, spoil, .. } = case;
    let (mut facts, mut policy) = (ideal(state.as_ref()), policy());
    spoil(&mut facts, &mut policy);
    let now = over().with_provider(Some(over().wall));
    plan(state.as_ref(), &goal(name, state.as_ref()), &facts, &policy, &now)
}

#[test]
fn every_bad_fact_is_answered_as_it_deserves() {
    for case in cases() {
        let step = step(&case);
        let Case { state, goal: name, what, expected, .. } = case;
        let found = word(&step);
        let found = if found == "-needs other" { "-NeedsReplacement" } else { &found };
        let phase = state.as_ref().map_or("never adopted", |state| state.phase.name());
        assert_eq!(found, expected, "{phase}, {name}, {what}: {step:#?}");
    }
}

#[test]
fn adopting_asks_for_acceptance_and_a_clear_answer_but_not_for_an_id() {
    let step = |spoil: Spoil| {
        let (mut facts, mut policy) = (ideal(None), policy());
        spoil(&mut facts, &mut policy);
        word(&plan(None, &goal("adopt", None), &facts, &policy, &over()))
    };
    assert_eq!(step(|_, _| {}), "store_adopted");
    assert_eq!(step(|f, _| see(f, "old", Verdict::Rejected)), "-Rejected");
    assert_eq!(step(|f, _| see(f, "old", Verdict::Unknown)), "-Unreachable");
    assert_eq!(step(|f, _| identify(f, "old", Identity::Unknown("?".into()))), "-AdminUnreachable");
    assert_eq!(step(|f, _| identify(f, "old", Identity::NotFound)), "store_adopted");
}

#[test]
fn the_time_to_undo_ends() {
    let late = sample::at(1_772_366_400 + 90_001);
    let state = revoked();
    let step = plan(Some(&state), &Goal::Undo, &ideal(Some(&state)), &policy(), &late);
    assert_eq!(word(&step), "-UndoExpired");
    let begun = with_intent(sample::reactivate("old"), state);
    let step = plan(Some(&begun), &Goal::Undo, &ideal(Some(&begun)), &policy(), &late);
    assert_eq!(word(&step), "reactivate", "what was begun in time is brought to its end");
}

#[test]
fn a_credential_that_was_revoked_is_not_staged_again_even_where_the_provider_accepts_it() {
    let state = revoked();
    let mut facts = ideal(Some(&state));
    see(&mut facts, "old", Verdict::Accepted);
    for replace in [false, true] {
        let goal = Goal::Stage { candidate: credential("old"), rotation: sample::rotation(), replace };
        assert_eq!(word(&plan(Some(&state), &goal, &facts, &policy(), &over())), "-RevokedBefore");
    }
}

#[test]
fn a_purged_credential_stays_gone() {
    let mut state = revoked();
    if let Phase::Revoked { revoked, .. } = &mut state.phase {
        revoked.purged = true;
    }
    let step = plan(Some(&state), &Goal::Undo, &ideal(Some(&state)), &policy(), &over());
    assert_eq!(word(&step), "-Purged");
}
