//! One example of every phase, variant and event, for the tables.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rotate::rotation::credential::{Credential, ProviderKeyId, SlotName, TargetId, TargetSet};
use rotate::rotation::effect::{Effect, Intent};
use rotate::rotation::event::{Event, Proof, RevokedBy};
use rotate::rotation::grace::{GraceFrom, GracePolicy};
use rotate::rotation::phase::{
    Direction, Emergency, KeyState, Phase, Propagation, RevokedCredential, Rotation, Window,
};
use rotate::rotation::stamp::{BootTime, Stamp};
use rotate::store::format::Record;

pub const GRACE: GracePolicy = GracePolicy {
    from: GraceFrom::Promotion,
    grace_seconds: 3600,
    longest_job_seconds: 2700,
    slowest_refresh_seconds: 600,
    provider_propagation_seconds: 60,
};

/// The moment at which every example's window was opened.
pub fn opened() -> Stamp {
    at(1_772_366_400)
}

/// After the examples' windows are over.
pub fn over() -> Stamp {
    at(1_772_366_400 + 3600)
}

pub fn at(second: i64) -> Stamp {
    let boot = BootTime { id: "boot-one".to_owned(), milliseconds: second.unsigned_abs() * 1000 };
    Stamp { wall: Timestamp::from_second(second).unwrap(), boot: Some(boot), provider: None }
}

pub fn credential(name: &str) -> Credential {
    Credential {
        fingerprint: rotate::secret::Fingerprint::of(name.as_bytes()),
        last4: name.chars().rev().take(4).collect(),
        provider_key_id: Some(ProviderKeyId(format!("id-{name}"))),
        expires_at: None,
        never_served: false,
    }
}

pub fn rotation() -> Rotation {
    Rotation { id: "r-1".to_owned(), ticket: None, reason: None, started_at: opened().wall }
}

pub fn targets() -> TargetSet {
    BTreeSet::from([TargetId("app".to_owned())])
}

pub fn settled(how: &Propagation) -> BTreeMap<TargetId, Propagation> {
    targets().into_iter().map(|target| (target, how.clone())).collect()
}

pub fn window() -> Window {
    GRACE.window(opened(), 0)
}

pub fn emergency(suspects: &[&str], accept_outage: bool) -> Emergency {
    Emergency {
        suspects: suspects.iter().map(|name| credential(name).fingerprint).collect(),
        reason: "it leaked".to_owned(),
        rotation: Rotation { id: "e-1".to_owned(), ..rotation() },
        accept_outage,
    }
}

pub fn intent(effect: Effect) -> Intent {
    Intent { effect, command: "test".to_owned(), begun_at: over() }
}

pub fn revoke(name: &str) -> Effect {
    Effect::Revoke { id: ProviderKeyId(format!("id-{name}")), fingerprint: credential(name).fingerprint }
}

pub fn reactivate(name: &str) -> Effect {
    Effect::Reactivate { id: ProviderKeyId(format!("id-{name}")), fingerprint: credential(name).fingerprint }
}

pub fn delete(name: &str) -> Effect {
    Effect::Delete { id: ProviderKeyId(format!("id-{name}")), fingerprint: credential(name).fingerprint }
}

pub fn store(name: &str) -> Effect {
    Effect::StoreStaged { slot: SlotName::Secondary, credential: credential(name), rotation: rotation() }
}

pub fn mint() -> Effect {
    Effect::Mint { rotation: rotation(), existing: BTreeSet::from([ProviderKeyId("id-old".to_owned())]) }
}

pub fn sweep(name: &str) -> Effect {
    Effect::Sweep { ids: BTreeSet::from([ProviderKeyId(format!("id-{name}"))]) }
}

pub fn erase(name: &str) -> Effect {
    Effect::Erase { slot: SlotName::Secondary, fingerprints: BTreeSet::from([credential(name).fingerprint]) }
}

fn state(phase: Phase) -> KeyState {
    KeyState { phase, ..KeyState::adopted(credential("old"), SlotName::Primary, opened().wall) }
}

