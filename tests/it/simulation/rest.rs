//! From wherever a schedule ends, operators who type what they are told come to rest; and what must hold then.

use std::path::Path;
use std::rc::Rc;

use rotate::rotation::phase::Phase;
use rotate::rotation::plan::Suspect;
use rotate::slots::Slots;
use rotate::store::{format, journal};

use super::fault::Fault;
use super::operator::{Operator, broken};
use super::ports::ports;
use super::scheduler::{End, Simulation};
use super::setting::KEY;
use super::story::{Command, run};
use super::world::{KeyIs, Kind, World, fingerprint, number};

/// What a power cut leaves.
pub fn lose_what_is_not_durable(world: &mut World) {
    if let Some(durable) = world.disk.durable_state.take() {
        world.met(Fault::PowerCut);
        world.disk.version += 1;
        world.record =
            durable.as_ref().map(|bytes| format::decode(bytes, Path::new("state")).unwrap().record);
        world.disk.state = durable;
    }
    let durable = world.disk.durable_journal;
    world.disk.journal.truncate(durable);
    world.jobs.clear();
}

/// The operators type their commands again, without faults, and then what `status` names, until nothing is left to do.
pub fn come_to_rest(simulation: &Rc<Simulation>, typed: &[Command]) {
    {
        let mut world = simulation.world.borrow_mut();
        world.tell(|| "from here on everything goes well".to_owned());
        // What was under way has landed, and jobs have ended.
        world.pass(4 * 3_600_000);
    }
    let mut trail = Vec::new();
    for command in typed {
        let end = run(simulation, command);
        trail.push(format!("{command:?}: {}", end.code()));
    }
    let mut failures = 0;
    for _ in 0..25 {
        simulation.world.borrow().judge_rest();
        if unrest(&simulation.world.borrow()).is_none() {
            return judge(simulation);
        }
        let command = simulation.world.borrow_mut().way_out(failures);
        let before = generation(simulation);
        let end = run(simulation, &command);
        trail.push(format!("{command:?}: {}", end.code()));
        match &end {
            End::Failed(failure) if failure.exit.number() == 10 => {
                let seconds = failure.details["remaining_seconds"].as_i64().unwrap();
                simulation.world.borrow_mut().pass(seconds * 1000);
            }
            // The provider lags, and is looked at again.
            End::Failed(failure) if failure.exit.number() == 12 => {
                simulation.world.borrow_mut().pass(600_000);
                failures += 1;
            }
            End::Done if generation(simulation) != before => {}
            End::Failed(failure) if failure.exit.number() == 11 => {
                simulation.world.borrow_mut().pass(1_800_000);
                failures += 1;
            }
            _ => {
                simulation.world.borrow_mut().a_person_helps();
                failures += 1;
            }
        }
    }
    let unrest = unrest(&simulation.world.borrow());
    broken(format!("operators do not come to rest: {unrest:?}: {trail:#?}"));
}

fn generation(simulation: &Simulation) -> Option<u64> {
    simulation.world.borrow().record.as_ref().map(|record| record.generation)
}

/// What is left to do.
fn unrest(world: &World) -> Option<&'static str> {
    let Some(state) = world.state() else { return Some("not adopted") };
    let active = number(state.active().fingerprint).unwrap();
    let reasons = [
        (!matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. }), "a rotation is under way"),
        (state.intent.is_some(), "an intent stands"),
        (state.emergency.is_some(), "an emergency is not over"),
        (state.left_over.is_some(), "something is left over"),
        (state.outage, "nothing serves"),
        (!state.stale_targets.is_empty(), "a target was left behind"),
        (rotate::store::spool::open_seal(&world.disk.spool).is_some(), "a note lies in the spool"),
        (!world.accepts(active), "the active credential is dead"),
    ];
    reasons.into_iter().find(|(is_so, _)| *is_so).map(|(_, reason)| reason)
}

