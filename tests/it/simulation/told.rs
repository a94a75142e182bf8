//! What operators are told, word for word, in a world where no call of a port fails.

use std::rc::Rc;

use rotate::rotation::credential::SlotName;
use rotate::rotation::evidence::Item;
use rotate::rotation::grace::GraceFrom;
use rotate::rotation::plan::Suspect;

use super::fault::Fault;
use super::operator::Running;
use super::planted::Planted;
use super::scheduler::Simulation;
use super::story::{self, Command};
use super::world::{Held, KeyIs, Kind, Later, Target, World};

/// The provider is to make the new key.
pub const MAKES: Command = Command::Stage { credential: None, replace: false };

/// The story of one key, with everything that was told in it.
pub struct Story {
    pub simulation: Rc<Simulation>,
    pub text: String,
    crashes_at: Option<usize>,
}

impl Story {
    pub fn new(title: &str, change: impl FnOnce(&mut World)) -> Self {
        let mut world = World::plain();
        change(&mut world);
        Self { simulation: Simulation::new(world), text: format!("== {title}\n"), crashes_at: None }
    }

    /// Types a command, and notes what it tells.
    pub fn types(mut self, command: &Command) -> Self {
        self.simulation.world.borrow_mut().trace = Some(String::new());
        self.text.push_str(&format!("> {}\n", typed(command)));
        let running = Running { crashes_at: self.crashes_at.take(), ..story::quiet(command.clone()) };
        story::run_as(&self.simulation, running);
        self.note_trace();
        self
    }

    fn note_trace(&mut self) {
        let trace = self.simulation.world.borrow_mut().trace.take().unwrap_or_default();
        let mut lines: Vec<_> = trace.lines().filter_map(told).collect();
        // Whoever waits is told the same for as long as it lasts.
        lines.dedup();
        self.text.extend(lines.iter().map(|line| format!("  {line}\n")));
    }

    pub fn stages(self, number: usize) -> Self {
        self.types(&Command::Stage { credential: Some(number), replace: false })
    }

    pub fn finishes(self) -> Self {
        self.types(&Command::Finish { wait: false, accept: [].into() })
    }

    pub fn minutes_pass(mut self, minutes: i64) -> Self {
        self.text.push_str(&format!("({minutes} minutes pass)\n"));
        self.simulation.world.borrow_mut().pass(minutes * 60_000);
        self
    }

    pub fn meanwhile(mut self, what: &str, happens: impl FnOnce(&mut World)) -> Self {
        self.text.push_str(&format!("({what})\n"));
        happens(&mut self.simulation.world.borrow_mut());
        self
    }

    /// The fault happens at the first chance that is not let pass.
    pub fn goes_wrong(mut self, what: &str, passes: usize, fault: Fault) -> Self {
        self.text.push_str(&format!("({what})\n"));
        self.simulation.world.borrow_mut().ordered.push((passes, fault));
        self
    }

    /// Types a command that is killed at its nth passing of a port, before or after the call.
    pub fn dies(mut self, command: &Command, at: usize) -> Self {
        self.crashes_at = Some(at);
        self.types(command)
    }

    /// Types a command, and another one that starts when the first one has passed so many ports.
    pub fn types_beside(mut self, command: &Command, other: &Command, starts_at: usize) -> Self {
        self.simulation.world.borrow_mut().trace = Some(String::new());
        self.text.push_str(&format!("> {}\n> {}, beside it\n", typed(command), typed(other)));
        story::begin(&self.simulation, 0, story::quiet(command.clone()));
        story::begin(&self.simulation, 1, Running { starts_at, ..story::quiet(other.clone()) });
        self.simulation.drive();
        self.note_trace();
        self
    }

    /// Notes what every target holds.
    pub fn shows_targets(mut self) -> Self {
        let world = self.simulation.world.borrow();
        let held: Vec<_> =
            world.targets.iter().map(|target| format!("{:?}", target.holds().credential)).collect();
        drop(world);
        self.text.push_str(&format!("(targets hold {})\n", held.join(", ")));
        self
    }

    /// Adopted, staged and promoted.
    pub fn in_the_window(self) -> Self {
        self.types(&Command::Adopt(0)).stages(1).types(&Command::Promote)
    }

    /// The same, with the window over.
    pub fn after_the_window(self) -> Self {
        self.in_the_window().minutes_pass(61)
    }
}

