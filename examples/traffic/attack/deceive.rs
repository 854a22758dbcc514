//! Attacks that lie: to the device, to the master, to whoever listens.

use super::super::pdu;
use super::super::wire::Side;
use super::{Script, Step};
use std::time::Duration;

/// PDUs that contradict themselves; the device refuses what it understands.
pub(super) fn malformed(script: &mut Script) {
    script.pace = Duration::from_millis(80);
    let refused = |function| pdu::exception(function, 3);
    // Two registers announced, a byte count for three.
    script.ask(&[16, 0, 100, 0, 2, 6, 0, 1, 0, 2], &refused(16));
    // More registers than a PDU can hold; no registers; past the end of the table; no state of a coil.
    script.ask(&pdu::read(3, 0, 126), &refused(3));
    script.ask(&pdu::read(3, 0, 0), &refused(3));
    script.ask(&pdu::read(3, 65_530, 20), &pdu::exception(3, 2));
    script.ask(&pdu::words(5, &[0, 0x1234]), &refused(5));
    // Less than the function needs.
    script.ask(&[3, 0], &refused(3));
    script.ask(&[6, 0, 1], &refused(6));
}

/// The harmless value first, the harmful one at the same place of the stream.
pub(super) fn conflict(script: &mut Script) {
    for register in 0..3 {
        let seen = pdu::write_register(100 + register, 250);
        script.ask(&seen, &pdu::echo(&seen));
        let request = pdu::write_register(100 + register, 65_535);
        script.steps.push(Step::Overwrite { unit: script.unit, request });
        script.wait(Duration::from_millis(50));
    }
}

/// Ten answers to nothing, all saying that everything is well.
pub(super) fn unsolicited(script: &mut Script) {
    for trans_id in 100..110 {
        script.steps.push(Step::Answer { trans_id, unit: script.unit, reply: pdu::registers(3, &[210, 210]) });
        script.wait(Duration::from_millis(200));
    }
}

/// Twenty answers as always, then eight that are held back.
pub(super) fn delay(script: &mut Script) {
    script.pace = Duration::from_millis(500);
    let ask = |script: &mut Script| script.ask(&pdu::read(3, 0, 4), &pdu::registers(3, &[210; 4]));
    (0..20).for_each(|_| ask(script));
    script.delay = Duration::from_millis(1_200);
    script.pace = Duration::from_secs(2);
    (0..8).for_each(|_| ask(script));
}

/// Writes whose confirmation repeats another value.
pub(super) fn change(script: &mut Script) {
    script.pace = Duration::from_millis(400);
    for register in 0..3 {
        script.ask(&pdu::write_register(100 + register, 250), &pdu::write_register(100 + register, 900));
    }
}

/// Setpoints that the device confirms, and then shows as they were before.
pub(super) fn picture(script: &mut Script) {
    script.pace = Duration::from_millis(400);
    for register in 7_200..7_203 {
        script.ask(&pdu::read(3, register, 1), &pdu::registers(3, &[210]));
        let request = pdu::write_register(register, 900);
        script.ask(&request, &pdu::echo(&request));
        script.ask(&pdu::read(3, register, 1), &pdu::registers(3, &[210]));
    }
}

/// Some polls as always, then the same ones through a machine in between.
pub(super) fn between(script: &mut Script) {
    script.pace = Duration::from_millis(400);
    let poll = |script: &mut Script| script.ask(&pdu::read(3, 0, 4), &pdu::registers(3, &[210; 4]));
    (0..3).for_each(|_| poll(script));
    script.steps.push(Step::Relay);
    (0..3).for_each(|_| poll(script));
}

/// A web client, then a TLS client.
pub(super) fn foreign(script: &mut Script) {
    let http = b"GET / HTTP/1.1\r\nHost: 10.20.0.1\r\n\r\n".to_vec();
    script.steps.push(Step::Foreign(Side::Client, http));
    script.wait(Duration::from_millis(20));
    script.steps.push(Step::Foreign(Side::Server, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec()));
    script.wait(Duration::from_millis(20));
    script.connect(0);
    let mut hello = vec![22, 3, 1, 0, 49, 1, 0, 0, 45, 3, 3];
    hello.extend((0..32).map(|_| script.rng.bits() as u8));
    hello.extend_from_slice(&[0, 0, 4, 0x13, 1, 0x13, 2, 1, 0, 0, 0]);
    script.steps.push(Step::Foreign(Side::Client, hello));
    script.wait(Duration::from_millis(20));
}
