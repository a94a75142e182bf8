//! The power goes at any moment: whatever the disk had not been made to keep may be lost, in whatever order.
//!
//! The real executable runs under strace(1), which writes down every change that it makes to the disk, every byte of
//! it, and every sync. From that, every disk is made that a power cut may leave ([`cuts`] says which), and each is
//! judged ([`judge`]): files are old or new and never damaged; what was told of is there; what was announced is there
//! before what it announces. On some of them the real executable goes on.

mod cuts;
pub mod disk;
mod history;
mod judge;
mod planted;
mod recording;
mod resume;
mod trace;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;

use rotate::sandbox::SandboxSettings;
use rotate::secret::Fingerprint;
use serde_json::Value;

use crate::chance::Chance;
use crate::crash::scenario::{Bench, Scenario, Start, Undisturbed};
use crate::lab::Lab;
use crate::proof;
use cuts::Care;
use history::History;
use judge::{Faults, Judge};
use recording::{Recorder, Recording, Step};

/// The seed of every draw; fixed, so that a failure repeats.
const SEED: u64 = 20_260_301;

fn scenarios() -> Vec<Scenario> {
    let lagging = Scenario::new("finish prod", |bench| {
        bench.wait();
        let lag = |settings: &mut SandboxSettings| settings.revocation_lag_milliseconds = 3_600_000;
        bench.lab.sandbox.update_settings(lag).unwrap();
    });
    let drifted = Scenario::new("promote prod", |bench| {
        bench.promote();
        bench.lab.write("app.key", &format!("{}\n", bench.old.value));
    });
    let outage = "revoke-now prod --suspect all --accept-outage --reason leaked --yes";
    vec![
        Scenario::new("adopt prod --from file:old.key", |_| ()),
        Scenario::new("stage prod --from file:new.key", Bench::adopt),
        Scenario::new("stage prod --from file:other.key", Bench::finish),
        Scenario::new("stage prod --from file:other.key --replace", Bench::stage),
        Scenario::new("promote prod", Bench::stage),
        Scenario::new("promote prod", Bench::promote_partly),
        drifted,
        Scenario::new("finish prod", Bench::wait),
        lagging.ends_with(13),
        Scenario::new("abort prod", Bench::stage),
        Scenario::new("abort prod", Bench::promote_partly),
        Scenario::new("abort prod", Bench::promote),
        Scenario::new("undo prod", Bench::finish),
        Scenario::new("purge prod --yes", Bench::finish),
        Scenario::new("revoke-now prod --reason leaked --yes", Bench::stage),
        Scenario::new("revoke-now prod --reason leaked --yes", Bench::promote),
        Scenario::new("revoke-now prod --suspect new --reason leaked --yes", Bench::promote),
        Scenario::new(
            "revoke-now prod --suspect all --replace-from file:other.key --reason leaked --yes",
            Bench::promote,
        ),
        Scenario::new(outage, Bench::adopt).with_outage(),
    ]
}

/// What `rotate` does not write: the simulated clock, and the homes of the lab itself.
fn skipped(name: &str) -> bool {
    name.starts_with("clock") || ["home", "tmp"].contains(&name)
}

#[test]
fn whatever_a_power_cut_leaves_is_old_or_new() {
    let sums = Mutex::new(Sums::default());
    proof::side_by_side(&scenarios(), |scenario| {
        let found = survey(scenario);
        sums.lock().unwrap().add(found);
    });
    let sums = sums.into_inner().unwrap();
    assert!(sums.faults.counts.is_empty(), "faults, and on how many disks: {:#?}", sums.faults.counts);
    proof::reached("power-loss", &sums.figure());
}

/// The command by itself; after one that was killed before a sync, so that it builds on what is not durable yet; and
/// where its outcome has no room but in the spool.
fn survey(scenario: &Scenario) -> Sums {
    let start = Start::new(scenario);
    let undisturbed = start.undisturbed();
    let mut sums = Sums::default();
    let mut dice = Chance::new(SEED);
    let look =
        |trouble, resumed, sums: &mut Sums| look(&start, &undisturbed, scenario, trouble, resumed, sums);
    let syncs = look(Trouble::Nothing, proof::size(3, 40), &mut sums);
    let mut kills: Vec<_> = (1..=syncs).collect();
    while kills.len() > proof::size(KILLS, syncs) {
        kills.swap_remove(dice.below(kills.len()));
    }
    for sync in kills {
        look(Trouble::KilledBeforeSync(sync), proof::size(1, 2), &mut sums);
    }
    if scenario.exit == 0 && NOTED.contains(&scenario.command) {
        look(Trouble::NoRoom, proof::size(2, 20), &mut sums);
    }
    sums
}

/// So many of a command's syncs a slice kills it at.
const KILLS: usize = 4;

/// Commands whose outcome goes into the spool where the journal has no room for it.
const NOTED: [&str; 3] = ["stage prod --from file:new.key", "finish prod", "undo prod"];

/// What happened before the power went.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Nothing,
    /// The command was killed before this sync, and ran again.
    KilledBeforeSync(usize),
    /// The disk took the intent and has no room for the outcome.
    NoRoom,
}

