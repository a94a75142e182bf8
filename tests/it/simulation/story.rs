//! A schedule: what operators type, what goes wrong, and in between what becomes of the world.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use rotate::error::Failure;
use rotate::rotation::evidence::Item;
use rotate::rotation::phase::Rotation;
use rotate::rotation::plan::Suspect;
use rotate::workflow;
use rotate::workflow::operation::Report;
use rotate::workflow::overview::Overview;
use rotate::workflow::ports::Ports;
use rotate::workflow::{finish, revoke_now};

use super::fault::Fault;
use super::operator::{Operator, Running};
use super::ports::ports;
use super::scheduler::{End, Simulation};
use super::setting::ClockLies;
use super::world::{KeyIs, ProviderKey, World, number, value};

/// A command as an operator types it.
#[derive(Clone, Debug)]
pub enum Command {
    Adopt(usize),
    /// Without a credential the provider makes one.
    Stage {
        credential: Option<usize>,
        replace: bool,
    },
    Promote,
    Finish {
        wait: bool,
        accept: BTreeSet<Item>,
    },
    Abort,
    Undo,
    Purge,
    RevokeNow {
        suspect: Suspect,
        replacement: Option<usize>,
        accept_outage: bool,
        reason: usize,
    },
}

/// Lives through the schedule of a world's seed, as far as it is random.
pub fn live(simulation: &Rc<Simulation>) -> Vec<Command> {
    run(simulation, &Command::Adopt(0));
    let happenings = 3 + simulation.world.borrow_mut().dice.below(8);
    let mut typed = vec![Command::Adopt(0)];
    for _ in 0..happenings {
        let kind = simulation.world.borrow_mut().dice.below(100);
        match kind {
            0..=69 => typed = operate(simulation, &typed),
            70..=84 => pass(simulation),
            _ => simulation.world.borrow_mut().befall(),
        }
        simulation.world.borrow().judge_rest();
    }
    typed
}

fn pass(simulation: &Simulation) {
    let mut world = simulation.world.borrow_mut();
    let seconds = i64::try_from(world.dice.below(5400)).unwrap();
    world.tell(|| format!("{seconds} s pass"));
    world.pass(seconds * 1000);
}

/// One operator runs a command, or two run one each.
fn operate(simulation: &Rc<Simulation>, typed: &[Command]) -> Vec<Command> {
    let first = {
        let mut world = simulation.world.borrow_mut();
        if world.dice.chance(150) { typed[0].clone() } else { world.wanted() }
    };
    let mut commands = vec![first.clone()];
    let running = troubled(&mut simulation.world.borrow_mut(), first);
    begin(simulation, 0, running);
    let has_second = simulation.world.borrow_mut().dice.chance(250);
    simulation.world.borrow_mut().memory.are_two = has_second;
    if has_second {
        let second = {
            let mut world = simulation.world.borrow_mut();
            if world.dice.chance(600) { world.emergency() } else { world.wanted() }
        };
        commands.push(second.clone());
        let starts_at = usize::try_from(simulation.world.borrow_mut().dice.below(80)).unwrap();
        let running = Running { starts_at, ..troubled(&mut simulation.world.borrow_mut(), second) };
        begin(simulation, 1, running);
    }
    simulation.drive();
    simulation.world.borrow_mut().memory.are_two = false;
    commands
}

/// Runs one command without any fault.
pub fn run(simulation: &Rc<Simulation>, command: &Command) -> End {
    run_as(simulation, quiet(command.clone()))
}

/// Runs one command by itself.
pub fn run_as(simulation: &Rc<Simulation>, running: Running) -> End {
    begin(simulation, 0, running);
    simulation.drive();
    simulation.ends.borrow_mut()[0].take().unwrap()
}

pub fn quiet(command: Command) -> Running {
    Running {
        command,
        passed: 0,
        crashes_at: None,
        interrupted_at: None,
        starts_at: 0,
        wakes_at: 0,
        patient_until: i64::MAX,
        trouble: 0,
        has_lied_of: Vec::new(),
        unanswered: Vec::new(),
    }
}

