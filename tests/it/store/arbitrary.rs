//! Any state that a key could be in, for the format's round trip.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use rotate::rotation::credential::{Credential, ProviderKeyId, SlotName, TargetId};
use rotate::rotation::effect::{Effect, Intent};
use rotate::rotation::phase::{
    Direction, Emergency, EndedRotation, Ending, KeyState, Phase, Propagation, RevokedCredential, Rotation,
    Window,
};
use rotate::rotation::stamp::{BootTime, Stamp};
use rotate::secret::Fingerprint;
use rotate::store::format::Record;
use rotate::store::journal::Head;

/// Text with everything in it that JSON and the checksum's own field could trip over.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => "[a-z0-9_-]{0,12}",
        1 => any::<String>(),
        1 => Just(",\n  \"checksum\": \"sha256:0000\"\n}\n".to_owned()),
    ]
    .boxed()
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-60_000_000_000_i64..60_000_000_000, 0..1_000_000_000_i32)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond.min(999_999_999)).unwrap())
}

fn stamp() -> BoxedStrategy<Stamp> {
    let boot = (text(), any::<u64>()).prop_map(|(id, milliseconds)| BootTime { id, milliseconds });
    (time(), prop::option::of(boot), prop::option::of(time()))
        .prop_map(|(wall, boot, provider)| Stamp { wall, boot, provider })
        .boxed()
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    any::<[u8; 4]>().prop_map(|bytes| Fingerprint::of(&bytes))
}

fn credential() -> BoxedStrategy<Credential> {
    (fingerprint(), text(), prop::option::of(text()), prop::option::of(time()), any::<bool>())
        .prop_map(|(fingerprint, last4, id, expires_at, never_served)| Credential {
            fingerprint,
            last4,
            provider_key_id: id.map(ProviderKeyId),
            expires_at,
            never_served,
        })
        .boxed()
}

fn rotation() -> BoxedStrategy<Rotation> {
    (text(), prop::option::of(text()), prop::option::of(text()), time())
        .prop_map(|(id, ticket, reason, started_at)| Rotation { id, ticket, reason, started_at })
        .boxed()
}

fn propagation() -> BoxedStrategy<BTreeMap<TargetId, Propagation>> {
    let one = prop_oneof![
        Just(Propagation::Pending),
        Just(Propagation::Confirmed),
        Just(Propagation::Written),
        text().prop_map(|reason| Propagation::Failed { reason }),
    ];
    btree_map(text().prop_map(TargetId), one, 0..4).boxed()
}

fn window() -> BoxedStrategy<Window> {
    (stamp(), time(), any::<u64>(), any::<u64>(), text())
        .prop_map(|(opened_at, not_before, length_seconds, floor_seconds, floor_reason)| Window {
            opened_at,
            not_before,
            length_seconds,
            floor_seconds,
            floor_reason,
        })
        .boxed()
}

fn slot() -> impl Strategy<Value = SlotName> {
    prop_oneof![Just(SlotName::Primary), Just(SlotName::Secondary)]
}

fn effect() -> BoxedStrategy<Effect> {
    let id = || text().prop_map(ProviderKeyId);
    let fingerprints = || btree_set(fingerprint(), 0..3);
    prop_oneof![
        (slot(), credential()).prop_map(|(slot, credential)| Effect::StoreAdopted { slot, credential }),
        (slot(), credential(), rotation()).prop_map(|(slot, credential, rotation)| Effect::StoreStaged {
            slot,
            credential,
            rotation
        }),
        (rotation(), btree_set(id(), 0..3))
            .prop_map(|(rotation, existing)| Effect::Mint { rotation, existing }),
        btree_set(id(), 0..3).prop_map(|ids| Effect::Sweep { ids }),
        (btree_set(text().prop_map(TargetId), 0..3), fingerprint())
            .prop_map(|(targets, fingerprint)| Effect::WriteTargets { targets, fingerprint }),
        (slot(), fingerprints()).prop_map(|(slot, fingerprints)| Effect::Erase { slot, fingerprints }),
        (id(), fingerprint()).prop_map(|(id, fingerprint)| Effect::Revoke { id, fingerprint }),
        (id(), fingerprint()).prop_map(|(id, fingerprint)| Effect::Reactivate { id, fingerprint }),
        (id(), fingerprint()).prop_map(|(id, fingerprint)| Effect::Delete { id, fingerprint }),
    ]
    .boxed()
}

