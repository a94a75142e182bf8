//! One round: where it starts, who comes, and what must be true afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rotate::store::format::{self, Record};
use rotate::store::{Journal as _, JournalFile};

use crate::chance::Chance;
use crate::lab::double::{Double, Heard};
use crate::lab::{ConsoleKey, Lab};
use crate::proof;

use super::crowd::{self, Gone, Kind};
use super::ledger::Ledger;
use super::operator;

/// One key with its history, and the provider behind something that hears every request.
pub struct Arena {
    pub(super) lab: Lab,
    front: Double,
    pub(super) ledger: Ledger,
    /// The files with values, by fingerprint.
    values: BTreeMap<String, String>,
    leftovers: BTreeMap<&'static str, Leftovers>,
    /// Whether somebody in this round orders that nothing valid remains.
    outage_is_ordered: bool,
}

/// What killed writers of one file may have left behind.
#[derive(Default)]
struct Leftovers {
    written: Option<String>,
    kills: usize,
}

/// Everything that is replaced, and its directory.
const REPLACED: [&str; 5] =
    ["state/prod.json", "state/slots/prod.primary", "state/slots/prod.secondary", "app.env", "app.key"];

/// How processes may end: done; wrong arguments; locked or overtaken; the wrong phase; waiting; no evidence; partly
/// done; a person must act; the candidate is refused. And killed.
const ENDS: [i32; 10] = [0, 2, 4, 6, 10, 11, 12, 13, 20, -1];

impl Arena {
    pub fn new() -> Self {
        let lab = Lab::new();
        let front = Double::in_front_of(lab.sandbox.address());
        let mut arena = Self {
            lab,
            front,
            ledger: Ledger::default(),
            values: BTreeMap::new(),
            leftovers: BTreeMap::new(),
            outage_is_ordered: false,
        };
        let old = arena.new_key("old");
        arena.lab.write("app.env", &format!("ANTHROPIC_API_KEY={}\n", old.value));
        arena.lab.write("app.key", &format!("{}\n", old.value));
        arena.configure("20s");
        std::fs::copy(arena.lab.path("rotate.toml"), arena.lab.path("patient.toml")).unwrap();
        arena.configure("0s");
        arena.lab.run("adopt prod --from file:old.key").expect(0);
        arena
    }

    fn configure(&self, wait: &str) {
        let lines = format!("probe_attempts = 1\nlock_wait = \"{wait}\"");
        let dotenv = "type = \"dotenv\"\npath = \"app.env\"\nvariable = \"ANTHROPIC_API_KEY\"";
        let file = "type = \"file\"\npath = \"app.key\"";
        let key = self.lab.key_with("prod", &lines, &[dotenv, file]);
        self.lab.configure_at(&self.front.base_url(), "admin_key = \"file:admin.key\"\n", &key);
    }

    /// A new key at the console, whose value is in `<name>.key`.
    pub(super) fn new_key(&mut self, name: &str) -> ConsoleKey {
        let key = self.lab.console_key(name);
        let file = format!("{name}.key");
        self.values.retain(|_, other| *other != file);
        self.values.insert(key.fingerprint(), file);
        key
    }

    /// # Errors
    /// What is wrong after it.
    pub fn round(
        &mut self,
        size: usize,
        kind: Kind,
        number: usize,
        dice: &mut Chance,
    ) -> Result<Sums, String> {
        for name in ["fresh", "other", "spare"] {
            self.new_key(name);
        }
        self.prepare(dice.below(4));
        self.check_ledger(&[])?;
        self.front.take();
        self.outage_is_ordered = kind == Kind::Outage;
        let members = crowd::draw(size, kind, &format!("leak-{number}"), dice);
        let (gone, asked) = self.probed(|lab| crowd::run(lab, &members));
        let asked = asked?;
        self.forget_clocks();
        let mut sums = Sums { asked, ..Sums::of(&gone) };
        let before = self.ledger.not_committed;
        let told = |fault: String| format!("the crowd: {:#?}\n{fault}", account(&gone));
        check_ends(&gone).map_err(told)?;
        self.check_ledger(&gone).map_err(told)?;
        sums.not_committed = (self.ledger.not_committed - before) as usize;
        (sums.revocations, sums.repeats) = self.check_requests(&gone).map_err(told)?;
        self.check_locks().map_err(told)?;
        self.check_leftovers(sums.kills).map_err(told)?;
        self.come_to_rest().map_err(told)?;
        self.check_ledger(&[]).map_err(told)?;
        self.check_leftovers(0).map_err(told)?;
        Ok(sums)
    }

    /// A start at rest, with a candidate, in the window, or past it.
    pub(super) fn prepare(&self, stage: usize) {
        for (least, command) in [(1, "stage prod --from file:fresh.key"), (2, "promote prod")] {
            if stage >= least {
                self.lab.run(command).expect(0);
            }
        }
        if stage >= 3 {
            operator::work(&self.lab);
            self.lab.advance_minutes(63);
        }
    }

