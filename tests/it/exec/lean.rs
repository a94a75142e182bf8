//! A job costs what starting it costs: no thread, no runtime, no connection, no wait for a disk.

use std::process::Stdio;

use crate::lab::Lab;

/// What each would take, in system calls.
const HEAVY: &str =
    "epoll_create,epoll_create1,eventfd2,io_uring_setup,socket,fsync,fdatasync,sync_file_range";
const ONCE: &str = "clone,clone3,fork,vfork,socketpair";

/// The system calls of one run by name.
fn calls(lab: &Lab, words: &[&str]) -> Vec<String> {
    let trace = trace(lab, words, &["-e", &format!("trace={HEAVY},{ONCE}")]);
    let names = trace.lines().filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('));
    names.map(|(name, _)| name.to_owned()).filter(|name| !name.starts_with('<')).collect()
}

fn trace(lab: &Lab, words: &[&str], more: &[&str]) -> String {
    let rotate = lab.command(words);
    let trace = lab.path("trace");
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none"]).args(more).arg("-o").arg(&trace);
    strace.arg(rotate.get_program()).args(rotate.get_args());
    strace.current_dir(lab.path(".")).env_clear().stdin(Stdio::null());
    strace.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = strace.output().expect("strace runs (./scripts/test installs it)");
    assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
    std::fs::read_to_string(trace).unwrap()
}

/// ext4 writes at once what is renamed over another file, and whoever removes it then waits for the disk.
#[test]
fn nothing_is_renamed_over_another_file() {
    let lab = Lab::new();
    lab.adopted();
    let job = &["exec", "prod", "--", "true"];
    // The first one leaves a note behind.
    trace(&lab, job, &[]);
    let renames = trace(&lab, job, &["-e", "trace=rename,renameat,renameat2"]);
    let kinds: Vec<_> =
        renames.lines().filter_map(|line| Some(line.rsplit_once(", ")?.1.split_once(')')?.0)).collect();
    assert_eq!(kinds, ["RENAME_NOREPLACE", "RENAME_EXCHANGE"], "{renames}");
}

#[test]
fn a_system_that_cannot_exchange_files_replaces_them() {
    let lab = Lab::new();
    lab.adopted();
    let look = "until grep -q '\"is_starting\":false' state/leases/prod/*.json; do sleep 0.02; done";
    let job = ["exec", "prod", "--", "timeout", "20", "sh", "-c", look];
    for error in ["ENOSYS", "EINVAL"] {
        trace(&lab, &job, &["-e", "trace=renameat2", "-e", &format!("inject=renameat2:error={error}")]);
        let left = std::fs::read_dir(lab.path("state/leases/prod")).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["last-good"], "{error}");
    }
}

#[test]
fn one_process_and_one_pair_of_sockets_for_its_signals() {
    let lab = Lab::new();
    lab.adopted();
    for words in [
        &["exec", "prod", "--", "true"][..],
        &["exec", "prod", "--json", "--expect-stdout", "--on-promote", "restart", "--", "echo", "text"],
    ] {
        let calls = calls(&lab, words);
        let pairs = calls.iter().filter(|call| *call == "socketpair").count();
        let starts = calls.iter().filter(|call| call.contains("clone") || call.contains("fork")).count();
        assert_eq!((calls.len(), pairs, starts), (2, 1, 1), "{calls:?}");
    }
    // The same eyes do see what a question to the provider takes.
    let seen = calls(&lab, &["exec", "prod", "--preflight", "--", "true"]);
    assert!(seen.iter().any(|call| call == "socket"), "{seen:?}");
}