fn phase() -> BoxedStrategy<Phase> {
    let two =
        || (credential(), credential()).prop_filter("two", |(one, two)| one.fingerprint != two.fingerprint);
    let direction = prop_oneof![Just(Direction::Forward), Just(Direction::Back)];
    let revoked = (credential(), time(), prop::option::of(time()), any::<bool>()).prop_map(
        |(credential, revoked_at, undo_until, purged)| RevokedCredential {
            credential,
            revoked_at,
            undo_until,
            purged,
        },
    );
    prop_oneof![
        credential().prop_map(|active| Phase::Idle { active }),
        (two(), rotation()).prop_map(|((active, staged), rotation)| Phase::SecondaryStaged {
            active,
            staged,
            rotation
        }),
        (two(), rotation(), direction, propagation()).prop_map(
            |((active, retiring), rotation, direction, propagation)| Phase::Promoted {
                active,
                retiring,
                rotation,
                direction,
                propagation,
            }
        ),
        (two(), rotation(), propagation(), window()).prop_map(
            |((active, retiring), rotation, propagation, window)| Phase::GraceWindow {
                active,
                retiring,
                rotation,
                propagation,
                window,
            }
        ),
        (credential(), revoked, rotation()).prop_map(|(active, revoked, rotation)| Phase::Revoked {
            active,
            revoked,
            rotation
        }),
    ]
    .boxed()
}

fn state() -> BoxedStrategy<KeyState> {
    let intent = (effect(), text(), stamp()).prop_map(|(effect, command, begun_at)| Intent {
        effect,
        command,
        begun_at,
    });
    let emergency = (btree_set(fingerprint(), 0..3), text(), rotation(), any::<bool>()).prop_map(
        |(suspects, reason, rotation, accept_outage)| Emergency { suspects, reason, rotation, accept_outage },
    );
    let ending = prop_oneof![Just(Ending::Finished), Just(Ending::Aborted), Just(Ending::Emergency)];
    let last = (rotation(), ending).prop_map(|(rotation, ended)| EndedRotation { rotation, ended });
    let stale = btree_map(text().prop_map(TargetId), text(), 0..3);
    let remembered = (btree_set(fingerprint(), 0..4), vec(credential(), 0..3), prop::option::of(last), stale);
    (
        phase(),
        slot(),
        prop::option::of(intent),
        prop::option::of(emergency),
        any::<bool>(),
        remembered,
        time(),
        (
            any::<u64>(),
            prop::option::of(text()),
            prop::option::of(time()),
            prop::option::of(time()),
            btree_map(text().prop_map(TargetId), text(), 0..3),
        ),
    )
        .prop_map(|(phase, active_slot, intent, emergency, outage, remembered, active_since, seen)| {
            let (longest_job_seen_seconds, place, retiring_probed_at, first_used_at, target_places) = seen;
            let (dead, set_aside, last_rotation, stale_targets): (BTreeSet<_>, _, _, _) = remembered;
            KeyState {
                phase,
                active_slot,
                intent,
                emergency,
                outage,
                dead,
                set_aside,
                last_rotation,
                stale_targets,
                active_since,
                longest_job_seen_seconds,
                place,
                left_over: None,
                target_places,
                retiring_probed_at,
                first_used_at,
            }
        })
        .boxed()
}

pub fn record() -> BoxedStrategy<Record> {
    let head = (any::<u64>(), text()).prop_map(|(sequence, hash)| Head { sequence, hash });
    let names = (text(), text(), text(), text());
    (any::<u64>(), names, time(), prop::option::of(head), state())
        .prop_map(|(generation, (key, provider, primary_env, secondary_env), written_at, journal, state)| {
            Record { generation, key, provider, primary_env, secondary_env, written_at, journal, state }
        })
        .boxed()
}
