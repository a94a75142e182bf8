//! What keeps a provider from making one more key, in words.

use crate::error::Failure;
use crate::exit::ExitCode;
use crate::provider::Provider;
use crate::rotation::credential::{LastUseSeen, ListedKey, ProviderKeyId};
use crate::rotation::phase::{KeyState, Phase};

/// The owner has as many keys as the provider allows: each with what it is, and what frees a place.
pub(super) fn no_room(
    key: &str,
    listed: &[ListedKey],
    state: Option<&KeyState>,
    provider: &dyn Provider,
) -> Failure {
    let part = |listed: &ListedKey| Part::of(&listed.id, state);
    let hint = if listed.iter().any(|listed| part(listed) == Part::Revoked) {
        format!(
            "`rotate purge {key}` deletes the revoked one, and ends the time in which `rotate undo {key}` could \
             bring it back; then run the same command again"
        )
    } else {
        let in_the_way = listed.iter().find(|listed| part(listed) != Part::Active);
        match in_the_way {
            Some(listed) => format!(
                "when nobody uses it any more: {}; then run the same command again",
                provider.removal(&listed.id)
            ),
            None => format!("delete one that nobody uses, at {}", provider.console_page()),
        }
    };
    let message = format!(
        "the owner of `{key}` has {} keys, and {} allows no more at a time",
        listed.len(),
        provider.name()
    );
    listed.iter().fold(Failure::new(ExitCode::Person, message, hint), |failure, listed| {
        failure.because(format!("{}: {}, {}", listed.id, part(listed).name(), described(listed)))
    })
}

/// A key turned up that may be somebody else's.
pub(super) fn strange_key(key: &str, listed: &ListedKey, provider: &dyn Provider) -> Failure {
    Failure::new(
        ExitCode::Person,
        format!(
            "a stage of `{key}` was interrupted, and the key {} may have come of it, or of somebody else",
            listed.id
        ),
        format!(
            "ask whose it is; if it is nobody's: {}, then `rotate stage {key}` again; if it is somebody's, `rotate abort \
             {key}` lets it be",
            provider.removal(&listed.id)
        ),
    )
    .because(described(listed))
}

fn described(listed: &ListedKey) -> String {
    let made = listed.created_at.map_or("made at an unknown time".to_owned(), |at| format!("made {at:.0}"));
    let used = match &listed.last_use {
        LastUseSeen::Never => "never used".to_owned(),
        LastUseSeen::At(used) => format!("last used {:.0} ({})", used.at, used.by),
        LastUseSeen::Unknown(_) => "last use unknown".to_owned(),
    };
    format!("{}, {made}, {used}", listed.status)
}

/// What one of the provider's keys is to us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Active,
    Revoked,
    PutAside,
    Other,
}

impl Part {
    fn of(id: &ProviderKeyId, state: Option<&KeyState>) -> Self {
        let Some(state) = state else { return Part::Other };
        let is = |known: &Option<ProviderKeyId>| known.as_ref() == Some(id);
        if is(&state.active().provider_key_id) {
            Part::Active
        } else if let Phase::Revoked { revoked, .. } = &state.phase
            && is(&revoked.credential.provider_key_id)
        {
            Part::Revoked
        } else if state.set_aside.iter().any(|aside| is(&aside.provider_key_id)) {
            Part::PutAside
        } else {
            Part::Other
        }
    }

    fn name(self) -> &'static str {
        match self {
            Part::Active => "the active one",
            Part::Revoked => "revoked by the last rotation",
            Part::PutAside => "put aside by an abort",
            Part::Other => "not known here",
        }
    }
}
