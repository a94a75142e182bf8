//! Who issues keys.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rotate::provider::{Listing, Minted, Outcome, Ping, Provider, WrongKind};
use rotate::rotation::credential::{
    Capabilities, Identity, KeyStatus, LastUse, LastUseSeen, ListedKey, ProviderKey, ProviderKeyId,
    UsageBucket, Verdict,
};
use rotate::secret::Secret;

use crate::simulation::fault::Fault;
use crate::simulation::operator::Operator;
use crate::simulation::planted::Planted;
use crate::simulation::setting::ClockLies;
use crate::simulation::world::{KEYS_LIMIT, KeyIs, Later, World, at, id, number, number_of_id, value};

pub struct SimulatedProvider {
    pub operator: Operator,
}

const NO_ANSWER: &str = "no answer";
/// So late the provider's reports are at most; see the settings.
const REPORT_LAG: i64 = 600_000;

fn status(is: KeyIs) -> Option<KeyStatus> {
    match is {
        KeyIs::Active => Some(KeyStatus::Active),
        KeyIs::Inactive => Some(KeyStatus::Inactive),
        KeyIs::Archived => Some(KeyStatus::Archived),
        KeyIs::NotMade => None,
    }
}

impl SimulatedProvider {
    /// A question by the admin key; `None` where no answer comes.
    async fn asked<T>(&self, call: &'static str, answer: impl FnOnce(&mut World) -> T) -> Outcome<T> {
        self.operator.enter(call);
        self.operator.network().await;
        match self.operator.luck(&[Fault::QuestionUnanswered, Fault::Throttled]) {
            Some(_) => Outcome::Unknown(NO_ANSWER.to_owned()),
            None => Outcome::Done(self.operator.world(answer)),
        }
    }

    /// A call that changes something.
    async fn called(&self, call: &'static str, act: impl FnOnce(&mut World), late: Later) -> Outcome<()> {
        self.operator.network().await;
        let luck = self.operator.luck(&[
            Fault::CallRefused,
            Fault::CallNotDone,
            Fault::CallDoneNotTold,
            Fault::CallLandsLate,
        ]);
        match luck {
            None | Some(Fault::CallDoneNotTold) => self.operator.world(act),
            Some(Fault::CallLandsLate) => self.operator.world(|world| {
                if let Later::Revoke { credential } = late {
                    world.memory.under_way.insert(credential);
                }
                let delay = i64::try_from(world.dice.below(20_000)).unwrap();
                world.later.push((world.truth + delay, late));
            }),
            Some(_) => {}
        }
        self.operator.leave(call);
        match luck {
            None => Outcome::Done(()),
            Some(Fault::CallRefused) => Outcome::Refused("not allowed".to_owned()),
            Some(_) => Outcome::Unknown(NO_ANSWER.to_owned()),
        }
    }
}

