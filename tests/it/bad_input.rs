//! Every row of the table "Bad input" of issue 2 by the real executable: a clear error with a hint, the
//! exit code of the table, nothing changed.

mod configuration;
mod identity;
mod prompts;
mod provider;
mod state;
mod targets;
mod values;
