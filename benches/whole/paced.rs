//! Frames that are there when they are due, without a kernel.

use super::latency;
use super::poll::{self, Timetable};
use super::stopwatch::{Stopwatch, now};
use sigmabus::capture::{Batch, LinkType};
use sigmabus::pipeline::live::{Came, Wire, analyse};
use sigmabus::time::Timestamp;
use std::hint;
use std::time::Duration;

/// Most frames of a batch.
const AT_ONCE: u64 = 64;

/// Frames, and how far they are.
struct Paced {
    frames: Vec<Vec<u8>>,
    next: u64,
    timetable: Timetable,
    spare: Batch,
}

impl Wire for Paced {
    fn next(&mut self) -> Option<Came> {
        if self.next >= self.frames.len() as u64 {
            return None;
        }
        let mut wall = now();
        // Sleeping would take longer than the work.
        while wall.nanos() < self.timetable.due(self.next) {
            hint::spin_loop();
            wall = now();
        }
        let mut batch = std::mem::take(&mut self.spare);
        batch.restart(self.next + 1);
        let most = self.next + AT_ONCE;
        while let Some(frame) = self.frames.get(self.next as usize).filter(|_| self.next < most) {
            let due = self.timetable.due(self.next);
            if wall.nanos() < due {
                break;
            }
            batch.push(Timestamp::from_nanos(due), LinkType::Ethernet, frame.len() as u32, frame);
            self.next += 1;
        }
        Some(Came::Frames(batch, wall))
    }

    fn give_back(&mut self, batch: Batch) {
        self.spare = batch;
    }
}

/// Runs at this rate for so long.
///
/// # Errors
/// When the rules do not compile.
pub fn measure(rate: u32, spell: Duration) -> anyhow::Result<Stopwatch> {
    let batches = poll::frames(rate, spell)?;
    let frames = batches.iter().flat_map(|batch| batch.frames()).map(|frame| frame.bytes.to_vec()).collect();
    let plan = latency::plan()?;
    let (mut engine, input) = latency::engine(&plan);
    let mut stopwatch = Stopwatch::default();
    let timetable = Timetable { begin: now().nanos() + 10_000_000, step: 1_000_000_000 / i64::from(rate) };
    let mut wire = Paced { frames, next: 0, timetable, spare: Batch::new() };
    analyse(&mut wire, input, &plan, &mut engine, &mut stopwatch, &())?;
    engine.finish(&mut stopwatch)?;
    Ok(stopwatch)
}
