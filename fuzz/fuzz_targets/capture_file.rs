//! A capture, packed or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus::capture::{self, Batch, Opened};
use sigmabus_fuzz::traffic::Road;
use std::io::{Cursor, Read};

/// What is read of a packed input: it may swell a thousandfold.
const MOST: u64 = 4 << 20;

fuzz_target!(|bytes: &[u8]| {
    match capture::open(Box::new(Cursor::new(bytes.to_vec()))) {
        Ok(Opened::Capture(mut source)) => {
            let (mut road, mut batch, mut frames) = (Road::default(), Batch::new(), 0);
            while source.fill(&mut batch).is_ok() && !batch.is_empty() && frames < 20_000 {
                frames += batch.len();
                road.take(&batch);
            }
            road.end();
        }
        Ok(Opened::Other { reader, .. }) => {
            let _ = std::io::copy(&mut reader.take(MOST), &mut std::io::sink());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
