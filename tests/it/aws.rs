//! AWS Secrets Manager: as a target, and where a secret reference points. Against moto, and for what moto
//! does not do as AWS documents it, against doubles of the few calls, written from the documentation.

mod agents;
mod errors;
mod iam;
mod iam_clock;
mod interference;
mod policies;
mod reference;
mod slots;
mod slots_killed;
mod slots_overtaken;
mod target;
