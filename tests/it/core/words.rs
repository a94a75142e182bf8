//! The words that state files, JSON and scripts carry: each name as the interface spells it.

use rotate::rotation::credential::{KeyStatus, ProviderKeyId, SlotName, TargetId};
use rotate::rotation::evidence::{Finding, Item};
use rotate::rotation::phase::Propagation;

#[test]
fn a_name_is_shown_as_it_is() {
    assert_eq!(ProviderKeyId("apikey_01Rj2N8S".to_owned()).to_string(), "apikey_01Rj2N8S");
    assert_eq!(TargetId("dotenv:/srv/.env#KEY".to_owned()).to_string(), "dotenv:/srv/.env#KEY");
}

#[test]
fn slots_are_primary_and_secondary() {
    for (slot, name) in [(SlotName::Primary, "primary"), (SlotName::Secondary, "secondary")] {
        assert_eq!((slot.name(), slot.to_string().as_str()), (name, name));
        assert_eq!(serde_json::to_value(slot).unwrap(), name);
    }
}

#[test]
fn a_record_of_a_key_is_shown_as_the_provider_spells_it() {
    let words =
        [KeyStatus::Active, KeyStatus::Inactive, KeyStatus::Archived, KeyStatus::Expired].map(|status| {
            assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
            status.to_string()
        });
    assert_eq!(words, ["active", "inactive", "archived", "expired"]);
}

#[test]
fn evidence_is_named_alike_in_tables_and_in_json() {
    let items = Item::ALL.map(|item| {
        assert_eq!(serde_json::to_value(item).unwrap(), item.name());
        assert_eq!(item.name().parse::<Item>().unwrap(), item);
        item.to_string()
    });
    assert_eq!(items, ["grace", "targets", "active", "leases", "usage", "last_used"]);
    assert!("Grace".parse::<Item>().is_err());
    let findings = [Finding::Met, Finding::Unmet, Finding::Unknown, Finding::NotAvailable].map(|finding| {
        assert_eq!(serde_json::to_value(finding).unwrap(), finding.name());
        finding.name()
    });
    assert_eq!(findings, ["met", "unmet", "unknown", "not_available"]);
}

#[test]
fn propagation_is_named_alike_in_tables_and_in_json() {
    let failed = Propagation::Failed { reason: "disk full".to_owned() };
    let names = [Propagation::Pending, Propagation::Confirmed, Propagation::Written, failed].map(|at| {
        assert_eq!(serde_json::to_value(&at).unwrap()["state"], at.name());
        at.name()
    });
    assert_eq!(names, ["pending", "confirmed", "written", "failed"]);
}
