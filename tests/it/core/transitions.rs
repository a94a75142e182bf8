//! The truth table of `apply`: every phase and variant against every event.

use rotate::rotation::phase::{Direction, KeyState, Phase};
use rotate::rotation::transition::apply;

use super::sample::{events, states};

/// Rows: where a key stands. Columns: what happens. A cell is the phase that follows: `I` Idle, `S`
/// SecondaryStaged, `F` Promoted forward, `B` Promoted back, `G` GraceWindow, `R` Revoked, `O` Revoked
/// with nothing valid left; a small `i` beside it: an intent stands; `!`: an emergency is declared; `-`:
/// refused. In the rows, `old` is the credential that the rotation leaves, `new` the one it goes to.
const TABLE: &str = r"
                       adopt   i.stor  i.writ  i.revo  i.reac  i.mint  i.swee  dropped swept   s.new   s.third s.old   unstage forward back    written opened  announc use     use.win longer  drifted rolled  r.old   r.oldE  r.newE  r.undo  undone  purged  alarm   calm
never adopted          I       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -
Idle                   -       Ii      -       -       -       Ii      Ii      -       -       S       S       -       -       -       -       -       -       -       -       -       I       -       -       -       -       -       -       -       -       I!      -
Idle, storing new      -       Ii      -       -       -       Ii      Ii      I       -       S       S       -       I       -       -       -       -       -       -       -       Ii      -       -       -       -       -       -       -       -       Ii!     -
Idle, making a key     -       Ii      -       -       -       Ii      Ii      I       -       S       S       -       -       -       -       -       -       -       -       -       Ii      -       -       -       -       -       -       -       -       Ii!     -
Idle, sweeping         -       Ii      -       -       -       Ii      Ii      I       I       S       S       -       -       -       -       -       -       -       -       -       Ii      -       -       -       -       -       -       -       -       Ii!     -
Idle, old leaked       -       Ii!     -       -       -       -       -       -       -       S!      S!      -       -       -       -       -       -       -       -       -       I!      -       -       -       -       -       -       -       -       I!      I
Idle, old given up     -       Ii!     -       Ii!     -       -       -       -       -       S!      S!      -       -       -       -       -       -       -       -       -       I!      -       -       -       O!      -       -       -       -       I!      I
Staged                 -       Si      -       -       -       -       -       -       -       S       S       -       I       F       -       -       -       -       -       -       S       -       -       -       -       -       -       -       -       S!      -
Staged, storing third  -       Si      -       -       -       -       -       S       -       S       S       -       I       -       -       -       -       -       -       -       Si      -       -       -       -       -       -       -       -       Si!     -
Staged, erasing        -       Si      -       -       -       -       -       S       -       S       S       -       I       -       -       -       -       -       -       -       Si      -       -       -       -       -       -       -       -       Si!     -
Staged, old leaked     -       Si!     -       -       -       -       -       -       -       S!      S!      -       I!      F!      -       -       -       -       -       -       S!      -       -       -       -       -       -       -       -       S!      S
Staged, new leaked     -       Si!     -       -       -       -       -       -       -       S!      S!      -       I!      F!      -       -       -       -       -       -       S!      -       -       -       -       R!      -       -       -       S!      S
Forward, pending       -       -       Fi      -       -       -       -       -       -       -       -       -       -       -       B       F       -       -       -       -       F       -       -       -       -       -       -       -       -       F!      -
Forward, settled       -       -       Fi      -       -       -       -       -       -       -       -       -       -       -       B       F       G       -       -       -       F       -       -       -       -       -       -       -       -       F!      -
Forward, old leaked    -       -       Fi!     Fi!     -       -       -       -       -       -       -       -       -       -       B!      F!      G!      -       -       -       F!      -       -       -       R!      -       -       -       -       F!      F
Forward, revoking old  -       -       -       Fi!     Fi!     -       -       F!      -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       R!      R!      -       -       -       -       Fi!     -
Back, pending          -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       B       -       -       -       -       B       -       -       -       -       -       -       -       -       B!      -
Back, settled          -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       B       -       -       -       -       B       -       I       -       -       -       -       -       -       B!      -
Back, old leaked       -       Bi!     -       -       -       -       -       -       -       S!      S!      -       -       F!      -       B!      -       -       -       -       B!      -       I!      -       -       -       -       -       -       B!      B
Grace                  -       -       -       Gi      -       -       -       -       -       -       -       -       -       -       B       G       -       G       G       G       G       F       -       -       R       -       -       -       -       G!      -
Grace, revoking old    -       -       -       Gi      Gi      -       -       G       -       -       -       -       -       -       -       -       -       -       -       -       -       -       -       R       R       -       -       -       -       Gi!     -
Grace, taking back     -       -       -       Gi      Gi      -       -       G       -       -       -       -       -       -       B       G       -       Gi      Gi      Gi      Gi      Fi      -       -       R       -       G       -       -       Gi!     -
Grace, new leaked      -       Gi!     -       -       -       -       -       -       -       -       S!      S!      -       -       B!      G!      -       G!      G!      G!      G!      F!      -       -       -       -       -       -       -       G!      G
Grace, both given up   -       Gi!     -       Gi!     -       -       -       -       -       -       S!      S!      -       -       B!      G!      -       G!      G!      G!      G!      F!      -       -       R!      O!      -       -       -       G!      G
Revoked                -       Ri      -       -       Ri      Ri      Ri      -       -       -       S       -       -       -       -       -       -       -       -       -       R       -       -       -       -       -       -       G       R       R!      -
Revoked, undoing       -       Ri      -       -       Ri      Ri      Ri      R       -       -       S       -       -       -       -       -       -       -       -       -       Ri      -       -       -       -       -       R       G       R       Ri!     -
Revoked, deleting      -       Ri      -       -       Ri      Ri      Ri      R       -       -       S       -       -       -       -       -       -       -       -       -       Ri      -       -       -       -       -       -       -       R       Ri!     -
Revoked, purged        -       Ri      -       -       -       Ri      Ri      -       -       -       S       -       -       -       -       -       -       -       -       -       R       -       -       -       -       -       -       -       R       R!      -
Revoked, new leaked    -       Ri!     -       -       Ri!     -       -       -       -       -       S!      -       -       -       -       -       -       -       -       -       R!      -       -       -       -       -       -       G!      R!      R!      R
Outage                 -       Oi      -       -       Oi      Oi      Oi      -       -       S       S       -       -       -       -       -       -       -       -       -       O       -       -       -       -       -       -       I       O       O!      -
";

