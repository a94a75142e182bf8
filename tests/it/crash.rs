//! Killed at any moment: consumers stay served, `status` says how to go on, and going on converges.

mod lost_entry;
mod lost_outcome;
pub mod recovery;
pub mod scenario;

use recovery::{converges, others_do_no_harm};
use scenario::{Bench, Scenario};

fn nothing(_: &Bench) {}

fn stage() -> Scenario {
    Scenario::new("stage prod --from file:new.key", Bench::adopt)
}

fn restage() -> Scenario {
    Scenario::new("stage prod --from file:other.key --replace", Bench::stage)
}

fn promote() -> Scenario {
    Scenario::new("promote prod", Bench::stage)
}

fn finish() -> Scenario {
    Scenario::new("finish prod", Bench::wait)
}

fn abort_staged() -> Scenario {
    Scenario::new("abort prod", Bench::stage)
}

fn abort_promoted() -> Scenario {
    Scenario::new("abort prod", Bench::promote_partly)
}

fn abort_in_window() -> Scenario {
    Scenario::new("abort prod", Bench::promote)
}

fn undo() -> Scenario {
    Scenario::new("undo prod", Bench::finish)
}

/// The old one is suspect and the staged one takes over.
fn emergency_staged() -> Scenario {
    Scenario::new("revoke-now prod --reason leaked --yes", Bench::stage)
}

/// Nothing is staged; a replacement comes with the command.
fn emergency_replaced() -> Scenario {
    Scenario::new("revoke-now prod --replace-from file:new.key --reason leaked --yes", Bench::adopt)
}

fn emergency_old_in_window() -> Scenario {
    Scenario::new("revoke-now prod --reason leaked --yes", Bench::promote)
}

fn emergency_new_in_window() -> Scenario {
    Scenario::new("revoke-now prod --suspect new --reason leaked --yes", Bench::promote)
}

fn emergency_all_replaced() -> Scenario {
    Scenario::new(
        "revoke-now prod --suspect all --replace-from file:other.key --reason leaked --yes",
        Bench::promote,
    )
}

#[test]
fn adopt_converges_after_a_kill_at_any_point() {
    converges(&Scenario::new("adopt prod --from file:old.key", nothing));
}

#[test]
fn stage_converges_after_a_kill_at_any_point() {
    converges(&stage());
    converges(&Scenario::new("stage prod --from file:other.key", Bench::finish));
}

#[test]
fn stage_replace_converges_after_a_kill_at_any_point() {
    converges(&restage());
}

#[test]
fn promote_converges_after_a_kill_at_any_point() {
    converges(&promote());
}

#[test]
fn mending_a_drifted_target_converges_after_a_kill_at_any_point() {
    converges(&Scenario::new("promote prod", |bench| {
        bench.promote();
        bench.lab.write("app.key", &format!("{}\n", bench.old.value));
    }));
}

#[test]
fn finish_converges_after_a_kill_at_any_point() {
    converges(&finish());
}

#[test]
fn finish_by_a_person_converges_after_a_kill_at_any_point() {
    converges(&Scenario::new("finish prod", |bench| {
        bench.wait();
        bench.lab.console_set(&bench.old.id, "inactive");
    }));
}

#[test]
fn a_revocation_that_is_taken_back_converges_after_a_kill_at_any_point() {
    let lagging = Scenario::new("finish prod", |bench| {
        bench.wait();
        let lag = |settings: &mut rotate::sandbox::SandboxSettings| {
            settings.revocation_lag_milliseconds = 3_600_000;
        };
        bench.lab.sandbox.update_settings(lag).unwrap();
    });
    converges(&lagging.ends_with(13));
}

#[test]
fn abort_converges_after_a_kill_at_any_point() {
    for scenario in [abort_staged(), abort_promoted(), abort_in_window()] {
        converges(&scenario);
    }
}

#[test]
fn undo_converges_after_a_kill_at_any_point() {
    converges(&undo());
}

#[test]
fn purge_converges_after_a_kill_at_any_point() {
    converges(&Scenario::new("purge prod --yes", Bench::finish));
}

#[test]
fn an_emergency_of_the_old_one_converges_after_a_kill_at_any_point() {
    for scenario in [emergency_staged(), emergency_replaced(), emergency_old_in_window()] {
        converges(&scenario);
    }
}

#[test]
fn an_emergency_of_the_new_one_converges_after_a_kill_at_any_point() {
    converges(&Scenario::new("revoke-now prod --suspect new --reason leaked --yes", Bench::stage));
    converges(&Scenario::new("revoke-now prod --suspect new --reason leaked --yes", Bench::promote_partly));
    converges(&emergency_new_in_window());
}

#[test]
fn an_emergency_of_both_converges_after_a_kill_at_any_point() {
    converges(&emergency_all_replaced());
    converges(&Scenario::new(
        "revoke-now prod --suspect all --replace-from file:other.key --reason leaked --yes",
        Bench::stage,
    ));
}

#[test]
fn an_emergency_after_a_rotation_converges_after_a_kill_at_any_point() {
    converges(&Scenario::new(
        "revoke-now prod --replace-from file:other.key --reason leaked --yes",
        Bench::finish,
    ));
}

#[test]
fn an_accepted_outage_converges_after_a_kill_at_any_point() {
    let command = "revoke-now prod --suspect all --accept-outage --reason leaked --yes";
    converges(&Scenario::new(command, Bench::adopt).with_outage());
    converges(&Scenario::new(command, Bench::promote).with_outage());
}

#[test]
fn another_command_after_a_killed_stage_does_no_harm() {
    others_do_no_harm(&stage());
    others_do_no_harm(&restage());
}

#[test]
fn another_command_after_a_killed_promote_does_no_harm() {
    others_do_no_harm(&promote());
}

#[test]
fn another_command_after_a_killed_finish_does_no_harm() {
    others_do_no_harm(&finish());
}

#[test]
fn another_command_after_a_killed_abort_does_no_harm() {
    others_do_no_harm(&abort_staged());
    others_do_no_harm(&abort_in_window());
}

#[test]
fn another_command_after_a_killed_undo_does_no_harm() {
    others_do_no_harm(&undo());
}

#[test]
fn another_command_after_a_killed_emergency_does_no_harm() {
    others_do_no_harm(&emergency_staged());
    others_do_no_harm(&emergency_new_in_window());
}

#[test]
fn another_command_after_a_killed_replacement_does_no_harm() {
    others_do_no_harm(&emergency_replaced());
    others_do_no_harm(&emergency_all_replaced());
}
