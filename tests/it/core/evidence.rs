//! What `finish` must know: the table, and what of it blocks.

use std::collections::{BTreeMap, BTreeSet};

use rotate::rotation::credential::{ReadBack, TargetId, Verdict};
use rotate::rotation::evidence::{Evidence, Finding, Item, blocking, weigh};
use rotate::rotation::phase::{Phase, Propagation};
use rotate::rotation::plan::{Facts, Policy};

use super::plan_table::{ideal, policy};
use super::sample::{credential, grace, opened, over, settled, states};

const FINDINGS: [Finding; 4] = [Finding::Met, Finding::Unmet, Finding::Unknown, Finding::NotAvailable];

fn blocks(item: Item, verdict: Finding, required: bool, accepted: bool) -> bool {
    let table = [Evidence { item, verdict, detail: String::new() }];
    let set = |contains: bool| contains.then_some(item).into_iter().collect::<BTreeSet<_>>();
    !blocking(&table, &set(required), &set(accepted)).is_empty()
}

fn verdict(facts: &Facts, item: Item) -> Finding {
    let table = weigh(&grace(), facts, &policy(), &over()).unwrap();
    table.into_iter().find(|row| row.item == item).unwrap().verdict
}

#[test]
fn the_table_has_every_item_once_and_exists_in_the_window_only() {
    let table = weigh(&grace(), &ideal(Some(&grace())), &policy(), &over()).unwrap();
    assert_eq!(table.iter().map(|row| row.item).collect::<Vec<_>>(), Item::ALL);
    for (name, state) in states() {
        let Some(state) = state else { continue };
        let has_table = weigh(&state, &Facts::default(), &policy(), &over()).is_some();
        assert_eq!(has_table, matches!(state.phase, Phase::GraceWindow { .. }), "{name}");
    }
}

#[test]
fn met_lets_through_unmet_never_does_and_unknown_blocks_unless_accepted_by_name() {
    for item in Item::ALL {
        for required in [false, true] {
            for accepted in [false, true] {
                assert!(!blocks(item, Finding::Met, required, accepted), "{item}");
                assert!(blocks(item, Finding::Unmet, required, accepted), "{item}: unmet is not unknown");
            }
            assert!(blocks(item, Finding::Unknown, required, false), "{item}");
        }
    }
}

#[test]
fn the_window_and_the_active_credential_are_never_accepted_unknown() {
    for item in [Item::Grace, Item::Active] {
        assert!(!item.may_be_accepted());
        for finding in FINDINGS.into_iter().filter(|finding| *finding != Finding::Met) {
            let not_required = finding == Finding::NotAvailable;
            assert!(blocks(item, finding, true, true), "{item}, {finding:?}");
            assert!(not_required || blocks(item, finding, false, true), "{item}, {finding:?}");
        }
    }
    for item in [Item::Targets, Item::Leases, Item::Usage, Item::LastUsed] {
        assert!(item.may_be_accepted());
        assert!(!blocks(item, Finding::Unknown, false, true), "{item}");
    }
}

#[test]
fn what_is_not_available_blocks_only_where_it_is_required() {
    for item in [Item::Targets, Item::Leases, Item::Usage, Item::LastUsed] {
        assert!(!blocks(item, Finding::NotAvailable, false, false), "{item}");
        assert!(blocks(item, Finding::NotAvailable, true, false), "{item}");
    }
}

#[test]
fn the_active_credential_is_met_only_where_it_was_just_accepted() {
    let active = credential("new").fingerprint;
    let cases = [
        (Some(Verdict::Accepted), Finding::Met),
        (Some(Verdict::Rejected), Finding::Unmet),
        (Some(Verdict::Unknown), Finding::Unknown),
        (None, Finding::Unknown),
    ];
    for (seen, expected) in cases {
        let mut facts = ideal(Some(&grace()));
        facts.probes.remove(&active);
        facts.probes.extend(seen.map(|seen| (active, seen)));
        assert_eq!(verdict(&facts, Item::Active), expected, "{seen:?}");
    }
}

