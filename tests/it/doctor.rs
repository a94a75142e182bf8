//! `rotate doctor` in environments of every kind.
//!
//! Each folder of `doctor/environments` is one: variables in `env`, files in `home` and `work`, how far a key has come in
//! `story`, arguments in `arguments`; what must be found in `expected`, and for some what people read in `shown`. Values are made when a test runs: see [`Values`].

mod bad_input;
mod comparison;
mod environment;
mod found;
mod hints;
mod rendering;
mod values;
