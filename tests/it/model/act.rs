//! What effects do to the world, and the judgement at the moment in which they do it.

use rotate::rotation::credential::ProviderKeyId;
use rotate::rotation::effect::Effect;
use rotate::rotation::phase::{KeyState, Phase};
use rotate::rotation::plan::Step;

use super::commit::Said;
use super::explorer::Explorer;
use super::names::{CREDENTIALS, NONE, fingerprint, key_id, key_number, number, slot_index};
use super::observe::Answer;
use super::setting::{FLOOR, Guard, LAG};
use super::situation::{At, Broken, Luck, Situation, Writing, bit};
use super::world::KeyIs;

impl Explorer {
    /// Tries the effect whose intent is durable.
    pub fn affect(&self, situation: &mut Situation, operator: usize, luck: Luck) {
        let run = *situation.run(operator);
        let At::Begun { is_resumed, has_looked } = run.at else { unreachable!() };
        let step = self.steps.get(run.effect);
        let Step::Act(effect) = &*step else { unreachable!() };
        if !has_looked && !self.look_before(situation, operator, effect, is_resumed) {
            return;
        }
        if !has_looked && self.setting.late_calls && is_call(effect) {
            situation.run(operator).at = At::Begun { is_resumed, has_looked: true };
            return;
        }
        match effect {
            Effect::StoreStaged { slot, credential, .. } => {
                situation.world.slots[slot_index(*slot)] = number(credential.fingerprint);
                situation.run(operator).at = At::Outcome { is_well: true };
            }
            Effect::Erase { slot, fingerprints } => {
                let held = &mut situation.world.slots[slot_index(*slot)];
                if *held != NONE && fingerprints.iter().any(|erased| number(*erased) == *held) {
                    *held = NONE;
                }
                situation.run(operator).at = At::Outcome { is_well: true };
            }
            Effect::WriteTargets { fingerprint, .. } => {
                let value = number(*fingerprint);
                if !self.at_hand(situation, operator, value) {
                    return situation.end(operator);
                }
                let fence = self.brief(run.snapshot).fence;
                situation.run(operator).at = At::Writing(Writing {
                    value,
                    fence,
                    version: NONE,
                    has_looked: false,
                    is_mending: false,
                });
            }
            Effect::Revoke { id, .. } => {
                if is_done(luck) {
                    self.revoke(situation, operator, key_number(id), luck);
                }
                self.called(situation, operator, luck, false);
            }
            Effect::Reactivate { id, .. } => {
                let is_undoing = self.states.get(run.snapshot).is_undoing();
                let luck = reactivate(situation, key_number(id), luck);
                let takes_back = !is_undoing && matches!(luck, Luck::Good | Luck::Late);
                self.called(situation, operator, luck, takes_back);
            }
            Effect::Delete { id, .. } => {
                if is_done(luck) {
                    self.delete(situation, operator, key_number(id), luck);
                }
                self.called(situation, operator, luck, false);
            }
            Effect::Mint { .. } => self.mint(situation, operator, is_resumed, luck),
            Effect::Sweep { ids } => {
                if is_done(luck) {
                    for id in ids {
                        self.delete_unused(situation, id);
                    }
                }
                self.learn(situation.run(operator), run.effect, Answer::Swept(luck));
                let is_known = matches!(luck, Luck::Good | Luck::Late);
                situation.run(operator).at =
                    if is_known { At::Outcome { is_well: true } } else { At::Planning };
            }
            Effect::StoreAdopted { .. } => unreachable!("nothing is adopted here"),
        }
    }

    /// The last look before an effect: nobody has committed since, and nobody took a lease on what is revoked.
    fn look_before(
        &self,
        situation: &mut Situation,
        operator: usize,
        effect: &Effect,
        is_resumed: bool,
    ) -> bool {
        if let Effect::Revoke { fingerprint, .. } = effect {
            let run = *situation.run(operator);
            let is_leased = situation.world.leased == number(*fingerprint);
            if is_leased && !is_resumed && !run.is_emergency {
                let leased = Answer::Leased(situation.world.leased);
                let run = situation.run(operator);
                run.at = At::Planning;
                let effect = run.effect;
                self.learn(run, effect, leased);
                self.commit(situation, operator, effect, Said::Leased);
                return false;
            }
        }
        let guard = match effect {
            Effect::Erase { .. } => Guard::LookBeforeErase,
            _ => Guard::LookBeforeEffect,
        };
        !self.setting.has(guard) || self.look(situation, operator)
    }

