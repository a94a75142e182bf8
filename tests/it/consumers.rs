//! Those who use a key, as the guide tells them to: its examples with the real SDKs, through real rotations.

mod agent;
mod aws;
mod guide;
mod refused;
mod rotation;
