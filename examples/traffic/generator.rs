//! The traffic generator: Modbus conversations as captures, with the truth about them.
//!
//! ```text
//! pdu  ->  wire  ->  packet  ->  file          one conversation, scripted by hand
//!            ^
//! station, attack  ->  schedule  <-  plan      many conversations at once, by seed
//! ```
//!
//! [`wire::Wire`] scripts single conversations frame by frame: fixtures and tests use it. [`plan::generate`] writes
//! whole plants of any size in constant memory. Nothing here uses the library, so that a test which reads what was
//! generated does not test the library against itself.
//!
//! The module is included by path from the example, the tests and the benches; its own tests are
//! `tests/traffic.rs` and `tests/fixtures.rs`, so that they run once.

#![allow(dead_code, reason = "each program that includes the generator uses a part of it")]

pub mod attack;
pub mod file;
pub mod fixture;
pub mod hostile;
pub mod packet;
pub mod pdu;
pub mod plan;
pub mod prng;
pub mod schedule;
pub mod station;
pub mod truth;
pub mod wire;
