//! The settling of verdicts, with a provider that follows a script and a clock that only counts.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use async_trait::async_trait;

use super::*;
use crate::provider::{Outcome, WrongKind};
use crate::rotation::credential::{Capabilities, Identity, KeyStatus, ProviderKeyId};
use crate::rotation::stamp::{BootTime, Stamp};

/// Answers by the script: `a`ccepted, `r`ejected, `u`nknown, `w` unknown with 10 s to wait, `W` with an
/// hour; its last letter repeats for ever.
struct Scripted {
    script: RefCell<VecDeque<char>>,
    pings: Cell<u32>,
}

impl Scripted {
    fn new(script: &str) -> Self {
        Self { script: RefCell::new(script.chars().collect()), pings: Cell::new(0) }
    }

    fn next(&self) -> char {
        let mut script = self.script.borrow_mut();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0] }
    }
}

#[async_trait(?Send)]
impl Provider for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn console_page(&self) -> String {
        String::new()
    }

    fn check_shape(&self, _: &Secret) -> Result<(), WrongKind> {
        Ok(())
    }

    fn shape_remark(&self, _: &Secret) -> Option<String> {
        None
    }

    async fn probe_once(&self, _: &Secret) -> Ping {
        self.pings.set(self.pings.get() + 1);
        let letter = self.next();
        Ping {
            verdict: match letter {
                'a' => Verdict::Accepted,
                'r' => Verdict::Rejected,
                _ => Verdict::Unknown,
            },
            detail: format!("{letter}{}", self.pings.get()),
            date: Timestamp::from_second(i64::from(self.pings.get())).ok(),
            retry_after_seconds: match letter {
                'w' => Some(10),
                'W' => Some(3600),
                _ => None,
            },
            workspace: (letter == 'a').then(|| "wrkspc_1".to_owned()),
        }
    }

    async fn identify(&self, _: &Secret) -> Identity {
        Identity::Unavailable
    }

    async fn key_status(&self, _: &ProviderKeyId) -> Outcome<Option<KeyStatus>> {
        Outcome::Done(None)
    }

    async fn revoke(&self, _: &ProviderKeyId) -> Outcome<()> {
        Outcome::Done(())
    }

    async fn reactivate(&self, _: &ProviderKeyId) -> Outcome<()> {
        Outcome::Done(())
    }

    async fn delete(&self, _: &ProviderKeyId) -> Outcome<()> {
        Outcome::Done(())
    }
}

/// Sleeping only counts; a frozen one does not even show it.
#[derive(Default)]
struct Counting {
    slept: RefCell<Vec<Duration>>,
    is_frozen: bool,
}

impl Counting {
    fn total(&self) -> Duration {
        self.slept.borrow().iter().sum()
    }

    fn milliseconds(&self) -> Vec<u128> {
        self.slept.borrow().iter().map(Duration::as_millis).collect()
    }
}

#[async_trait(?Send)]
impl Clock for Counting {
    fn now(&self) -> Stamp {
        let milliseconds = if self.is_frozen { 0 } else { u64::try_from(self.total().as_millis()).unwrap() };
        Stamp {
            wall: Timestamp::from_millisecond(i64::try_from(milliseconds).unwrap()).unwrap(),
            boot: Some(BootTime { id: "boot".into(), milliseconds }),
            provider: None,
        }
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.borrow_mut().push(duration);
    }
}

fn secret() -> Secret {
    Secret::from_text("sk-ant-api03-scripted-value-scripted".into()).unwrap()
}

async fn settle_script(script: &str) -> (Settled, Counting) {
    let clock = Counting::default();
    let settled = settle(&Scripted::new(script), &clock, &secret(), &ProbeSettings::default()).await;
    (settled, clock)
}

#[tokio::test]
async fn only_equal_verdicts_in_a_row_settle() {
    use Verdict::{Accepted, Rejected, Unknown};
    let cases = [
        ("aaa", Accepted, 3),
        ("rrr", Rejected, 3),
        ("aaraaa", Accepted, 6),
        ("rraaa", Accepted, 5),
        ("arrr", Rejected, 4),
        ("aauaaa", Accepted, 6),
        ("rrurrr", Rejected, 6),
        ("uuuuuuaaa", Accepted, 9),
        ("u", Unknown, 9),
        ("arararararar", Unknown, 9),
        ("aauaauaauaaa", Unknown, 9),
    ];
    for (script, verdict, pings) in cases {
        let (settled, clock) = settle_script(script).await;
        assert_eq!((settled.verdict, settled.pings), (verdict, pings), "{script}: {settled:?}");
        assert_eq!(clock.slept.borrow().len() as u32, pings - 1, "{script}");
    }
}

