//! A dotenv file as bytes: where a variable is assigned, and how to change only its value.
//!
//! There is no standard. What is read here is what motdotla/dotenv, python-dotenv, POSIX shells, compose
//! and systemd read alike; where they differ in a way that matters for the variable at hand, the file is
//! [`Unclear`] and nothing is changed.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::secret::Secret;

/// Why a file does not tell what to change. Lines count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    #[error("the quote opened on line {line} is never closed")]
    Unterminated { line: usize },
    #[error("there is text after the closing quote of the value on line {line}")]
    TextAfterQuote { line: usize },
    #[error("line {line} holds more than one bare value")]
    MoreThanAValue { line: usize },
    #[error("programs disagree on where the quoted values before line {line} end")]
    Disputed { line: usize },
    #[error("it is not text in an encoding that extends ASCII")]
    NotText,
    #[error("the variable would not be read back from it")]
    NotReadBack,
}

impl Unclear {
    /// Where to look, where it is one line.
    pub fn line(self) -> Option<usize> {
        match self {
            Unclear::Unterminated { line }
            | Unclear::TextAfterQuote { line }
            | Unclear::MoreThanAValue { line }
            | Unclear::Disputed { line } => Some(line),
            Unclear::NotText | Unclear::NotReadBack => None,
        }
    }

    /// What a person does about it.
    pub fn remedy(self, variable: &str) -> String {
        match self {
            Unclear::Unterminated { line } => {
                format!("close the quote on line {line}, then run the same command again")
            }
            Unclear::TextAfterQuote { line } | Unclear::MoreThanAValue { line } => {
                format!("make line {line} a plain NAME=\"value\" (a comment may follow), then run it again")
            }
            Unclear::Disputed { .. } => {
                format!("move the line with {variable} to the top, or drop backslashes before single quotes")
            }
            Unclear::NotText => "save the file as UTF-8, then run the same command again".to_owned(),
            Unclear::NotReadBack => {
                format!("put {variable} into a file of its own, and report this file's shape")
            }
        }
    }
}

/// Changes the value of every assignment of `variable`, or appends one; every other byte stays.
///
/// # Errors
/// The file does not tell what to change.
pub fn edit(bytes: &[u8], variable: &str, value: &Secret) -> Result<Zeroizing<Vec<u8>>, Unclear> {
    let assignments = editable(bytes, variable)?;
    // Room for everything at once: growing would leave copies of the value in freed memory.
    let room = (assignments.len() + 1) * (2 * value.expose().len() + variable.len() + 8);
    let mut edited = Zeroizing::new(Vec::with_capacity(bytes.len() + room));
    let mut copied = 0;
    for assignment in &assignments {
        edited.extend_from_slice(&bytes[copied..assignment.value.start]);
        assignment.quote.fitting(value).put(value, &mut edited);
        copied = assignment.value.end;
    }
    edited.extend_from_slice(&bytes[copied..]);
    if assignments.is_empty() {
        append(&mut edited, bytes, variable, value);
    }
    let is_value = |held: &Zeroizing<Vec<u8>>| held.as_slice() == value.expose().as_bytes();
    match values(&edited, variable) {
        Ok(held) if !held.is_empty() && held.iter().all(is_value) => Ok(edited),
        _ => Err(Unclear::NotReadBack),
    }
}

/// Whether [`edit`] would know what to change.
///
/// # Errors
/// As [`edit`].
pub fn check(bytes: &[u8], variable: &str) -> Result<(), Unclear> {
    editable(bytes, variable).map(|_| ())
}

