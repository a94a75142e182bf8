//! A person at a terminal: a pseudo-terminal of its own for one run of the executable.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::lab::Lab;

const PATIENCE: Duration = Duration::from_secs(20);

/// One run on a terminal of its own.
pub struct Session {
    child: Child,
    master: File,
    /// Kept open, so that the terminal's modes can be looked at when the program is gone.
    terminal: File,
    shown: Arc<Mutex<Vec<u8>>>,
    modes_before: LocalModes,
}

impl Session {
    /// Starts a command with the terminal as stdin, stdout, stderr and controlling terminal.
    pub fn start(lab: &Lab, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let modes_before = tcgetattr(&terminal).unwrap().local_modes;
        let rotate = lab.command(arguments);
        let mut command = Command::new("setsid");
        // Not having been forked as a group's leader, it becomes `rotate` without a fork.
        command.arg("--ctty").arg(rotate.get_program()).args(rotate.get_args());
        command.current_dir(lab.path("")).env_clear().env("TERM", "xterm");
        command.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let end = || OwnedFd::from(terminal.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let master = File::from(master);
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut reader, text) = (master.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                text.lock().unwrap().extend_from_slice(&chunk[..length]);
            }
        });
        Self { child, master, terminal, shown, modes_before }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// What the terminal shows so far.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until the terminal shows a text.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        self.until(text, || self.shown().contains(text));
    }

    /// Polls for what the real process must reach.
    #[track_caller]
    pub fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached() {
            assert!(Instant::now() < deadline, "never: {what}; the terminal shows:\n{:?}", self.shown());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Types; `\x03` is Ctrl-C.
    pub fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    pub fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end: the exit code and all that was shown. The terminal must be as it was.
    #[track_caller]
    pub fn ends(mut self) -> (i32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("it does not end; the terminal shows:\n{}", self.shown());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        assert_eq!(tcgetattr(&self.terminal).unwrap().local_modes, self.modes_before, "the terminal's modes");
        // Whatever was written before the end has been read when the mark, written after it, has.
        self.terminal.write_all(b"<end>").unwrap();
        self.until("the mark", || self.shown().contains("<end>"));
        (status.code().unwrap_or(-1), self.shown().replace("<end>", ""))
    }
}
