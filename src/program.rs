//! One run of a program: input fed, output capped, killed with its whole group when it takes too long.

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use zeroize::{Zeroize, Zeroizing};

/// What is kept of stdout, from its start; no credential is longer.
const STDOUT_BYTES: usize = 64 * 1024;

/// What is kept of stderr, up to its end.
const STDERR_BYTES: usize = 8 * 1024;

/// How long output is awaited once the program has ended: a daemon it left behind may hold the pipes open.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// A program that ran to its end.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Zeroizing<Vec<u8>>,
    pub(crate) stdout_is_cut: bool,
    pub(crate) stderr: Zeroizing<Vec<u8>>,
}

/// A program that did not run to its end.
pub(crate) enum Failed {
    NotRun(io::Error),
    TimedOut,
}

/// Runs the program in a process group of its own, with this environment and nothing else.
///
/// A program that ends without reading its input is judged by its status alone. Dropping the future
/// kills the group.
pub(crate) async fn run(
    arguments: &[String],
    environment: Vec<(OsString, OsString)>,
    input: Option<Zeroizing<Vec<u8>>>,
    limit: Duration,
) -> Result<Finished, Failed> {
    let (program, rest) =
        arguments.split_first().ok_or_else(|| Failed::NotRun(io::ErrorKind::InvalidInput.into()))?;
    let mut child = Command::new(program)
        .args(rest)
        .env_clear()
        .envs(environment)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(Failed::NotRun)?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    match timeout(limit, converse(&mut child, input)).await {
        Ok(finished) => {
            // What it left running on purpose goes on.
            group.0 = None;
            finished.map_err(Failed::NotRun)
        }
        Err(_) => {
            drop(group);
            // Reaps it. A process that even a kill does not end soon is left to the runtime.
            let _ = timeout(LAST_OUTPUT, child.wait()).await;
            Err(Failed::TimedOut)
        }
    }
}

async fn converse(child: &mut Child, input: Option<Zeroizing<Vec<u8>>>) -> io::Result<Finished> {
    let stdin = child.stdin.take().zip(input);
    let (mut stdout, mut stderr) = (Kept::start(STDOUT_BYTES), Kept::end(STDERR_BYTES));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let status = {
        let streams = async { tokio::join!(feed(stdin), stdout.drain(out), stderr.drain(err)) };
        tokio::pin!(streams);
        tokio::select! {
            _ = &mut streams => child.wait().await?,
            status = child.wait() => {
                let _ = timeout(LAST_OUTPUT, streams).await;
                status?
            }
        }
    };
    Ok(Finished { status, stdout_is_cut: stdout.is_cut, stdout: stdout.bytes, stderr: stderr.bytes })
}

async fn feed(stdin: Option<(ChildStdin, Zeroizing<Vec<u8>>)>) {
    if let Some((mut stdin, input)) = stdin {
        // A program that does not want it closes the pipe; its exit status says whether that is well.
        let _ = stdin.write_all(&input).await;
    }
}

/// A stream of which only so many bytes are kept; the rest is read and forgotten, so that the program
/// never waits for a reader.
struct Kept {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
    keeps_end: bool,
    is_cut: bool,
}

impl Kept {
    fn start(limit: usize) -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(limit)), limit, keeps_end: false, is_cut: false }
    }

    fn end(limit: usize) -> Self {
        // Twice the room: the front is cut off only once in a while.
        Self { bytes: Zeroizing::new(Vec::with_capacity(2 * limit)), limit, keeps_end: true, is_cut: false }
    }

    async fn drain(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut chunk = Zeroizing::new([0; 4096]);
        while let Ok(length @ 1..) = stream.read(&mut chunk[..]).await {
            self.keep(&chunk[..length]);
        }
    }

    fn keep(&mut self, chunk: &[u8]) {
        if self.keeps_end {
            if self.bytes.len() + chunk.len() > 2 * self.limit {
                let surplus = self.bytes.len().saturating_sub(self.limit);
                self.bytes.copy_within(surplus.., 0);
                let left = self.bytes.len() - surplus;
                self.bytes[left..].zeroize();
                self.bytes.truncate(left);
                self.is_cut = true;
            }
            self.bytes.extend_from_slice(chunk);
        } else {
            let room = chunk.len().min(self.limit - self.bytes.len());
            self.bytes.extend_from_slice(&chunk[..room]);
            self.is_cut |= room < chunk.len();
        }
    }
}

/// Kills the process group when it is dropped before its program has ended.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error says that nobody is left in it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
