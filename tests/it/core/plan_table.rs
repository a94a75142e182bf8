//! The truth table of `plan`: from every phase and variant, the first step towards every goal, when all
//! is known and well.

use std::collections::{BTreeMap, BTreeSet};

use rotate::rotation::credential::{
    Capabilities, Identity, KeyStatus, LastUseSeen, ListedKey, ProviderKey, ReadBack, SlotName, Verdict,
};
use rotate::rotation::phase::KeyState;
use rotate::rotation::plan::{Facts, Goal, Policy, Refusal, RevokeNow, Step, Suspect, plan, suspects};

use super::sample::{GRACE, credential, over, rotation, states, targets};

pub const NAMES: [&str; 3] = ["old", "new", "third"];

pub fn policy() -> Policy {
    Policy {
        grace: GRACE,
        targets: targets(),
        capabilities: Capabilities {
            mint: true,
            keys_limit: Some(2),
            revoke: true,
            reactivate: true,
            delete: true,
            ..Capabilities::default()
        },
        workspace: None,
        required_evidence: BTreeSet::new(),
        undo_seconds: 86_400,
        held_elsewhere: Vec::new(),
        usage_quiet_seconds: 300,
        usage_lag_seconds: 900,
    }
}

/// Everything is known, and everything is well: what is dead is rejected, all else accepted.
pub fn ideal(state: Option<&KeyState>) -> Facts {
    let mut facts =
        Facts { broken_targets: Some(BTreeMap::new()), leases: Some(Ok(Vec::new())), ..Facts::default() };
    for name in NAMES {
        let credential = credential(name);
        let fingerprint = credential.fingerprint;
        let is_dead = state.is_some_and(|state| state.dead.contains(&fingerprint));
        let verdict = if is_dead { Verdict::Rejected } else { Verdict::Accepted };
        facts.probes.insert(fingerprint, verdict);
        let status = if is_dead { KeyStatus::Inactive } else { KeyStatus::Active };
        facts.key_statuses.insert(fingerprint, Some(status));
        let key = ProviderKey {
            id: credential.provider_key_id.unwrap(),
            name: name.to_owned(),
            status,
            workspace: None,
            expires_at: None,
            hint: String::new(),
        };
        facts.identities.insert(fingerprint, Identity::Proven(key));
    }
    let active = state.map(|state| state.active().fingerprint);
    let listed = ListedKey {
        id: credential("old").provider_key_id.unwrap(),
        status: KeyStatus::Active,
        created_at: None,
        last_use: LastUseSeen::Never,
    };
    facts.listed = Some(Ok(vec![listed]));
    facts.target_reads =
        active.map(|active| targets().into_iter().map(|target| (target, ReadBack::Holds(active))).collect());
    facts
}

pub fn goals(state: Option<&KeyState>) -> Vec<(&'static str, Goal)> {
    let stage = |name, replace| Goal::Stage { candidate: credential(name), rotation: rotation(), replace };
    let emergency = |suspect, replacement: Option<&str>, accept_outage| {
        Goal::RevokeNow(RevokeNow {
            suspects: state.map(|state| suspects(state, suspect)).unwrap_or_default(),
            reason: "it leaked".to_owned(),
            replacement: replacement.map(credential),
            accept_outage,
            rotation: rotation(),
        })
    };
    vec![
        ("adopt", Goal::Adopt { candidate: credential("old"), slot: SlotName::Primary }),
        ("stage new", stage("new", false)),
        ("stage third", stage("third", false)),
        ("replace", stage("third", true)),
        ("mint", Goal::Mint { rotation: rotation(), replace: false }),
        ("promote", Goal::Promote),
        ("finish", Goal::Finish { accept_unknown: BTreeSet::new(), reason: None }),
        ("abort", Goal::Abort),
        ("undo", Goal::Undo),
        ("purge", Goal::Purge),
        ("old leaked", emergency(Suspect::Old, None, false)),
        ("with third", emergency(Suspect::All, Some("third"), false)),
        ("give up", emergency(Suspect::All, None, true)),
    ]
}

/// What a step is, in one or two words.
pub fn word(step: &Step) -> String {
    match step {
        Step::Observe(question) => {
            let text = format!("{question:?}");
            format!("ask {}", text.split('(').next().unwrap())
        }
        Step::Act(effect) => effect.name().to_owned(),
        Step::Record(event) => match event.name() {
            "emergency_declared" => "+alarm".to_owned(),
            "emergency_ended" => "+calm".to_owned(),
            "intent_dropped" => "+dropped".to_owned(),
            name => format!("+{name}"),
        },
        Step::Wait(_) => "wait".to_owned(),
        Step::Done => "done".to_owned(),
        Step::Refused(Refusal::WrongPhase { .. }) => "-phase".to_owned(),
        Step::Refused(Refusal::Busy { resume, .. }) => format!(">{resume}"),
        Step::Refused(Refusal::NeedsReplacement { .. }) => "-needs other".to_owned(),
        Step::Refused(Refusal::AlreadyStaged { .. }) => "-staged".to_owned(),
        Step::Refused(Refusal::AlreadyAdopted) => "-adopted".to_owned(),
        Step::Refused(Refusal::CandidateIsActive) => "-is active".to_owned(),
        Step::Refused(refusal) => {
            let text = format!("{refusal:?}");
            format!("-{}", text.split([' ', '{']).next().unwrap())
        }
    }
}

