//! Histories that once went wrong, each told by itself.

use rotate::rotation::phase::{Direction, Phase};
use rotate::rotation::plan::{Refusal, Suspect, Wanted};

use super::story::{Command, Dice, End, Story};
use super::world::{KeyIs, fingerprint, number};

fn adopted() -> Story {
    let mut story = Story::new(&[true], true, true);
    assert_eq!(story.run(&Command::Adopt(0), &mut Dice::default()), End::Done);
    story
}

fn well(story: &mut Story, command: Command) {
    assert_eq!(story.run(&command, &mut Dice::default()), End::Done, "{command:?}");
}

/// Runs a command that dies at its `step`-th crash point.
fn dies(story: &mut Story, command: Command, step: usize) {
    let mut dice = Dice { throws: Vec::new(), crash_after: Some(step) };
    assert_eq!(story.run(&command, &mut dice), End::Crashed, "{command:?}");
}

fn promoted() -> Story {
    let mut story = adopted();
    well(&mut story, Command::Stage { credential: 1, replace: false });
    well(&mut story, Command::Promote);
    story
}

fn disable(story: &mut Story, credential: usize, is: KeyIs) {
    story.world.keys[credential].is = is;
    story.world.keys[credential].disabled_by_person = true;
}

fn leaked(suspect: Suspect, replacement: Option<usize>, accept_outage: bool) -> Command {
    Command::RevokeNow { suspect, replacement, accept_outage }
}

fn active(story: &Story) -> usize {
    number(story.state.as_ref().unwrap().active().fingerprint)
}

#[test]
fn a_leak_in_the_middle_of_an_abort_goes_forward_again() {
    let mut story = promoted();
    dies(&mut story, Command::Abort, 1);
    assert!(matches!(
        story.state.as_ref().unwrap().phase,
        Phase::Promoted { direction: Direction::Back, .. }
    ));
    well(&mut story, leaked(Suspect::Old, None, false));
    assert_eq!(active(&story), 1);
    assert!(!story.world.accepts(0));
}

#[test]
fn a_replacement_finds_room_beside_a_neighbour_that_is_dead() {
    let mut story = promoted();
    disable(&mut story, 0, KeyIs::Inactive);
    well(&mut story, leaked(Suspect::New, Some(2), false));
    assert_eq!(active(&story), 2);
    assert!(!story.world.accepts(1));
}

#[test]
fn an_accepted_outage_can_be_recorded_in_every_phase() {
    let mut story = promoted();
    disable(&mut story, 0, KeyIs::Inactive);
    well(&mut story, leaked(Suspect::New, None, true));
    assert!(story.state.as_ref().unwrap().outage);
    let mut story = adopted();
    well(&mut story, Command::Stage { credential: 1, replace: false });
    disable(&mut story, 1, KeyIs::Inactive);
    well(&mut story, leaked(Suspect::Old, None, true));
    assert!(story.state.as_ref().unwrap().outage);
}

#[test]
fn a_replacement_ends_an_outage() {
    let mut story = adopted();
    well(&mut story, leaked(Suspect::Old, None, true));
    well(&mut story, leaked(Suspect::Old, Some(1), false));
    let state = story.state.as_ref().unwrap();
    assert!(!state.outage && matches!(state.phase, Phase::Revoked { .. }), "{state:#?}");
    assert_eq!(active(&story), 1);
}

#[test]
fn a_suspect_is_no_replacement_for_itself() {
    let mut story = promoted();
    disable(&mut story, 1, KeyIs::Inactive);
    let end = story.run(&leaked(Suspect::Old, Some(0), false), &mut Dice::default());
    assert_eq!(end, End::Refused(Refusal::NeedsReplacement { suspect: fingerprint(0) }));
    assert!(story.world.accepts(0), "the last one that works was revoked");
}

#[test]
fn the_last_one_that_works_is_not_revoked_in_an_emergency_without_consent() {
    let mut story = promoted();
    disable(&mut story, 1, KeyIs::Inactive);
    let end = story.run(&leaked(Suspect::Old, None, false), &mut Dice::default());
    assert_eq!(end, End::Refused(Refusal::NeedsReplacement { suspect: fingerprint(0) }));
    assert!(story.world.accepts(0));
    well(&mut story, leaked(Suspect::Old, Some(2), false));
    assert_eq!(active(&story), 2);
}

