//! The judgement on whatever a run does: by what the world really is, not by what the program believes of it.

use std::collections::BTreeSet;

use rotate::rotation::effect::Effect;
use rotate::rotation::evidence::Item;
use rotate::rotation::phase::{Direction, KeyState, Phase};
use rotate::store::format::Record;

use super::fault::Fault;
use super::operator::broken;
use super::scheduler::End;
use super::story::Command;
use super::world::{
    GRACE, Held, Job, KeyIs, Kind, LONGEST_JOB, PROPAGATION, REFRESH, World, fingerprint, number,
};

/// What is remembered for the judgement.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The true time at which the window was opened.
    opened: Option<i64>,
    /// The true time at which a key was brought back last.
    pub reactivated_at: Option<i64>,
    /// Credentials that an operator ordered to be revoked at once.
    pub ordered: BTreeSet<usize>,
    /// An operator accepted that nothing valid remains.
    pub outage_accepted: bool,
    /// The disk failed an emergency that went on all the same: it is not known to the state what was done.
    pub disk_failed: bool,
    /// Targets that a run wrote after it had been overtaken, and that died before it looked again.
    unmended: BTreeSet<usize>,
    /// Keys of which an operator was told: that they are left alone, or why a command stopped at them.
    pub told_of: BTreeSet<String>,
    /// Two operators run commands at the same time.
    pub are_two: bool,
    /// Keys whose revocation may be under way still, because no answer came.
    pub under_way: BTreeSet<usize>,
}

impl Memory {
    /// An operator reads of keys.
    pub fn told(&mut self, text: &str) {
        let words = text.split([' ', ',', ':']);
        self.told_of.extend(words.filter(|word| word.starts_with("apikey_")).map(str::to_owned));
    }
}

impl World {
    fn commands(&self) -> impl Iterator<Item = &Command> {
        self.running.iter().flatten().map(|running| &running.command)
    }

    fn accepts_blind(&self, item: Item) -> bool {
        self.commands()
            .any(|command| matches!(command, Command::Finish { accept, .. } if accept.contains(&item)))
    }

    /// Whether nobody was told how a credential fares, or was told wrongly, in a run that is under way.
    fn is_in_the_dark(&self, credential: usize) -> bool {
        let mut running = self.running.iter().flatten();
        running.any(|running| {
            running.unanswered.contains(&credential) || running.has_lied_of.contains(&credential)
        })
    }

    /// What must hold when the provider is asked to revoke.
    pub fn judge_call(&self, named: usize) {
        let is_ended = self.keys[named].is != KeyIs::Active;
        // A run that was overtaken may repeat what the other one did.
        if self.memory.disk_failed || (is_ended && self.memory.are_two) {
            return;
        }
        let intent = self.state().and_then(|state| state.intent.as_ref()).map(|intent| &intent.effect);
        let is_intended = matches!(intent, Some(Effect::Revoke { id, fingerprint: victim })
            if *id == super::world::id(named) && *victim == fingerprint(named));
        // Another emergency, to which the provider refused it, may have called off the intent of this one's suspect.
        let is_ordered = self.memory.are_two && self.memory.ordered.contains(&named);
        if !is_intended && !is_ordered {
            broken(format!("invariant 5: {named} is revoked without a durable intent: {intent:?}"));
        }
        let was_ended = !self.keys[named].disabled_by_person && self.keys[named].is == KeyIs::Inactive;
        if was_ended && !self.memory.under_way.contains(&named) {
            broken(format!("invariant 5: {named} is revoked twice"));
        }
    }

