//! Not even for an instant: the modes with which files and directories are made, as the system is asked for them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use super::tally;
use super::trap::Trap;

/// A question mark: not every machine has every one of them.
const CALLS: &str = "trace=execve,?open,openat,?openat2,?creat,?mkdir,mkdirat,?mknod,mknodat,?chmod,fchmod,fchmodat,\
    ?fchmodat2";

/// One call that makes something or changes a mode.
#[derive(Debug)]
struct Made {
    call: String,
    path: PathBuf,
    mode: u32,
    is_temporary: bool,
}

/// The call in a line of strace's, where it is one of those.
fn made(line: &str) -> Option<Made> {
    let (call, rest) = line.split_once('(')?;
    // Short calls are padded, so that results stand below each other.
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.starts_with('-') {
        return None;
    }
    let is_open = call.starts_with("open") || call == "creat";
    let is_temporary = arguments.contains("O_TMPFILE");
    let is_chmod = call.contains("chmod");
    let makes = call == "creat" || is_open && (arguments.contains("O_CREAT") || is_temporary);
    if !(makes || is_chmod || call.starts_with("mkdir") || call.starts_with("mknod")) {
        return None;
    }
    // With -y every descriptor is followed by its path.
    let quoted = arguments.split('"').nth(1);
    let described = |text: &str| Some(text.split_once('<')?.1.split_once('>')?.0.to_owned());
    let path = if is_open {
        described(result)?
    } else {
        quoted.map(str::to_owned).or_else(|| described(arguments))?
    };
    // The mode is the last number of four octal digits.
    let mode = arguments.rsplit([',', '=', '{']).map(str::trim).find_map(|word| {
        let word = word.trim_end_matches('}');
        (word.starts_with('0') && word.len() > 1).then(|| u32::from_str_radix(word, 8).ok())?
    });
    Some(Made { call: call.to_owned(), path: path.into(), mode: mode?, is_temporary })
}

/// Every call that one command made itself, in its threads; what it started is none of it.
fn calls_of(trap: &Trap, arguments: &str) -> Vec<Made> {
    let rotate = trap.lab.command(&arguments.split_whitespace().collect::<Vec<_>>());
    let traces = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec strace -ff -qq -y -s 300 -e \"$0\" -e signal=none -o \"$@\"", CALLS]);
    shell.arg(traces.path().join("trace")).arg(rotate.get_program()).args(rotate.get_args());
    shell.current_dir(trap.lab.path("")).env_clear();
    shell.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    trap.lab.finish_command(shell.stdin(Stdio::null())).expect(0);
    let mut calls = Vec::new();
    for trace in std::fs::read_dir(traces.path()).unwrap() {
        let text = std::fs::read_to_string(trace.unwrap().path()).unwrap();
        let program = rotate.get_program().to_string_lossy().into_owned();
        let is_other = |line: &str| line.starts_with("execve(") && !line.contains(&program);
        if !text.lines().any(is_other) {
            calls.extend(text.lines().filter_map(made));
        }
    }
    calls
}

/// Closed to others when it is made, and never opened but for a target that was open before.
#[track_caller]
fn assert_closed(lab: &Path, made: &Made, which: &str) {
    let is_chmod = made.call.contains("chmod");
    let beside_the_target = made.path.parent() == Some(lab) && !made.path.ends_with("state");
    if is_chmod && beside_the_target {
        assert_eq!(made.mode & 0o7777 & !0o644, 0, "{which}: wider than the target was: {made:?}");
        return;
    }
    assert_eq!(made.mode & 0o077, 0, "{which}: {made:?}");
}

#[test]
fn whatever_is_made_is_closed_to_others_when_it_is_made() {
    let trap = Trap::new();
    let lab = trap.lab.path("").canonicalize().unwrap();
    let mut seen = Vec::new();
    for command in [
        "adopt prod --from file:old.key",
        "stage prod --from file:new.key",
        "abort prod",
        "stage prod --from file:new.key",
        "lease acquire --ttl 1s",
        "exec prod -- true",
        "promote prod",
        "status",
        "history --verify",
        "key prod",
        "wait",
        "finish prod",
        "undo prod",
        "revoke-now prod --reason leaked --yes",
        "purge prod --yes",
        "stage prod --from file:replacement.key",
    ] {
        if command == "wait" {
            trap.lab.work_with("prod");
            trap.lab.advance_minutes(61);
            continue;
        }
        for call in calls_of(&trap, command) {
            let path = if call.path.is_absolute() { call.path.clone() } else { lab.join(&call.path) };
            if path.starts_with(&lab) {
                assert_closed(&lab, &Made { path: path.clone(), ..call }, command);
                seen.push(path);
            }
        }
    }
    // That the look was at what matters.
    for part in ["state", "state/slots", "state/journal", "state/spool", "state/leases", "state/prod.lock"] {
        assert!(seen.iter().any(|path| *path == lab.join(part)), "{part} was made, and not seen: {seen:?}");
    }
    let beside = |path: &PathBuf| path.parent() == Some(&lab) && path.to_string_lossy().contains("app.env");
    assert!(seen.iter().any(beside), "nothing was made beside the target: {seen:?}");
    tally::CREATIONS.fetch_add(seen.len(), Ordering::SeqCst);
    tally::over();
}

#[test]
fn calls_are_read_as_strace_tells_them() {
    let lines = [
        (r#"openat(AT_FDCWD</x>, "/x/a", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3</x/a>"#, "/x/a", 0o644),
        (
            r#"openat(AT_FDCWD</x>, "/x", O_WRONLY|O_TMPFILE, 0600) = 3</x/#12 (deleted)>"#,
            "/x/#12 (deleted)",
            0o600,
        ),
        (r#"mkdir("/x/d", 0777)                     = 0"#, "/x/d", 0o777),
        (r#"fchmod(5</x/.tmp1>, 0100644)            = 0"#, "/x/.tmp1", 0o100_644),
        (r#"chmod("/x/a", 0600) = 0"#, "/x/a", 0o600),
    ];
    for (line, path, mode) in lines {
        let made = made(line).unwrap();
        assert_eq!((made.path.as_path(), made.mode), (Path::new(path), mode), "{line}");
        assert_eq!(made.is_temporary, line.contains("O_TMPFILE"));
    }
    assert!(made(r#"openat(AT_FDCWD</x>, "/x/a", O_RDONLY|O_CLOEXEC) = 3</x/a>"#).is_none());
    assert!(made(r#"mkdir("/x/d", 0777) = -1 EEXIST (File exists)"#).is_none());
    tally::over();
}
