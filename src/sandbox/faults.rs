//! Which fault a request meets.

use super::random::Random;
use super::routes::Group;
use super::settings::{FaultScope, Faults, SandboxSettings};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    RateLimited,
    Overloaded,
    ServerError,
    Closed,
    Garbage,
    LostAnswer,
}

/// Draws the fault of one request. Every `/v1` request takes one draw, in scope or not, so that a seed
/// means the same draws for the same requests under all settings.
pub(super) fn draw(random: &mut Random, settings: &SandboxSettings, group: Group) -> Option<Fault> {
    if !matches!(group, Group::Api | Group::Admin) {
        return None;
    }
    let mut left = random.fraction();
    let in_scope = match settings.fault_scope {
        FaultScope::Api => group == Group::Api,
        FaultScope::Admin => group == Group::Admin,
        FaultScope::All => true,
    };
    if !in_scope {
        return None;
    }
    let Faults { rate_limited, overloaded, server_error, closed, garbage, lost_answer } = settings.faults;
    [
        (rate_limited, Fault::RateLimited),
        (overloaded, Fault::Overloaded),
        (server_error, Fault::ServerError),
        (closed, Fault::Closed),
        (garbage, Fault::Garbage),
        (lost_answer, Fault::LostAnswer),
    ]
    .into_iter()
    .find_map(|(probability, fault)| {
        left -= probability;
        (left < 0.0).then_some(fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_as_often_as_set_and_in_scope_only() {
        let faults = Faults { rate_limited: 0.25, lost_answer: 0.25, ..Faults::default() };
        let settings = SandboxSettings { faults, fault_scope: FaultScope::Api, ..Default::default() };
        let random = &mut Random::new(3);
        let drawn: Vec<_> = (0..4000).map(|_| draw(random, &settings, Group::Api)).collect();
        let count = |wanted| drawn.iter().filter(|&&fault| fault == wanted).count();
        for (wanted, expected) in
            [(Some(Fault::RateLimited), 1000), (Some(Fault::LostAnswer), 1000), (None, 2000)]
        {
            assert!(count(wanted).abs_diff(expected) < 150, "{wanted:?}: {}", count(wanted));
        }
        for group in [Group::Admin, Group::Console, Group::Sandbox] {
            assert!((0..100).all(|_| draw(random, &settings, group).is_none()));
        }
    }

    #[test]
    fn certainty_is_certain() {
        let settings = SandboxSettings {
            faults: Faults { closed: 1.0, ..Faults::default() },
            ..SandboxSettings::default()
        };
        let random = &mut Random::new(4);
        assert!((0..1000).all(|_| draw(random, &settings, Group::Admin) == Some(Fault::Closed)));
    }
}