    /// What must hold at the moment in which the provider ends a credential at our request.
    pub fn judge_revocation(&mut self, victim: usize) {
        let Some(state) = self.state() else { broken("revoked before anything was adopted") };
        let active = number(state.active().fingerprint).unwrap();
        if self.memory.ordered.contains(&victim) {
            let another_serves = active != victim
                && (self.accepts(active)
                    || self.memory.ordered.contains(&active)
                    || self.keys[active].disabled_by_person);
            let is_covered = self.memory.outage_accepted
                || self.memory.disk_failed
                || self.is_in_the_dark(active)
                || self.commands().any(
                    |command| matches!(command, Command::RevokeNow { replacement: Some(new), .. } if active != victim && self.accepts(*new)),
                );
            if !another_serves && !is_covered {
                broken(format!(
                    "invariant 1: after {victim} nothing valid is active, and nobody accepted that"
                ));
            }
            return;
        }
        if active == victim {
            broken(format!("invariant 2: the active credential {victim} is revoked"));
        }
        if !self.accepts(active) && !self.keys[active].disabled_by_person {
            broken(format!("invariant 1: {active} is dead, and {victim} is revoked all the same"));
        }
        let Some(opened) = self.memory.opened else { broken("invariant 3: revoked without a window") };
        if self.truth - opened < GRACE {
            broken(format!(
                "invariant 3: revoked {} s after the window opened",
                (self.truth - opened) / 1000
            ));
        }
        if let Some((_, until)) = self.in_use(victim, !self.accepts_blind(Item::Targets))
            && until > self.truth
        {
            broken(format!("the promise: {victim} is revoked while jobs that read it may run"));
        }
        if let Some(job) = self.jobs.iter().find(|job| job.credential == victim)
            && !self.accepts_blind(Item::Leases)
        {
            broken(format!("the promise: {victim} is revoked while {job:?} holds it under a lease"));
        }
    }

    pub fn judge_deletion(&self, victim: usize) {
        if self.keys[victim].is != KeyIs::Active {
            return;
        }
        let Some(state) = self.state() else { broken("deleted before anything was adopted") };
        let in_use = [Some(state.active()), state.phase.staged(), state.phase.retiring()];
        if in_use.into_iter().flatten().any(|credential| number(credential.fingerprint) == Some(victim)) {
            broken(format!("{victim} is deleted while it is known to be in use"));
        }
        if self.in_use(victim, true).is_some_and(|(_, until)| until > self.truth) {
            broken(format!("{victim} is deleted while jobs that read it may run"));
        }
    }

    /// What must hold of a value that consumers find from now on.
    pub fn judge_publication(&self, credential: usize, place: &str) {
        if self.is_excused(credential) {
            return;
        }
        broken(format!("the promise: the dead credential {credential} is given to consumers by {place}"));
    }

    fn is_excused(&self, credential: usize) -> bool {
        let key = &self.keys[credential];
        self.accepts(credential) || key.disabled_by_person || self.memory.ordered.contains(&credential)
    }

    /// What must hold of a state that takes the place of another one.
    pub fn judge_commit(&mut self, before: Option<&Record>, after: &Record) {
        self.coverage.commits += 1;
        let known = before.map_or(0, |before| before.generation);
        let is_next = after.generation == known + 1;
        if !(is_next || self.memory.disk_failed && after.generation > known) {
            broken(format!("an update is lost: generation {} follows {known}", after.generation));
        }
        let state = &after.state;
        self.reached.insert(state.phase.name());
        if matches!(&state.phase, Phase::Promoted { direction: Direction::Back, .. }) {
            self.reached.insert("Promoted, going back");
        }
        if state.emergency.is_some() {
            self.reached.insert("emergency");
        }
        if state.outage {
            self.reached.insert("outage");
        }
        if !state.stale_targets.is_empty() {
            self.reached.insert("a target left behind");
        }
        if let Some(intent) = &state.intent {
            self.reached.insert(intent.effect.name());
        }
        let active = number(state.active().fingerprint).unwrap();
        let given = (!state.outage).then_some(active);
        if self.given.last().is_some_and(|held| held.credential != given) {
            if given.is_some() {
                self.judge_publication(active, "`rotate key`");
            }
            self.given.push(Held { since: self.truth, credential: given, foreign: false });
        }
        let was = before.map(|before| &before.state);
        self.judge_window(was, state, active);
        for dead in state.dead.iter().filter(|dead| was.is_none_or(|was| !was.dead.contains(*dead))) {
            let dead = number(*dead).unwrap();
            if self.keys[dead].is == KeyIs::Active && !self.keys[dead].enabled_by_person {
                broken(format!("{dead} is called dead, and the provider's record says it is active"));
            }
        }
        let is_called_off = was.is_some_and(|was| was.emergency.is_some()) && state.emergency.is_none();
        if is_called_off && !self.commands().any(|command| matches!(command, Command::RevokeNow { .. })) {
            let is_dead = |credential: &usize| state.dead.contains(&fingerprint(*credential));
            let under_way = self.memory.under_way.clone();
            self.memory.ordered.retain(|ordered| is_dead(ordered) || under_way.contains(ordered));
        }
    }

