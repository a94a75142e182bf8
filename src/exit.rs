//! Exit codes: each one tells the operator's next move. The one table in the program; the README and
//! the man page are checked against it by a test.

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    Success = 0,
    Unexpected = 1,
    Usage = 2,
    Configuration = 3,
    Locked = 4,
    State = 5,
    WrongPhase = 6,
    Wait = 10,
    Evidence = 11,
    Partial = 12,
    Person = 13,
    Rejected = 20,
    Unreachable = 21,
    Attention = 30,
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, in ascending order.
    pub const ALL: [ExitCode; 15] = [
        ExitCode::Success,
        ExitCode::Unexpected,
        ExitCode::Usage,
        ExitCode::Configuration,
        ExitCode::Locked,
        ExitCode::State,
        ExitCode::WrongPhase,
        ExitCode::Wait,
        ExitCode::Evidence,
        ExitCode::Partial,
        ExitCode::Person,
        ExitCode::Rejected,
        ExitCode::Unreachable,
        ExitCode::Attention,
        ExitCode::Interrupted,
    ];

    /// The number the process exits with.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The stable name that JSON errors carry as `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            ExitCode::Success => "success",
            ExitCode::Unexpected => "unexpected",
            ExitCode::Usage => "usage",
            ExitCode::Configuration => "configuration",
            ExitCode::Locked => "locked",
            ExitCode::State => "state",
            ExitCode::WrongPhase => "wrong_phase",
            ExitCode::Wait => "wait",
            ExitCode::Evidence => "evidence",
            ExitCode::Partial => "partial",
            ExitCode::Person => "person",
            ExitCode::Rejected => "rejected",
            ExitCode::Unreachable => "unreachable",
            ExitCode::Attention => "attention",
            ExitCode::Interrupted => "interrupted",
        }
    }

    /// The operator's next move, in a few words.
    pub fn next_move(self) -> &'static str {
        match self {
            ExitCode::Success => "nothing",
            ExitCode::Unexpected => "unexpected: report it",
            ExitCode::Usage => "fix the arguments",
            ExitCode::Configuration => "fix the configuration",
            ExitCode::Locked => "someone holds the lock: retry later",
            ExitCode::State => "state unreadable, unsafe or newer: see the runbook",
            ExitCode::WrongPhase => "not in this phase: the message names the command that is",
            ExitCode::Wait => "wait: the grace window is open, run again after the time shown",
            ExitCode::Evidence => "evidence says the old key is still used, or cannot tell: not revoked",
            ExitCode::Partial => "partly done: run the same command again",
            ExitCode::Person => "a person must act: the message names the console page or runbook section",
            ExitCode::Rejected => "the provider rejected the credential",
            ExitCode::Unreachable => "provider or target unreachable after retries",
            ExitCode::Attention => "`check`, `watch` or `due` found something that needs attention",
            ExitCode::Interrupted => "interrupted; state saved: run the same command again",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code.number())
    }
}
