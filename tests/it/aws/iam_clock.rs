//! A clock that is minutes off does not hide what the provider made.

use jiff::SignedDuration;
use serde_json::json;

use super::iam::adopted;
use crate::lab::iam::ahead;

/// From the durable intent to the value in its slot.
const POINTS: std::ops::Range<u32> = 3..9;

#[test]
fn a_key_whose_value_was_lost_is_known_though_the_clocks_differ() {
    let mut swept = 0;
    for minutes in [-20, 20] {
        for at in POINTS {
            let name = format!("clock-{minutes}-{at}");
            let by = SignedDuration::from_mins(minutes);
            let bench = adopted(&name, |lab| ahead(lab, by, |_| None));
            let mut killed = bench.lab.command(&["stage", "prod"]);
            killed.env("ROTATE_TEST_CRASH_AT", at.to_string());
            assert_ne!(bench.lab.finish_command(&mut killed).code, 0);
            let staged = bench.lab.run("stage prod").expect(0);
            swept += usize::from(staged.stderr.contains("which nobody had"));
            let id = bench.lab.status("prod")["staged"]["provider_key_id"].clone();
            assert_eq!(json!(bench.new_id()), id, "killed at {at}, the provider is {minutes} minutes ahead");
        }
    }
    assert!(swept >= 2, "no value was lost");
}