fn letter(state: &KeyState) -> String {
    let phase = match &state.phase {
        Phase::Idle { .. } => "I",
        Phase::SecondaryStaged { .. } => "S",
        Phase::Promoted { direction: Direction::Forward, .. } => "F",
        Phase::Promoted { direction: Direction::Back, .. } => "B",
        Phase::GraceWindow { .. } => "G",
        Phase::Revoked { .. } if state.outage => "O",
        Phase::Revoked { .. } => "R",
    };
    let intent = if state.intent.is_some() { "i" } else { "" };
    let emergency = if state.emergency.is_some() { "!" } else { "" };
    format!("{phase}{intent}{emergency}")
}

fn table() -> String {
    let mut text = format!("{:<23}", "");
    for (name, _) in events() {
        text.push_str(&format!("{name:<8}"));
    }
    for (name, state) in states() {
        text = text.trim_end().to_owned();
        text.push_str(&format!("\n{name:<23}"));
        for (_, event) in events() {
            let cell = apply(state.as_ref(), &event).map_or("-".to_owned(), |next| letter(&next));
            text.push_str(&format!("{cell:<8}"));
        }
    }
    format!("{}\n", text.trim_end())
}

#[test]
fn every_phase_answers_every_event_as_the_table_says() {
    let found = table();
    assert!(found == TABLE.trim_start_matches('\n'), "the table is now:\n{found}");
}

#[test]
fn what_is_refused_leaves_no_trace() {
    for (name, state) in states() {
        for (event_name, event) in events() {
            let before = state.clone();
            let next = apply(state.as_ref(), &event);
            assert_eq!(state, before, "{name}, {event_name}");
            if let Ok(next) = next {
                assert_eq!(apply(before.as_ref(), &event), Ok(next), "{name}, {event_name}: not a function");
            }
        }
    }
}
