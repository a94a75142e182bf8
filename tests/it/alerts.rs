//! Alerts, from the journal to real receivers on loopback.

mod commands;
mod jobs;
mod never_lost;
mod rotation;
mod routes;

use crate::lab::Lab;
use crate::lab::inbox::Inbox;

/// A lab with an inbox that hears of everything.
fn watched() -> (Lab, Inbox) {
    let lab = Lab::new();
    let inbox = Inbox::new();
    lab.subscribe("hook", &inbox, "");
    (lab, inbox)
}
