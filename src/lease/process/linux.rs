//! What /proc says of processes (proc_pid_stat(5)).

use std::collections::BTreeMap;
use std::io;

use super::{Member, Sighting, by_signal};

/// The fields of `/proc/PID/stat` that matter here.
struct Stat {
    has_ended: bool,
    parent: u32,
    start_ticks: u64,
}

pub(super) fn sight(member: &Member) -> Sighting {
    match stat_of(member.pid) {
        Ok(Some(stat)) if stat.has_ended => Sighting::Gone,
        Ok(Some(stat)) => match member.start_ticks {
            Some(ticks) if ticks == stat.start_ticks => Sighting::Alive,
            Some(_) => Sighting::Gone,
            None => Sighting::Hidden("its record does not say when its process started"),
        },
        // Where /proc hides the processes of others (`hidepid`), a file that is missing says nothing.
        Ok(None) | Err(_) => by_signal(member.pid),
    }
}

pub(super) fn start_ticks(pid: u32) -> Option<u64> {
    Some(stat_of(pid).ok()??.start_ticks)
}

/// Both ids as the mounted /proc counts them, whichever namespace that is of: field 1 and field 6.
pub(super) fn leads_session_here() -> bool {
    std::fs::read("/proc/self/stat").is_ok_and(|text| leads_session(&text) == Some(true))
}

fn leads_session(text: &[u8]) -> Option<bool> {
    let own = text.split(|byte| *byte == b' ').next()?;
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    let session = text[after_name..].split(|byte| *byte == b' ').nth(4)?;
    Some(own == session)
}

/// `None` where the text is not what proc_pid_stat(5) says.
fn stat_of(pid: u32) -> io::Result<Option<Stat>> {
    if !counts_as_we_do() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(parse(&std::fs::read(format!("/proc/{pid}/stat"))?))
}

/// In a process id namespace without a /proc of its own (`unshare --pid`), the ids in /proc are of other processes.
fn counts_as_we_do() -> bool {
    let own = std::process::id().to_string();
    std::fs::read_link("/proc/self").is_ok_and(|name| name.as_os_str() == own.as_str())
}

/// The program's name stands in parentheses and may hold any bytes, also parentheses: what counts begins
/// after the last one.
fn parse(text: &[u8]) -> Option<Stat> {
    let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
    let rest = std::str::from_utf8(&text[after_name..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first of these is field 3.
    let field = |number: usize| fields.get(number - 3).copied();
    // A first thread that has ended looks like a process that has, while others run on; field 20 counts them.
    let others_run = field(20)?.parse().is_ok_and(|threads: u64| threads > 1);
    Some(Stat {
        has_ended: matches!(field(3)?, "Z" | "X" | "x") && !others_run,
        parent: field(4)?.parse().ok()?,
        start_ticks: field(22)?.parse().ok()?,
    })
}

pub(super) fn descendants(pid: u32) -> Vec<u32> {
    let children = children();
    let mut found: Vec<u32> = Vec::new();
    let mut next = vec![pid];
    while let Some(parent) = next.pop() {
        // A process that came and went while it was looked at can close a circle.
        let new = children.get(&parent).into_iter().flatten().filter(|child| **child != pid);
        let new: Vec<u32> = new.copied().filter(|child| !found.contains(child)).collect();
        found.extend(&new);
        next.extend(new);
    }
    found
}

/// Every process that is seen, by its parent.
fn children() -> BTreeMap<u32, Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Ok(Some(stat)) = stat_of(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, state: &str, threads: u32) -> String {
        let unimportant = "0 ".repeat(15);
        format!("42 ({name}) {state} 7 {unimportant}{threads} 0 4711 0 0\n")
    }

    #[test]
    fn a_name_may_hold_anything() {
        for name in ["sleep", "a b", ") S 1 (", "\u{fffd})", "((x"] {
            let stat = parse(text(name, "S", 1).as_bytes()).unwrap();
            assert_eq!((stat.has_ended, stat.parent, stat.start_ticks), (false, 7, 4711), "{name}");
        }
        let mut bytes = text("??", "S", 1).into_bytes();
        bytes[4..6].copy_from_slice(b"\xff\xfe");
        assert_eq!(parse(&bytes).unwrap().start_ticks, 4711);
    }

    #[test]
    fn a_process_has_ended_when_its_last_thread_has() {
        for (state, threads, has_ended) in [
            ("R", 1, false),
            ("S", 5, false),
            ("T", 1, false),
            ("D", 1, false),
            ("Z", 1, true),
            ("X", 0, true),
            ("Z", 2, false),
        ] {
            assert_eq!(
                parse(text("job", state, threads).as_bytes()).unwrap().has_ended,
                has_ended,
                "{state}"
            );
        }
    }

    #[test]
    fn a_leader_has_its_session_named_after_it() {
        for (text, leads) in [
            ("42 (a) 7) S 1 42 42 0 -1", Some(true)),
            ("42 (sh) S 1 42 7 0 -1", Some(false)),
            ("42 (sh) S 1 42 0 0 -1", Some(false)),
            ("42 (sh) S 1", None),
            ("", None),
        ] {
            assert_eq!(leads_session(text.as_bytes()), leads, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_cut_short_is_none() {
        for text in ["", "42", "42 (sleep", "42 (sleep)", "42 (sleep) S 7 0 0 0"] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
