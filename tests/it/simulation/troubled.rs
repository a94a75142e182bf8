//! What operators are told, word for word, when one call of a port fails: refused, not told, half done.

use rotate::rotation::credential::SlotName;
use rotate::rotation::plan::Suspect;

use super::fault::Fault;
use super::planted::Planted;
use super::story::Command;
use super::told::{MAKES, Story, has_keys, leaks, with_targets};
use super::world::{Kind, Later};

fn slots() -> Story {
    Story::new("slots", |world| has_keys(world, 3))
        .goes_wrong("the slot cannot be written", 0, Fault::SlotWriteFailed)
        .types(&Command::Adopt(0))
        .types(&Command::Adopt(0))
        .goes_wrong("the slot cannot be written", 0, Fault::SlotWriteFailed)
        .stages(1)
        .goes_wrong("it was written, and that was not told", 0, Fault::SlotWriteLandedButFailed)
        .stages(1)
        .stages(2)
        .goes_wrong("another cannot be written over it", 0, Fault::SlotWriteFailed)
        .types(&Command::Stage { credential: Some(3), replace: true })
        .meanwhile("the slot is emptied", |world| *world.slot(SlotName::Secondary) = None)
        .goes_wrong("another cannot be written", 0, Fault::SlotWriteFailed)
        .types(&Command::Stage { credential: Some(3), replace: true })
        .stages(2)
        .goes_wrong("the slot cannot be read", 0, Fault::SlotUnreadable)
        .types(&Command::Promote)
        .goes_wrong("the slot cannot be erased", 0, Fault::SlotEraseFailed)
        .types(&Command::Abort)
        .types(&Command::Abort)
        .goes_wrong("the slot cannot be looked at", 0, Fault::SlotUnreadable)
        .stages(1)
        .stages(1)
        .types(&Command::Promote)
        .minutes_pass(61)
        .finishes()
        .goes_wrong("the slot cannot be erased", 0, Fault::SlotEraseFailed)
        .types(&Command::Purge)
}

/// Somebody else writes the slot while this run asks for it over a network.
fn slots_of_others() -> Story {
    let others_write = |story: Story, milliseconds: Vec<i64>| {
        story.meanwhile("somebody else writes the slot", |world| {
            let write = |after| (world.truth + after, Later::SlotWritten { credential: 3 });
            let writes: Vec<_> = milliseconds.into_iter().map(write).collect();
            world.later.extend(writes);
        })
    };
    let story = Story::new("slots that others write, too", |world| {
        has_keys(world, 3);
        world.setting.remote_slots = true;
    })
    .types(&Command::Adopt(0));
    let story = others_write(story, vec![2_700]).stages(1);
    let story = story.types(&Command::Abort);
    let often = (0..120).map(|step| 2_000 + step * 25).collect();
    others_write(story, often).stages(1).stages(1)
}

fn keys_that_are_made() -> Story {
    Story::new("keys that the provider makes", |world| world.setting.mints = true)
        .types(&Command::Adopt(0))
        .goes_wrong("the provider refuses", 0, Fault::CallRefused)
        .types(&MAKES)
        .goes_wrong("it is made, and that is not told", 0, Fault::CallDoneNotTold)
        .types(&MAKES)
        .types(&Command::Abort)
        .goes_wrong("nobody answers", 0, Fault::CallNotDone)
        .goes_wrong("nobody answers", 0, Fault::CallNotDone)
        .goes_wrong("nobody answers", 0, Fault::CallNotDone)
        .types(&MAKES)
        .goes_wrong("the provider refuses", 0, Fault::CallRefused)
        .types(&MAKES)
        .goes_wrong("the slot cannot be written", 0, Fault::SlotWriteFailed)
        .types(&MAKES)
        .goes_wrong("deleting it is refused", 0, Fault::CallRefused)
        .types(&MAKES)
        .goes_wrong("deleting it is not told", 0, Fault::CallNotDone)
        .types(&Command::Abort)
}

