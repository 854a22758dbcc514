//! Attacks that change the process.

use super::super::pdu;
use super::{Script, Step};
use std::time::Duration;

/// The article's controller: its passphrase goes to register 31, one register for each character.
const PASSPHRASE: u16 = 31;

/// Eight wrong passphrases, the right one, then the high threshold. The controller answers as unit 10.
pub(super) fn logins(script: &mut Script) {
    script.unit = 10;
    script.pace = Duration::from_millis(700);
    for guess in ["abcdef", "123456", "qwerty", "passwd", "letmein", "operator", "admin123", "welcome1"] {
        script.ask(&pdu::write_registers(PASSPHRASE, &pdu::text(guess)), &pdu::exception(16, 2));
    }
    confirmed(script, &pdu::write_registers(PASSPHRASE, &pdu::text("ab@dp@ssword1234")));
    confirmed(script, &pdu::write_register(1, 950));
}

/// Thresholds and alert mode of the controller without a login.
pub(super) fn thresholds(script: &mut Script) {
    script.unit = 10;
    script.pace = Duration::from_millis(300);
    confirmed(script, &pdu::write_register(0, 0));
    confirmed(script, &pdu::write_register(1, 999));
    confirmed(script, &pdu::write_register(2, 0));
}

/// 600 writes to 200 coils, 2 ms apart.
pub(super) fn coils(script: &mut Script) {
    script.pace = Duration::from_millis(2);
    for turn in 0..600 {
        confirmed(script, &pdu::write_coil(turn % 200, turn % 2 == 1));
    }
}

/// Zeros into 40 registers ten at a time, then 64 coils off at once.
pub(super) fn zeros(script: &mut Script) {
    for block in 0..4 {
        confirmed(script, &pdu::write_registers(100 + 10 * block, &[0; 10]));
    }
    confirmed(script, &pdu::write_coils(0, &[false; 64]));
}

/// One setpoint to its ends and back.
pub(super) fn toggle(script: &mut Script) {
    script.pace = Duration::from_millis(50);
    for turn in 0..50 {
        confirmed(script, &pdu::write_register(100, if turn % 2 == 0 { 0 } else { u16::MAX }));
    }
}

/// Function 3, then 6 and 16 on holding registers in the range of heating controllers, then away.
pub(super) fn frosty(script: &mut Script) {
    script.pace = Duration::from_millis(300);
    script.ask(&pdu::read(3, 53_370, 10), &pdu::registers(3, &[210; 10]));
    for offset in 0..8 {
        confirmed(script, &pdu::write_register(53_882 + offset, 0));
    }
    confirmed(script, &pdu::write_registers(53_894, &[0; 4]));
}

/// Writes that every unit behind a gateway obeys and none answers.
pub(super) fn broadcast(script: &mut Script) {
    script.unit = 0;
    for register in 0..5 {
        script.ask_in_vain(&pdu::write_register(100 + register, 0));
    }
}

/// One bit of each of eight control words.
pub(super) fn masks(script: &mut Script) {
    for word in 0..8 {
        let request = pdu::words(22, &[400 + word, !1, 0]);
        script.ask(&request, &request);
    }
}

/// A message through spare registers, one character in each, read back piece by piece.
pub(super) fn text(script: &mut Script) {
    script.pace = Duration::from_secs(2);
    for piece in ["meet me at the ", "north gate, 6pm", "bring the keys."] {
        let characters = pdu::text(piece);
        confirmed(script, &pdu::write_registers(9_000, &characters));
        script.ask(&pdu::read(3, 9_000, characters.len() as u16), &pdu::registers(3, &characters));
    }
}

/// A setpoint as the master writes it, and at once as somebody else wants it.
pub(super) fn contend(script: &mut Script) {
    const SETPOINT: u16 = 7_100;
    script.pace = Duration::from_millis(300);
    script.ask(&pdu::read(3, SETPOINT, 1), &pdu::registers(3, &[250]));
    script.steps.push(Step::Master);
    confirmed(script, &pdu::write_register(SETPOINT, 250));
    script.connect(0);
    confirmed(script, &pdu::write_register(SETPOINT, 900));
}

/// A look and a write from afar.
pub(super) fn stranger(script: &mut Script) {
    script.pace = Duration::from_millis(180);
    for block in 0..4 {
        script.ask(&pdu::read(3, 10 * block, 10), &pdu::registers(3, &[7; 10]));
    }
    confirmed(script, &pdu::write_register(0, 1));
}

/// A write that the device confirms.
fn confirmed(script: &mut Script, request: &[u8]) {
    script.ask(request, &pdu::echo(request));
}