pub fn idle() -> KeyState {
    state(Phase::Idle { active: credential("old") })
}

pub fn staged() -> KeyState {
    state(Phase::SecondaryStaged {
        active: credential("old"),
        staged: credential("new"),
        rotation: rotation(),
    })
}

pub fn promoted(direction: Direction, how: &Propagation) -> KeyState {
    let (active, retiring) = match direction {
        Direction::Forward => ("new", "old"),
        Direction::Back => ("old", "new"),
    };
    state(Phase::Promoted {
        active: credential(active),
        retiring: credential(retiring),
        rotation: rotation(),
        direction,
        propagation: settled(how),
    })
}

pub fn grace() -> KeyState {
    state(Phase::GraceWindow {
        active: credential("new"),
        retiring: credential("old"),
        rotation: rotation(),
        propagation: settled(&Propagation::Confirmed),
        window: window(),
    })
}

/// After a rotation from `old` to `new`.
pub fn revoked() -> KeyState {
    with_dead("old", revoked_as("new", "old"))
}

/// After the only credential was revoked by order.
pub fn outage() -> KeyState {
    let mut state = with_dead("old", revoked_as("old", "old"));
    state.outage = true;
    state
}

fn revoked_as(active: &str, revoked: &str) -> KeyState {
    state(Phase::Revoked {
        active: credential(active),
        revoked: RevokedCredential {
            credential: credential(revoked),
            revoked_at: over().wall,
            undo_until: Some(at(1_772_366_400 + 90_000).wall),
            purged: false,
        },
        rotation: rotation(),
    })
}

pub fn with_intent(effect: Effect, mut state: KeyState) -> KeyState {
    state.intent = Some(intent(effect));
    state
}

/// With a credential that was revoked by order before.
pub fn with_dead(name: &str, mut state: KeyState) -> KeyState {
    state.dead.insert(credential(name).fingerprint);
    state
}

pub fn with_emergency(suspects: &[&str], accept_outage: bool, mut state: KeyState) -> KeyState {
    state.emergency = Some(emergency(suspects, accept_outage));
    state
}

/// A key's record as its file has it.
pub fn record(key: &str, state: KeyState) -> Record {
    Record {
        generation: 7,
        key: key.to_owned(),
        provider: "anthropic".to_owned(),
        primary_env: "KEY_PRIMARY".to_owned(),
        secondary_env: "KEY_SECONDARY".to_owned(),
        written_at: over().wall,
        journal: None,
        state,
    }
}

/// Every phase with every variant that decides something, by name.
pub fn states() -> Vec<(&'static str, Option<KeyState>)> {
    let forward = |how| promoted(Direction::Forward, how);
    let back = |how| promoted(Direction::Back, how);
    let (pending, done) = (&Propagation::Pending, &Propagation::Confirmed);
    let purged = {
        let mut state = revoked();
        if let Phase::Revoked { revoked, .. } = &mut state.phase {
            revoked.purged = true;
        }
        state
    };
    let some = |name, state| (name, Some(state));
    vec![
        ("never adopted", None),
        some("Idle", idle()),
        some("Idle, storing new", with_intent(store("new"), idle())),
        some("Idle, making a key", with_intent(mint(), idle())),
        some("Idle, sweeping", with_intent(sweep("third"), idle())),
        some("Idle, old leaked", with_emergency(&["old"], false, idle())),
        some("Idle, old given up", with_emergency(&["old"], true, idle())),
        some("Staged", staged()),
        some("Staged, storing third", with_intent(store("third"), staged())),
        some("Staged, erasing", with_intent(erase("new"), staged())),
        some("Staged, old leaked", with_emergency(&["old"], false, staged())),
        some("Staged, new leaked", with_emergency(&["new"], false, staged())),
        some("Forward, pending", forward(pending)),
        some("Forward, settled", forward(done)),
        some("Forward, old leaked", with_emergency(&["old"], false, forward(done))),
        some(
            "Forward, revoking old",
            with_intent(revoke("old"), with_emergency(&["old"], false, forward(done))),
        ),
        some("Back, pending", back(pending)),
        some("Back, settled", back(done)),
        some("Back, old leaked", with_emergency(&["old"], false, back(done))),
        some("Grace", grace()),
        some("Grace, revoking old", with_intent(revoke("old"), grace())),
        some("Grace, taking back", with_intent(reactivate("old"), grace())),
        some("Grace, new leaked", with_emergency(&["new"], false, grace())),
        some("Grace, both given up", with_emergency(&["old", "new"], true, grace())),
        some("Revoked", revoked()),
        some("Revoked, undoing", with_intent(reactivate("old"), revoked())),
        some("Revoked, deleting", with_intent(delete("old"), revoked())),
        some("Revoked, purged", purged),
        some("Revoked, new leaked", with_emergency(&["new"], false, revoked())),
        some("Outage", outage()),
    ]
}

