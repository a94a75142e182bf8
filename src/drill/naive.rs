//! What people do by hand: disable the old key, then paste the new one where jobs read it.

use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use super::habit::{Keep, Source};
use super::report::{PhaseTime, phases};
use super::scene::{self, Scene};
use super::tally::Tally;
use super::{Beginning, Options, employ};
use crate::clock::{Clock, SystemClock};
use crate::durable;
use crate::error::Failure;
use crate::http::{Client, Request};
use crate::workflow::ports::Narrator;

/// How long a person takes from the console to the file; quick work.
const PASTING: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Swaps the key in place while agents work. Nothing of `rotate` takes part, so agents that ask every
/// time read the file every time.
///
/// # Errors
/// The sandbox or the disk fails; refusals are what is to be seen.
pub(super) async fn swap(
    scene: &Scene,
    tally: &Tally,
    options: &Options,
    beginning: &Beginning,
    narrator: &Rc<dyn Narrator>,
) -> Result<Vec<PhaseTime>, Failure> {
    let keep = Keep::of(options.job_seconds);
    narrator.say(&format!("{} agents work with the old key", options.agents));
    let mut entered = vec![("old key serves", beginning.seconds())];
    let crew = employ(options, scene, tally, Source::Dotenv(scene.dotenv()))?;
    SystemClock.sleep(keep.job * 7 / 10).await;

    narrator.say("a person creates a new key at the provider's console and disables the old one there");
    let new = scene.create_new_key()?;
    disable_old_key(scene).await?;
    entered.push(("old key disabled", beginning.seconds()));
    narrator.say("the provider goes on accepting it for a second, as real ones do");
    SystemClock.sleep(PASTING).await;

    narrator.say("the new key is pasted into the file that the agents read");
    let text = zeroize::Zeroizing::new(scene::dotenv(&new));
    durable::replace_secret(&scene.dotenv(), text.as_bytes(), 0o600)
        .map_err(|error| Failure::unexpected("the drill's file cannot be written").caused_by(&error.io()))?;
    entered.push(("new key pasted", beginning.seconds()));
    // until the last job that started with the old key is over, and a moment more
    SystemClock.sleep(keep.job + keep.refresh).await;
    crew.stop()?;
    Ok(phases(entered, beginning.seconds()))
}

/// As the console's switch does.
async fn disable_old_key(scene: &Scene) -> Result<(), Failure> {
    let url = format!("{}/console/api_keys/{}", scene.base_url(), scene.old_id());
    let request = Request::post(url).json(&json!({ "status": "inactive" }));
    match Client::new(ANSWER_LIMIT)?.send(request).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(Failure::unexpected(format!("the sandbox's console answered {}", answer.status))),
        Err(error) => Err(Failure::unexpected("the sandbox's console does not answer").caused_by(&error)),
    }
}
