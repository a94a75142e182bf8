//! Prompts: on a terminal only, none with a default that destroys, none that leaves the terminal
//! without echo.
//!
//! The prompt crates let Ctrl-C kill the process while echo is off; here the terminal's signals are off
//! for as long as its echo is, so Ctrl-C arrives as a character and the terminal is put right first.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::Failure;
use crate::exit::ExitCode;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const CTRL_U: u8 = 0x15;
const BYTES_LIMIT: usize = 64 << 10;

/// Whether a person can be asked: stdin and stderr are terminals.
pub fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a secret without showing it.
///
/// # Errors
/// Exit 130 on Ctrl-C or end of input, 1 where the terminal cannot be set.
pub fn hidden(question: &str) -> Result<Vec<u8>, Failure> {
    ask(question, Echo::Off).map(|line| line.to_vec())
}

/// Asks for a line of text.
///
/// # Errors
/// As [`hidden`].
pub fn line(question: &str) -> Result<String, Failure> {
    let bytes = ask(question, Echo::On)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    On,
    Off,
}

fn ask(question: &str, echo: Echo) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let terminal_failure = |error: io::Error| {
        Failure::new(
            ExitCode::Unexpected,
            "cannot ask on this terminal",
            "give the value with its option instead; see --help",
        )
        .caused_by(&error)
    };
    let guard = RawMode::enter().map_err(terminal_failure)?;
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{question} ");
    let _ = stderr.flush();
    let answer = read_line(&mut io::stdin().lock(), &mut stderr, echo).map_err(terminal_failure)?;
    drop(guard);
    let _ = writeln!(stderr);
    answer.ok_or_else(interrupted)
}

/// `None` on Ctrl-C and at the end of input.
fn read_line(
    input: &mut impl Read,
    output: &mut impl Write,
    echo: Echo,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Allocated once, so that growing leaves no copies of a secret behind.
    let mut line = Zeroizing::new(Vec::with_capacity(BYTES_LIMIT));
    let mut byte = [0];
    loop {
        if input.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\n' | b'\r' => return Ok(Some(line)),
            CTRL_C => return Ok(None),
            CTRL_D if line.is_empty() => return Ok(None),
            BACKSPACE | DELETE => {
                let erased = line.pop().is_some();
                if erased && echo == Echo::On {
                    output.write_all(b"\x08 \x08")?;
                }
            }
            CTRL_U => {
                if echo == Echo::On {
                    output.write_all(&b"\x08 \x08".repeat(line.len()))?;
                }
                line.clear();
            }
            other if line.len() < BYTES_LIMIT => {
                line.push(other);
                if echo == Echo::On {
                    output.write_all(&byte)?;
                }
            }
            _ => {}
        }
        output.flush()?;
    }
}

/// The terminal without line mode, echo and signals, until dropped.
struct RawMode {
    before: Termios,
}

impl RawMode {
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

fn interrupted() -> Failure {
    Failure::new(
        ExitCode::Interrupted,
        "interrupted at the prompt",
        "nothing was changed; run the command again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8], echo: Echo) -> (Option<Vec<u8>>, Vec<u8>) {
        let mut shown = Vec::new();
        let line = read_line(&mut &*bytes, &mut shown, echo).unwrap();
        (line.map(|line| line.to_vec()), shown)
    }

    #[test]
    fn a_hidden_line_shows_nothing() {
        assert_eq!(typed(b"secret\n", Echo::Off), (Some(b"secret".to_vec()), Vec::new()));
    }

    #[test]
    fn ctrl_c_and_the_end_of_input_give_nothing() {
        assert_eq!(typed(b"sec\x03ret\n", Echo::Off).0, None);
        assert_eq!(typed(b"secret", Echo::Off).0, None);
        assert_eq!(typed(b"\x04", Echo::Off).0, None);
    }

    #[test]
    fn backspace_and_ctrl_u_edit() {
        assert_eq!(typed(b"ab\x7fc\n", Echo::On).0, Some(b"ac".to_vec()));
        assert_eq!(typed(b"wrong\x15right\r", Echo::On).0, Some(b"right".to_vec()));
    }
}
