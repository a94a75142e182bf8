//! The spaces that are explored: each one about one kind of trouble, and small enough to be exhausted.

use rotate::rotation::plan::Suspect;

use super::setting::{Command, Setting};
use crate::proof;

pub const STAGE: Command = Command::Stage { credential: 1, replace: false };
pub const ANOTHER: Command = Command::Stage { credential: 2, replace: true };
pub const OLD_LEAKED: Command =
    Command::RevokeNow { suspect: Suspect::Old, replacement: Some(2), accept_outage: false };
pub const NEW_LEAKED: Command =
    Command::RevokeNow { suspect: Suspect::New, replacement: None, accept_outage: false };
pub const ALL_LEAKED: Command =
    Command::RevokeNow { suspect: Suspect::All, replacement: Some(2), accept_outage: false };
pub const OUTAGE: Command =
    Command::RevokeNow { suspect: Suspect::Old, replacement: None, accept_outage: true };

/// What is explored: in CI a slice, and with `ROTATE_PROVE=all` more of everything as well.
pub fn all() -> Vec<Setting> {
    let mut all = spaces(0);
    if proof::is_whole() {
        all.extend(spaces(1));
    }
    all
}

/// The spaces, each larger with `more` of what may happen.
fn spaces(more: u8) -> Vec<Setting> {
    vec![
        Setting {
            name: "a quarterly rotation, and somebody who types the same or aborts",
            commands: [
                &[STAGE, Command::Promote, Command::Finish],
                &[Command::Abort, Command::Promote, Command::Finish],
            ],
            runs: [3, 1],
            crashes: 1,
            faults: more,
            lags: true,
            late_calls: more == 0,
            ..Setting::QUIET
        },
        Setting {
            name: "a leak before the promotion or within it",
            given: &[STAGE],
            commands: [&[Command::Promote, Command::Abort], &[OLD_LEAKED, NEW_LEAKED, ALL_LEAKED]],
            runs: [1, 1 + more],
            crashes: 1,
            faults: more,
            horizon: 3,
            late_calls: more == 0,
            ..Setting::QUIET
        },
        Setting {
            name: "a leak in a grace window, or an order that nothing valid is to remain",
            given: &[STAGE, Command::Promote],
            commands: [&[Command::Finish, Command::Abort], &[OLD_LEAKED, ALL_LEAKED, OUTAGE]],
            runs: [1, 1 + more],
            crashes: 1,
            lags: true,
            horizon: 4 + more,
            late_calls: true,
            ..Setting::QUIET
        },
        Setting {
            name: "two who abort and promote",
            given: &[STAGE],
            commands: [&[Command::Promote, Command::Abort], &[Command::Abort, Command::Promote, ANOTHER]],
            runs: [1 + more, 2],
            crashes: 1,
            faults: more,
            horizon: 2 + more,
            late_calls: more == 0,
            ..Setting::QUIET
        },
        Setting {
            name: "clocks that are set and machines that start anew",
            given: &[STAGE, Command::Promote],
            commands: [&[Command::Finish], &[Command::Finish, Command::Abort]],
            runs: [1, 1],
            jumps: 1 + more,
            jumps_by: &[-2, 5],
            reboots: 1,
            horizon: 5 + more,
            late_calls: true,
            ..Setting::QUIET
        },
        Setting {
            name: "finish, undo and purge at once",
            given: &[STAGE, Command::Promote],
            commands: [
                &[Command::Finish, Command::Undo, Command::Purge],
                &[Command::Undo, Command::Finish, ANOTHER, Command::Abort],
            ],
            runs: [2, 2],
            crashes: 1,
            faults: more,
            lags: true,
            horizon: 6,
            ..Setting::QUIET
        },
        Setting {
            name: "a provider that makes the keys",
            commands: [&[Command::Mint, Command::Promote, Command::Abort], &[OUTAGE, NEW_LEAKED]],
            runs: [2 + more, 1],
            crashes: 1,
            faults: 1,
            lags: true,
            mints: true,
            is_locked: true,
            horizon: 2 + more,
            ..Setting::QUIET
        },
        Setting {
            name: "a provider that takes the old credential for somebody else's",
            given: &[STAGE, Command::Promote],
            commands: [&[Command::Finish, Command::Abort], &[Command::Finish, Command::Abort]],
            runs: [2, 1],
            crashes: 1 + more,
            faults: more,
            lags: true,
            lies: true,
            horizon: 5 + more,
            ..Setting::QUIET
        },
        Setting {
            name: "jobs under leases that overstay",
            given: &[STAGE, Command::Promote],
            commands: [&[Command::Finish], &[Command::Finish, Command::Abort, OLD_LEAKED]],
            runs: [1 + more, 1],
            crashes: 1,
            leases: true,
            horizon: 6 + more,
            late_calls: true,
            ..Setting::QUIET
        },
    ]
}
