//! A process that dies leaves nothing of its memory, and while it lives its own user cannot look into it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::tally;
use super::trap::{Trap, files};

/// The program with core files as large as they get, and with every signal as deadly as it is: a shell starts what runs
/// in its background with SIGQUIT ignored.
fn with_cores(program: &Command, directory: &std::path::Path) -> Child {
    let mut shell = Command::new("sh");
    let script = "ulimit -c unlimited 2>/dev/null || ulimit -c hard; exec env --default-signal \"$@\"";
    shell.args(["-c", script, "sh"]);
    shell.arg(program.get_program()).args(program.get_args()).current_dir(directory).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The first SIGSEGV or SIGBUS that comes from outside only ends the standard library's own handling of it.
fn ended_by(child: &mut Child, signal: Signal) -> ExitStatus {
    loop {
        kill_process(Pid::from_child(child), signal).unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_process_that_dies_with_a_value_leaves_no_core() {
    let trap = Trap::new();
    trap.run("adopt prod --from file:old.key");
    // It takes a request, with a value in it, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let key = trap.lab.key_with("prod", "", &[]);
    trap.lab.configure_at(&url, "", &key);
    let before = files(&trap.lab.path("")).len();
    for signal in [Signal::SEGV, Signal::ABORT, Signal::QUIT, Signal::BUS, Signal::SYS] {
        let stage = trap.lab.command(&["stage", "prod", "--from", "file:new.key"]);
        let mut child = with_cores(&stage, &trap.lab.path(""));
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        let status = ended_by(&mut child, signal);
        assert_eq!(status.signal(), Some(signal.as_raw()), "{signal:?}");
        assert!(!status.core_dumped(), "{signal:?}");
        for path in files(&trap.lab.path("")) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(!name.starts_with("core"), "{name} after {signal:?}");
        }
    }
    // Locks and temporary files at most, and what they hold is searched.
    assert!(files(&trap.lab.path("")).len() <= before + 4);
    trap.run("status");
    tally::over();
}

/// Who may look into /proc/PID: its own user, or root alone where the process is not dumpable (proc(5)).
fn owner_of(child: &Child) -> u32 {
    std::fs::metadata(format!("/proc/{}/environ", child.id())).unwrap().uid()
}

#[test]
fn a_process_is_closed_to_others_of_the_same_user() {
    // Root owns everything anyway, so root lets somebody else run it.
    let user = if geteuid().is_root() { 65_534 } else { geteuid().as_raw() };
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = directory.path().join("rotate");
    std::fs::copy(assert_cmd::cargo::cargo_bin!("rotate"), &program).unwrap();
    let start = |command: &mut Command| {
        command
            .current_dir("/")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if geteuid().is_root() {
            command.uid(user);
        }
        command.spawn().unwrap()
    };
    let mut sandbox = start(Command::new(&program).arg("sandbox"));
    // Once it has said where it listens, it is past everything that it does to itself.
    let mut line = String::new();
    BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("http://"), "{line}");
    let owner = owner_of(&sandbox);
    kill_process(Pid::from_child(&sandbox), Signal::KILL).unwrap();
    sandbox.wait().unwrap();
    assert_eq!(owner, 0, "its user could look into it");
    // That the owner tells something: another program's is its user.
    let mut other = start(Command::new("sh").args(["-c", "echo up; exec sleep 60"]));
    BufReader::new(other.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let owner = owner_of(&other);
    kill_process(Pid::from_child(&other), Signal::KILL).unwrap();
    other.wait().unwrap();
    assert_eq!(owner, user);
    tally::over();
}
