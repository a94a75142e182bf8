//! Tries in advance what the next rotation needs, and changes nothing: can every target be written and read back, can the
//! slots be had, does the admin key work?

use super::{Finding, Item, Settings, Severity, Standing, Subject, Verdict};
use crate::provider::{Outcome, Provider};
use crate::rotation::credential::{Identity, ReadBack, SlotName};

/// What would stop the next rotation of a key. The admin key is looked at apart: keys share it.
pub async fn rehearse(subject: &Subject) -> Vec<Finding> {
    let Settings { key, .. } = &subject.settings;
    let mut findings = Vec::new();
    for slot in [SlotName::Primary, SlotName::Secondary] {
        if let Err(error) = subject.slots.look(slot).await {
            let detail = format!("the {slot} slot cannot be had: {error}");
            findings.push(Finding::wrong(
                key,
                Item::Slots,
                Severity::Warning,
                Verdict::Broken,
                detail,
                error.remedy,
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::fine(key, Item::Slots, Verdict::Fine, "both slots can be had"));
    }
    for target in &subject.targets {
        let finding = match (target.check().await, target.read_back().await) {
            (Err(error), _) => {
                let detail = format!("could not be written: {error}");
                Finding::wrong(key, Item::Target, Severity::Warning, Verdict::Broken, detail, error.remedy)
            }
            (Ok(()), ReadBack::Unknown(reason)) => {
                let detail = format!("could not be read back: {reason}");
                let hint = format!("mend what is named there, then: rotate due {key} --rehearse");
                Finding::wrong(key, Item::Target, Severity::Warning, Verdict::Broken, detail, hint)
            }
            (Ok(()), _) => Finding::fine(key, Item::Target, Verdict::Fine, "could be written and read back"),
        };
        findings.push(finding.about(&target.id().0));
    }
    findings
}

/// Whether the admin key works, asked with the first of a provider's keys that it can be asked with. `None`: there is
/// no admin key, and a person revokes.
pub async fn admin_key(provider: &dyn Provider, subjects: &[&Subject]) -> Option<Finding> {
    if !provider.capabilities().revoke {
        return None;
    }
    let first = subjects.first()?;
    let key = &first.settings.key;
    let who = provider.administrator();
    let dead = |detail: String| {
        let hint = format!(
            "make another at {}, and put it where the configuration reads it",
            provider.console_page()
        );
        let detail = format!("{who} is refused, so nothing can be revoked: {detail}");
        Finding::wrong(key, Item::AdminKey, Severity::Critical, Verdict::Rejected, detail, hint)
    };
    let silent = |detail: String| {
        let detail = format!("whether {who} works cannot be told: {detail}");
        let hint = format!("look at the provider's status and the network; again: rotate check {key}");
        Finding::wrong(key, Item::AdminKey, Severity::Warning, Verdict::Unknown, detail, hint)
    };
    let works = || Finding::fine(key, Item::AdminKey, Verdict::Accepted, format!("{who} works"));
    let known = subjects.iter().find_map(|subject| match &subject.standing {
        Standing::Known { record, .. } => record.state.active().provider_key_id.clone(),
        _ => None,
    });
    if let Some(id) = known {
        return Some(match provider.key_status(&id).await {
            Outcome::Done(_) => works(),
            Outcome::Refused(detail) => dead(detail),
            Outcome::Unknown(detail) => silent(detail),
        });
    }
    let Standing::Known { record, .. } = &first.standing else {
        return None;
    };
    let value = first.slots.read(record.state.active_slot).await.ok().flatten()?;
    match provider.identify(&value).await {
        Identity::Unavailable => None,
        Identity::Unknown(detail) => Some(silent(detail)),
        Identity::Proven(_) | Identity::NotFound | Identity::Ambiguous(_) => Some(works()),
    }
}