/// Looks at every disk that a power cut may leave, and lets the real executable go on with so many of them. Returns the
/// number of syncs.
fn look(
    start: &Start<'_>,
    undisturbed: &Undisturbed,
    scenario: &Scenario,
    trouble: Trouble,
    resumed: usize,
    sums: &mut Sums,
) -> usize {
    let case = Case::record(start, scenario, trouble);
    let care = Care { torn_ends: (!proof::is_whole()).then_some(6), drawn: proof::size(200, 4000) };
    let mut dice = Chance::new(SEED);
    let (mut judge, mut seen) = (Judge::new(&case.history, scenario.served), HashSet::new());
    let mut sample = Vec::new();
    let name = format!("`{}`, {trouble:?}", scenario.command);
    cuts::every(&case.recording, care, &mut Chance::new(SEED), &mut |at, disk| {
        sums.cuts += 1;
        if !seen.insert((disk.hash(), case.history.demands[at].number)) {
            return;
        }
        if let Some(fault) = judge.fault(at, disk) {
            sums.faults.add(format!("{fault} [{name}]"));
            return;
        }
        // Every disk is as likely as every other to be among those that are gone on with.
        let place = if sample.len() < resumed { sample.len() } else { dice.below(seen.len()) };
        match sample.get_mut(place) {
            Some(kept) => *kept = (at, disk.clone()),
            None if place < resumed => sample.push((at, disk.clone())),
            None => {}
        }
    });
    match trouble {
        Trouble::Nothing => sums.commands += 1,
        _ => sums.troubles += 1,
    }
    sums.disks += seen.len();
    for (at, disk) in sample {
        let when = format!("{name}, then a power cut after step {at} (seed {SEED})");
        let heard = !matches!(case.recording.steps[at], Step::Sent(_)) || dice.below(2) == 0;
        resume::goes_on(start, scenario, undisturbed, &disk, &case.history.demands[at], heard, &when);
        sums.resumed += 1;
    }
    case.recording.steps.iter().filter(|step| matches!(step, Step::Synced(_))).count()
}

/// What was looked at.
#[derive(Default)]
struct Sums {
    commands: usize,
    troubles: usize,
    cuts: usize,
    disks: usize,
    resumed: usize,
    faults: Faults,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.commands += other.commands;
        self.troubles += other.troubles;
        self.cuts += other.cuts;
        self.disks += other.disks;
        self.resumed += other.resumed;
        for (fault, count) in other.faults.counts {
            *self.faults.counts.entry(fault).or_default() += count;
        }
    }

    fn figure(&self) -> String {
        let number = proof::thousands;
        format!(
            "{} power cuts in {} commands and {} troubled runs of them left {} different disks: files old or new, nothing \
             lost that was told of, no effect before its intent; from {} of them the real executable went on to the same end",
            number(self.cuts),
            self.commands,
            number(self.troubles),
            number(self.disks),
            number(self.resumed)
        )
    }
}

/// A recording and what it says.
struct Case {
    recording: Recording,
    history: History,
}

impl Case {
    fn record(start: &Start<'_>, scenario: &Scenario, trouble: Trouble) -> Self {
        let bench = start.again();
        let keys = keys(&bench.lab);
        let refused = bench.lab.console_list().into_iter().filter(|(_, status)| status != "active");
        let dead: BTreeSet<_> = refused.map(|(id, _)| keys[&id]).collect();
        let recording = record(bench, scenario, trouble);
        let history = History::of(&recording, &keys, dead);
        Self { recording, history }
    }
}

/// The command under strace, in trouble perhaps, and what was done to the disk.
fn record(bench: &Bench, scenario: &Scenario, trouble: Trouble) -> Recording {
    let mut recorder = Recorder::new(&bench.lab.path("."), skipped);
    let inject = |what: String| ["-e".to_owned(), format!("inject={what}")];
    match trouble {
        Trouble::Nothing => {
            traced(bench, scenario, &mut recorder, &[]).expect(scenario.exit);
        }
        Trouble::KilledBeforeSync(sync) => {
            let kill = inject(format!("fsync:signal=KILL:when={sync}"));
            traced(bench, scenario, &mut recorder, &kill).expect(-1);
            let ran = traced(bench, scenario, &mut recorder, &[]);
            let over = ran.code == 6 && ran.stderr.contains("is over");
            assert!(over || ran.code == scenario.exit, "{ran:#?}");
        }
        Trouble::NoRoom => {
            // One for the name of the lock's holder, one for the intent, and the next for the outcome.
            let full = inject("ftruncate:error=ENOSPC:when=3+".to_owned());
            let ran = traced(bench, scenario, &mut recorder, &full).expect(5);
            assert!(ran.stderr.contains("noted in the spool"), "{ran:#?}");
        }
    }
    recorder.done()
}

fn traced(bench: &Bench, scenario: &Scenario, recorder: &mut Recorder, more: &[String]) -> crate::lab::Ran {
    let file = bench.lab.path("home/trace");
    let options = [trace::options(&file), more.to_vec()].concat();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let words: Vec<_> = scenario.command.split_whitespace().collect();
    let ran = bench.lab.finish_command(&mut bench.lab.under_strace(&options, &words));
    recorder.follow(&trace::read(&std::fs::read_to_string(&file).unwrap()));
    ran
}

/// The fingerprints of the sandbox's keys by their ids.
fn keys(lab: &Lab) -> BTreeMap<String, Fingerprint> {
    let list: Value = serde_json::from_str(&lab.http("GET", "/console/api_keys", "")).unwrap();
    let key = |key: &Value| {
        let value = lab.read(&format!("{}.key", key["name"].as_str().unwrap()));
        (key["id"].as_str().unwrap().to_owned(), Fingerprint::of(value.trim().as_bytes()))
    };
    list["data"].as_array().unwrap().iter().map(key).collect()
}
