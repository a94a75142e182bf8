//! Where a key stands, as `status` tells it: every phase and variant, whole.

use rotate::rotation::credential::SlotName;
use rotate::rotation::phase::{EndedRotation, Ending, KeyState, Phase, Propagation};
use rotate::workflow::overview::{Overview, serving};

use super::sample::{
    GRACE, at, credential, emergency, grace, idle, opened, over, record, revoked, rotation, staged, states,
    store, with_intent,
};

/// Beside the examples: what is told of the other slot, of targets, of credentials that were put aside.
fn more() -> Vec<(&'static str, KeyState)> {
    let mut failed = grace();
    if let Phase::GraceWindow { propagation, .. } = &mut failed.phase {
        propagation.values_mut().for_each(|at| *at = Propagation::Failed { reason: "disk full".to_owned() });
    }
    let mut swapped = grace();
    swapped.active_slot = SlotName::Secondary;
    swapped.set_aside.push(credential("third"));
    let mut left_behind = grace();
    left_behind
        .stale_targets
        .insert(rotate::rotation::credential::TargetId("cron".to_owned()), "it is down".to_owned());
    let mut left_at_rest = idle();
    left_at_rest.stale_targets.clone_from(&left_behind.stale_targets);
    let mut replacing = with_intent(store("third"), staged());
    if let Some(intent) = &mut replacing.intent {
        intent.command = "stage".to_owned();
    }
    let mut quoted = grace();
    quoted.emergency = Some(emergency(&["old"], false));
    if let Some(emergency) = &mut quoted.emergency {
        emergency.reason = "somebody's laptop".to_owned();
    }
    let ended = |ended| {
        let mut state = revoked();
        state.last_rotation = Some(EndedRotation { rotation: rotation(), ended });
        state
    };
    let mut grown = grace();
    grown.longest_job_seen_seconds = 7200;
    let mut expiring = grace();
    if let Phase::GraceWindow { active, .. } = &mut expiring.phase {
        active.expires_at = Some(at(1_772_366_400 + 86_400).wall);
    }
    vec![
        ("a target failed", failed),
        ("in the other slot, with one set aside", swapped),
        ("a target was left behind", left_behind),
        ("at rest, a target was left behind", left_at_rest),
        ("a staged one is being replaced", replacing),
        ("a reason with a quote", quoted),
        ("an active one that expires", expiring),
        ("a longer job was seen", grown),
        ("revoked in an emergency", ended(Ending::Emergency)),
        ("revoked by finish", ended(Ending::Finished)),
    ]
}

#[test]
fn every_standing_is_told_as_the_file_beside_this_one_says() {
    let known = states().into_iter().filter_map(|(name, state)| Some((name, state?)));
    let mut text = String::new();
    for (name, state) in known.chain(more()) {
        let record = record("prod", state);
        for (when, now) in [("in the window", opened()), ("over", over())] {
            let overview = Overview::of(&record, 90 * 86_400, &GRACE, &now);
            text.push_str(&format!("{name}, {when}: {}\n", serde_json::to_string(&overview).unwrap()));
        }
        text.push_str(&format!("  {}\n", serving(&record)));
    }
    let never = Overview::never_adopted("prod", "anthropic");
    let unreadable = Overview::unreadable("prod", "anthropic", "it is cut".to_owned());
    for (name, overview) in [("never adopted", never), ("unreadable", unreadable)] {
        text.push_str(&format!("{name}: {}\n", serde_json::to_string(&overview).unwrap()));
    }
    assert!(text == include_str!("overview.txt"), "the text is now:\n{text}\n  left: that\n");
}