fn troubled(world: &mut World, command: Command) -> Running {
    let trouble = world.dice.pick(&[0, 0, 0, 20, 20, 60, 200]);
    let at = |world: &mut World, limit| Some(usize::try_from(1 + world.dice.below(limit)).unwrap());
    let crashes_at = if world.dice.chance(300) { at(world, 70) } else { None };
    let interrupted_at = if world.dice.chance(60) { at(world, 50) } else { None };
    Running { trouble, crashes_at, interrupted_at, ..quiet(command) }
}

pub fn begin(simulation: &Rc<Simulation>, who: usize, running: Running) {
    let operator = Operator { who, simulation: Rc::clone(simulation) };
    let command = running.command.clone();
    let run = typed(operator, command);
    simulation.begin(who, running, run);
}

fn typed(operator: Operator, command: Command) -> Pin<Box<dyn Future<Output = Result<Report, Failure>>>> {
    Box::pin(async move {
        let ports = ports(&operator);
        match command {
            Command::Adopt(credential) => workflow::adopt::adopt(&ports, value(credential), false).await,
            Command::Stage { credential, replace } => {
                let rotation = rotation(&operator, None);
                workflow::stage::stage(&ports, credential.map(value), rotation, replace, false).await
            }
            Command::Promote => workflow::promote::promote(&ports, false).await,
            Command::Finish { wait, accept } => {
                let options = finish::Options { wait, accept_unknown: accept, ..finish::Options::default() };
                finish::finish(&ports, &options).await
            }
            Command::Abort => workflow::abort::abort(&ports, false).await,
            Command::Undo => workflow::undo::undo(&ports, false).await,
            Command::Purge => workflow::purge::purge(&ports, false).await,
            Command::RevokeNow { suspect, replacement, accept_outage, reason } => {
                let reason = format!("leak {reason}");
                emergency(&operator, &ports, suspect, replacement, accept_outage, reason).await
            }
        }
    })
}

/// What the command line does around an emergency.
async fn emergency(
    operator: &Operator,
    ports: &Ports,
    suspect: Suspect,
    replacement: Option<usize>,
    accept_outage: bool,
    reason: String,
) -> Result<Report, Failure> {
    let started = ports.clock.now();
    let given = replacement.map(value);
    let damage = revoke_now::damage(ports, suspect, &reason, given.as_ref())?;
    operator.world(|world| {
        for consequence in &damage.consequences {
            world.tell(|| format!("  damage: {consequence}"));
        }
        let suspects = damage.suspects.iter().filter_map(|suspect| number(*suspect));
        world.memory.ordered.extend(suspects);
        world.memory.outage_accepted |= accept_outage;
    });
    let options = revoke_now::Options {
        suspects: damage.suspects,
        rotation: rotation(operator, Some(reason.clone())),
        reason,
        replacement: given,
        accept_outage,
        started,
        dry_run: false,
    };
    revoke_now::revoke_now(ports, options).await
}

fn rotation(operator: &Operator, reason: Option<String>) -> Rotation {
    operator.world(|world| {
        world.names += 1;
        let id = format!("rotation-{}", world.names);
        Rotation { id, ticket: None, reason, started_at: world.stamp().wall }
    })
}

