//! What scripts call often starts nothing it does not need.

use std::process::Stdio;

use crate::lab::Lab;

/// The system calls that an async runtime, a network client or a thread cannot do without.
const HEAVY: &str =
    "epoll_create,epoll_create1,eventfd2,io_uring_setup,socket,socketpair,clone,clone3,fork,vfork";

/// Runs `rotate` under strace; gives the heavy calls that it and its children made.
fn heavy_calls(lab: &Lab, arguments: &str) -> String {
    let rotate = lab.command(&arguments.split_whitespace().collect::<Vec<_>>());
    let trace = lab.path("trace");
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-e", &format!("trace={HEAVY}"), "-o"]).arg(&trace);
    strace.arg(rotate.get_program()).args(rotate.get_args());
    strace.current_dir(lab.path(".")).env_clear().stdin(Stdio::null());
    strace.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = strace.output().expect("strace runs (./scripts/test installs it)");
    assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
    std::fs::read_to_string(trace).unwrap()
}

#[test]
fn reading_commands_start_no_runtime_no_thread_and_no_connection() {
    let lab = Lab::new();
    lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", lab.adopted().value));
    for arguments in [
        "--version",
        "key prod",
        "key prod --json",
        "status",
        "status --json",
        "ledger",
        "doctor",
        "doctor prod --json",
    ] {
        assert_eq!(heavy_calls(&lab, arguments), "", "{arguments}");
    }
    let lease = lab.run("lease acquire prod").expect(0).stdout;
    for command in ["acquire prod", "list", &format!("renew {lease}"), &format!("release {lease}")] {
        assert_eq!(heavy_calls(&lab, &format!("lease {command}")), "", "{command}");
    }
    // The same eyes do see a command that talks to the provider.
    lab.console_key("new");
    let seen = heavy_calls(&lab, "stage prod --from file:new.key");
    assert!(seen.contains("epoll_create1(") && seen.contains("socket("), "{seen}");
}
