//! Where one target stands in a grace window: by what was written to it and what it was seen to hold.

use super::credential::{ReadBack, TargetId};
use super::phase::KeyState;

/// How far a target's consumers have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was written in this rotation and holds the active value.
    Settled,
    /// It was written in this rotation, and gives nothing back to read.
    Believed,
    /// Its consumers have not been moved, or not with the window's whole time ahead of them.
    Astray(String),
    /// It was not written in this rotation, and gives nothing back to read.
    Unwritten(String),
    /// It should be readable, but was not.
    Unread(String),
}

/// The standing of a target by what it was seen to hold; `seen` is `None` where nobody looked.
pub fn standing(state: &KeyState, target: &TargetId, seen: Option<&ReadBack>) -> Standing {
    let is_settled = state.phase.has_settled(target);
    match seen {
        Some(ReadBack::Holds(found)) if *found != state.active().fingerprint => {
            Standing::Astray(format!("{target} holds {found}"))
        }
        Some(ReadBack::Holds(_)) if is_settled => Standing::Settled,
        Some(ReadBack::Holds(_)) => {
            Standing::Astray(format!("{target} was not written in this window; `promote` starts it anew"))
        }
        Some(ReadBack::Absent) => Standing::Astray(format!("{target} holds no value")),
        Some(ReadBack::NotReadable) if is_settled => Standing::Believed,
        Some(ReadBack::NotReadable) => Standing::Unwritten(format!(
            "{target}: not written in this window, and it cannot be read; `promote` writes it"
        )),
        Some(ReadBack::Unknown(reason)) => Standing::Unread(format!("{target}: {reason}")),
        None => Standing::Unread(format!("{target}: not read")),
    }
}