    fn judge_window(&mut self, was: Option<&KeyState>, state: &KeyState, active: usize) {
        let was_open = matches!(was.map(|was| &was.phase), Some(Phase::GraceWindow { .. }));
        let Phase::GraceWindow { window, .. } = &state.phase else { return };
        if was_open {
            return;
        }
        let floor = (LONGEST_JOB + REFRESH + PROPAGATION).max(GRACE);
        if i64::try_from(window.length_seconds).unwrap() * 1000 < floor {
            broken(format!("invariant 6: {window:?}"));
        }
        let is_undone = matches!(was.map(|was| &was.phase), Some(Phase::Revoked { .. }));
        for (at, target) in self.targets.iter().enumerate() {
            let held = target.holds();
            if !is_undone && held.credential != Some(active) && !held.foreign {
                broken(format!("the clock runs, but target {at} lacks {active}: {held:?}"));
            }
        }
        // The command may have been stopped, or its disk have failed, between the last change and this record of it.
        let moved = self.targets.iter().flat_map(|target| &target.history).chain(&self.given);
        let moved = moved.filter(|held| !held.foreign).map(|held| held.since).max();
        self.memory.opened = if is_undone { self.memory.reactivated_at } else { moved };
    }

    /// Notes what a run's end leaves for the judgement.
    pub fn ended(&mut self, who: usize, end: &End) {
        let Some(running) = &self.running[who] else { return };
        let is_emergency = matches!(running.command, Command::RevokeNow { .. });
        if matches!(end, End::Done) && is_emergency {
            self.memory.disk_failed = false;
        }
        if matches!(end, End::Crashed | End::Interrupted) {
            let active = self.state().and_then(|state| number(state.active().fingerprint));
            let astray = |at: &usize| {
                let target = &self.targets[*at];
                target.kind == Kind::WriteOnly && target.holds().credential != active
            };
            let astray: Vec<_> = (0..self.targets.len()).filter(astray).collect();
            self.memory.unmended.extend(astray);
        }
    }

    /// What must hold whenever no run is under way.
    pub fn judge_rest(&self) {
        let Some(state) = self.state() else { return };
        if self.memory.disk_failed {
            return;
        }
        let active = number(state.active().fingerprint).unwrap();
        if !self.is_excused(active) && !state.outage {
            broken(format!("invariant 1: the active credential {active} is refused, and nobody ordered it"));
        }
        for (at, target) in self.targets.iter().enumerate() {
            let held = target.holds();
            let Some(credential) = held.credential else { continue };
            let is_told = state.emergency.is_some()
                || state.intent.is_some()
                || rotate::store::spool::open_seal(&self.disk.spool).is_some()
                || state.outage
                || state.stale_targets.contains_key(&super::world::target_id(at))
                || matches!(state.phase, Phase::Promoted { .. })
                || (state.phase.propagation().is_some()
                    && !state.phase.has_settled(&super::world::target_id(at)));
            let is_dead = !self.accepts(credential) && !self.keys[credential].disabled_by_person;
            if is_dead && !held.foreign && !is_told && !self.memory.unmended.contains(&at) {
                broken(format!(
                    "the promise: target {at} holds the dead credential {credential}, and nothing tells of it"
                ));
            }
        }
    }

    /// A job starts with what `rotate key` gives, under a lease.
    pub fn start_job(&mut self) {
        let Some(credential) = self.given.last().and_then(|held| held.credential) else { return };
        if self.jobs.len() > 2 || !self.accepts(credential) {
            return;
        }
        let overstays = self.dice.chance(200);
        if overstays {
            self.met(Fault::JobOverstayed);
        }
        let most = if overstays { 4 * LONGEST_JOB } else { LONGEST_JOB };
        let takes = i64::try_from(self.dice.below(most.unsigned_abs())).unwrap();
        self.names += 1;
        let job = Job { id: self.names, credential, since: self.truth, until: self.truth + takes };
        self.tell(|| format!("  job: {job:?}"));
        self.jobs.push(job);
    }
}
