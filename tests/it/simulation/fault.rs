//! What can go wrong, and how often it did.

use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name),+ }

        impl Fault {
            pub const ALL: &[Fault] = &[$(Fault::$name),+];
        }
    };
}

faults! {
    /// A call that would change something at the provider is definitely refused.
    CallRefused,
    CallNotDone,
    CallDoneNotTold,
    /// No answer; the request is carried out some seconds later.
    CallLandsLate,
    QuestionUnanswered,
    Throttled,
    PingUnanswered,
    /// One ping says the contrary of the truth; the next one about the same credential does not.
    WrongVerdict,
    DateSkewed,
    /// A provider goes on accepting what it was told to refuse, for longer than is waited for.
    RevocationLags,
    AcceptanceLags,
    IdentityAmbiguous,
    IdentityNotFound,
    TargetBroken,
    TargetWriteFailed,
    TargetWriteLandedButFailed,
    TargetWriteLandsLate,
    ReadBackOld,
    ReadBackAbsent,
    ReadBackUnknown,
    SlotUnreadable,
    SlotWriteFailed,
    SlotWriteLandedButFailed,
    SlotEraseFailed,
    /// Somebody else wrote a slot between the look at it and its write.
    SlotChanged,
    StoreUnreadable,
    StoreNotMadeDurable,
    StoreFailed,
    StoreUnknownDone,
    StoreUnknownNotDone,
    StoreOvertaken,
    HoldFailed,
    JournalFailed,
    JournalTorn,
    JournalWrittenButFailed,
    SpoolReserveFailed,
    SpoolUnreadable,
    SpoolWriteFailed,
    SpoolWriteTorn,
    SpoolClearFailed,
    LeasesUnreadable,
    LeaseUnknown,
    ClockSetForward,
    ClockSetBack,
    Reboot,
    /// With the reboot goes what was written and not made durable.
    PowerCut,
    Crash,
    /// The command was dropped where it waited, as by a signal.
    Interrupted,
    /// The command was stopped for a while at a call while another one went on.
    Paused,
    Locked,
    ForeignWrite,
    PersonDisabled,
    PersonEnabled,
    PersonStayedAway,
    JobOverstayed,
}

/// How far a run of schedules reached.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pub schedules: usize,
    pub calls: usize,
    pub commands: usize,
    pub commits: usize,
    faults: BTreeMap<Fault, usize>,
    /// Schedules that reached a phase, or another condition of the state that matters.
    pub standings: BTreeMap<&'static str, usize>,
    /// Crashes by the call at which they were, before it and after it.
    pub crashes: BTreeMap<(&'static str, &'static str), usize>,
    /// Ends of commands by exit code.
    pub ends: BTreeMap<u8, usize>,
}

impl Coverage {
    pub fn met(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub fn of(&self, fault: Fault) -> usize {
        self.faults.get(&fault).copied().unwrap_or(0)
    }

    pub fn faults_met(&self) -> usize {
        self.faults.values().sum()
    }

    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.calls += other.calls;
        self.commands += other.commands;
        self.commits += other.commits;
        sum(&mut self.faults, &other.faults);
        sum(&mut self.standings, &other.standings);
        sum(&mut self.crashes, &other.crashes);
        sum(&mut self.ends, &other.ends);
    }
}

fn sum<K: Ord + Copy>(into: &mut BTreeMap<K, usize>, from: &BTreeMap<K, usize>) {
    for (name, count) in from {
        *into.entry(*name).or_default() += count;
    }
}
