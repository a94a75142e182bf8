//! State and slots are for their owner alone, at every instant.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tally;
use super::trap::{Trap, files};

#[test]
fn nothing_in_the_state_directory_is_ever_open_to_others() {
    let trap = Trap::new();
    let over = AtomicBool::new(false);
    let state = trap.lab.path("state");
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u32;
            while !over.load(Ordering::SeqCst) {
                looks += u32::from(state.exists());
                assert_private(&state);
                std::thread::yield_now();
            }
            looks
        });
        for command in [
            "adopt prod --from file:old.key",
            "stage prod --from file:new.key",
            "promote prod",
            "revoke-now prod --suspect all --replace-from file:replacement.key --reason leaked --yes",
        ] {
            let rotate = trap.lab.command(&command.split_whitespace().collect::<Vec<_>>());
            let mut open = std::process::Command::new("sh");
            open.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(rotate.get_program()).args(rotate.get_args());
            open.current_dir(trap.lab.path("")).env_clear();
            open.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
            trap.lab.finish_command(open.stdin(Stdio::null())).expect(0);
        }
        over.store(true, Ordering::SeqCst);
        assert!(watcher.join().unwrap() > 10, "the watcher looked");
    });
    assert_private(&state);
    tally::over();
}

fn assert_private(state: &Path) {
    let mut paths = files(state);
    paths.push(state.to_owned());
    for path in paths {
        // What is gone by now was looked at in another turn, or never stood still.
        if let Ok(metadata) = path.symlink_metadata() {
            let mode = metadata.permissions().mode() & 0o7777;
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
}