/// The value of every assignment of `variable`, in the file's order, as the bytes a program would get
/// that expands nothing.
///
/// # Errors
/// The file does not tell where values end.
pub fn values(bytes: &[u8], variable: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, Unclear> {
    Ok(located(bytes, variable)?.into_iter().map(|located| located.value).collect())
}

/// One assignment as a reader of the file gets it.
pub struct Located {
    /// Counts from 1.
    pub line: usize,
    pub value: Zeroizing<Vec<u8>>,
}

/// As [`values`], with the lines on which they begin.
///
/// # Errors
/// As [`values`].
pub fn located(bytes: &[u8], variable: &str) -> Result<Vec<Located>, Unclear> {
    let read = |assignment: &Assignment| Located { line: assignment.line, value: assignment.read(bytes) };
    Ok(find(bytes, variable)?.iter().map(read).collect())
}

fn editable(bytes: &[u8], variable: &str) -> Result<Vec<Assignment>, Unclear> {
    let assignments = find(bytes, variable)?;
    for assignment in &assignments {
        // `NAME=value; export NAME` must not lose its second half.
        let more = |byte: &u8| is_blank(*byte) || *byte == b';';
        if assignment.quote == Quote::None && bytes[assignment.value.clone()].iter().any(more) {
            return Err(Unclear::MoreThanAValue { line: assignment.line });
        }
    }
    Ok(assignments)
}

fn append(edited: &mut Vec<u8>, bytes: &[u8], variable: &str, value: &Secret) {
    let line_end = first_line_end(bytes);
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if !matches!(body.last(), None | Some(b'\n' | b'\r')) {
        edited.extend_from_slice(line_end);
    }
    edited.extend_from_slice(variable.as_bytes());
    edited.push(b'=');
    Quote::None.fitting(value).put(value, edited);
    edited.extend_from_slice(line_end);
}

fn first_line_end(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|byte| is_line_end(*byte)) {
        Some(at) if bytes[at..].starts_with(b"\r\n") => b"\r\n",
        Some(at) => &bytes[at..=at],
        None => b"\n",
    }
}

/// One `NAME=value` of the variable that was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Assignment {
    line: usize,
    /// Where the value stands, its quotes included.
    value: Range<usize>,
    quote: Quote,
}

impl Assignment {
    fn read(&self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        let raw = &bytes[self.value.clone()];
        let mut value = Zeroizing::new(Vec::with_capacity(raw.len()));
        match self.quote {
            Quote::None => value.extend_from_slice(raw),
            Quote::Single | Quote::Backtick => value.extend_from_slice(&raw[1..raw.len() - 1]),
            Quote::Double => unescape(&raw[1..raw.len() - 1], &mut value),
        }
        value
    }
}

/// Undoes the escapes that shells, python-dotenv and compose agree on.
fn unescape(raw: &[u8], value: &mut Vec<u8>) {
    let mut rest = raw.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' {
            rest.next_if(|next| matches!(next, b'\\' | b'"' | b'$' | b'`'))
        } else {
            None
        };
        value.push(escaped.unwrap_or(byte));
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    Backtick,
}

impl Quote {
    fn opened_by(byte: u8) -> Self {
        match byte {
            b'\'' => Quote::Single,
            b'"' => Quote::Double,
            b'`' => Quote::Backtick,
            _ => Quote::None,
        }
    }

