//! Faults that are put into an adapter, to show that the simulation finds them.

/// An adapter that breaks its contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The store takes any write, whatever version it replaces.
    StoreIgnoresVersion,
    /// The store says that a write is durable, and it is not.
    StoreForgets,
    /// The journal's entry is written after the state, not before.
    JournalAfterState,
    /// A target says that it was written, and gives back what should be there.
    TargetPretends,
    /// A store with versions lets an old request succeed after a fence.
    FenceIgnored,
    /// The provider disables another key than the one that was named.
    RevokeHitsAnother,
    /// Every clock at hand runs twice as fast as time.
    ClockHurries,
    /// A running job is not listed.
    LeasesHideJobs,
    /// The slots say that a value is stored, and it is not.
    SlotsForget,
    /// The slots take any write, whatever lies there by now.
    SlotsIgnoreChange,
    /// A ping is answered as if every credential were valid.
    ProbeAlwaysAccepts,
}

impl Planted {
    pub const ALL: &[Planted] = &[
        Planted::StoreIgnoresVersion,
        Planted::StoreForgets,
        Planted::JournalAfterState,
        Planted::TargetPretends,
        Planted::FenceIgnored,
        Planted::RevokeHitsAnother,
        Planted::ClockHurries,
        Planted::LeasesHideJobs,
        Planted::SlotsForget,
        Planted::SlotsIgnoreChange,
        Planted::ProbeAlwaysAccepts,
    ];
}