    /// Goes on with writing the target.
    pub fn write_on(&self, situation: &mut Situation, operator: usize, writing: Writing, luck: Luck) {
        if writing.version == NONE {
            let version = situation.world.target.labelled;
            situation.run(operator).at = At::Writing(Writing { version, has_looked: false, ..writing });
            return;
        }
        if !writing.has_looked && self.setting.has(Guard::LookBeforeLabel) {
            let Some(looked) = self.look_while_writing(situation, operator, writing) else { return };
            situation.run(operator).at = At::Writing(Writing { has_looked: true, ..looked });
            return;
        }
        let before = situation.world.target;
        let is_done = matches!(luck, Luck::Good | Luck::UnknownDone);
        if before.labelled != writing.version {
            // Somebody else moved the label first: everything is read anew.
            situation.run(operator).at = At::Writing(Writing { version: NONE, has_looked: false, ..writing });
            return;
        }
        if is_done {
            self.move_label(situation, writing);
        }
        self.look_back(situation, operator, writing, luck == Luck::Good);
    }

    fn move_label(&self, situation: &mut Situation, writing: Writing) {
        let target = &mut situation.world.target;
        let is_there = target.holds() == writing.value;
        if !self.setting.has(Guard::NewVersion) && writing.fence != 0 {
            // The label goes back to where it was before.
            if let Some(version) = target.version_with(writing.value) {
                target.labelled = version;
                target.fence = 0;
            }
        } else if !is_there || (writing.fence != 0 && target.fence != writing.fence) {
            target.publish(writing.value, writing.fence);
        }
        situation.world.notice_target();
    }

    /// The look between reading the label and moving it. A run that puts right what it has written while it was overtaken
    /// writes what is active by now.
    fn look_while_writing(
        &self,
        situation: &mut Situation,
        operator: usize,
        writing: Writing,
    ) -> Option<Writing> {
        if writing.is_mending {
            let brief = self.brief(situation.file);
            return Some(Writing { value: brief.active, fence: brief.fence, ..writing });
        }
        self.look(situation, operator).then_some(writing)
    }

    /// After the label was moved: whoever was overtaken meanwhile makes good for it.
    fn look_back(&self, situation: &mut Situation, operator: usize, writing: Writing, is_well: bool) {
        let is_overtaken = situation.run(operator).is_overtaken && self.setting.has(Guard::CompareAndSwap);
        if !is_overtaken {
            let run = situation.run(operator);
            run.at = At::Outcome { is_well };
            let was_at_rest = is_still(&self.states.get(run.snapshot));
            let effect = run.effect;
            return self.learn(run, effect, Answer::Written { is_well, was_at_rest });
        }
        let brief = self.brief(situation.file);
        if brief.active == writing.value {
            return situation.end(operator);
        }
        situation.run(operator).at = At::Writing(Writing {
            value: brief.active,
            fence: brief.fence,
            version: NONE,
            has_looked: false,
            is_mending: true,
        });
    }

    /// The provider refuses a key from now on, or a while later.
    fn revoke(&self, situation: &mut Situation, operator: usize, key: u8, luck: Luck) {
        let run = *situation.run(operator);
        let is_alone = self.setting.runs[1 - operator] == 0;
        if situation.world.keys[usize::from(key)].is != KeyIs::Active {
            if is_alone {
                situation.breaks(Broken::RevokedTwice);
            }
            return;
        }
        let (mine, file) = (self.brief(run.snapshot), self.brief(situation.file));
        let is_suspect = mine.is_suspect(key);
        if file.active == key && !(is_suspect && mine.accepts_outage) {
            situation.breaks(Broken::ActiveRevoked);
        }
        let truth = situation.world.truth;
        let is_time = situation.world.opened > 0 && truth >= situation.world.opened + FLOOR;
        if !is_suspect && !is_time {
            situation.breaks(if mine.is_emergency { Broken::NoSuspect } else { Broken::TooEarly });
        }
        let key = situation.world.key(key);
        key.is = KeyIs::Inactive;
        key.accepted_until = if luck == Luck::Late { truth + LAG } else { 0 };
        key.was_ordered = is_suspect;
    }