fn typed(command: &Command) -> String {
    match command {
        Command::Adopt(number) => format!("adopt {number}"),
        Command::Stage { credential: None, .. } => "stage".to_owned(),
        Command::Stage { credential: Some(number), replace } => {
            format!("stage {number}{}", if *replace { " --replace" } else { "" })
        }
        Command::Promote => "promote".to_owned(),
        Command::Finish { wait, accept } => {
            let accepted: String = accept.iter().map(|item| format!(" --accept-unknown {item}")).collect();
            format!("finish{}{accepted}", if *wait { " --wait" } else { "" })
        }
        Command::Abort => "abort".to_owned(),
        Command::Undo => "undo".to_owned(),
        Command::Purge => "purge".to_owned(),
        Command::RevokeNow { suspect, replacement, accept_outage, .. } => {
            let replacement = replacement.map(|number| format!(" --replace-from {number}"));
            let outage = if *accept_outage { " --accept-outage" } else { "" };
            format!("revoke-now --suspect {suspect:?}{}{outage}", replacement.unwrap_or_default())
        }
    }
}

/// A line of the trace that the operator reads, without its time.
fn told(line: &str) -> Option<String> {
    let line = line.get(14..)?;
    let said = [
        "  damage: ",
        "  says: ",
        "  warns: ",
        "  waits: ",
        "  dies ",
        "operator 0: exit ",
        "operator 0: done: ",
    ];
    said.iter().any(|said| line.starts_with(said)).then(|| line.trim_start().replace("operator 0: ", ""))
}

/// One emergency a suspect: the same command again is about the same leak.
pub fn leaks(suspect: Suspect, replacement: Option<usize>, accept_outage: bool) -> Command {
    let reason = match suspect {
        Suspect::Old => 1,
        Suspect::New => 2,
        Suspect::All => 3,
    };
    Command::RevokeNow { suspect, replacement, accept_outage, reason }
}

/// So many more keys were made at the console.
pub fn has_keys(world: &mut World, more: usize) {
    for _ in 0..more {
        world.fresh();
    }
}

pub fn with_targets(world: &mut World, kinds: &[Kind]) {
    has_keys(world, 3);
    world.setting.targets = kinds.to_vec();
    let todays = Held { since: 0, credential: Some(0), foreign: false };
    world.targets = kinds
        .iter()
        .map(|kind| Target { kind: *kind, version: 1, fence: None, history: vec![todays] })
        .collect();
}

fn a_quarter() -> Story {
    Story::new("a quarterly rotation", |world| with_targets(world, &[Kind::Local, Kind::Versioned]))
        .types(&Command::Adopt(0))
        .types(&Command::Adopt(0))
        .stages(1)
        .stages(1)
        .types(&Command::Promote)
        .types(&Command::Promote)
        .finishes()
        .minutes_pass(61)
        .finishes()
        .finishes()
        .types(&Command::Undo)
        .minutes_pass(61)
        .finishes()
        .types(&Command::Purge)
        .types(&Command::Purge)
        .types(&Command::Undo)
}

fn changes_of_mind() -> Story {
    Story::new("changes of mind", |world| with_targets(world, &[Kind::WriteOnly]))
        .types(&Command::Adopt(0))
        .stages(1)
        .stages(2)
        .types(&Command::Stage { credential: Some(2), replace: true })
        .types(&Command::Abort)
        .stages(1)
        .types(&Command::Promote)
        .types(&Command::Abort)
        .types(&Command::Abort)
}

fn not_from_here() -> Story {
    Story::new("commands that do not fit", |world| has_keys(world, 2))
        .types(&Command::Promote)
        .types(&Command::Adopt(0))
        .types(&Command::Adopt(1))
        .types(&Command::Promote)
        .finishes()
        .types(&Command::Undo)
        .types(&Command::Purge)
        .stages(0)
        .types(&leaks(Suspect::New, None, false))
        .types(&leaks(Suspect::Old, None, false))
        .stages(1)
        .types(&Command::Promote)
        .stages(2)
        .minutes_pass(61)
        .finishes()
        .stages(0)
}

