//! The rotation of a drill: the commands of a real one, one after the other.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::SPEED;
use super::habit::{Keep, read_dotenv};
use super::overstay::Overstayer;
use super::progress::StepsOnly;
use super::report::{HeldBack, PhaseTime, phases};
use super::scene::{KEY, Scene};
use super::tally::Tally;
use super::{Beginning, Options, employ};
use crate::clock::{Clock, SystemClock};
use crate::error::Failure;
use crate::rotation::phase::Rotation;
use crate::rotation::stamp::Stamp;
use crate::store::journal::Entry;
use crate::wiring;
use crate::workflow::ports::Narrator;
use crate::workflow::{adopt, finish, promote, stage};

/// How long the job that overstays goes on after the window is over.
const OVERSTAY: Duration = Duration::from_secs(2);

/// Rotates the key while agents work, and gives the phases as the journal has them, and how long the job that overstays
/// held `finish` back.
///
/// # Errors
/// Whatever a command of the rotation fails with.
pub(super) async fn rotate(
    scene: &Scene,
    tally: &Tally,
    options: &Options,
    beginning: &Beginning,
    narrator: &Rc<dyn Narrator>,
) -> Result<(Vec<PhaseTime>, HeldBack), Failure> {
    let ports = scene.ports(Rc::new(StepsOnly(Rc::clone(narrator))))?;
    narrator.say(&format!(
        "the rotation's clock runs {SPEED} times as fast as yours: its minutes are your seconds"
    ));
    narrator.say(&format!("> rotate adopt {KEY}"));
    adopt::adopt(&ports, read_dotenv(&scene.dotenv())?, false).await?;

    narrator.say(&format!("{} agents work with the key that was adopted", options.agents));
    let crew = employ(options, scene, tally, scene.rotate_key())?;
    SystemClock.sleep(job_part(options, 80)).await;

    narrator.say("a person creates a new key at the provider's console");
    let new = scene.create_new_key()?;
    narrator.say(&format!("> rotate stage {KEY}"));
    stage::stage(&ports, Some(new), rotation(ports.clock.now().wall)?, false, false).await?;
    SystemClock.sleep(job_part(options, 80)).await;

    narrator.say("one job takes a lease on the old key, and will take longer than any job was to take");
    let overstayer = Overstayer::begin(scene)?;
    narrator.say(&format!("> rotate promote {KEY}"));
    promote::promote(&ports, false).await?;
    narrator.say(&format!("> rotate finish {KEY} --wait"));
    let patience = finish::Options { wait: true, ..Default::default() };
    let length = Keep::of(options.job_seconds).window() + OVERSTAY;
    let (overstayed, finished) = tokio::join!(
        async {
            overstayer.work(length, &scene.base_url(), tally).await?;
            narrator.say("the job that overstayed has ended");
            Ok::<_, Failure>(beginning.seconds())
        },
        finish::finish(&ports, &patience)
    );
    let ended_at_seconds = overstayed?;
    finished?;

    narrator.say("the old key is dead; the agents work on for one more job");
    SystemClock.sleep(job_part(options, 100)).await;
    crew.stop()?;
    let entered = ports.journal.entries()?;
    let entered = entered
        .iter()
        .filter_map(|entry| Some((phase(entry)?, seconds_between(&beginning.stamp, &entry.at))));
    let phases = phases(entered, beginning.seconds());
    let window_seconds = Keep::of(options.job_seconds).window().as_secs_f64();
    let held_back = HeldBack::of(&phases, window_seconds, ended_at_seconds);
    Ok((phases, held_back))
}

/// A part of a job's length, in hundredths.
fn job_part(options: &Options, hundredths: u64) -> Duration {
    Duration::from_millis(options.job_seconds * hundredths * 10)
}

fn rotation(now: Timestamp) -> Result<Rotation, Failure> {
    let reason = Some("a drill".to_owned());
    Ok(Rotation { id: wiring::rotation_id(now)?, ticket: None, reason, started_at: now })
}

/// The phase that an entry of the journal began, if it began one.
fn phase(entry: &Entry) -> Option<&'static str> {
    match entry.event.as_str() {
        "adopted" => Some("Idle"),
        "staged" => Some("SecondaryStaged"),
        "switched" => Some("Promoted"),
        "grace_opened" => Some("GraceWindow"),
        "revoked" => Some("Revoked"),
        _ => None,
    }
}

/// In the machine's time, by the boot clock where there is one: the wall clock may be set during a drill.
fn seconds_between(from: &Stamp, to: &Stamp) -> f64 {
    let seconds = match (&from.boot, &to.boot) {
        (Some(from), Some(to)) => to.milliseconds.saturating_sub(from.milliseconds) as f64 / 1000.0,
        _ => to.wall.duration_since(from.wall).as_secs_f64().max(0.0),
    };
    seconds / f64::from(SPEED)
}
