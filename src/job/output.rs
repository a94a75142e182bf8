//! What a job prints on its way through: copied byte for byte, and looked at.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags};

use super::auth_failure::Watcher;

/// A pipe takes this much without blocking once it is writable (pipe(7), PIPE_BUF).
const WRITTEN_AT_ONCE: usize = 4096;
const READ_AT_ONCE: usize = 64 * 1024;

/// The one word of the hidden command that goes on copying when we are gone.
pub const RELAY: &str = "relay";

/// One pipe from the job, and where its bytes go.
pub struct Passage {
    /// `None` when nothing more comes, or when nobody takes it.
    from: Option<File>,
    to: File,
    waiting: Vec<u8>,
    pub watcher: Watcher,
    /// Why nobody takes it, unless its reader just went away.
    pub problem: Option<io::Error>,
}

impl Passage {
    /// A passage to `to`, and the end that the job writes into.
    ///
    /// # Errors
    /// What the system says.
    pub fn to(to: OwnedFd, watcher: Watcher) -> io::Result<(Self, OwnedFd)> {
        let (from, into) = io::pipe()?;
        let from = Some(File::from(OwnedFd::from(from)));
        Ok((Self { from, to: to.into(), waiting: Vec::new(), watcher, problem: None }, into.into()))
    }

    /// What has to be waited for; `None` where nothing more will happen.
    pub fn interest(&self) -> Option<PollFd<'_>> {
        if !self.waiting.is_empty() {
            return Some(PollFd::from_borrowed_fd(self.to.as_fd(), PollFlags::OUT));
        }
        let from = self.from.as_ref()?;
        Some(PollFd::from_borrowed_fd(from.as_fd(), PollFlags::IN))
    }

    /// Goes one step on, after [`Passage::interest`] was met; never waits.
    pub fn step(&mut self) {
        if self.waiting.is_empty() {
            self.take(READ_AT_ONCE);
        } else {
            self.give();
        }
    }

    /// How many bytes are in the pipe now.
    pub fn held_back(&self) -> u64 {
        self.from.as_ref().and_then(|from| rustix::io::ioctl_fionread(from).ok()).unwrap_or(0)
    }

    /// Reads up to `limit` bytes, more than none; the number read.
    pub fn take(&mut self, limit: usize) -> usize {
        let Some(from) = &mut self.from else { return 0 };
        self.waiting.resize(limit.clamp(1, READ_AT_ONCE), 0);
        let length = match from.read(&mut self.waiting) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.waiting.clear();
                return 0;
            }
            Err(_) => 0,
        };
        self.waiting.truncate(length);
        if length == 0 {
            self.from = None;
        }
        self.watcher.see(&self.waiting);
        length
    }

    fn give(&mut self) {
        let length = self.waiting.len().min(WRITTEN_AT_ONCE);
        match self.to.write(&self.waiting[..length]) {
            Ok(length) => drop(self.waiting.drain(..length)),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            Err(error) => {
                // Closed, the pipe tells the job what the reader told us.
                self.from = None;
                self.waiting.clear();
                self.problem = Some(error).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
            }
        }
    }

    /// Whether bytes wait to be written.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Hands the pipe over to a process that goes on copying, where somebody still holds its other end; its id.
    ///
    /// # Errors
    /// The process could not be started.
    pub fn leave(self) -> io::Result<Option<u32>> {
        let Some(from) = self.from.filter(is_held) else {
            return Ok(None);
        };
        let relay = relay().stdin(from).stdout(self.to).stderr(Stdio::null()).spawn()?;
        Ok(Some(relay.id()))
    }
}

/// Whether something is left to read, or somebody could still write.
fn is_held(from: &File) -> bool {
    let mut ends = [PollFd::new(from, PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    let is_polled = rustix::event::poll(&mut ends, Some(&now)).is_ok();
    // Hung up and nothing left to read: the last writer is gone.
    is_polled && ends[0].revents() != PollFlags::HUP
}

/// This very program, also where its file was replaced meanwhile; nothing of the environment.
fn relay() -> Command {
    let program = match cfg!(target_os = "linux") {
        true => "/proc/self/exe".into(),
        false => std::env::current_exe().unwrap_or_else(|_| "rotate".into()),
    };
    let mut command = Command::new(program);
    command.arg(RELAY).env_clear();
    command
}
