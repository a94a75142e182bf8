//! Killed between journal and state, and then the power goes: the middle of the newest entry never reached the disk.

use super::scenario::{Bench, Scenario};

#[test]
fn the_same_command_goes_on() {
    let bench = Bench::prepared(&Scenario::new("promote prod", Bench::stage));
    let killed = bench.run_until("promote prod", 2);
    assert!(killed.stderr.trim_end().ends_with("between journal and state"), "{killed:#?}");
    let mut journal = std::fs::read(bench.lab.path("state/journal/prod.jsonl")).unwrap();
    let length = journal.len();
    // As sectors read that have never been written.
    journal[length - 250..length - 150].fill(0);
    bench.lab.write_bytes("state/journal/prod.jsonl", &journal);
    bench.lab.run("history --verify").expect(0).says(&["chain intact", "line 4: not a whole entry"]);
    bench.run("promote prod").expect(0);
    assert_eq!(bench.lab.phase("prod"), "GraceWindow");
    assert_eq!(bench.lab.run("history --verify").expect(0).stdout, "prod: 7 entries, chain intact\n");
}