impl World {
    /// What an operator types who has failed so many times: first what is next, then the other way, then an emergency.
    fn way_out(&mut self, failures: usize) -> Command {
        let next = match self.record {
            Some(_) => self.next(),
            None => "adopt".to_owned(),
        };
        let plain = |world: &mut World, name: &str| match name {
            "finish" => Command::Finish { wait: false, accept: [].into() },
            "stage" => {
                let mints = world.setting.mints;
                Command::Stage { credential: if mints { None } else { Some(world.fresh()) }, replace: true }
            }
            "revoke-now" => world.last_resort(),
            name => world.command(name),
        };
        let state = self.state();
        let is_idle = state.is_some_and(|state| {
            matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. }) && state.intent.is_none()
        });
        let is_dead = state
            .is_some_and(|state| state.outage || !self.accepts(number(state.active().fingerprint).unwrap()));
        match failures {
            // A suspect whose value nobody has can only be called off.
            _ if is_idle && is_dead && failures % 4 == 3 => plain(self, "abort"),
            _ if is_idle && is_dead => self.last_resort(),
            0..=2 => plain(self, &next),
            3 => plain(self, "promote"),
            4 => plain(self, "abort"),
            5 => plain(self, "finish"),
            _ if failures % 2 == 1 && !is_idle => self.last_resort(),
            _ => plain(self, &next),
        }
    }

    /// A person puts a lost value back into its slot, and deletes at the console what nobody uses, where the provider
    /// allows no more keys.
    fn a_person_helps(&mut self) {
        let Some(state) = self.state() else { return };
        let placed = [Some(state.active()), state.phase.other()].into_iter().flatten();
        let placed = placed.filter_map(|credential| {
            Some((state.slot_of(credential.fingerprint)?, number(credential.fingerprint)?))
        });
        for (slot, credential) in placed.collect::<Vec<_>>() {
            if !self.keys[credential].minted {
                *self.slot(slot) = Some(credential);
            }
        }
        if !self.setting.mints {
            return;
        }
        let Some(state) = self.state() else { return };
        let kept = [Some(state.active()), state.phase.staged(), state.phase.retiring()];
        let kept: Vec<_> = kept.into_iter().flatten().filter_map(|kept| number(kept.fingerprint)).collect();
        for unused in self.existing().into_iter().filter(|number| !kept.contains(number)) {
            let key = &mut self.keys[unused];
            key.is = KeyIs::Archived;
            key.disabled_by_person = true;
        }
    }

    fn last_resort(&mut self) -> Command {
        self.names += 1;
        let replacement = Some(self.fresh());
        Command::RevokeNow { suspect: Suspect::All, replacement, accept_outage: false, reason: self.names }
    }
}

/// What must hold at rest.
fn judge(simulation: &Rc<Simulation>) {
    let ports = {
        let operator = Operator { who: 0, simulation: Rc::clone(simulation) };
        let mut world = simulation.world.borrow_mut();
        world.running[0] = Some(super::story::quiet(Command::Promote));
        drop(world);
        ports(&operator)
    };
    let record = simulation.world.borrow().record.clone().unwrap();
    let served = serves(&record, &*ports.slots);
    let mut world = simulation.world.borrow_mut();
    if let Err(reason) = served {
        broken(format!("at rest `rotate key` {reason}"));
    }
    world.running[0] = None;
    let text =
        String::from_utf8(world.disk.journal.clone()).unwrap_or_else(|_| broken("the journal is no text"));
    let found = journal::verify(text.as_bytes(), KEY, record.journal.as_ref());
    if !found.problems.is_empty() {
        broken(format!("the journal's chain is broken: {found:?}"));
    }
    let active = number(record.state.active().fingerprint).unwrap();
    for (at, target) in world.targets.iter().enumerate() {
        let held = target.holds();
        let is_other = held.credential != Some(active) && !held.foreign;
        if is_other && target.kind != Kind::WriteOnly {
            broken(format!("at rest target {at} holds {held:?}, and {active} serves"));
        }
    }
    for dead in &record.state.dead {
        let key = world.keys[number(*dead).unwrap()].clone();
        if key.is == KeyIs::Active && !key.enabled_by_person {
            broken(format!("{dead} is called dead, and lives"));
        }
    }
    let known = |number: &usize| {
        let id = super::world::id(*number);
        world.memory.told_of.contains(&id.0)
            || record.state.knows(&id)
            || record.state.credential(fingerprint(*number)).is_some()
    };
    let lost: Vec<_> =
        world.existing().into_iter().filter(|number| world.keys[*number].minted && !known(number)).collect();
    let lost: Vec<_> =
        lost.into_iter().filter(|number| !record.state.dead.contains(&fingerprint(*number))).collect();
    if !lost.is_empty() {
        broken(format!("nobody knows of the keys {lost:?}, which were made here"));
    }
    let reached = std::mem::take(&mut world.reached);
    for standing in reached {
        *world.coverage.standings.entry(standing).or_default() += 1;
    }
    world.coverage.schedules += 1;
}

/// That `rotate key` gives a value which the provider accepts; judged by the shipped function.
fn serves(record: &rotate::store::format::Record, slots: &dyn Slots) -> Result<(), String> {
    let served = pollster::block_on(rotate::workflow::serve::active(record, slots));
    match served {
        Ok(value) if value.fingerprint() == record.state.active().fingerprint => Ok(()),
        Ok(_) => Err("gives another value than the active one".to_owned()),
        Err(failure) => Err(format!("gives nothing: {failure}")),
    }
}
