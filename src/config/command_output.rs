//! Running a program for its stdout, for a bounded time, with its output wiped afterwards.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::secret_ref::looks_like_a_secret;
use crate::readable;

/// No key is anywhere near as long; more is a wrong file or a runaway program.
pub(super) const LONGEST_BYTES: usize = 64 * 1024;
const POLL_INTERVAL: Duration = Duration::from_millis(5);
const LONGEST_REMARK_CHARACTERS: usize = 200;

/// Wiped when dropped, and never grown: a reallocation would leave a copy behind.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// A program that ended by itself.
pub(super) struct Output {
    pub status: ExitStatus,
    /// At most one byte more than [`LONGEST_BYTES`].
    pub stdout: Bytes,
    stderr: Bytes,
}

/// Why there is no output.
#[derive(Debug)]
pub(super) enum NoOutput {
    NotStarted(io::Error),
    Unreadable(io::Error),
    TimedOut,
}

/// Runs `program` without a shell and with an empty stdin; kills it at the limit.
pub(super) fn run(program: &str, arguments: &[String], limit: Duration) -> Result<Output, NoOutput> {
    let deadline = Instant::now() + limit;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(NoOutput::NotStarted)?;
    let stdout = child.stdout.take().map(read_aside);
    let stderr = child.stderr.take().map(read_aside);
    let Some(status) = wait(&mut child, deadline).map_err(NoOutput::Unreadable)? else {
        // The readers are left behind: whatever the program started may still hold its pipes open.
        let _ = child.kill();
        let _ = child.wait();
        return Err(NoOutput::TimedOut);
    };
    Ok(Output { status, stdout: collect(stdout, deadline)?, stderr: collect(stderr, deadline)? })
}

impl Output {
    /// The last line of stderr, fit for a message: no control characters, nothing like a key, nothing
    /// that also stood on stdout; empty where there is none.
    pub fn remark(&self) -> String {
        let stderr = Zeroizing::new(String::from_utf8_lossy(&self.stderr).into_owned());
        let stdout = Zeroizing::new(String::from_utf8_lossy(&self.stdout).into_owned());
        let line = stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let printable = readable::line(line, usize::MAX);
        let secret = |word: &str| {
            looks_like_a_secret(word)
                || stdout.split_whitespace().any(|value| value.len() >= 8 && word.contains(value))
        };
        let words = printable.split(' ').map(|word| if secret(word) { "[redacted]" } else { word });
        words.collect::<Vec<_>>().join(" ").chars().take(LONGEST_REMARK_CHARACTERS).collect()
    }
}

/// All there is to read, but at most one byte more than [`LONGEST_BYTES`].
pub(super) fn read_all(reader: impl Read) -> io::Result<Bytes> {
    let most = LONGEST_BYTES + 1;
    let mut bytes = Zeroizing::new(vec![0; most]);
    let mut length = 0;
    let mut reader = reader;
    while length < most {
        match reader.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn read_aside(reader: impl Read + Send + 'static) -> Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel();
    // An answer that nobody waits for any more is dropped, and so wiped.
    thread::spawn(move || drop(sender.send(read_all(reader))));
    receiver
}

fn collect(answer: Option<Receiver<io::Result<Bytes>>>, deadline: Instant) -> Result<Bytes, NoOutput> {
    let left = deadline.saturating_duration_since(Instant::now());
    match answer.map(|answer| answer.recv_timeout(left)) {
        None => Ok(Bytes::default()),
        Some(Ok(read)) => read.map_err(NoOutput::Unreadable),
        Some(Err(_)) => Err(NoOutput::TimedOut),
    }
}

fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Output, NoOutput> {
        run("sh", &["-c".to_owned(), script.to_owned()], limit)
    }

    #[test]
    fn a_program_that_hangs_is_killed_at_the_limit() {
        let started = Instant::now();
        for script in ["exec sleep 60", "sleep 3 & exit 0"] {
            let ended = shell(script, Duration::from_millis(100));
            assert!(matches!(ended, Err(NoOutput::TimedOut)), "{script}");
        }
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn the_remark_is_the_last_line_without_what_must_not_be_repeated() {
        let script = r"
            printf 'value-of-the-key'
            printf 'first\nno \033[31mluck: value-of-the-key sk-ant-api03-xyz\n\n' >&2
            exit 3";
        let output = shell(script, Duration::from_secs(20)).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.remark(), "no [31mluck: [redacted] [redacted]");
    }

    #[test]
    fn endless_output_is_cut() {
        let output = shell("exec yes", Duration::from_secs(20)).unwrap();
        assert_eq!(output.stdout.len(), LONGEST_BYTES + 1);
    }
}