#[test]
fn a_revocation_that_is_resumed_looks_at_the_active_one_first() {
    let mut story = promoted();
    story.world.pass(3600);
    // The journal has the intent; the provider never heard of it.
    dies(&mut story, Command::Finish { accept_targets: false }, 2);
    assert!(story.state.as_ref().unwrap().pending_revocation().is_some());
    disable(&mut story, 1, KeyIs::Inactive);
    let end = story.run(&Command::Finish { accept_targets: false }, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::TakenBack { .. })), "{end:?}");
    assert!(story.world.accepts(0));
    well(&mut story, Command::Abort);
    assert_eq!(active(&story), 0);
}

#[test]
fn a_reactivation_that_is_definitely_refused_does_not_bar_every_way() {
    let mut story = promoted();
    story.world.pass(3600);
    dies(&mut story, Command::Finish { accept_targets: false }, 2);
    disable(&mut story, 1, KeyIs::Inactive);
    // Dies with the reactivation begun; then a person archives the key for good.
    dies(&mut story, Command::Finish { accept_targets: false }, 1);
    disable(&mut story, 0, KeyIs::Archived);
    let end = story.run(&Command::Finish { accept_targets: false }, &mut Dice::default());
    assert!(matches!(end, End::Refused(_)), "{end:?}");
    assert_eq!(story.state.as_ref().unwrap().intent, None);
    well(&mut story, leaked(Suspect::All, Some(2), false));
    assert_eq!(active(&story), 2);
}

#[test]
fn a_revocation_that_may_still_land_is_not_called_off_in_the_same_breath() {
    let mut story = promoted();
    story.world.pass(3600);
    dies(&mut story, Command::Finish { accept_targets: false }, 2);
    // The last throw comes first: status asked, a ping, no answer to the revocation; then again, and it is refused.
    let mut refused_at_last = Dice { throws: vec![255, 0, 0, 190, 0, 0], crash_after: None };
    let end = story.run(&Command::Finish { accept_targets: false }, &mut refused_at_last);
    assert!(matches!(end, End::Refused(Refusal::AdminUnreachable { .. })), "{end:?}");
    assert!(story.state.as_ref().unwrap().pending_revocation().is_some());
    well(&mut story, Command::Finish { accept_targets: false });
}

#[test]
fn a_leak_during_an_undo_does_not_go_in_circles() {
    let mut story = promoted();
    story.world.pass(3600);
    well(&mut story, Command::Finish { accept_targets: false });
    dies(&mut story, Command::Undo, 3);
    well(&mut story, leaked(Suspect::Old, None, true));
    assert!(story.state.as_ref().unwrap().outage);
}

#[test]
fn what_an_undo_has_brought_back_is_remembered_when_an_emergency_takes_its_place() {
    let mut story = promoted();
    story.world.pass(3600);
    well(&mut story, Command::Finish { accept_targets: false });
    dies(&mut story, Command::Undo, 3);
    assert_eq!(story.world.keys[0].is, KeyIs::Active);
    well(&mut story, leaked(Suspect::Old, Some(2), false));
    let state = story.state.as_ref().unwrap();
    assert!(!state.dead.contains(&fingerprint(0)), "it lives, and is called dead");
    assert_eq!(state.set_aside.last().map(|aside| aside.fingerprint), Some(fingerprint(0)));
    well(&mut story, leaked(Suspect::New, None, false));
    assert_eq!(story.world.keys[0].is, KeyIs::Inactive);
}

#[test]
fn a_rotation_after_a_purge_in_an_outage_comes_to_its_end() {
    let mut story = adopted();
    well(&mut story, leaked(Suspect::All, None, true));
    well(&mut story, Command::Purge);
    // Its value is erased with it.
    story.world.slots[0] = None;
    well(&mut story, Command::Stage { credential: 1, replace: false });
    well(&mut story, Command::Promote);
    well(&mut story, Command::Finish { accept_targets: false });
    assert!(matches!(story.state.as_ref().unwrap().phase, Phase::Revoked { .. }));
}

