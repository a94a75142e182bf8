//! The loopback provider, over real HTTP.

mod calls;
mod keys;
mod lab;
mod misbehaviour;
mod server;