    /// Does something while a consumer asks for the key again and again; how often it asked.
    fn probed<T>(&self, act: impl FnOnce(&Lab) -> T) -> (T, Result<usize, String>) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let consumer = scope.spawn(|| {
                let mut asked = 0;
                while !over.load(Ordering::SeqCst) {
                    self.ask()?;
                    asked += 1;
                }
                Ok(asked)
            });
            let done = act(&self.lab);
            over.store(true, Ordering::SeqCst);
            (done, consumer.join().unwrap())
        })
    }

    /// What a consumer is given is accepted. It may be revoked by order between the two, but then it is not given
    /// again.
    pub(super) fn ask(&self) -> Result<(), String> {
        let given = self.lab.run("key prod");
        if given.code == 20 && self.outage_is_ordered && given.stderr.contains("revoked by order") {
            return Ok(());
        }
        if given.code != 0 {
            return Err(format!("a consumer is given no key: {given:#?}"));
        }
        if self.lab.accepts(given.stdout.trim()) {
            return Ok(());
        }
        let again = self.lab.run("key prod");
        if again.stdout == given.stdout && !self.is_outage() && !self.lab.accepts(again.stdout.trim()) {
            return Err(format!(
                "a consumer is given a key that is refused: {}",
                self.lab.read("state/prod.json")
            ));
        }
        Ok(())
    }

    /// Whether nothing valid is active, or is soon to be, by explicit order.
    fn is_outage(&self) -> bool {
        if !self.outage_is_ordered {
            return false;
        }
        let record = self.record();
        let ordered = record.state.emergency.as_ref().is_some_and(|emergency| emergency.accept_outage);
        record.state.outage || ordered
    }

    pub(super) fn record(&self) -> Record {
        let bytes = std::fs::read(self.lab.path("state/prod.json")).unwrap();
        format::decode(&bytes, Path::new("state/prod.json")).unwrap().record
    }

    pub(super) fn check_ledger(&mut self, gone: &[Gone]) -> Result<(), String> {
        let record = self.record();
        let journal = JournalFile::new(&self.lab.path("state"), "prod");
        let found = journal.verify(record.journal.as_ref()).unwrap();
        if !found.problems.is_empty() {
            return Err(format!("the journal's chain is broken: {:?}", found.problems));
        }
        let killed = gone.iter().filter(|gone| gone.is_killed());
        let killed = killed.map(|gone| (gone.process, gone.last_entry())).collect();
        self.ledger.take_in(&journal.entries().unwrap(), &killed, &record)
    }

    /// Nobody is asked twice for the same, but where somebody who asked was killed, or was overtaken by an emergency.
    /// Returns the number of revocations, and how much was asked for once more.
    fn check_requests(&self, gone: &[Gone]) -> Result<(usize, usize), String> {
        self.front.settle();
        let changes = changes(self.front.take());
        let revocations = changes.iter().filter(|(_, body)| body.contains("\"inactive\"")).count();
        let repeats = repeats(&changes);
        let asks = |gone: &&Gone| {
            ["finish", "undo", "purge", "revoke-now"].iter().any(|verb| gone.command.starts_with(verb))
        };
        let excused = gone
            .iter()
            .filter(asks)
            .filter(|gone| gone.is_killed() || gone.ran.stderr.contains("going on without the lock"));
        match repeats.len() <= excused.count() {
            true => Ok((revocations, repeats.len())),
            false => Err(format!("the provider was asked twice: {repeats:?}")),
        }
    }

    pub(super) fn check_locks(&self) -> Result<(), String> {
        for name in ["state/prod.lock", "state/prod.commit"] {
            let file = std::fs::File::open(self.lab.path(name)).unwrap();
            file.try_lock().map_err(|error| format!("{name} is not free: {error}"))?;
        }
        Ok(())
    }

    /// Of each file, no more is left behind than was killed since it was written last.
    pub(super) fn check_leftovers(&mut self, kills: usize) -> Result<(), String> {
        for path in REPLACED {
            let full = self.lab.path(path);
            let (directory, name) = (full.parent().unwrap(), full.file_name().unwrap().to_str().unwrap());
            let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
            let prefix = format!(".{name}.rotate-");
            let found = entries.filter(|entry| entry.to_str().unwrap().starts_with(&prefix)).count();
            let known = self.leftovers.entry(path).or_default();
            let written = std::fs::read(&full).ok().map(|_| inode(&full));
            if known.written != written {
                *known = Leftovers { written, kills: 0 };
            }
            known.kills += kills;
            if found > known.kills {
                return Err(format!("{found} leftovers of {path} after {} kills", known.kills));
            }
        }
        Ok(())
    }

    fn come_to_rest(&mut self) -> Result<(), String> {
        self.lab.advance_minutes(1);
        operator::rest(&self.lab, &self.values)?;
        let served = self.lab.run("key prod");
        let state = self.lab.read("state/prod.json");
        if self.record().state.outage {
            return self.end_outage();
        }
        for value in [served.stdout.trim(), &self.lab.env_value(), self.lab.read("app.key").trim()] {
            if !self.lab.accepts(value) {
                return Err(format!("at rest, a consumer holds a key that is refused: {served:#?}\n{state}"));
            }
        }
        Ok(())
    }

    /// What an operator does after an outage: bring a new key, and see it everywhere.
    fn end_outage(&mut self) -> Result<(), String> {
        self.new_key("relief");
        for command in ["stage prod --from file:relief.key", "promote prod"] {
            let ran = self.lab.run(command);
            if ran.code != 0 {
                return Err(format!("the outage does not end: {ran:#?}"));
            }
        }
        operator::rest(&self.lab, &self.values)
    }

    fn forget_clocks(&self) {
        for entry in std::fs::read_dir(self.lab.path(".")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with("clock.") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

/// The changes of keys that the provider was asked for: (path, body).
fn changes(heard: Vec<Heard>) -> Vec<(String, String)> {
    let is_change = |heard: &Heard| heard.method == "POST" && heard.path.contains("/organizations/api_keys/");
    heard.into_iter().filter(is_change).map(|heard| (heard.path, heard.body)).collect()
}

/// Those that ask for what the same key was made last.
pub(super) fn repeats(changes: &[(String, String)]) -> Vec<&(String, String)> {
    let mut last = BTreeMap::new();
    changes.iter().filter(|(path, body)| last.insert(path, body) == Some(body)).collect()
}

fn inode(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.metadata().unwrap();
    format!("{} {} {}", metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

fn check_ends(gone: &[Gone]) -> Result<(), String> {
    let is_wrong = |gone: &&Gone| {
        let at_hand = gone.ran.code == 5 && gone.ran.stderr.contains("is not at hand");
        !at_hand && (!ENDS.contains(&gone.ran.code) || gone.ran.stderr.contains("panicked"))
    };
    match gone.iter().find(is_wrong) {
        Some(wrong) => Err(format!("`{}` ended so: {:#?}", wrong.command, wrong.ran)),
        None => Ok(()),
    }
}

fn account(gone: &[Gone]) -> Vec<String> {
    let line = |gone: &Gone| {
        let last =
            gone.ran.stderr.lines().find(|line| line.starts_with("error") || line.starts_with("test: "));
        format!("{} {}: {} {}", gone.process, gone.command, gone.ran.code, last.unwrap_or_default())
    };
    // Most come too late, and change nothing.
    gone.iter().filter(|gone| ![4, 6].contains(&gone.ran.code) || gone.is_overtaken()).map(line).collect()
}

/// What came together over rounds.
#[derive(Default)]
pub struct Sums {
    processes: usize,
    done: usize,
    kills: usize,
    /// Commands that found the state changed by another one before theirs.
    overtaken: usize,
    pub asked: usize,
    not_committed: usize,
    revocations: usize,
    /// What was asked for once more, because nobody had recorded what came of it.
    repeats: usize,
}

impl Sums {
    fn of(gone: &[Gone]) -> Self {
        Self {
            processes: gone.len(),
            done: gone.iter().filter(|gone| gone.ran.code == 0).count(),
            kills: gone.iter().filter(|gone| gone.is_killed()).count(),
            overtaken: gone.iter().filter(|gone| gone.is_overtaken()).count(),
            ..Self::default()
        }
    }

    pub fn add_to(self, sums: &mut Sums) {
        sums.processes += self.processes;
        sums.done += self.done;
        sums.kills += self.kills;
        sums.overtaken += self.overtaken;
        sums.asked += self.asked;
        sums.not_committed += self.not_committed;
        sums.revocations += self.revocations;
        sums.repeats += self.repeats;
    }

    /// Fails the test where too little happened for it to prove anything.
    #[track_caller]
    pub fn assert_worth_it(&self, rounds: usize) {
        assert!(self.kills >= rounds, "{} kills in {rounds} rounds", self.kills);
        assert!(self.asked >= rounds, "a consumer asked {} times in {rounds} rounds", self.asked);
        assert!(self.revocations > 0 && self.done >= rounds, "hardly anything came to its end");
        assert!(self.not_committed > 0, "nobody was killed or overtaken in the middle of a commit");
    }

    pub fn figure(&self, rounds: usize, crowd: usize) -> String {
        let number = proof::thousands;
        format!(
            "{} rounds of {crowd} processes at one key, {} killed and {} overtaken: the journal adds up to the state after \
             each, its chain intact; of {} revocations {} were asked for again, never more than were cut short; {} times a \
             consumer asked for the key, and never got one that stayed refused",
            number(rounds),
            number(self.kills),
            number(self.overtaken),
            number(self.revocations),
            number(self.repeats),
            number(self.asked)
        )
    }
}
