//! What each arrow costs, and the whole run: packets to alerts on one thread.
//!
//! `cargo bench --bench pieces` prints time for each and, where a count stands beside it, per frame or message. The figures
//! depend on the machine; what transfers is the share of each piece and the ratio before and after a change.

#![allow(clippy::expect_used, missing_docs, unreachable_pub, reason = "a bench that cannot go on should stop")]

#[path = "../examples/traffic/generator.rs"]
pub mod generator;

#[path = "pieces/arrows.rs"]
mod arrows;
#[path = "pieces/baseline.rs"]
mod baseline;
#[path = "pieces/given.rs"]
mod given;
#[path = "pieces/runs.rs"]
mod runs;
#[path = "pieces/state.rs"]
mod state;
#[path = "pieces/waiting.rs"]
mod waiting;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    arrows::arrows,
    waiting::open_requests,
    state::scores,
    state::all_state,
    baseline::baseline,
    runs::whole
);
criterion_main!(benches);
