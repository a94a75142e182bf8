//! What a state and a policy answer when they are asked of a credential or a key: each answer that decides whether
//! something is ended.

use rotate::rotation::credential::{Credential, ProviderKeyId};
use rotate::rotation::phase::{Direction, KeyState, Propagation};
use rotate::rotation::plan::{Facts, HeldElsewhere, Policy, Suspect, UnknownCalls, suspects};

use super::plan_table::policy;
use super::sample::{
    at, credential, delete, grace, idle, intent, opened, outage, promoted, reactivate, revoke, revoked,
    staged, sweep, window, with_dead, with_emergency, with_intent,
};

fn id(name: &str) -> ProviderKeyId {
    ProviderKeyId(format!("id-{name}"))
}

#[test]
fn only_a_key_that_no_consumer_ever_got_may_be_swept() {
    assert!(idle().may_be_swept(&id("third")), "nobody knows it");
    assert!(!idle().may_be_swept(&id("old")), "it is active");
    assert!(!staged().may_be_swept(&id("new")), "it is staged");
    assert!(!grace().may_be_swept(&id("old")), "it is retiring");
    let mut aside = idle();
    aside.set_aside.push(credential("third"));
    assert!(!aside.may_be_swept(&id("third")), "it has served");
    aside.set_aside = vec![Credential { never_served: true, ..credential("third") }];
    assert!(aside.may_be_swept(&id("third")), "it never has");
    aside.set_aside.push(credential("third"));
    assert!(!aside.may_be_swept(&id("third")), "one of the two has");
    // A key that is active stays out of reach, whatever else goes by its id.
    aside.set_aside = vec![Credential { never_served: true, ..credential("old") }];
    assert!(!aside.may_be_swept(&id("old")));
}

#[test]
fn what_is_left_over_is_swept_but_for_keys_that_were_put_to_use() {
    let mut state = staged();
    state.left_over = Some(intent(sweep("third")));
    assert_eq!(state.left_to_do(), Some(intent(sweep("third"))));
    state.left_over = Some(intent(sweep("new")));
    let left = state.left_to_do().unwrap();
    let rotate::rotation::effect::Effect::Sweep { ids } = left.effect else { panic!("{left:?}") };
    assert!(ids.is_empty());
}

#[test]
fn a_deletion_that_may_be_on_its_way_is_remembered_until_it_is_over() {
    assert!(!idle().has_begun_to_delete(&id("third")));
    assert!(with_intent(sweep("third"), idle()).has_begun_to_delete(&id("third")));
    assert!(!with_intent(sweep("third"), idle()).has_begun_to_delete(&id("new")));
    let mut state = idle();
    state.left_over = Some(intent(sweep("third")));
    assert!(state.has_begun_to_delete(&id("third")));
}

#[test]
fn what_is_being_revoked_or_brought_back_is_in_doubt() {
    assert_eq!(grace().in_doubt(), None);
    let old = Some(credential("old").fingerprint);
    assert_eq!(with_intent(revoke("old"), grace()).in_doubt(), old);
    assert_eq!(with_intent(reactivate("old"), grace()).in_doubt(), old);
    assert_eq!(with_intent(reactivate("old"), revoked()).in_doubt(), None, "an undo is another matter");
    assert_eq!(with_intent(delete("old"), revoked()).in_doubt(), None);
}

#[test]
fn both_credentials_are_valid_only_while_nothing_speaks_against_either() {
    assert!(grace().both_valid());
    assert!(promoted(Direction::Forward, &Propagation::Pending).both_valid());
    assert!(!idle().both_valid());
    assert!(!staged().both_valid(), "nobody uses the staged one");
    assert!(!with_intent(revoke("old"), grace()).both_valid());
    assert!(!with_emergency(&["old"], false, grace()).both_valid());
    assert!(with_emergency(&["third"], false, grace()).both_valid());
    assert!(!with_dead("old", grace()).both_valid());
}

#[test]
fn nothing_needs_to_be_accepted_only_where_somebody_said_so() {
    assert!(!grace().active_may_be_dead());
    assert!(outage().active_may_be_dead());
    assert!(with_emergency(&["new"], false, grace()).active_may_be_dead());
    assert!(!with_emergency(&["old"], false, grace()).active_may_be_dead());
    assert!(with_emergency(&["old"], true, grace()).active_may_be_dead());
}

#[test]
fn a_credential_is_known_wherever_it_is_remembered() {
    let mut state = grace();
    state.set_aside.push(credential("third"));
    for name in ["old", "new", "third"] {
        assert!(state.knows(&id(name)), "{name}");
        assert_eq!(state.credential(credential(name).fingerprint), Some(&credential(name)));
    }
    assert!(!state.knows(&id("fourth")));
    assert_eq!(state.credential(credential("fourth").fingerprint), None);
}

#[test]
fn the_new_one_is_the_one_that_was_set_aside_where_nothing_is_under_way() {
    let of = |state: &KeyState, suspect| suspects(state, suspect);
    let named = |names: &[&str]| names.iter().map(|name| credential(name).fingerprint).collect();
    let with_aside = |mut state: KeyState| {
        state.set_aside.push(credential("third"));
        state
    };
    assert_eq!(of(&idle(), Suspect::New), named(&["old"]));
    assert_eq!(of(&with_aside(idle()), Suspect::New), named(&["third"]));
    assert_eq!(of(&with_aside(idle()), Suspect::Old), named(&["old"]));
    assert_eq!(of(&with_aside(staged()), Suspect::New), named(&["new"]));
    assert_eq!(of(&with_aside(staged()), Suspect::All), named(&["old", "new"]));
    assert_eq!(of(&grace(), Suspect::Old), named(&["old"]));
    let back = promoted(Direction::Back, &Propagation::Pending);
    assert_eq!((of(&back, Suspect::Old), of(&back, Suspect::New)), (named(&["old"]), named(&["new"])));
}

#[test]
fn what_a_probe_said_is_told() {
    let fingerprint = credential("old").fingerprint;
    let mut facts = Facts::default();
    assert_eq!(facts.probe_detail(fingerprint), "not probed yet");
    facts.probe_details.insert(fingerprint, "503 from the provider".to_owned());
    assert_eq!(facts.probe_detail(fingerprint), "503 from the provider");
    assert_eq!(facts.probe_detail(credential("new").fingerprint), "not probed yet");
}

#[test]
fn calls_without_an_outcome_are_counted() {
    let mut unknown = UnknownCalls::default();
    unknown.add("no answer".to_owned());
    unknown.add("503".to_owned());
    assert_eq!(unknown, UnknownCalls { count: 2, detail: "503".to_owned() });
}

#[test]
fn a_credential_is_held_by_another_key_until_its_consumers_there_have_left() {
    let held = |leaving| HeldElsewhere {
        fingerprint: credential("old").fingerprint,
        key: "other".to_owned(),
        leaving,
    };
    let mut policy = policy();
    let holder = |policy: &Policy, name: &str, second| {
        policy.holder(credential(name).fingerprint, &at(second)).map(str::to_owned)
    };
    let start = opened().wall.as_second();
    assert_eq!(holder(&policy, "old", start), None);
    policy.held_elsewhere = vec![held(None)];
    assert_eq!(holder(&policy, "old", start), Some("other".to_owned()));
    assert_eq!(holder(&policy, "new", start), None);
    policy.held_elsewhere = vec![held(Some(window()))];
    assert_eq!(holder(&policy, "old", start + 3599), Some("other".to_owned()));
    assert_eq!(holder(&policy, "old", start + 3600), None);
}