#[test]
fn a_leaked_credential_is_not_reactivated_because_the_provider_lags() {
    let mut story = promoted();
    story.world.pass(3600);
    dies(&mut story, Command::Finish { accept_targets: false }, 2);
    // The last throw comes first: status asked, revoked, with a lag beyond every limit.
    let mut lagging = Dice { throws: vec![255, 0, 0, 0], crash_after: None };
    let end = story.run(&leaked(Suspect::Old, None, false), &mut lagging);
    assert_eq!(end, End::Refused(Refusal::StillAccepted { fingerprint: fingerprint(0) }));
    assert_eq!(story.world.keys[0].is, KeyIs::Inactive, "it was brought back");
}

#[test]
fn consumers_are_not_moved_to_a_credential_that_died_meanwhile() {
    let mut story = adopted();
    well(&mut story, Command::Stage { credential: 1, replace: false });
    dies(&mut story, Command::Promote, 2);
    disable(&mut story, 1, KeyIs::Inactive);
    let end = story.run(&Command::Promote, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::Rejected { wanted: Wanted::Active, .. })), "{end:?}");
    assert_eq!(story.world.targets[0].holds(), Some(0));
}

#[test]
fn a_revoked_key_that_someone_brought_back_is_not_deleted() {
    let mut story = promoted();
    story.world.pass(3600);
    well(&mut story, Command::Finish { accept_targets: false });
    story.world.keys[0].is = KeyIs::Active;
    let end = story.run(&Command::Purge, &mut Dice::default());
    assert_eq!(end, End::Refused(Refusal::StillAccepted { fingerprint: fingerprint(0) }));
    assert_eq!(story.world.keys[0].is, KeyIs::Active);
}

#[test]
fn a_slot_whose_write_failed_is_not_promoted_from() {
    let mut story = adopted();
    well(&mut story, Command::Stage { credential: 1, replace: false });
    // The write reports a failure, but the old value is gone from the slot.
    let mut broken = Dice { throws: vec![205, 0, 0], crash_after: None };
    let end = story.run(&Command::Stage { credential: 2, replace: true }, &mut broken);
    assert!(matches!(end, End::Failed(_)), "{end:?}");
    let end = story.run(&Command::Promote, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::Busy { resume: "stage", .. })), "{end:?}");
    // In an emergency the value that comes with the command is stored before it serves.
    well(&mut story, leaked(Suspect::Old, Some(1), false));
    assert_eq!(story.world.slots, [Some(0), Some(1)]);
}

#[test]
fn an_emergency_that_is_taking_something_back_is_not_called_off() {
    let mut story = promoted();
    let mut unheard = Dice { throws: vec![180, 0, 0, 0, 0], crash_after: Some(6) };
    assert_eq!(story.run(&leaked(Suspect::Old, None, false), &mut unheard), End::Crashed);
    assert!(story.state.as_ref().unwrap().pending_revocation().is_some());
    disable(&mut story, 1, KeyIs::Inactive);
    dies(&mut story, leaked(Suspect::Old, None, false), 1);
    let end = story.run(&Command::Abort, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::Busy { resume: "revoke-now", .. })), "{end:?}");
    let end = story.run(&leaked(Suspect::All, Some(2), false), &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::TakenBack { .. })), "{end:?}");
    well(&mut story, leaked(Suspect::All, Some(2), false));
    assert_eq!(active(&story), 2);
}

#[test]
fn a_purge_of_a_key_that_came_back_does_not_bar_the_next_rotation() {
    let mut story = promoted();
    story.world.pass(3600);
    well(&mut story, Command::Finish { accept_targets: false });
    dies(&mut story, Command::Purge, 1);
    story.world.keys[0].is = KeyIs::Active;
    let end = story.run(&Command::Purge, &mut Dice::default());
    assert_eq!(end, End::Refused(Refusal::StillAccepted { fingerprint: fingerprint(0) }));
    well(&mut story, Command::Stage { credential: 2, replace: false });
}

