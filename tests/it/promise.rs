//! Situations in which a consumer would lose its key without anyone having made a mistake.

mod changed_configuration;
mod put_aside;
mod shared_credential;
mod unreached_target;