    fn mark(self) -> &'static [u8] {
        match self {
            Quote::None => b"",
            Quote::Single => b"'",
            Quote::Double => b"\"",
            Quote::Backtick => b"`",
        }
    }

    /// This style where the value means itself in it; otherwise the one that most programs read right.
    fn fitting(self, value: &Secret) -> Self {
        let value = value.expose();
        let backslash_matters = value.contains("\\\\") || value.ends_with('\\');
        let fits = match self {
            // Anything else is special to a shell, or, like `#`, to motdotla/dotenv.
            Quote::None => {
                value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/+=@%,^".contains(&byte))
            }
            Quote::Double => !value.contains(['$', '\\']),
            Quote::Single | Quote::Backtick => !backslash_matters,
        };
        match (fits, backslash_matters) {
            (true, _) => self,
            // Single quotes are literal everywhere, up to backslashes that could escape something.
            (false, false) => Quote::Single,
            (false, true) => Quote::Double,
        }
    }

    /// Writes a value that holds no quotes, as every [`Secret`] does.
    fn put(self, value: &Secret, out: &mut Vec<u8>) {
        out.extend_from_slice(self.mark());
        for byte in value.expose().bytes() {
            if self == Quote::Double && matches!(byte, b'$' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.extend_from_slice(self.mark());
    }
}

/// Whether a backslash in single quotes or backticks escapes what follows. Shells say no, python-dotenv and
/// motdotla/dotenv say yes; in double quotes all agree that it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Literal,
    Escapes,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Every assignment of `variable`, where both readings of a backslash agree on them or only one can
/// read the file at all.
fn find(bytes: &[u8], variable: &str) -> Result<Vec<Assignment>, Unclear> {
    // UTF-16 is full of NUL bytes, and appending ASCII to it would ruin it.
    if bytes.contains(&0) {
        return Err(Unclear::NotText);
    }
    let literal = Scan::new(bytes, variable, Backslash::Literal).assignments();
    let escapes = Scan::new(bytes, variable, Backslash::Escapes).assignments();
    match (literal, escapes) {
        (Ok(literal), Ok(escapes)) if literal != escapes => {
            let line = literal.iter().chain(&escapes).map(|assignment| assignment.line).max();
            Err(Unclear::Disputed { line: line.unwrap_or(1) })
        }
        (Ok(found), _) | (_, Ok(found)) => Ok(found),
        (Err(unclear), Err(_)) => Err(unclear),
    }
}

/// One pass over a file in one reading.
struct Scan<'a> {
    bytes: &'a [u8],
    variable: &'a [u8],
    backslash: Backslash,
    at: usize,
    line: usize,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], variable: &'a str, backslash: Backslash) -> Self {
        let at = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { bytes, variable: variable.as_bytes(), backslash, at, line: 1 }
    }

    fn assignments(mut self) -> Result<Vec<Assignment>, Unclear> {
        let mut found = Vec::new();
        while self.at < self.bytes.len() {
            if let Some(is_asked_for) = self.name() {
                let assignment = self.value(is_asked_for)?;
                if is_asked_for {
                    found.push(assignment);
                }
            }
            self.skip(|byte| !is_line_end(byte));
            self.line_end();
        }
        Ok(found)
    }

    /// Steps past `NAME =` with an optional `export`, and says whether it is the variable asked for;
    /// `None` where the line assigns nothing.
    fn name(&mut self) -> Option<bool> {
        self.skip(is_blank);
        if self.peek() == Some(b'#') {
            return None;
        }
        let mut name = self.skip(is_name);
        let blanks = self.skip(is_blank);
        if name == b"export" && !blanks.is_empty() && self.peek() != Some(b'=') {
            name = self.skip(is_name);
            self.skip(is_blank);
        }
        if name.is_empty() || self.peek() != Some(b'=') {
            return None;
        }
        self.at += 1;
        Some(name == self.variable)
    }

    /// Steps past the value, up to the line's end at most.
    fn value(&mut self, is_asked_for: bool) -> Result<Assignment, Unclear> {
        let (line, after_sign) = (self.line, self.at);
        self.skip(is_blank);
        let quote = self.peek().map_or(Quote::None, Quote::opened_by);
        let value = match quote {
            Quote::None => self.bare(after_sign),
            _ => self.quoted(quote, is_asked_for)?,
        };
        Ok(Assignment { line, value, quote })
    }

    /// A value without quotes: up to white space before a comment or the line's end. An empty one stands
    /// right after the equals sign.
    fn bare(&mut self, after_sign: usize) -> Range<usize> {
        let start = self.at;
        let text = self.skip(|byte| !is_line_end(byte));
        let before = |at: usize| start.checked_add(at)?.checked_sub(1).map(|before| self.bytes[before]);
        let comment = (0..text.len()).find(|at| text[*at] == b'#' && before(*at).is_some_and(is_blank));
        let value = text[..comment.unwrap_or(text.len())].trim_ascii_end();
        if value.is_empty() { after_sign..after_sign } else { start..start + value.len() }
    }

    fn quoted(&mut self, quote: Quote, is_asked_for: bool) -> Result<Range<usize>, Unclear> {
        let (start, line) = (self.at, self.line);
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(Unclear::Unterminated { line }),
                Some(b'\\') if quote == Quote::Double || self.backslash == Backslash::Escapes => {
                    self.at += 1;
                    self.step();
                }
                Some(byte) if Quote::opened_by(byte) == quote => break,
                Some(_) => self.step(),
            }
        }
        self.at += 1;
        let value = start..self.at;
        self.skip(is_blank);
        let ends_well = self.peek().is_none_or(|byte| is_line_end(byte) || byte == b'#');
        // In another variable's value such text harms nobody, unless the quotes paired up wrongly.
        if !ends_well && (is_asked_for || self.line != line) {
            return Err(Unclear::TextAfterQuote { line });
        }
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// One byte further, or past one line end.
    fn step(&mut self) {
        match self.peek() {
            Some(byte) if is_line_end(byte) => self.line_end(),
            Some(_) => self.at += 1,
            None => {}
        }
    }

    fn line_end(&mut self) {
        if self.at < self.bytes.len() {
            self.at += if self.bytes[self.at..].starts_with(b"\r\n") { 2 } else { 1 };
            self.line += 1;
        }
    }

    fn skip(&mut self, while_true: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| !while_true(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c)
}

/// A lone carriage return ends a line too, as in motdotla/dotenv and python-dotenv.
fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_name(byte: u8) -> bool {
    !is_blank(byte) && !is_line_end(byte) && byte != b'='
}

#[cfg(test)]
mod tests;