#[async_trait(?Send)]
impl Provider for SimulatedProvider {
    fn name(&self) -> &'static str {
        self.operator.world(|world| world.setting.provider)
    }

    fn capabilities(&self) -> Capabilities {
        self.operator.world(|world| world.setting.capabilities())
    }

    fn console_page(&self) -> String {
        "the console".to_owned()
    }

    fn check_shape(&self, _: &Secret) -> Result<(), WrongKind> {
        Ok(())
    }

    fn shape_remark(&self, _: &Secret) -> Option<String> {
        None
    }

    async fn probe_once(&self, secret: &Secret) -> Ping {
        self.operator.enter("provider.probe_once");
        self.operator.network().await;
        let faults = [Fault::PingUnanswered, Fault::Throttled, Fault::WrongVerdict, Fault::DateSkewed];
        let luck = self.operator.luck(&faults);
        let credential = number(secret.fingerprint()).unwrap();
        self.operator.world(|world| {
            let mut ping = Ping {
                verdict: Verdict::Unknown,
                detail: String::new(),
                date: world.date_told(luck),
                retry_after_seconds: None,
                workspace: None,
            };
            let is_accepted = world.accepts(credential) || world.is_planted(Planted::ProbeAlwaysAccepts);
            let key = &mut world.keys[credential];
            key.probed_at = Some(world.truth);
            let may_lie = !std::mem::take(&mut key.lied[self.operator.who]);
            let truth = if is_accepted { Verdict::Accepted } else { Verdict::Rejected };
            let contrary = if is_accepted { Verdict::Rejected } else { Verdict::Accepted };
            let running = world.running[self.operator.who].as_mut().unwrap();
            match luck {
                Some(Fault::PingUnanswered) => {
                    ping.date = None;
                    running.unanswered.push(credential);
                }
                Some(Fault::Throttled) => {
                    ping.retry_after_seconds = Some(7);
                    running.unanswered.push(credential);
                }
                Some(Fault::WrongVerdict) if may_lie => {
                    key.lied[self.operator.who] = true;
                    running.has_lied_of.push(credential);
                    ping.verdict = contrary;
                }
                _ => ping.verdict = truth,
            }
            world.tell(|| format!("  ping of {credential}: {:?}", ping.verdict));
            ping
        })
    }

    async fn identify(&self, secret: &Secret) -> Identity {
        self.operator.enter("provider.identify");
        if !self.operator.world(|world| world.setting.admin) {
            return Identity::Unavailable;
        }
        self.operator.network().await;
        let luck = self.operator.luck(&[
            Fault::QuestionUnanswered,
            Fault::IdentityAmbiguous,
            Fault::IdentityNotFound,
        ]);
        let credential = number(secret.fingerprint()).unwrap();
        let is = self.operator.world(|world| world.keys[credential].is);
        let Some(status) = status(is).filter(|status| *status != KeyStatus::Archived) else {
            return Identity::NotFound;
        };
        let listed = ProviderKey {
            id: id(credential),
            name: format!("key {credential}"),
            status,
            workspace: None,
            expires_at: None,
            hint: String::new(),
        };
        match luck {
            Some(Fault::IdentityAmbiguous) => Identity::Ambiguous(vec![listed.clone(), listed]),
            Some(Fault::IdentityNotFound) => Identity::NotFound,
            Some(_) => Identity::Unknown(NO_ANSWER.to_owned()),
            None => Identity::Proven(listed),
        }
    }

    async fn key_status(&self, id: &ProviderKeyId) -> Outcome<Option<KeyStatus>> {
        let credential = number_of_id(id);
        self.asked("provider.key_status", |world| status(world.keys[credential].is)).await
    }

    async fn revoke(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.operator.enter("provider.revoke");
        let named = number_of_id(id);
        let hit = self.operator.world(|world| {
            world.judge_call(named);
            match world.state() {
                Some(state) if world.is_planted(Planted::RevokeHitsAnother) => {
                    number(state.active().fingerprint).unwrap()
                }
                _ => named,
            }
        });
        let late = Later::Revoke { credential: hit };
        self.called("provider.revoke", |world| world.revoke(hit, "asked"), late).await
    }

    async fn reactivate(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.operator.enter("provider.reactivate");
        let credential = number_of_id(id);
        if self.operator.world(|world| world.keys[credential].is == KeyIs::Archived) {
            return Outcome::Refused("it is archived".to_owned());
        }
        let late = Later::Reactivate { credential };
        self.called("provider.reactivate", |world| world.reactivate(credential), late).await
    }

    async fn delete(&self, id: &ProviderKeyId) -> Outcome<()> {
        self.operator.enter("provider.delete");
        let credential = number_of_id(id);
        let late = Later::Delete { credential };
        self.called("provider.delete", |world| world.delete(credential), late).await
    }

    async fn mint(&self) -> Outcome<Minted> {
        self.operator.enter("provider.mint");
        self.operator.network().await;
        let luck = self.operator.luck(&[Fault::CallRefused, Fault::CallNotDone, Fault::CallDoneNotTold]);
        let made = self.operator.world(|world| {
            let is_full = world.existing().len() >= KEYS_LIMIT;
            match luck {
                _ if is_full => None,
                Some(Fault::CallRefused | Fault::CallNotDone) => None,
                _ => Some(world.mint()),
            }
        });
        self.operator.leave("provider.mint");
        match (luck, made) {
            (None, Some(made)) => {
                self.operator.world(|world| {
                    if world.dice.chance(100) {
                        world.met(Fault::AcceptanceLags);
                        world.keys[made].accepted_from = world.truth + 8_000;
                    }
                });
                Outcome::Done(Minted { id: id(made), value: value(made) })
            }
            (None | Some(Fault::CallRefused), _) => Outcome::Refused("no".to_owned()),
            (Some(_), _) => Outcome::Unknown(NO_ANSWER.to_owned()),
        }
    }

    async fn list(&self) -> Outcome<Listing> {
        let lie = self.operator.luck(&[Fault::DateSkewed]);
        let answer = |world: &mut World| {
            let listed = world.existing().into_iter().map(|number| ListedKey {
                id: id(number),
                status: status(world.keys[number].is).unwrap(),
                created_at: Some(at(world.keys[number].made_at)),
                last_use: last_use(world, number).map_or(LastUseSeen::Never, LastUseSeen::At),
            });
            Listing { keys: listed.collect(), date: world.date_told(lie) }
        };
        self.asked("provider.list", answer).await
    }

    async fn last_used(&self, id: &ProviderKeyId) -> Outcome<Option<LastUse>> {
        let credential = number_of_id(id);
        self.asked("provider.last_used", |world| last_use(world, credential)).await
    }

    async fn usage(
        &self,
        ids: &[ProviderKeyId],
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> Outcome<Vec<UsageBucket>> {
        let ids = ids.to_vec();
        let answer = move |world: &mut World| {
            let told = world.truth - REPORT_LAG;
            let until = until.map_or(told, |until| until.as_millisecond().min(told));
            let mut buckets = Vec::new();
            for id in ids {
                let Some((first, last)) = used(world, number_of_id(&id)) else { continue };
                let (first, last) = (first.max(from.as_millisecond()), last.min(until));
                let minutes = [first / 60_000 * 60_000, last / 60_000 * 60_000];
                for minute in minutes.into_iter().filter(|_| first < last) {
                    let bucket = UsageBucket {
                        id: id.clone(),
                        from: at(minute),
                        until: at(minute + 60_000),
                        tokens: 9,
                    };
                    buckets.push(bucket);
                }
            }
            buckets
        };
        self.asked("provider.usage", answer).await
    }
}

