//! Queries and answers by turns, each framed rightly: a function code and what follows it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus::modbus::{self, Mbap, Pairing, Pdu};
use sigmabus::net::Direction;
use sigmabus_fuzz::traffic::{Judge, carrier, flow, pieces};

fuzz_target!(|bytes: &[u8]| {
    let (mut pairing, mut judge, flow) = (Pairing::new(&modbus::Config::default()), Judge::default(), flow());
    for (frame, (_, bytes)) in (1..).zip(pieces(bytes)) {
        let Some((&function_code, data)) = bytes.split_first() else { continue };
        let direction = if frame % 2 == 1 { Direction::ToServer } else { Direction::ToClient };
        let mbap = Mbap { trans_id: frame as u16 / 2, prot_id: 0, length: bytes.len() as u16 + 1, unit_id: 1 };
        let pdu = Pdu { mbap, function_code, data };
        pairing.push_pdu(&flow, direction, &carrier(frame), pdu, &mut |message| judge.hear(message));
    }
});