/// Killed after the provider has made a key, and refused when the command is run again.
fn keys_that_were_being_made() -> Story {
    // Between the intent and the call; then right after the key was made.
    Story::new("a key that was being made", |world| world.setting.mints = true)
        .types(&Command::Adopt(0))
        .dies(&MAKES, 13)
        .goes_wrong("the provider refuses", 0, Fault::CallRefused)
        .types(&MAKES)
        .dies(&MAKES, 14)
        .goes_wrong("the provider refuses", 0, Fault::CallRefused)
        .types(&MAKES)
        .types(&MAKES)
}

fn a_key_that_is_not_wanted() -> Story {
    Story::new("a key that is not wanted any more", |world| world.setting.mints = true)
        .types(&Command::Adopt(0))
        .dies(&MAKES, 13)
        .types(&Command::Abort)
        .types(&Command::Abort)
}

fn revocations_taken_back() -> Story {
    Story::new("a revocation that does not show, and whose end is not told", |world| {
        has_keys(world, 2);
        world.planted = Some(Planted::ProbeAlwaysAccepts);
    })
    .after_the_window()
    .goes_wrong("bringing it back is done, and that is not told", 1, Fault::CallDoneNotTold)
    .finishes()
    .finishes()
}

fn revocations() -> Story {
    Story::new("revocations", |world| has_keys(world, 2))
        .after_the_window()
        .goes_wrong("the provider refuses", 0, Fault::CallRefused)
        .finishes()
        .goes_wrong("nobody answers", 0, Fault::CallNotDone)
        .goes_wrong("nobody answers", 0, Fault::CallNotDone)
        .goes_wrong("nobody answers", 0, Fault::CallNotDone)
        .finishes()
        .types(&Command::Abort)
        .goes_wrong("it is done, and that is not told", 0, Fault::CallDoneNotTold)
        .finishes()
        .goes_wrong("it is done, and that is not told", 0, Fault::CallDoneNotTold)
        .types(&Command::Undo)
        .minutes_pass(61)
        .goes_wrong("two keys fit", 0, Fault::IdentityAmbiguous)
        .finishes()
        .goes_wrong("none fits", 0, Fault::IdentityNotFound)
        .finishes()
        .goes_wrong("nobody says which it is", 0, Fault::QuestionUnanswered)
        .finishes()
        .finishes()
        .goes_wrong("the provider refuses", 0, Fault::CallRefused)
        .types(&Command::Purge)
}

fn targets() -> Story {
    Story::new("targets", |world| with_targets(world, &[Kind::Local, Kind::Versioned, Kind::WriteOnly]))
        .types(&Command::Adopt(0))
        .stages(1)
        .goes_wrong("a target cannot be written", 1, Fault::TargetBroken)
        .types(&Command::Promote)
        .goes_wrong("a target fails", 1, Fault::TargetWriteFailed)
        .types(&Command::Promote)
        .goes_wrong("a target gives the old value", 0, Fault::ReadBackOld)
        .types(&Command::Promote)
        .goes_wrong("a target does not answer", 0, Fault::ReadBackUnknown)
        .types(&Command::Promote)
        .types(&Command::Promote)
        .minutes_pass(61)
        .goes_wrong("a target is empty", 0, Fault::ReadBackAbsent)
        .finishes()
        .goes_wrong("a target fails", 0, Fault::TargetWriteFailed)
        .types(&Command::Abort)
        .types(&Command::Abort)
}