impl World {
    /// The `Date` of an answer, where answers carry one; a lie is hours off.
    fn date_told(&mut self, luck: Option<Fault>) -> Option<Timestamp> {
        let date = self.setting.dated.then(|| self.provider_time())?;
        if luck != Some(Fault::DateSkewed) || self.setting.clock_lies != ClockLies::Date {
            return Some(date);
        }
        let hours = 1 + i64::try_from(self.dice.below(5)).unwrap();
        let hours = if self.dice.chance(500) { hours } else { -hours };
        Some(date + SignedDuration::from_hours(hours))
    }
}

/// From when until when consumers and jobs used a credential, so far.
fn used(world: &World, credential: usize) -> Option<(i64, i64)> {
    let (from, until) = world.in_use(credential, true)?;
    let leased = world.jobs.iter().filter(|job| job.credential == credential).map(|_| world.truth);
    let until = leased.chain([until]).max()?;
    Some((from, until.min(world.truth)))
}

fn last_use(world: &World, credential: usize) -> Option<LastUse> {
    let told = world.truth - 60_000;
    let used = used(world, credential).filter(|(from, _)| *from <= told);
    let used = used.map(|(_, until)| (until.min(told), false));
    let probed = world.keys[credential].probed_at.map(|at| (at, true));
    let (moment, may_be_a_probe) = used.into_iter().chain(probed).max()?;
    Some(LastUse { at: at(moment), by: "messages".to_owned(), may_be_a_probe })
}
