//! A receiver of webhooks on loopback, that answers as a test wants it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::double::{Double, Heard, http_answer};

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Takes it.
    Taken,
    /// Refuses it, with this status and these headers.
    Status(u16, Vec<(&'static str, &'static str)>),
    /// Takes it, and closes the connection without a word.
    TakenSilently,
    /// Takes it, and says so after a while.
    TakenLate(Duration),
    /// Closes the connection, and has taken nothing.
    Dropped,
}

impl Answer {
    /// Refuses with this status alone.
    pub fn status(status: u16) -> Self {
        Answer::Status(status, Vec::new())
    }
}

/// One delivery that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub path: String,
    /// By lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Taken {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// One field that is a text.
    #[track_caller]
    pub fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body)).to_owned()
    }
}

type Behaviour = Box<dyn FnMut() -> Answer + Send>;

/// The receiver, until dropped.
pub struct Inbox {
    server: Double,
    taken: Arc<Mutex<Vec<Taken>>>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Inbox {
    /// Takes everything.
    pub fn new() -> Self {
        Self::answering(|| Answer::Taken)
    }

    /// Asks `answer` what to do with each request.
    pub fn answering(answer: impl FnMut() -> Answer + Send + 'static) -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let behaviour: Arc<Mutex<Behaviour>> = Arc::new(Mutex::new(Box::new(answer)));
        let (kept, asked) = (Arc::clone(&taken), Arc::clone(&behaviour));
        let server = Double::start(move |heard| {
            // One after the other, so that what was taken stands in the order in which it came.
            let mut answer = asked.lock().unwrap();
            match (*answer)() {
                Answer::Status(status, headers) => http_answer(status, &headers, "no"),
                Answer::Dropped => Vec::new(),
                Answer::TakenSilently => {
                    kept.lock().unwrap().push(take(heard));
                    Vec::new()
                }
                Answer::TakenLate(after) => {
                    kept.lock().unwrap().push(take(heard));
                    std::thread::sleep(after);
                    http_answer(200, &[], "ok")
                }
                Answer::Taken => {
                    kept.lock().unwrap().push(take(heard));
                    http_answer(200, &[], "ok")
                }
            }
        });
        Self { server, taken, behaviour }
    }

    /// From now on asks this.
    pub fn now_answering(&self, answer: impl FnMut() -> Answer + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(answer);
    }

    pub fn url(&self) -> String {
        format!("{}/hook", self.server.base_url())
    }

    /// Everything taken so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// The paths of everything taken so far.
    pub fn paths(&self) -> Vec<String> {
        self.taken().iter().map(|taken| taken.path.clone()).collect()
    }

    /// `event severity status` of everything taken so far.
    pub fn heard(&self) -> Vec<String> {
        let told = |taken: &Taken| ["event", "severity", "status"].map(|field| taken.text(field)).join(" ");
        self.taken().iter().map(told).collect()
    }

    /// Forgets what was taken.
    pub fn empty(&self) {
        self.taken.lock().unwrap().clear();
    }
}

fn take(heard: &Heard) -> Taken {
    Taken {
        path: heard.path.clone(),
        headers: heard.headers.iter().cloned().collect(),
        body: heard.body.clone(),
    }
}
