//! Frames of any link type, each a millisecond after the one before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus::capture::Batch;
use sigmabus::time::Timestamp;
use sigmabus_fuzz::traffic::{Road, link, pieces};

fuzz_target!(|bytes: &[u8]| {
    let (mut road, mut batch) = (Road::default(), Batch::new());
    batch.restart(1);
    for (at, (number, frame)) in (0..).zip(pieces(bytes)) {
        let time = Timestamp::from_parts(1_700_000_000, at * 1_000_000);
        batch.push(time, link(number), frame.len() as u32, frame);
    }
    road.take(&batch);
    road.end();
});
