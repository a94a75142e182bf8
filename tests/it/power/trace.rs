//! What strace(1) wrote down, one call of the system after the other, with every byte that was written.

use std::path::{Path, PathBuf};

/// The calls that are watched: whatever makes, changes, moves, removes or syncs a file, whatever moves a position in
/// one, and whatever leaves the process. Those with `?` do not exist on every machine.
const WATCHED: &str = "?open,?creat,openat,openat2,read,pread64,readv,preadv,write,pwrite64,writev,pwritev,pwritev2,\
    truncate,ftruncate,fallocate,copy_file_range,sendfile,fsync,fdatasync,sync_file_range,sync,syncfs,msync,\
    ?rename,renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,?mkdir,mkdirat,?chmod,fchmod,\
    fchmodat,?fchmodat2,lseek,dup,?dup2,dup3,fcntl,close,sendto,sendmsg,sendmmsg,execve,?fork,?vfork,exit_group";

/// One call that came to an end.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    pub arguments: Vec<String>,
    /// What it gave back; `None` where it was cut short.
    pub result: Option<i64>,
}

impl Call {
    /// The number of a descriptor that an argument or the result names.
    pub fn descriptor(&self, argument: usize) -> i64 {
        let text = self.arguments[argument].split('<').next().unwrap_or_default();
        text.parse().unwrap_or_else(|_| panic!("no descriptor: {self:?}"))
    }

    /// What the descriptor of an argument is open on, as the kernel calls it.
    pub fn opened(&self, argument: usize) -> String {
        let text = &self.arguments[argument];
        let inside = text.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>')).unwrap_or_default();
        String::from_utf8_lossy(&plain(inside)).into_owned()
    }

    /// Every byte of the strings in an argument, one after the other.
    pub fn bytes(&self, argument: usize) -> Vec<u8> {
        let text = &self.arguments[argument];
        text.split('"').skip(1).step_by(2).flat_map(plain).collect()
    }

    /// A path, of which the argument before may name the directory.
    pub fn path(&self, argument: usize) -> PathBuf {
        let path = PathBuf::from(String::from_utf8(self.bytes(argument)).unwrap());
        match argument.checked_sub(1) {
            Some(before) if self.arguments[before].ends_with('>') => {
                Path::new(&self.opened(before)).join(path)
            }
            _ => path,
        }
    }

    pub fn number(&self, argument: usize) -> u64 {
        let text = &self.arguments[argument];
        let parsed = match text.strip_prefix('0') {
            Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8),
            _ => text.parse(),
        };
        parsed.unwrap_or_else(|_| panic!("no number: {self:?}"))
    }
}

/// The options that make strace write such a trace to a file.
pub fn options(file: &Path) -> Vec<String> {
    let watched = format!("trace={WATCHED}");
    ["-f", "-y", "-xx", "-s", "4000000", "-e", &watched, "-o", &file.display().to_string()]
        .map(str::to_owned)
        .to_vec()
}

/// The calls of a trace in the order in which they ended.
pub fn read(text: &str) -> Vec<Call> {
    let mut begun: Vec<(&str, String)> = Vec::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (process, rest) = line.trim_start().split_once(' ').unwrap();
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.push((process, start.to_owned()));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let at = begun.iter().rposition(|(other, _)| *other == process).unwrap();
            let (_, start) = begun.remove(at);
            let end = resumed.split_once(" resumed>").unwrap().1;
            calls.push(call(&format!("{start}{end}")));
        } else {
            calls.push(call(rest));
        }
    }
    calls
}

fn call(text: &str) -> Call {
    let (name, rest) = text.split_once('(').unwrap_or_else(|| panic!("no call: {text}"));
    let (arguments, result) = rest.rsplit_once(" = ").unwrap_or_else(|| panic!("no result: {text}"));
    let arguments = arguments.trim_end().strip_suffix(')').unwrap_or_else(|| panic!("no end: {text}"));
    let result = result.split([' ', '<']).next().unwrap();
    let result = match result.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => result.parse().ok(),
    };
    Call { name: name.to_owned(), arguments: split(arguments), result }
}

/// Arguments between the commas that stand in no bracket. In strings, every byte is written as `\x` and two digits.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for letter in text.chars() {
        match letter {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut()
            && !(part.is_empty() && letter == ' ')
        {
            part.push(letter);
        }
    }
    parts
}

fn plain(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        match rest.strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[4..];
            }
            None => {
                rest = &rest[letter.len_utf8()..];
                bytes.extend(letter.to_string().bytes());
            }
        }
    }
    bytes
}

#[test]
fn a_trace_is_read_byte_for_byte() {
    let text = "12 openat(AT_FDCWD<\\x2f\\x61>, \"\\x62\", O_RDWR|O_CREAT, 0600) = 3</a/b>\n\
        12 write(3<\\x2f\\x61\\x2f\\x62>, \"\\x2c\\x22\\x0a\", 3 <unfinished ...>\n\
        13 fsync(4<\\x2f\\x61>) = ?\n\
        12 <... write resumed>) = 3\n\
        12 writev(5<socket:[1]>, [{iov_base=\"\\x47\", iov_len=1}, {iov_base=\"\\x45\", iov_len=1}], 2) = 2\n\
        12 +++ exited with 0 +++";
    let calls = read(text);
    let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["openat", "fsync", "write", "writev"]);
    assert_eq!(calls[0].path(1), Path::new("/a/b"));
    assert_eq!((calls[0].number(3), calls[0].result), (0o600, Some(3)));
    assert_eq!(calls[1].result, None);
    assert_eq!((calls[2].bytes(1), calls[2].descriptor(0)), (b",\"\n".to_vec(), 3));
    assert_eq!((calls[3].opened(0).as_str(), calls[3].bytes(1)), ("socket:[1]", b"GE".to_vec()));
}