#[tokio::test]
async fn what_was_learned_on_the_way_is_kept() {
    let (settled, clock) = settle_script("uaaa").await;
    assert_eq!(settled.workspace.as_deref(), Some("wrkspc_1"));
    assert_eq!(settled.date, Timestamp::from_second(4).ok());
    assert_eq!(settled.detail, "a4");
    assert_eq!(clock.milliseconds(), [1000, 1000, 1000]);
}

#[tokio::test]
async fn unsettled_says_why() {
    assert_eq!(settle_script("u").await.0.detail, "u9");
    let (settled, _) = settle_script("aauaauaauaaa").await;
    assert_eq!(settled.detail, "u9 (6 of 9 pings were accepted and 0 rejected, never enough in a row)");
    let (settled, _) = settle_script("arararararar").await;
    assert_eq!(settled.detail, "5 of 9 pings were accepted and 4 rejected, never enough in a row");
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_a_bound() {
    let (settled, clock) = settle_script("wWaaa").await;
    assert_eq!(settled.verdict, Verdict::Accepted);
    assert_eq!(clock.milliseconds(), [10_000, 30_000, 1000, 1000]);
}

#[tokio::test]
async fn attempts_of_zero_still_ping_once() {
    let settings = ProbeSettings { attempts: 0, interval: Duration::ZERO, max_pings: 0 };
    let settled = settle(&Scripted::new("a"), &Counting::default(), &secret(), &settings).await;
    assert_eq!((settled.verdict, settled.pings), (Verdict::Accepted, 1));
}

#[tokio::test]
async fn a_settled_acceptance_proves_its_own_value_and_no_other() {
    let (settled, _) = settle_script("a").await;
    assert!(settled.proves(std::rc::Rc::new(secret())).is_some());
    let other = Secret::from_text("sk-ant-api03-another-value-another".into()).unwrap();
    assert!(settled.proves(other).is_none());
    for script in ["r", "u", "aauaauaaua"] {
        assert!(settle_script(script).await.0.proves(secret()).is_none(), "{script}");
    }
    let (awaited, _) = await_script("a", 10, &Counting::default()).await;
    assert_eq!(awaited.settled.verdict, Verdict::Accepted);
    assert!(awaited.settled.proves(secret()).is_none());
}

async fn await_script(script: &str, limit_seconds: u64, clock: &Counting) -> (Awaited, Vec<Verdict>) {
    let mut seen = Vec::new();
    let awaited = await_rejection(
        &Scripted::new(script),
        clock,
        &secret(),
        &ProbeSettings::default(),
        Duration::from_secs(limit_seconds),
        &mut |ping| seen.push(ping.verdict),
    )
    .await;
    (awaited, seen)
}

#[tokio::test]
async fn a_rejection_is_awaited_and_its_lag_told() {
    use Verdict::{Accepted, Rejected, Unknown};
    let clock = Counting::default();
    let (awaited, seen) = await_script("aarurrr", 60, &clock).await;
    assert_eq!(awaited.settled.verdict, Rejected);
    assert_eq!(awaited.settled.pings, 7);
    assert_eq!(awaited.lag_seconds, 4);
    assert_eq!(seen, [Accepted, Accepted, Rejected, Unknown, Rejected, Rejected]);
}

#[tokio::test]
async fn the_wait_ends_at_its_limit_with_the_last_verdict() {
    for (script, verdict) in [("a", Verdict::Accepted), ("u", Verdict::Unknown), ("ru", Verdict::Unknown)] {
        let clock = Counting::default();
        let (awaited, _) = await_script(script, 10, &clock).await;
        assert_eq!(awaited.settled.verdict, verdict, "{script}");
        assert_eq!(awaited.lag_seconds, 10, "{script}");
    }
}

#[tokio::test]
async fn rejections_that_have_begun_are_seen_to_their_end() {
    let clock = Counting::default();
    let (awaited, _) = await_script("arrr", 1, &clock).await;
    assert_eq!(awaited.settled.verdict, Verdict::Rejected);
    assert_eq!(awaited.lag_seconds, 1);
}

#[tokio::test]
async fn a_limit_of_zero_pings_once() {
    let clock = Counting::default();
    let (awaited, seen) = await_script("a", 0, &clock).await;
    assert_eq!((awaited.settled.verdict, awaited.settled.pings), (Verdict::Accepted, 1));
    assert!(seen.is_empty());
}

#[tokio::test]
async fn a_long_wait_pings_less_often_and_a_frozen_clock_does_not_make_it_endless() {
    let day_seconds = 86_400;
    for is_frozen in [false, true] {
        let clock = Counting { is_frozen, ..Counting::default() };
        let (awaited, _) = await_script("a", day_seconds, &clock).await;
        assert!(awaited.settled.pings < 3_200, "{}", awaited.settled.pings);
        assert!(clock.slept.borrow().iter().all(|pause| *pause <= Duration::from_secs(30)));
        assert!(awaited.lag_seconds >= day_seconds);
    }
}