fn disks() -> Story {
    Story::new("disks", |world| has_keys(world, 2))
        .goes_wrong("the state cannot be read", 0, Fault::StoreUnreadable)
        .types(&Command::Adopt(0))
        .types(&Command::Adopt(0))
        .goes_wrong("the state cannot be made durable", 0, Fault::StoreNotMadeDurable)
        .stages(1)
        .goes_wrong("there is no room for outcomes", 0, Fault::SpoolReserveFailed)
        .stages(1)
        .goes_wrong("the outcomes cannot be read", 0, Fault::SpoolUnreadable)
        .stages(1)
        .goes_wrong("the journal cannot be written before the effect", 0, Fault::JournalFailed)
        .stages(1)
        .goes_wrong("the journal cannot be written after the effect", 1, Fault::JournalTorn)
        .stages(1)
        .types(&Command::Promote)
        .types(&Command::Promote)
        .minutes_pass(61)
        .goes_wrong("nobody can be kept away", 0, Fault::HoldFailed)
        .finishes()
        .goes_wrong("the state cannot be written after the revocation", 0, Fault::StoreFailed)
        .goes_wrong("and neither can the outcome", 0, Fault::SpoolWriteFailed)
        .finishes()
        .finishes()
        .goes_wrong("the state is written, and perhaps not durable", 0, Fault::StoreUnknownDone)
        .types(&Command::Undo)
        .types(&Command::Undo)
        .minutes_pass(61)
        .finishes()
        .goes_wrong("the outcome is written, and perhaps not durable", 1, Fault::StoreUnknownDone)
        .types(&Command::Undo)
        .types(&Command::Undo)
        .goes_wrong("the state is not written, and nobody knows", 0, Fault::StoreUnknownNotDone)
        .types(&Command::Abort)
        .types(&Command::Abort)
}

/// What was noted is taken in once, also where the note stays.
fn notes_that_stay() -> Story {
    Story::new("a note that stays", |world| has_keys(world, 2))
        .types(&Command::Adopt(0))
        .goes_wrong("the journal cannot be written after the effect", 1, Fault::JournalTorn)
        .stages(1)
        .goes_wrong("the note cannot be cleared", 0, Fault::SpoolClearFailed)
        .types(&Command::Promote)
        .types(&Command::Promote)
}

fn notes_that_stay_in_an_emergency() -> Story {
    Story::new("a note that stays in an emergency", |world| has_keys(world, 2))
        .types(&Command::Adopt(0))
        .goes_wrong("the journal cannot be written after the effect", 1, Fault::JournalTorn)
        .stages(1)
        .goes_wrong("the note cannot be cleared", 0, Fault::SpoolClearFailed)
        .types(&leaks(Suspect::Old, None, false))
        .types(&leaks(Suspect::Old, None, false))
}

/// The state cannot be written, then it can, then it cannot.
fn disks_that_come_and_go() -> Story {
    Story::new("a disk that comes and goes in an emergency", |world| has_keys(world, 2))
        .in_the_window()
        .goes_wrong("the state cannot be written when the emergency is declared", 0, Fault::StoreFailed)
        .goes_wrong("and after the revocation", 1, Fault::StoreFailed)
        .goes_wrong("and at the end", 0, Fault::StoreFailed)
        .types(&leaks(Suspect::Old, None, false))
        .stages(2)
}

fn disks_in_an_emergency() -> Story {
    let leak = leaks(Suspect::Old, None, false);
    Story::new("disks in an emergency", |world| has_keys(world, 2))
        .in_the_window()
        .goes_wrong("the state cannot be made durable", 0, Fault::StoreNotMadeDurable)
        .goes_wrong("there is no room for outcomes", 0, Fault::SpoolReserveFailed)
        .goes_wrong("the outcomes cannot be read", 0, Fault::SpoolUnreadable)
        .goes_wrong("the journal cannot be written", 0, Fault::JournalFailed)
        .goes_wrong("nobody can be kept away", 0, Fault::HoldFailed)
        .goes_wrong("the state cannot be written after the revocation", 2, Fault::StoreFailed)
        .types(&leak)
        .types(&leak)
        .stages(1)
}

/// An emergency that is called off before anything was sent.
fn called_off() -> Story {
    let leak = leaks(Suspect::Old, Some(1), false);
    Story::new("an emergency that is called off", |world| has_keys(world, 2))
        .types(&Command::Adopt(0))
        .goes_wrong("the slot cannot be written", 0, Fault::SlotWriteFailed)
        .types(&leak)
        .stages(2)
        .types(&Command::Abort)
        .types(&Command::Abort)
        .stages(2)
}