/// A credential is refused, and whether the active one was seen to be accepted then.
pub fn ends(name: &str, by: RevokedBy, active_accepted: bool) -> Event {
    let proof = Proof { by, at: over(), active_accepted, lag_seconds: None, undo_until: None };
    Event::Revoked { fingerprint: credential(name).fingerprint, proof }
}

/// Every event, in every variant that decides something, by a short name.
pub fn events() -> Vec<(&'static str, Event)> {
    let wall = over().wall;
    let slot = SlotName::Secondary;
    let staged =
        |name| Event::Staged { slot, credential: credential(name), rotation: rotation(), placement: None };
    let switched = |direction| Event::Switched { direction, targets: targets(), at: wall };
    let revoked = |name, by| ends(name, by, true);
    let intended = |effect| Event::Intended { intent: intent(effect) };
    let write = Effect::WriteTargets { targets: targets(), fingerprint: credential("new").fingerprint };
    let why = || "because".to_owned();
    vec![
        (
            "adopt",
            Event::Adopted {
                credential: credential("old"),
                slot: SlotName::Primary,
                at: wall,
                placement: None,
            },
        ),
        ("i.stor", intended(store("third"))),
        ("i.writ", intended(write)),
        ("i.revo", intended(revoke("old"))),
        ("i.reac", intended(reactivate("old"))),
        ("i.mint", intended(mint())),
        ("i.swee", intended(sweep("third"))),
        ("dropped", Event::IntentDropped { reason: why() }),
        ("swept", Event::Swept { ids: BTreeSet::from([ProviderKeyId("id-third".to_owned())]) }),
        ("s.new", staged("new")),
        ("s.third", staged("third")),
        ("s.old", staged("old")),
        ("unstage", Event::StagedDropped { reason: why() }),
        ("forward", switched(Direction::Forward)),
        ("back", switched(Direction::Back)),
        (
            "written",
            Event::TargetsWritten {
                outcomes: settled(&Propagation::Confirmed),
                versions: BTreeMap::new(),
                places: BTreeMap::new(),
            },
        ),
        ("opened", Event::GraceOpened { window: window(), targets: targets() }),
        ("announc", Event::ProbeAnnounced { at: wall }),
        ("use", Event::FirstUseSeen { at: wall, window: None }),
        (
            "use.win",
            Event::FirstUseSeen { at: wall, window: Some(GRACE.window_from_use(&window(), wall, 0)) },
        ),
        ("longer", Event::LongerJobSeen { seconds: 9000 }),
        ("drifted", Event::Drifted { targets: targets() }),
        ("rolled", Event::RolledBack { targets: targets() }),
        ("r.old", revoked("old", RevokedBy::Api)),
        ("r.oldE", revoked("old", RevokedBy::Elsewhere)),
        ("r.newE", revoked("new", RevokedBy::Elsewhere)),
        ("r.undo", Event::RevocationUndone { fingerprint: credential("old").fingerprint, reason: why() }),
        ("undone", Event::Undone { window: window(), propagation: Default::default() }),
        ("purged", Event::Purged),
        ("alarm", Event::EmergencyDeclared { emergency: emergency(&["old"], false) }),
        ("calm", Event::EmergencyEnded),
    ]
}
