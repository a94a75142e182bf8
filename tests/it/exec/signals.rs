//! Signals, the terminal and its keys.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::Signal;

use super::running::{Running, exec, leases, send, until, until_no_lease};
use crate::lab::Lab;
use crate::terminal::pty::Session;

/// Waits a second at most at a time, so that traps run.
const FOR_EVER: &str = "echo ready > ready; while :; do sleep 0.02; done";

/// A job that ignores no signal, whatever the tests were started with.
fn job(script: &str) -> [&str; 8] {
    ["exec", "prod", "--", "env", "--default-signal", "sh", "-c", script]
}

#[test]
fn a_signal_to_us_reaches_the_job_and_we_end_with_it() {
    let lab = Lab::new();
    lab.adopted();
    for (signal, name) in [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::ALARM, "ALRM"),
    ] {
        let _ = std::fs::remove_file(lab.path("ready"));
        let running = Running::start(&lab, "", &format!("trap 'echo got-{name}; exit 7' {name}; {FOR_EVER}"));
        running.until_file("ready", "ready");
        running.send(signal);
        assert_eq!(running.ends().expect(7).stdout, format!("got-{name}\n"));
    }
    until_no_lease(&lab);
}

#[test]
fn what_ends_the_job_by_default_ends_us_with_128_and_its_number() {
    let lab = Lab::new();
    lab.adopted();
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::USR1, 138)] {
        let _ = std::fs::remove_file(lab.path("ready"));
        let running = Running::start(&lab, "", FOR_EVER);
        running.until_file("ready", "ready");
        running.send(signal);
        running.ends().expect(code);
    }
}

#[test]
fn we_do_not_die_before_a_job_that_takes_its_time() {
    let lab = Lab::new();
    lab.adopted();
    let script = format!("trap 'echo asked >> asked' TERM INT HUP; trap 'exit 9' USR1; {FOR_EVER}");
    let mut running = Running::start(&lab, "", &script);
    running.until_file("ready", "ready");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let _ = std::fs::remove_file(lab.path("asked"));
        running.send(signal);
        running.until_file("asked", "asked");
    }
    assert!(!running.has_ended());
    assert_eq!(leases(&lab).len(), 1);
    running.send(Signal::USR1);
    running.ends().expect(9);
}

#[test]
fn a_job_that_signals_its_own_group_gets_it_once() {
    let lab = Lab::new();
    lab.adopted();
    let script = "trap 'echo got >> got' USR1; kill -USR1 0; sleep 0.2; exit 0";
    // In a group of its own, so that the test is not hit.
    let rotate = super::running::exec(&lab, "", script);
    let mut command = std::process::Command::new("setsid");
    command
        .args(["-w"])
        .arg(rotate.get_program())
        .args(rotate.get_args())
        .current_dir(lab.path(""))
        .env_clear();
    command.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    lab.finish_command(command.stdin(Stdio::null())).expect(0);
    assert_eq!(lab.read("got"), "got\n");
}

#[test]
fn ctrl_c_reaches_the_job_once_and_the_terminal_is_its_own() {
    let lab = Lab::new();
    lab.adopted();
    let script = "test -t 0 && test -t 1 && test -t 2 && echo a terminal; trap 'echo got >> got' INT; \
                  echo ready; while ! test -s end; do sleep 0.02; done; exit 6";
    let mut session = Session::start(&lab, &job(script));
    session.expect("ready");
    session.types("\x03");
    session.until("the signal", || lab.path("got").exists());
    // A second one would have come by now: it is sent before the job can react to the first.
    session.types("\x03");
    session.until("the second", || lab.read("got").lines().count() >= 2);
    lab.write("end", "now");
    let (code, shown) = session.ends();
    assert_eq!(code, 6, "{shown}");
    assert!(shown.contains("a terminal"), "{shown}");
    assert_eq!(lab.read("got"), "got\ngot\n");
}

#[test]
fn ctrl_c_ends_a_job_that_does_not_mind_it() {
    let lab = Lab::new();
    lab.adopted();
    let mut session = Session::start(&lab, &job("echo ready; exec sleep 60"));
    session.expect("ready");
    session.types("\x03");
    let (code, shown) = session.ends();
    assert_eq!(code, 130, "{shown}");
    until_no_lease(&lab);
}