/// Rows: where a key stands (see the truth table of `apply`). Columns: what is wanted. A cell is the first
/// step: `store_staged` and the like an act, `+switched` and the like a record (`+alarm`, `+calm`:
/// an emergency is declared, called off), `ask` a question, `-phase`
/// refused in this phase, `>finish` refused until that command has ended what it began, other `-` refused
/// for that reason.
const TABLE: &str = r"
                       adopt         stage new     stage third   replace       mint          promote       finish        abort         undo          purge         old leaked    with third    give up
never adopted          store_adopted -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted   -NotAdopted
Idle                   done          store_staged  store_staged  store_staged  mint          -phase        -phase        -phase        -phase        -phase        -needs other  +alarm        +alarm
Idle, storing new      done          store_staged  store_staged  store_staged  mint          -phase        -phase        erase         >stage        -phase        -needs other  +alarm        +alarm
Idle, making a key     done          store_staged  store_staged  store_staged  mint          >stage        >stage        +dropped      >stage        >stage        -needs other  +alarm        +alarm
Idle, sweeping         done          >abort        >abort        >abort        sweep         >stage        >stage        sweep         >stage        >stage        -needs other  +alarm        +alarm
Idle, old leaked       >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   -needs other  store_staged  +alarm
Idle, old given up     >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   -needs other  store_staged  revoke
Staged                 done          done          -staged       store_staged  done          +switched     -phase        erase         -phase        -phase        +alarm        +alarm        +alarm
Staged, storing third  done          store_staged  -staged       store_staged  erase         >stage        >stage        erase         >stage        >stage        -needs other  +alarm        +alarm
Staged, erasing        done          store_staged  -staged       store_staged  erase         >abort        >abort        erase         >abort        >abort        -needs other  +alarm        +alarm
Staged, old leaked     >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   +switched     +alarm        +alarm
Staged, new leaked     >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   -needs other  +alarm        +alarm
Forward, pending       -adopted      -phase        -phase        -phase        -phase        write_targets -phase        +switched     -phase        -phase        +alarm        +alarm        +alarm
Forward, settled       -adopted      -phase        -phase        -phase        -phase        +grace_opened -phase        +switched     -phase        -phase        +alarm        +alarm        +alarm
Forward, old leaked    >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   revoke        +alarm        +alarm
Forward, revoking old  >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   revoke        +alarm        +alarm
Back, pending          done          -phase        -phase        -phase        -phase        -phase        -phase        write_targets -phase        -phase        +alarm        +alarm        +alarm
Back, settled          done          -phase        -phase        -phase        -phase        -phase        -phase        erase         -phase        -phase        +alarm        +alarm        +alarm
Back, old leaked       >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   +switched     +alarm        +alarm
Grace                  -adopted      -phase        -phase        -phase        -phase        done          revoke        +switched     -phase        -phase        +alarm        +alarm        +alarm
Grace, revoking old    >finish       >finish       >finish       >finish       >finish       >finish       revoke        >finish       >finish       >finish       +alarm        +alarm        +alarm
Grace, taking back     >finish       >finish       >finish       >finish       >finish       >finish       reactivate    >finish       >finish       >finish       +alarm        +alarm        +alarm
Grace, new leaked      >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   -needs other  +alarm        +alarm
Grace, both given up   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   -needs other  revoke        revoke
Revoked                -adopted      -is active    store_staged  store_staged  mint          -phase        done          -phase        reactivate    delete        -needs other  +alarm        +alarm
Revoked, undoing       >undo         >undo         >undo         >undo         >undo         >undo         >undo         >undo         reactivate    >undo         -needs other  +alarm        +alarm
Revoked, deleting      >purge        >purge        >purge        >purge        delete        >purge        >purge        >purge        >purge        delete        -needs other  +alarm        +alarm
Revoked, purged        -adopted      -is active    store_staged  store_staged  mint          -phase        done          -phase        -Purged       done          -needs other  +alarm        +alarm
Revoked, new leaked    >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   >revoke-now   +calm         >revoke-now   >revoke-now   -needs other  store_staged  +alarm
Outage                 done          store_staged  store_staged  store_staged  mint          -phase        done          -phase        reactivate    delete        done          +alarm        done
";

fn table() -> String {
    let mut text = format!("{:<23}", "");
    for (name, _) in goals(None) {
        text.push_str(&format!("{name:<14}"));
    }
    for (name, state) in states() {
        text = text.trim_end().to_owned();
        text.push_str(&format!("\n{name:<23}"));
        let facts = ideal(state.as_ref());
        for (_, goal) in goals(state.as_ref()) {
            let cell = word(&plan(state.as_ref(), &goal, &facts, &policy(), &over()));
            text.push_str(&format!("{cell:<14}"));
        }
    }
    format!("{}\n", text.trim_end())
}

#[test]
fn every_phase_takes_the_step_towards_every_goal_that_the_table_says() {
    let found = table();
    assert!(found == TABLE.trim_start_matches('\n'), "the table is now:\n{found}");
}

#[test]
fn nothing_is_done_on_nothing_known_but_what_needs_no_knowledge() {
    for (name, state) in states() {
        for (goal_name, goal) in goals(state.as_ref()) {
            let step = plan(state.as_ref(), &goal, &Facts::default(), &policy(), &over());
            let word = word(&step);
            let harmless = ["erase", "reactivate", "sweep", "write_targets"].contains(&word.as_str());
            let is_act = matches!(step, Step::Act(_));
            assert!(!is_act || harmless, "{name}, {goal_name}: {word} without a look");
            let moves_consumers = ["+switched", "+revoked", "+undone", "+purged"].contains(&word.as_str());
            assert!(!moves_consumers, "{name}, {goal_name}: {word} without a look");
        }
    }
}