fn no_admin_key() -> Story {
    Story::new("without an admin key", |world| {
        has_keys(world, 2);
        world.setting.admin = false;
    })
    .after_the_window()
    .goes_wrong("the person is not there", 0, Fault::PersonStayedAway)
    .finishes()
    .finishes()
    .types(&Command::Finish { wait: true, accept: [].into() })
    .types(&Command::Undo)
    .types(&Command::Purge)
    .stages(2)
    .types(&leaks(Suspect::Old, None, false))
}

fn a_provider_that_makes_keys() -> Story {
    Story::new("a provider that makes two keys at a time", |world| world.setting.mints = true)
        .types(&Command::Adopt(0))
        .types(&MAKES)
        .types(&leaks(Suspect::All, None, false))
        .types(&Command::Promote)
        .types(&leaks(Suspect::All, None, false))
        .minutes_pass(61)
        .finishes()
        .types(&MAKES)
        .types(&Command::Purge)
        .types(&MAKES)
        .types(&Command::Stage { credential: None, replace: true })
        .types(&leaks(Suspect::All, None, false))
}

fn emergencies() -> Story {
    Story::new("emergencies", |world| with_targets(world, &[Kind::Local]))
        .types(&Command::Adopt(0))
        .types(&leaks(Suspect::Old, Some(1), false))
        .stages(2)
        .types(&Command::Promote)
        .types(&leaks(Suspect::New, None, false))
        .types(&leaks(Suspect::All, Some(3), false))
        .types(&leaks(Suspect::All, Some(3), false))
}

fn an_outage() -> Story {
    Story::new("an outage that was accepted", |world| with_targets(world, &[Kind::Local]))
        .types(&Command::Adopt(0))
        .types(&leaks(Suspect::All, None, true))
        .types(&Command::Promote)
        .types(&leaks(Suspect::Old, Some(2), false))
        .stages(1)
        .types(&Command::Promote)
}

fn evidence_that_is_missing() -> Story {
    Story::new("evidence that is missing", |world| with_targets(world, &[Kind::Local]))
        .after_the_window()
        .meanwhile("a job takes the old one while it is probed", |world| {
            // The new one takes three pings, with a second after each; then it is the old one's turn.
            world.later.push((world.truth + 3_500, Later::JobStarts { credential: 0, minutes: 30 }));
        })
        .finishes()
        .finishes()
        .types(&Command::Finish { wait: false, accept: [Item::Leases].into() })
        .minutes_pass(31)
        .meanwhile("somebody writes the target", |world| world.overwrite_target(0, Some(2)))
        .finishes()
        .types(&Command::Promote)
        .minutes_pass(61)
        .meanwhile("somebody disables the new one", |world| world.keys[1].is = KeyIs::Inactive)
        .finishes()
        .types(&Command::Abort)
}

fn waiting() -> Story {
    let waits = Command::Finish { wait: true, accept: [].into() };
    Story::new("finish --wait", |world| with_targets(world, &[Kind::Local]))
        .in_the_window()
        .meanwhile("a job takes the old one for 66 minutes", |world| {
            world.later.push((world.truth + 1, Later::JobStarts { credential: 0, minutes: 66 }));
        })
        .minutes_pass(58)
        .types(&waits)
}

fn waiting_for_a_person() -> Story {
    Story::new("finish --wait, without an admin key", |world| {
        has_keys(world, 1);
        world.setting.admin = false;
    })
    .after_the_window()
    .types(&Command::Finish { wait: true, accept: [].into() })
}

fn slots_of_a_person() -> Story {
    let places = |slot, credential| move |world: &mut World| *world.slot(slot) = Some(credential);
    Story::new("slots that a person fills", |world| {
        has_keys(world, 2);
        world.setting.slots_by_person = true;
    })
    .types(&Command::Adopt(0))
    .meanwhile("it is placed in the second slot", places(SlotName::Secondary, 0))
    .types(&Command::Adopt(0))
    .stages(1)
    .meanwhile("another one is placed", places(SlotName::Primary, 2))
    .stages(1)
    .meanwhile("it is placed", places(SlotName::Primary, 1))
    .stages(1)
    .types(&Command::Promote)
    .types(&Command::Abort)
}

fn slots_that_are_taken() -> Story {
    Story::new("slots that hold other values", |world| {
        has_keys(world, 3);
        world.slots = [Some(2), Some(3)];
    })
    .types(&Command::Adopt(0))
    .meanwhile("the second one is emptied", |world| *world.slot(SlotName::Secondary) = None)
    .types(&Command::Adopt(0))
    .stages(1)
}