#[test]
fn a_job_reads_what_is_typed() {
    let lab = Lab::new();
    lab.adopted();
    let script = "echo ready; read line; echo \"<$line>\"";
    let mut session = Session::start(&lab, &["exec", "prod", "--", "sh", "-c", script]);
    session.expect("ready");
    session.types("typed\n");
    let (code, shown) = session.ends();
    assert!(code == 0 && shown.contains("<typed>"), "{shown}");
}

#[test]
fn ctrl_z_stops_us_with_the_job_and_the_shell_wakes_both() {
    let lab = Lab::new();
    lab.adopted();
    let rotate = assert_cmd::cargo::cargo_bin!("rotate").display();
    // It starts no process of its own: one that is stopped just then would keep its shell from stopping.
    let made = std::process::Command::new("mkfifo").arg(lab.path("end")).status().unwrap();
    assert!(made.success());
    lab.script("job", "echo $$ > job.pid; read word < end; exit 6");
    // A shell with job control, as a person has it.
    let script =
        format!("set -m; {rotate} exec prod -- ./job; echo \"stopped:$?\"; fg >/dev/null; echo \"ended:$?\"");
    let mut session = Session::start(&lab, &["exec", "prod", "--", "sh", "-c", &script]);
    session.until("the job", || lab.path("job.pid").exists());
    session.types("\x1a");
    // By SIGSTOP: the signal that a process can send itself while it catches SIGTSTP.
    session.expect("stopped:147");
    lab.write("end", "now\n");
    session.expect("ended:6");
    session.ends();
}

#[test]
fn a_pause_that_somebody_sends_us_pauses_the_job() {
    let lab = Lab::new();
    lab.adopted();
    let mut command = exec(&lab, "", "echo $$ > job.pid; while ! test -s end; do sleep 0.02; done; exit 6");
    // In a group of its own, whose parent can set it going again: without one SIGTSTP stops nobody (setpgid(2),
    // orphaned process groups), and the tests may run in such a group.
    let mut running = Running::start_command(&lab, command.process_group(0));
    running.until_file("job.pid", "\n");
    let job: u32 = lab.read("job.pid").trim().parse().unwrap();
    let state = |process: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    };
    running.send(Signal::TSTP);
    until("both have stopped", || state(job) == 'T' && state(running.pid()) == 'T');
    lab.write("end", "now");
    assert!(!running.has_ended());
    running.send(Signal::CONT);
    running.ends().expect(6);
}

#[test]
fn a_job_that_is_stopped_by_itself_does_not_stop_us() {
    let lab = Lab::new();
    lab.adopted();
    let running = Running::start(&lab, "", "echo $$ > job.pid; kill -STOP $$; exit 6");
    running.until_file("job.pid", "\n");
    let job: u32 = lab.read("job.pid").trim().parse().unwrap();
    let stat = || std::fs::read_to_string(format!("/proc/{job}/stat")).unwrap();
    until("it has stopped", || stat().contains(") T "));
    send(job, Signal::CONT);
    running.ends().expect(6);
}

#[test]
fn in_a_process_id_namespace_whose_session_began_outside_it_runs_as_anywhere() {
    let lab = Lab::new();
    lab.adopted();
    let rotate =
        lab.command(&["exec", "prod", "--", "sh", "-c", "cat /proc/self/stat; kill -HUP $PPID; exit 7"]);
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]);
    unshare.arg(rotate.get_program()).args(rotate.get_args());
    unshare.current_dir(lab.path(".")).env_clear();
    unshare.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = lab.finish_command(unshare.stdin(std::process::Stdio::null()));
    if ran.stderr.contains("unshare") {
        eprintln!("this machine gives nobody a namespace: {}", ran.stderr);
        return;
    }
    let ran = ran.expect(7);
    let fields: Vec<&str> = ran.stdout.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!(fields[3], "0", "its session is one of inside: {}", ran.stdout);
}
