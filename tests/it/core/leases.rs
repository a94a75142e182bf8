//! What leases prove of running jobs.

use rotate::rotation::evidence::{Finding, Item, weigh};
use rotate::rotation::lease::{LeaseSeen, LeaseStanding};
use rotate::rotation::plan::Facts;

use super::plan_table::{ideal, policy};
use super::sample::{credential, grace, over};

fn lease(id: &str, name: Option<&str>, standing: LeaseStanding) -> LeaseSeen {
    let fingerprint = name.map(|name| credential(name).fingerprint);
    LeaseSeen { id: id.to_owned(), fingerprint, holder: format!("job {id}"), standing }
}

fn held(id: &str, name: &str) -> LeaseSeen {
    lease(id, Some(name), LeaseStanding::Held)
}

fn unknown(id: &str, name: Option<&str>) -> LeaseSeen {
    lease(id, name, LeaseStanding::Unknown("another host".to_owned()))
}

#[track_caller]
fn is(leases: Option<Result<Vec<LeaseSeen>, String>>, expected: (Finding, &str)) {
    let facts = Facts { leases, ..ideal(Some(&grace())) };
    let table = weigh(&grace(), &facts, &policy(), &over()).unwrap();
    let row = table.into_iter().find(|row| row.item == Item::Leases).unwrap();
    assert_eq!((row.verdict, row.detail.as_str()), expected);
}

#[test]
fn leases_that_cannot_be_read_prove_nothing() {
    is(None, (Finding::Unknown, "the leases were not looked at"));
    is(Some(Err("permission denied".to_owned())), (Finding::Unknown, "permission denied"));
}

#[test]
fn no_job_holds_the_old_credential_where_none_runs_or_all_have_the_new_one() {
    is(Some(Ok(vec![])), (Finding::Met, "no job of this key runs under a lease"));
    let others = vec![held("1", "new"), unknown("2", Some("new"))];
    let met = "no job holds the old credential; under a lease of another run 2";
    is(Some(Ok(others)), (Finding::Met, met));
}

#[test]
fn a_job_that_holds_the_old_credential_is_named() {
    let mixed = vec![held("1", "new"), unknown("2", Some("old")), held("3", "old")];
    is(Some(Ok(mixed)), (Finding::Unmet, "the old credential is held by job 3 (lease 3)"));
    let many = ["1", "2", "3", "4", "5"].map(|id| held(id, "old")).to_vec();
    let three = "the old credential is held by job 1 (lease 1), job 2 (lease 2), job 3 (lease 3)";
    is(Some(Ok(many[..3].to_vec())), (Finding::Unmet, three));
    is(Some(Ok(many)), (Finding::Unmet, &format!("{three}, 2 more")));
}

#[test]
fn a_job_of_which_nothing_is_known_may_hold_the_old_credential() {
    let cannot = "it cannot be told of job 1 (lease 1): another host";
    is(Some(Ok(vec![unknown("1", Some("old"))])), (Finding::Unknown, cannot));
    is(Some(Ok(vec![unknown("1", None)])), (Finding::Unknown, cannot));
    let nameless = lease("1", None, LeaseStanding::Held);
    let holds = "the old credential is held by job 1 (lease 1)";
    is(Some(Ok(vec![nameless])), (Finding::Unmet, holds));
}