fn targets_in_an_emergency() -> Story {
    Story::new("targets in an emergency", |world| with_targets(world, &[Kind::Local, Kind::Versioned]))
        .types(&Command::Adopt(0))
        .stages(1)
        .goes_wrong("a target fails", 0, Fault::TargetWriteFailed)
        .types(&leaks(Suspect::Old, None, false))
        .types(&Command::Promote)
        .stages(2)
        .types(&Command::Promote)
        .goes_wrong("a target does not answer", 0, Fault::ReadBackUnknown)
        .types(&leaks(Suspect::New, None, false))
}

/// Killed before its targets were written; then the value that they are to hold is lost.
fn targets_without_a_value() -> Story {
    Story::new("targets for which there is no value", |world| with_targets(world, &[Kind::Local]))
        .types(&Command::Adopt(0))
        .stages(1)
        .goes_wrong("the target fails", 0, Fault::TargetWriteFailed)
        .types(&Command::Promote)
        .meanwhile("the new one's slot is emptied", |world| *world.slot(SlotName::Secondary) = None)
        .types(&leaks(Suspect::Old, None, false))
        .types(&Command::Promote)
}

/// The new one leaks while consumers are being moved to it, and the promotion is stopped for a while.
fn overtaken(passes: usize) -> Story {
    Story::new(&format!("a promotion that is overtaken at {passes}"), |world| {
        with_targets(world, &[Kind::Versioned, Kind::WriteOnly]);
    })
    .types(&Command::Adopt(0))
    .stages(1)
    .goes_wrong("it is stopped while the other one runs", passes, Fault::Paused)
    .types_beside(&Command::Promote, &leaks(Suspect::New, None, false), 18)
    .shows_targets()
}

fn leases() -> Story {
    Story::new("leases", |world| has_keys(world, 1))
        .after_the_window()
        .goes_wrong("the leases cannot be read", 0, Fault::LeasesUnreadable)
        .finishes()
        .meanwhile("a job of another container has it", |world| {
            world.later.push((world.truth, Later::JobStarts { credential: 0, minutes: 30 }));
            world.pass(1);
        })
        .goes_wrong("nobody can tell whether it runs", 0, Fault::LeaseUnknown)
        .finishes()
}

fn answers() -> Story {
    Story::new("answers that do not come", |world| has_keys(world, 2))
        .goes_wrong("no answer", 0, Fault::PingUnanswered)
        .goes_wrong("too many requests", 0, Fault::Throttled)
        .types(&Command::Adopt(0))
        .goes_wrong("a wrong answer", 1, Fault::WrongVerdict)
        .stages(1)
        .meanwhile("nine pings without an answer", |world| {
            world.ordered.extend(std::iter::repeat_n((0, Fault::PingUnanswered), 9));
        })
        .types(&Command::Promote)
        .stages(1)
        .types(&Command::Promote)
        .goes_wrong("a question without an answer", 0, Fault::QuestionUnanswered)
        .types(&Command::Abort)
        .types(&Command::Abort)
}

#[test]
fn operators_are_told_what_the_file_beside_this_one_says() {
    let stories = [
        slots(),
        slots_of_others(),
        keys_that_are_made(),
        keys_that_were_being_made(),
        a_key_that_is_not_wanted(),
        revocations(),
        revocations_taken_back(),
        targets(),
        disks(),
        notes_that_stay(),
        disks_in_an_emergency(),
        notes_that_stay_in_an_emergency(),
        disks_that_come_and_go(),
        called_off(),
        targets_in_an_emergency(),
        targets_without_a_value(),
        overtaken(7),
        overtaken(9),
        overtaken(11),
        overtaken(13),
        leases(),
        answers(),
    ];
    let never: Vec<_> =
        stories.iter().flat_map(|story| story.simulation.world.borrow().ordered.clone()).collect();
    let text: String = stories.into_iter().map(|story| story.text).collect();
    assert_eq!(text, include_str!("troubled.txt"), "the text is now:\n{text}");
    assert_eq!(never, [], "these never happened");
}
