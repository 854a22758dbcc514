//! What happens to one conversation: bytes of either side, gaps, datagrams.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus::modbus::{self, Pairing};
use sigmabus::net::{Chunk, Closing, Direction, Event};
use sigmabus::time::Timestamp;
use sigmabus_fuzz::traffic::{Judge, carrier, flow, pieces};

fuzz_target!(|bytes: &[u8]| {
    let (mut pairing, mut judge, flow) = (Pairing::new(&modbus::Config::default()), Judge::default(), flow());
    for (frame, (number, bytes)) in (1..).zip(pieces(bytes)) {
        let direction = if number & 1 == 0 { Direction::ToServer } else { Direction::ToClient };
        let event = match number >> 1 {
            0..=8 => Event::Data { bytes, conflict: false, truncated: false },
            9 => Event::Data { bytes, conflict: true, truncated: false },
            10 => Event::Data { bytes, conflict: false, truncated: true },
            11 => Event::Datagram { bytes, truncated: false },
            12 => Event::Gap { cut: false },
            13 => Event::Gap { cut: true },
            14 => Event::Open { handshake: true },
            _ => Event::Close(Closing::Fin),
        };
        let carrier = carrier(frame);
        let chunk = Chunk { flow: &flow, direction, carrier: &carrier, event };
        pairing.push(&chunk, &mut |message| judge.hear(message));
        pairing.expire(carrier.time, &mut |message| judge.hear(message));
    }
    pairing.expire(Timestamp::MAX, &mut |message| judge.hear(message));
});
