use super::super::Options;
use super::super::report::phases;
use super::super::tally::Outcome;
use super::*;

/// Twenty seconds of six agents; the old key is promoted away at 8 s and dies at 16 s.
fn timeline(naive: bool) -> Timeline {
    let mut timeline = Timeline::default();
    for milliseconds in (0..20_000).step_by(20) {
        for (habit, moves_at) in [(Habit::Cached, 12_000), (Habit::Reread, 10_000), (Habit::EveryTime, 8000)]
        {
            let outcome = match milliseconds {
                at if at >= moves_at => Outcome::New,
                at if naive && at >= 6000 => Outcome::Refused,
                _ => Outcome::Old,
            };
            timeline.record(milliseconds, habit, outcome);
        }
    }
    timeline
}

fn picture(naive: bool, characters: Characters) -> String {
    let entered = if naive {
        vec![("old key serves", 0.2), ("old key disabled", 5.0), ("new key pasted", 8.0)]
    } else {
        vec![
            ("Idle", 0.2),
            ("SecondaryStaged", 4.0),
            ("Promoted", 8.0),
            ("GraceWindow", 8.05),
            ("Revoked", 17.0),
        ]
    };
    let timeline = timeline(naive);
    let options = Options { naive, ..Options::default() };
    let report = Report::new(&options, &timeline, (phases(entered, 20.0), None), 20.0, None);
    let picture = draw(&timeline, &report, characters);
    assert!(picture.lines().all(|line| line.chars().count() <= 78), "{picture}");
    picture
}

#[test]
fn a_rotation_is_seen_as_a_move_from_the_old_row_to_the_new_one() {
    insta::assert_snapshot!(picture(false, Characters::Ascii));
}

#[test]
fn refusals_have_a_row_of_their_own() {
    insta::assert_snapshot!(picture(true, Characters::Unicode));
}

#[test]
fn an_empty_drill_draws_empty_rows() {
    let report = Report::new(&Options::default(), &Timeline::default(), (Vec::new(), None), 0.0, None);
    assert!(draw(&Timeline::default(), &report, Characters::Ascii).contains("once a job"));
}

#[test]
fn few_requests_are_low_but_seen() {
    assert_eq!(level(0.0, 25.0, Characters::Unicode), ' ');
    assert_eq!(level(1.0, 25.0, Characters::Unicode), '▁');
    assert_eq!(level(12.0, 25.0, Characters::Ascii), ':');
    assert_eq!(level(24.0, 25.0, Characters::Unicode), '█');
    assert_eq!(level(99.0, 25.0, Characters::Unicode), '█');
}