    fn delete(&self, situation: &mut Situation, operator: usize, key: u8, luck: Luck) {
        if situation.world.keys[usize::from(key)].is == KeyIs::Active {
            situation.breaks(Broken::DeletedInUse);
        }
        situation.world.key(key).is = KeyIs::Archived;
        // The value of what was purged is erased.
        let state = self.states.get(situation.run(operator).snapshot);
        if luck == Luck::Good
            && let Some(slot) = state.slot_of(fingerprint(key))
            && situation.world.slots[slot_index(slot)] == key
        {
            situation.world.slots[slot_index(slot)] = NONE;
        }
    }

    /// Deletes a key that is taken for one that nobody has.
    fn delete_unused(&self, situation: &mut Situation, id: &ProviderKeyId) {
        let key = key_number(id);
        let state = self.states.get(situation.file);
        let is_known = [Some(state.active()), state.phase.other()]
            .into_iter()
            .flatten()
            .any(|known| known.provider_key_id.as_ref() == Some(id));
        if is_known || situation.world.is_in_use(key) {
            situation.breaks(Broken::DeletedInUse);
        }
        situation.world.key(key).is = KeyIs::Archived;
    }

    fn mint(&self, situation: &mut Situation, operator: usize, is_resumed: bool, luck: Luck) {
        let made = if is_done(luck) { self.make(situation, luck) } else { NONE };
        let run = situation.run(operator);
        if made != NONE && luck != Luck::UnknownDone {
            run.values |= bit(made);
        }
        run.at = At::Planning;
        let effect = run.effect;
        self.learn(run, effect, Answer::Minted { luck, key: made, is_resumed });
    }

    fn make(&self, situation: &mut Situation, luck: Luck) -> u8 {
        let state = self.states.get(situation.file);
        let world = &mut situation.world;
        let all = 0..u8::try_from(CREDENTIALS).unwrap();
        let orphan = all.clone().find(|key| {
            let made = &world.keys[usize::from(*key)];
            made.is == KeyIs::Active
                && made.made_at == world.truth
                && !made.is_strange
                && !state.knows(&key_id(*key))
        });
        let existing = all.clone().filter(|key| world.exists(*key)).count();
        let next = all.clone().find(|key| world.keys[usize::from(*key)].is == KeyIs::NotMade);
        let limit = self.policy.capabilities.keys_limit.unwrap_or(CREDENTIALS);
        let Some(next) = next.filter(|_| existing < limit) else { return NONE };
        let (truth, now) = (world.truth, world.now(0).stamp(true).wall);
        let begun_at = state.intent.as_ref().map(|intent| intent.begun_at.wall);
        let key = world.key(next);
        key.is = KeyIs::Active;
        key.is_strange = begun_at.is_some_and(|begun_at| begun_at != now);
        key.made_at = truth;
        key.settled_from = if luck == Luck::Late { truth + LAG } else { 0 };
        if orphan.is_some() {
            situation.breaks(Broken::MintedTwice);
        }
        next
    }

    fn called(&self, situation: &mut Situation, operator: usize, luck: Luck, takes_back: bool) {
        let run = situation.run(operator);
        let active = self.brief(run.snapshot).active;
        run.at = At::Planning;
        let effect = run.effect;
        self.learn(run, effect, Answer::Called { luck, active, takes_back });
    }
}

fn reactivate(situation: &mut Situation, key: u8, luck: Luck) -> Luck {
    let truth = situation.world.truth;
    let key = situation.world.key(key);
    if key.is == KeyIs::Archived {
        return Luck::Refused;
    }
    if is_done(luck) {
        let was_accepted = key.is == KeyIs::Active || truth < key.accepted_until;
        key.is = KeyIs::Active;
        key.settled_from = if luck == Luck::Late && !was_accepted { truth + LAG } else { 0 };
        key.was_ordered = false;
    }
    luck
}

fn is_still(state: &KeyState) -> bool {
    matches!(state.phase, Phase::Idle { .. } | Phase::Revoked { .. })
}

pub fn is_call(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Revoke { .. }
            | Effect::Reactivate { .. }
            | Effect::Delete { .. }
            | Effect::Mint { .. }
            | Effect::Sweep { .. }
    )
}

fn is_done(luck: Luck) -> bool {
    matches!(luck, Luck::Good | Luck::Late | Luck::UnknownDone)
}
