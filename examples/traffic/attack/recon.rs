//! Attacks that look.

use super::super::pdu;
use super::{Script, Step};
use std::time::Duration;

/// Function 17 and 43/14 to eight servers; the last is asked for everything it has.
pub(super) fn identify(script: &mut Script) {
    script.pace = Duration::from_millis(60);
    for server in 0..8 {
        if server > 0 {
            script.connect(server);
        }
        script.ask(&[17], &pdu::server_id_answer("PW-1200"));
        let objects = [(0, "Plant Works"), (1, "PW-1200"), (2, "2.14")];
        script.ask(&pdu::device_id(1, 0), &pdu::device_id_answer(1, &objects));
    }
    script.ask(&pdu::device_id(3, 0x80), &pdu::device_id_answer(3, &[(0x80, "serial 40137"), (0x81, "plc-lab")]));
    script.ask(&pdu::device_id(4, 0x90), &pdu::exception(43, 2));
}

/// Reads of one register, 40 addresses apart: the device has 900.
pub(super) fn points(script: &mut Script) {
    for address in (0..6_000).step_by(40) {
        let request = pdu::read(3, address, 1);
        if address < 900 {
            script.ask(&request, &pdu::registers(3, &[address]));
        } else {
            script.ask(&request, &pdu::exception(3, 2));
        }
    }
}

/// Every function code from 1 to 127 under random transaction identifiers, as smod does it.
pub(super) fn functions(script: &mut Script) {
    for function in 1..=127 {
        let request = pdu::read(function, 0, 1);
        let reply = match function {
            1 | 2 => pdu::bits(function, &[true]),
            3 | 4 => pdu::registers(function, &[42]),
            5 | 15 | 16 => pdu::exception(function, 3),
            6 => request.clone(),
            _ => pdu::exception(function, 1),
        };
        let trans_id = script.rng.bits() as u16;
        script.exchange(Some(trans_id), script.unit, &request, Some(&reply));
    }
}

/// A read to units 1 to 247, each on a connection of its own; two answer.
pub(super) fn units(script: &mut Script) {
    script.pace = Duration::from_millis(5);
    for unit in 1..=247 {
        if unit > 1 {
            script.connect(0);
        }
        let reply = if matches!(unit, 1 | 17) { pdu::bits(1, &[true]) } else { pdu::exception(1, 11) };
        script.exchange(Some(0), unit, &pdu::read(1, 0, 1), Some(&reply));
    }
}

/// `21 00 00 00 00 06 UU 04 00 01 00 00`: transaction 8448, input register 1, quantity 0. The module waits a second
/// between units.
pub(super) fn metasploit(script: &mut Script) {
    script.pace = Duration::from_secs(1);
    for unit in 1..=254 {
        if unit > 1 {
            script.connect(0);
        }
        let reply = pdu::exception(4, if unit == 1 { 3 } else { 11 });
        script.exchange(Some(0x2100), unit, &pdu::read(4, 1, 0), Some(&reply));
    }
}

/// A SYN to each of 40 addresses.
pub(super) fn ports(script: &mut Script) {
    for offset in 0..40 {
        script.steps.push(Step::Knock(offset));
        script.wait(Duration::from_millis(3));
    }
}

/// The same ten registers each second, as a master polls them.
pub(super) fn poll(script: &mut Script) {
    script.pace = Duration::from_secs(1);
    for _ in 0..6 {
        script.ask(&pdu::read(3, 0, 10), &pdu::registers(3, &[210; 10]));
    }
}

/// Everything the device has, 125 registers at a time.
pub(super) fn dump(script: &mut Script) {
    for block in 0..16_u16 {
        let address = block * 125;
        let values: Vec<u16> = (address..address + 125).collect();
        script.ask(&pdu::read(3, address, 125), &pdu::registers(3, &values));
    }
}
