//! What a key's own places hold: its state, its slots, its targets.

use futures_util::future::join_all;

use super::files;
use crate::config::{KeySettings, SlotsSettings, TargetKind};
use crate::doctor::seen::{KeySeen, Record, SlotSeen, TargetSeen};
use crate::error::Failure;
use crate::rotation::credential::SlotName;
use crate::rotation::phase::KeyState;
use crate::slots::Slots;
use crate::store::StateStore;
use crate::target::Target;
use crate::workflow::{decode_record, variables};

/// The variables that carry the key's credential: its provider's usual ones, and those of its dotenv targets.
pub fn carriers(key: &KeySettings) -> Vec<Vec<String>> {
    let usual = variables::names(key.provider.name()).into_iter().map(str::to_owned).collect();
    let mut carriers = vec![usual];
    for target in &key.targets {
        if let TargetKind::Dotenv { variables, .. } = &target.kind
            && !carriers.contains(variables)
        {
            carriers.push(variables.clone());
        }
    }
    carriers
}

/// Reads the state, the slots and every target back; `Err` in `store` says why there is no store. Changes nothing.
///
/// Slots in a network are left out: the target that they bring holds the same.
pub async fn key(
    settings: &KeySettings,
    store: Result<Option<&dyn StateStore>, Failure>,
    slots: &dyn Slots,
    targets: &[Box<dyn Target>],
) -> KeySeen {
    let record = record(settings, store);
    if let Record::Known(state) = &record {
        pin(state, slots, targets);
    }
    KeySeen {
        name: settings.name.clone(),
        provider: settings.provider.name(),
        carriers: carriers(settings),
        base_url: settings.provider.base_url().map(str::to_owned),
        uses_aws: uses_aws(settings),
        slots: held_by_slots(&record, slots).await,
        targets: join_all(settings.targets.iter().zip(targets).map(|(settings, target)| async {
            let file = match &settings.kind {
                TargetKind::Dotenv { path, .. } => Some(files::shown(path)),
                _ => None,
            };
            TargetSeen { id: target.id().clone(), file, held: target.read_back().await }
        }))
        .await,
        record,
    }
}

fn record(settings: &KeySettings, store: Result<Option<&dyn StateStore>, Failure>) -> Record {
    let decoded = store.and_then(|store| match store {
        Some(store) => decode_record(store, &settings.name),
        None => Ok(None),
    });
    match decoded {
        Ok(Some(decoded)) => Record::Known(Box::new(decoded.record.state)),
        Ok(None) => Record::NeverAdopted,
        Err(failure) => Record::Unreadable { message: failure.to_string(), hint: failure.hint },
    }
}

/// So that no other place is read than the one that was written.
fn pin(state: &KeyState, slots: &dyn Slots, targets: &[Box<dyn Target>]) {
    if let Some(place) = &state.place {
        slots.pin(place);
    }
    for target in targets {
        if let Some(place) = state.target_places.get(target.id()) {
            target.pin(place);
        }
    }
}

fn uses_aws(settings: &KeySettings) -> bool {
    matches!(settings.slots, SlotsSettings::AwsSecretsManager(_))
        || settings.targets.iter().any(|target| matches!(target.kind, TargetKind::AwsSecretsManager { .. }))
}

async fn held_by_slots(record: &Record, slots: &dyn Slots) -> Vec<SlotSeen> {
    if slots.needs_runtime() || !matches!(record, Record::Known(_)) {
        return Vec::new();
    }
    let mut seen = Vec::new();
    for slot in [SlotName::Primary, SlotName::Secondary] {
        let held = slots.read(slot).await;
        seen.push(SlotSeen {
            slot,
            location: slots.location(slot),
            held: held
                .map(|value| value.map(|value| value.fingerprint()))
                .map_err(|error| (error.to_string(), error.remedy)),
        });
    }
    seen
}