impl World {
    /// What `status` names as the next command.
    pub fn next(&self) -> String {
        let settings = self.setting.settings();
        let record = self.record.as_ref().expect("it was adopted");
        let seconds = settings.rotate_every.as_secs();
        let overview = Overview::of(record, seconds, &settings.policy.grace, &self.stamp());
        let line = overview.next.unwrap_or_default();
        line.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// What an operator runs: mostly the command that is next.
    fn wanted(&mut self) -> Command {
        if self.dice.chance(650) {
            let next = if self.record.is_some() { self.next() } else { "adopt".to_owned() };
            return self.command(&next);
        }
        let any = ["stage", "promote", "finish", "abort", "abort", "undo", "purge", "revoke-now"];
        let name = self.dice.pick(&any);
        self.command(name)
    }

    pub fn command(&mut self, name: &str) -> Command {
        match name {
            "adopt" => Command::Adopt(0),
            "promote" => Command::Promote,
            "finish" => {
                let accepted = [Item::Targets, Item::Leases, Item::Usage, Item::LastUsed];
                let accept =
                    if self.dice.chance(80) { [self.dice.pick(&accepted)].into() } else { [].into() };
                Command::Finish { wait: self.dice.chance(150), accept }
            }
            "abort" => Command::Abort,
            "undo" => Command::Undo,
            "purge" => Command::Purge,
            "revoke-now" => self.emergency(),
            _ => {
                let replace = self.dice.chance(300);
                let is_minted = self.setting.mints && self.dice.chance(850);
                let credential = if is_minted { None } else { Some(self.candidate()) };
                Command::Stage { credential, replace }
            }
        }
    }

    /// What a person has at hand: a new key, or one that was there before.
    fn candidate(&mut self) -> usize {
        let has_old = self.dice.chance(250);
        // The value of a key that the provider made at our request was told to one process alone.
        let is_at_hand = |key: &ProviderKey| key.is != KeyIs::NotMade && !key.minted;
        let old: Vec<_> = (0..self.keys.len()).filter(|number| is_at_hand(&self.keys[*number])).collect();
        if has_old { self.dice.pick(&old) } else { self.fresh() }
    }

    fn emergency(&mut self) -> Command {
        let suspect = self.dice.pick(&[Suspect::Old, Suspect::Old, Suspect::New, Suspect::All]);
        let replacement = if self.dice.chance(500) { Some(self.candidate()) } else { None };
        self.names += 1;
        let accept_outage = self.dice.chance(150);
        Command::RevokeNow { suspect, replacement, accept_outage, reason: self.names }
    }

    /// Something that nobody asked for.
    fn befall(&mut self) {
        let kind = self.dice.below(100);
        // What is deleted stays so.
        let existing = self.existing();
        if existing.is_empty() {
            return;
        }
        let credential = self.dice.pick(&existing);
        match kind {
            0..=29 => self.clocks_lie(),
            30..=54 if !self.targets.is_empty() => {
                let targets: Vec<_> = (0..self.targets.len()).collect();
                let target = self.dice.pick(&targets);
                self.met(Fault::ForeignWrite);
                self.overwrite_target(target, Some(credential));
            }
            55..=64 => {
                self.met(Fault::PersonDisabled);
                let is = if self.dice.chance(300) { KeyIs::Archived } else { KeyIs::Inactive };
                let key = &mut self.keys[credential];
                key.is = is;
                key.accepted_until = 0;
                key.disabled_by_person = true;
            }
            65..=72 => {
                self.met(Fault::PersonEnabled);
                self.reactivated(credential);
                let key = &mut self.keys[credential];
                key.is = KeyIs::Active;
                key.accepted_from = 0;
                key.enabled_by_person = true;
                key.disabled_by_person = false;
            }
            _ => self.start_job(),
        }
    }

    fn clocks_lie(&mut self) {
        let minutes = i64::try_from(self.dice.below(180)).unwrap();
        let is_reboot = self.setting.clock_lies == ClockLies::WallAndBoot && self.dice.chance(500);
        match self.setting.clock_lies {
            ClockLies::Wall | ClockLies::WallAndBoot if !is_reboot => {
                let goes_back = self.dice.chance(400);
                self.met(if goes_back { Fault::ClockSetBack } else { Fault::ClockSetForward });
                self.set_wall_clock(if goes_back { -minutes } else { minutes } * 60_000);
            }
            _ => self.power_cut(),
        }
    }

    /// The machine starts anew: what was not durable is gone, and so are the jobs.
    fn power_cut(&mut self) {
        if self.setting.clock_lies == ClockLies::Wall {
            return;
        }
        self.met(Fault::Reboot);
        super::rest::lose_what_is_not_durable(self);
        self.reboot();
    }
}