#[test]
fn targets_are_met_only_where_each_is_known_to_hold_the_active_value() {
    let [old, new] = ["old", "new"].map(|name| credential(name).fingerprint);
    let cases = [
        (Some(ReadBack::Holds(new)), Finding::Met),
        (Some(ReadBack::NotReadable), Finding::Met),
        (Some(ReadBack::Holds(old)), Finding::Unmet),
        (Some(ReadBack::Absent), Finding::Unmet),
        (Some(ReadBack::Unknown("no answer".to_owned())), Finding::Unknown),
        (None, Finding::Unknown),
    ];
    for (read, expected) in cases {
        let mut facts = ideal(Some(&grace()));
        let reads: BTreeMap<_, _> =
            read.clone().map(|read| (TargetId("app".to_owned()), read)).into_iter().collect();
        facts.target_reads = Some(reads);
        assert_eq!(verdict(&facts, Item::Targets), expected, "{read:?}");
    }
    let mut facts = ideal(Some(&grace()));
    facts.target_reads = None;
    assert_eq!(verdict(&facts, Item::Targets), Finding::Unknown, "not read at all");
}

#[test]
fn a_target_that_cannot_be_read_counts_only_where_it_was_written_in_this_window() {
    let mut facts = ideal(Some(&grace()));
    facts.target_reads = Some(BTreeMap::from([(TargetId("app".to_owned()), ReadBack::NotReadable)]));
    for (propagation, expected) in [
        (settled(&Propagation::Written), Finding::Met),
        (settled(&Propagation::Pending), Finding::Unknown),
        (BTreeMap::new(), Finding::Unknown),
    ] {
        let mut state = grace();
        if let Phase::GraceWindow { propagation: found, .. } = &mut state.phase {
            *found = propagation.clone();
        }
        let table = weigh(&state, &facts, &policy(), &over()).unwrap();
        let row = table.iter().find(|row| row.item == Item::Targets).unwrap();
        assert_eq!(row.verdict, expected, "{propagation:?}: {}", row.detail);
    }
}

#[test]
fn a_target_counts_only_where_it_was_written_in_this_window() {
    let active = credential("new").fingerprint;
    let mut facts = ideal(Some(&grace()));
    facts.target_reads = Some(BTreeMap::from([(TargetId("app".to_owned()), ReadBack::Holds(active))]));
    for (propagation, expected) in [
        (
            settled(&Propagation::Confirmed),
            (Finding::Met, "1 of 1 read back just now with the active fingerprint"),
        ),
        (
            settled(&Propagation::Pending),
            (Finding::Unmet, "app was not written in this window; `promote` starts it anew"),
        ),
    ] {
        let mut state = grace();
        if let Phase::GraceWindow { propagation: found, .. } = &mut state.phase {
            *found = propagation;
        }
        let table = weigh(&state, &facts, &policy(), &over()).unwrap();
        assert_eq!((table[1].verdict, table[1].detail.as_str()), expected);
    }
}

#[test]
fn targets_that_give_nothing_back_are_named() {
    let [app, cron] = ["app", "cron"].map(|name| TargetId(name.to_owned()));
    let active = credential("new").fingerprint;
    let told = |targets: &[&TargetId], reads: &[(&TargetId, ReadBack)]| {
        let policy = Policy { targets: targets.iter().map(|target| (*target).clone()).collect(), ..policy() };
        let mut facts = ideal(Some(&grace()));
        facts.target_reads =
            Some(reads.iter().map(|(target, read)| ((*target).clone(), read.clone())).collect());
        let mut state = grace();
        if let Phase::GraceWindow { propagation, .. } = &mut state.phase {
            *propagation = targets.iter().map(|target| ((*target).clone(), Propagation::Confirmed)).collect();
        }
        let table = weigh(&state, &facts, &policy, &over()).unwrap();
        (table[1].verdict, table[1].detail.clone())
    };
    let none = (Finding::Met, "no targets: consumers ask `rotate key`".to_owned());
    assert_eq!(told(&[], &[]), none);
    let one = "1 of 2 read back just now; written, but without read-back: cron".to_owned();
    let reads = [(&app, ReadBack::Holds(active)), (&cron, ReadBack::NotReadable)];
    assert_eq!(told(&[&app, &cron], &reads), (Finding::Met, one));
}

#[test]
fn an_open_window_is_unmet_and_says_how_long() {
    let table = weigh(&grace(), &ideal(Some(&grace())), &policy(), &opened()).unwrap();
    assert_eq!((table[0].item, table[0].verdict), (Item::Grace, Finding::Unmet));
    assert!(table[0].detail.contains("3600 s") || table[0].detail.contains("1h"), "{}", table[0].detail);
}

#[test]
fn items_are_spelled_as_the_command_line_spells_them() {
    for item in Item::ALL {
        assert_eq!(item.name().parse::<Item>().unwrap(), item);
        assert_eq!(serde_json::to_value(item).unwrap(), item.name());
    }
    assert!("nothing".parse::<Item>().is_err());
}
