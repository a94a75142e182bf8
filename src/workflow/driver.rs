//! The loop that moves a key towards a goal, one step at a time.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::locked_state::LockedState;
use super::materials::Materials;
use super::ports::Ports;
use super::{act, narration, observe};
use crate::error::Failure;
use crate::rotation::effect::{Effect, Intent};
use crate::rotation::event::Event;
use crate::rotation::evidence::{self, Evidence};
use crate::rotation::phase::KeyState;
use crate::rotation::plan::{Facts, Goal, Refusal, Step, TakenBack, Wait, plan};
use crate::rotation::stamp::{Stamp, elapsed, plus_seconds};

/// No goal needs as many steps; a plan that goes in circles ends here.
const STEPS_LIMIT: usize = 500;

/// Where a drive ended.
#[derive(Debug)]
pub(super) enum Arrival {
    Done,
    Waiting(Wait),
    Refused(Refusal),
}

/// One run towards one goal.
pub(super) struct Drive<'a, 'lock> {
    pub(super) ports: &'a Ports,
    pub(super) locked: &'a mut LockedState<'lock>,
    pub(super) goal: &'a Goal,
    pub(super) materials: &'a mut Materials,
    pub(super) facts: Facts,
    /// The table on which a revocation of this run rested.
    pub(super) evidence: Option<Vec<Evidence>>,
    /// The provider's clock, and when it was read.
    pub(super) provider_time: Option<(Timestamp, Stamp)>,
    /// When the provider confirmed the last revocation or reactivation.
    pub(super) confirmed_at: Option<Stamp>,
    /// The revocation that this run has begun to take back, and why.
    pub(super) taking_back: Option<TakenBack>,
    /// Come back at once where a person must act: whoever waits for one does so with the lock free.
    pub(super) leaves_person: bool,
}

impl<'a, 'lock> Drive<'a, 'lock> {
    pub(super) fn new(
        ports: &'a Ports,
        locked: &'a mut LockedState<'lock>,
        goal: &'a Goal,
        materials: &'a mut Materials,
    ) -> Self {
        if let Some(place) = locked.state().and_then(|state| state.place.as_deref()) {
            ports.slots.pin(place);
        }
        let places = locked.state().map(|state| &state.target_places);
        for target in &ports.targets {
            if let Some(place) = places.and_then(|places| places.get(target.id())) {
                target.pin(place);
            }
        }
        let longest_run_seconds = ports.leases.longest_run_seconds().unwrap_or_else(|reason| {
            ports.narrator.warn(&format!("how long jobs run is not known: {reason}"));
            0
        });
        Self {
            ports,
            locked,
            goal,
            materials,
            facts: Facts { longest_run_seconds, ..Facts::default() },
            evidence: None,
            provider_time: None,
            confirmed_at: None,
            taking_back: None,
            leaves_person: false,
        }
    }

    /// Runs until the goal is reached, refused or has to wait.
    ///
    /// # Errors
    /// The store, a slot or the program itself failed; refusals of the plan are [`Arrival::Refused`].
    pub(super) async fn run(&mut self) -> Result<Arrival, Failure> {
        for _ in 0..STEPS_LIMIT {
            let now = self.now();
            let step = plan(self.locked.state(), self.goal, &self.facts, &self.ports.settings.policy, &now);
            tracing::debug!(?step, "next step");
            match step {
                Step::Observe(question) => observe::answer(self, question).await?,
                Step::Act(effect) => act::perform(self, effect).await?,
                Step::Record(event) => {
                    // Here and not with the call: a run that was killed after it finds the credential deleted.
                    if matches!(event, Event::Purged) {
                        act::forget_revoked_value(self).await?;
                    }
                    self.record(&event)?;
                }
                Step::Wait(wait) => return Ok(Arrival::Waiting(wait)),
                Step::Done => return Ok(Arrival::Done),
                Step::Refused(refusal) => return Ok(Arrival::Refused(refusal)),
            }
        }
        Err(Failure::unexpected("the plan goes in circles and was stopped"))
    }

    /// This moment, with the provider's clock carried on from when it was read.
    pub(super) fn now(&self) -> Stamp {
        let now = self.ports.clock.now();
        let provider = self.provider_time.as_ref().map(|(date, seen_at)| {
            let since_seconds = elapsed(&without_provider(seen_at), &without_provider(&now)).seconds;
            plus_seconds(*date, since_seconds)
        });
        now.with_provider(provider)
    }

    pub(super) fn state(&self) -> Option<&KeyState> {
        self.locked.state()
    }

    /// Writes down that an effect is about to be tried, unless just that stands there already.
    pub(super) fn intend(&mut self, effect: &Effect) -> Result<(), Failure> {
        let Some(state) = self.state() else {
            return Ok(());
        };
        if state.intent.as_ref().is_some_and(|intent| intent.effect == *effect) {
            return Ok(());
        }
        let intent =
            Intent { effect: effect.clone(), command: self.goal.command().to_owned(), begun_at: self.now() };
        self.record(&Event::Intended { intent })
    }

    /// Commits an event.
    pub(super) fn record(&mut self, event: &Event) -> Result<(), Failure> {
        let now = self.now();
        let seen = self.evidence_seen(event, &now);
        let seen = seen.map(|table| ("evidence", table));
        self.locked.commit(self.ports, self.goal.command(), event, seen, &now)?;
        self.facts.emergency_ended |= matches!(event, Event::EmergencyEnded);
        self.facts.has_announced |= matches!(event, Event::ProbeAnnounced { .. });
        self.facts.has_dropped |= matches!(event, Event::IntentDropped { .. } | Event::StagedDropped { .. });
        if let Some(text) = narration::of(event) {
            self.ports.narrator.say(&text);
        }
        Ok(())
    }

    /// The evidence on which a revocation rests goes into the journal with it.
    fn evidence_seen(&mut self, event: &Event, now: &Stamp) -> Option<Value> {
        let rests_on_evidence = match event {
            Event::Intended { intent } => matches!(intent.effect, Effect::Revoke { .. }),
            Event::Revoked { .. } => true,
            _ => false,
        };
        let Goal::Finish { accept_unknown, reason } = self.goal else {
            return None;
        };
        // A run that goes on after a crash weighs nothing: the table stands beside the intent.
        if !rests_on_evidence || self.facts.leases.is_none() {
            return None;
        }
        let table = evidence::weigh(self.state()?, &self.facts, &self.ports.settings.policy, now)?;
        let accepted: Vec<_> = accept_unknown.iter().map(|item| item.name()).collect();
        let seen = json!({ "table": table, "accepted_unknown": accepted, "reason": reason });
        self.evidence = Some(table);
        Some(seen)
    }
}

fn without_provider(stamp: &Stamp) -> Stamp {
    stamp.clone().with_provider(None)
}
