//! Every command that changes a key's state, from every place where it does something else.

use crate::crash::scenario::{Bench, Scenario};

/// A command of the sweep.
pub struct Swept {
    /// What the figures call it.
    pub name: &'static str,
    pub scenario: Scenario,
    /// Whether CI meets every call of it that changes something, and not only a sample.
    pub in_full: bool,
}

fn swept(name: &'static str, command: &'static str, prepare: fn(&Bench)) -> Swept {
    Swept { name, scenario: Scenario::new(command, prepare), in_full: false }
}

fn in_full(name: &'static str, command: &'static str, prepare: fn(&Bench)) -> Swept {
    Swept { in_full: true, ..swept(name, command, prepare) }
}

/// All of them. `exec` and leases change no state; they are swept by themselves.
pub fn all() -> Vec<Swept> {
    let outage = "revoke-now prod --suspect all --accept-outage --reason leaked --yes";
    let replaced = "revoke-now prod --suspect all --replace-from file:other.key --reason leaked --yes";
    vec![
        swept("adopt", "adopt prod --from file:old.key", |_| {}),
        in_full("stage", "stage prod --from file:new.key", Bench::adopt),
        swept("stage", "stage prod --from file:other.key --replace", Bench::stage),
        in_full("promote", "promote prod", Bench::stage),
        swept("promote", "promote prod", Bench::promote_partly),
        in_full("finish", "finish prod", Bench::wait),
        swept("abort", "abort prod", Bench::stage),
        swept("abort", "abort prod", Bench::promote_partly),
        swept("abort", "abort prod", Bench::promote),
        in_full("revoke-now", "revoke-now prod --reason leaked --yes", Bench::stage),
        swept("revoke-now", "revoke-now prod --reason leaked --yes", Bench::promote),
        swept("revoke-now", "revoke-now prod --suspect new --reason leaked --yes", Bench::promote),
        swept("revoke-now", replaced, Bench::promote),
        Swept {
            scenario: Scenario::new(outage, Bench::promote).with_outage(),
            ..swept("revoke-now", outage, Bench::promote)
        },
        swept("undo", "undo prod", Bench::finish),
        in_full("purge", "purge prod --yes", Bench::finish),
    ]
}