#[test]
fn nobody_is_moved_to_a_credential_that_is_being_taken_back() {
    let mut story = promoted();
    story.world.pass(3600 + 60);
    // The revocation is sent and lags; nobody answers when its refusal is looked for.
    let mut dice = Dice { throws: vec![180, 180, 0, 0, 0, 0, 0, 0, 0, 0], crash_after: None };
    assert!(matches!(story.run(&Command::Finish { accept_targets: false }, &mut dice), End::Refused(_)));
    assert_eq!(story.world.keys[0].is, KeyIs::Inactive);
    // It is taken back, since it does not show; the first request to do so is lost.
    let mut dice = Dice { throws: vec![180, 0, 0], crash_after: None };
    assert_eq!(story.run(&leaked(Suspect::New, None, false), &mut dice), End::Done);
    assert_eq!((active(&story), story.world.keys[0].is), (0, KeyIs::Active));
}

#[test]
fn nobody_is_moved_to_a_credential_that_the_providers_record_calls_disabled() {
    let mut story = promoted();
    disable(&mut story, 0, KeyIs::Inactive);
    // The provider lags: it is accepted for a while yet.
    story.world.keys[0].accepted_until = story.world.truth + 600;
    for command in [Command::Abort, leaked(Suspect::New, None, false)] {
        let end = story.run(&command, &mut Dice::default());
        assert!(
            matches!(end, End::Refused(Refusal::Rejected { wanted: Wanted::Retiring, .. })),
            "{command:?}: {end:?}"
        );
        assert_eq!(active(&story), 1);
    }
}

#[test]
fn an_emergency_whose_replacement_went_over_the_old_one_is_not_called_off() {
    let mut story = promoted();
    // There is no going back to the old one, so the replacement takes its slot.
    disable(&mut story, 0, KeyIs::Inactive);
    let mut dice = Dice { throws: Vec::new(), crash_after: Some(5) };
    assert_eq!(story.run(&leaked(Suspect::New, Some(2), false), &mut dice), End::Crashed);
    assert_eq!(story.world.slots, [Some(2), Some(1)], "the replacement is in the slot of the old one");
    let end = story.run(&Command::Abort, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::Busy { resume: "revoke-now", .. })), "{end:?}");
    well(&mut story, leaked(Suspect::New, Some(2), false));
    assert_eq!(active(&story), 2);
}

/// The credential 0 was revoked and brought back, and some server of the provider has not heard of that yet.
fn refused_for_a_while(story: &mut Story) {
    story.world.keys[0].is = KeyIs::Active;
    story.world.keys[0].late_until = story.world.truth + 600;
}

#[test]
fn one_that_is_refused_but_active_on_record_is_not_called_revoked() {
    let mut story = promoted();
    story.world.pass(3600);
    refused_for_a_while(&mut story);
    let end = story.run(&Command::Finish { accept_targets: false }, &mut Dice::default());
    assert!(matches!(end, End::Refused(Refusal::Unreachable { wanted: Wanted::Retiring, .. })), "{end:?}");
    story.world.pass(600);
    well(&mut story, Command::Finish { accept_targets: false });
    assert_eq!(story.world.keys[0].is, KeyIs::Inactive);
}

#[test]
fn a_leaked_one_that_is_refused_but_active_on_record_is_revoked() {
    let mut story = promoted();
    refused_for_a_while(&mut story);
    well(&mut story, leaked(Suspect::Old, None, false));
    assert_eq!(story.world.keys[0].is, KeyIs::Inactive, "it will be accepted again");
}

#[test]
fn an_emergency_that_was_called_off_is_not_resumed_by_another_one() {
    let mut story = promoted();
    // Dies with the targets about to be written.
    dies(&mut story, leaked(Suspect::New, None, false), 5);
    assert_eq!(story.state.as_ref().unwrap().intent.as_ref().unwrap().command, "revoke-now");
    dies(&mut story, Command::Abort, 1);
    let state = story.state.as_ref().unwrap();
    assert_eq!((&state.emergency, state.intent.as_ref().unwrap().command.as_str()), (&None, "abort"));
    well(&mut story, Command::Abort);
    assert_eq!(active(&story), 0);
}