fn reports_of_use() -> Story {
    Story::new("a provider that reports use", |world| {
        has_keys(world, 2);
        world.setting.reports_usage = true;
    })
    .after_the_window()
    .finishes()
    .types(&Command::Finish { wait: false, accept: [Item::Usage].into() })
    .minutes_pass(120)
    .finishes()
}

fn a_key_that_is_never_accepted() -> Story {
    Story::new("a key that is made and never accepted", |world| {
        world.setting.mints = true;
        world.keys[1].accepted_from = i64::MAX;
    })
    .types(&Command::Adopt(0))
    .types(&MAKES)
    .types(&MAKES)
}

fn first_uses() -> Story {
    Story::new("a provider that tells the last use", |world| {
        world.setting.mints = true;
        world.setting.tells_last_use = true;
        world.setting.grace_from = GraceFrom::FirstUse;
    })
    .types(&Command::Adopt(0))
    .types(&MAKES)
    .types(&Command::Promote)
    .minutes_pass(1)
    .finishes()
    .minutes_pass(61)
    .finishes()
    .minutes_pass(61)
    .finishes()
}

fn first_uses_told_by_the_way() -> Story {
    Story::new("a provider that tells the last use, and a window from the promotion", |world| {
        world.setting.mints = true;
        world.setting.tells_last_use = true;
    })
    .types(&Command::Adopt(0))
    .types(&MAKES)
    .types(&Command::Promote)
    .minutes_pass(61)
    .finishes()
    .minutes_pass(61)
    .finishes()
}

fn another_provider() -> Story {
    Story::new("a key of another provider", |world| has_keys(world, 1))
        .types(&Command::Adopt(0))
        .meanwhile("the configuration names another provider", |world| world.setting.provider = "other")
        .stages(1)
}

/// A credential that lies nowhere any more, while another one is being stored.
fn leaks_of_what_was_set_aside() -> Story {
    Story::new("a leak of everything, with one that was set aside", |world| has_keys(world, 3))
        .types(&Command::Adopt(0))
        .stages(1)
        .types(&Command::Abort)
        .types(&leaks(Suspect::All, Some(2), false))
}

fn credentials_that_are_dead() -> Story {
    Story::new("credentials that are dead", |world| has_keys(world, 3))
        .meanwhile("key 1 is disabled", |world| world.keys[1].is = KeyIs::Inactive)
        .types(&Command::Adopt(1))
        .types(&Command::Adopt(0))
        .stages(1)
        .stages(2)
        .meanwhile("key 2 is disabled", |world| world.keys[2].is = KeyIs::Inactive)
        .types(&Command::Promote)
        .meanwhile("its slot holds another one", |world| *world.slot(SlotName::Secondary) = Some(3))
        .types(&Command::Promote)
        .meanwhile("its slot is emptied", |world| *world.slot(SlotName::Secondary) = None)
        .types(&Command::Promote)
        .types(&Command::Stage { credential: Some(3), replace: true })
        .types(&Command::Promote)
        .meanwhile("key 0 is archived", |world| world.keys[0].is = KeyIs::Archived)
        .types(&Command::Abort)
        .minutes_pass(61)
        .finishes()
        .types(&Command::Undo)
}

fn revocations_taken_back() -> Story {
    Story::new("a revocation that does not show", |world| {
        has_keys(world, 2);
        world.planted = Some(Planted::ProbeAlwaysAccepts);
    })
    .after_the_window()
    .finishes()
    .types(&Command::Abort)
}

#[test]
fn operators_are_told_what_the_file_beside_this_one_says() {
    let stories = [
        a_quarter(),
        changes_of_mind(),
        not_from_here(),
        no_admin_key(),
        a_provider_that_makes_keys(),
        emergencies(),
        an_outage(),
        evidence_that_is_missing(),
        waiting(),
        waiting_for_a_person(),
        slots_of_a_person(),
        slots_that_are_taken(),
        reports_of_use(),
        a_key_that_is_never_accepted(),
        first_uses(),
        first_uses_told_by_the_way(),
        another_provider(),
        leaks_of_what_was_set_aside(),
        credentials_that_are_dead(),
        revocations_taken_back(),
    ];
    let text: String = stories.into_iter().map(|story| story.text).collect();
    assert_eq!(text, include_str!("told.txt"), "the text is now:\n{text}");
}
