//! ADUs and PDUs as bytes. Nothing is checked: a fixture must be able to say what no device should.
//!
//! Section numbers refer to the MODBUS Application Protocol Specification V1.1b3 (2012).

/// An ADU: MBAP header with the length that fits, and `pdu`.
#[must_use]
pub fn adu(trans_id: u16, unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let length = (pdu.len() + 1) as u16;
    adu_with(trans_id, 0, length, unit_id, pdu)
}

/// An ADU with any protocol identifier and length.
#[must_use]
pub fn adu_with(trans_id: u16, prot_id: u16, length: u16, unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(7 + pdu.len());
    for word in [trans_id, prot_id, length] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.push(unit_id);
    bytes.extend_from_slice(pdu);
    bytes
}

/// An RTU frame (MODBUS over Serial Line V1.02, 2.5.1.2): unit, PDU, CRC with its low byte first.
#[must_use]
pub fn rtu(unit_id: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = [&[unit_id], pdu].concat();
    let crc = frame.iter().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 0 { crc >> 1 } else { crc >> 1 ^ 0xA001 })
    });
    frame.extend(crc.to_le_bytes());
    frame
}

/// A function code and 16-bit words: queries 1 to 6, 8, 22, 24, most answers to writes.
#[must_use]
pub fn words(function: u8, words: &[u16]) -> Vec<u8> {
    let mut pdu = vec![function];
    push_words(&mut pdu, words);
    pdu
}

/// Queries 1 to 4 (6.1 to 6.4).
#[must_use]
pub fn read(function: u8, address: u16, quantity: u16) -> Vec<u8> {
    words(function, &[address, quantity])
}

/// Responses 3, 4, 23.
#[must_use]
pub fn registers(function: u8, values: &[u16]) -> Vec<u8> {
    let mut pdu = vec![function, (2 * values.len()) as u8];
    push_words(&mut pdu, values);
    pdu
}

/// Responses 1, 2: bits, least significant first.
#[must_use]
pub fn bits(function: u8, values: &[bool]) -> Vec<u8> {
    let packed = pack(values);
    let mut pdu = vec![function, packed.len() as u8];
    pdu.extend_from_slice(&packed);
    pdu
}

/// Query and response 5 (6.5).
#[must_use]
pub fn write_coil(address: u16, on: bool) -> Vec<u8> {
    words(5, &[address, if on { 0xFF00 } else { 0 }])
}

/// Query and response 6 (6.6).
#[must_use]
pub fn write_register(address: u16, value: u16) -> Vec<u8> {
    words(6, &[address, value])
}

/// Query 15 (6.11).
#[must_use]
pub fn write_coils(address: u16, values: &[bool]) -> Vec<u8> {
    let packed = pack(values);
    let mut pdu = words(15, &[address, values.len() as u16]);
    pdu.push(packed.len() as u8);
    pdu.extend_from_slice(&packed);
    pdu
}

/// Query 16 (6.12).
#[must_use]
pub fn write_registers(address: u16, values: &[u16]) -> Vec<u8> {
    let mut pdu = words(16, &[address, values.len() as u16]);
    pdu.push((2 * values.len()) as u8);
    push_words(&mut pdu, values);
    pdu
}

/// Query 23 (6.17).
#[must_use]
pub fn read_write(read_address: u16, read_quantity: u16, write_address: u16, values: &[u16]) -> Vec<u8> {
    let mut pdu = words(23, &[read_address, read_quantity, write_address, values.len() as u16]);
    pdu.push((2 * values.len()) as u8);
    push_words(&mut pdu, values);
    pdu
}

/// Query 43/14 (6.21): `code` 1 basic, 2 regular, 3 extended, 4 one object.
#[must_use]
pub fn device_id(code: u8, object: u8) -> Vec<u8> {
    vec![43, 14, code, object]
}

/// Response 43/14 with everything in one answer.
#[must_use]
pub fn device_id_answer(code: u8, objects: &[(u8, &str)]) -> Vec<u8> {
    let mut pdu = vec![43, 14, code, code, 0, 0, objects.len() as u8];
    for (id, value) in objects {
        pdu.extend_from_slice(&[*id, value.len() as u8]);
        pdu.extend_from_slice(value.as_bytes());
    }
    pdu
}

/// Response 17 (6.13) as many devices shape it: the id, then the run indicator.
#[must_use]
pub fn server_id_answer(id: &str) -> Vec<u8> {
    let mut pdu = vec![17, (id.len() + 1) as u8];
    pdu.extend_from_slice(id.as_bytes());
    pdu.push(0xFF);
    pdu
}

/// An exception answer (7).
#[must_use]
pub fn exception(function: u8, code: u8) -> Vec<u8> {
    vec![function | 0x80, code]
}

/// The answer that repeats address and quantity (or value) of its request: 5, 6, 15, 16.
#[must_use]
pub fn echo(request: &[u8]) -> Vec<u8> {
    request.iter().copied().take(5).collect()
}

/// One register for each character, as the article's controller takes its passphrase.
#[must_use]
pub fn text(text: &str) -> Vec<u16> {
    text.bytes().map(u16::from).collect()
}

fn push_words(pdu: &mut Vec<u8>, words: &[u16]) {
    pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

fn pack(values: &[bool]) -> Vec<u8> {
    values.chunks(8).map(|byte| byte.iter().rev().fold(0, |bits, &on| bits << 1 | u8::from(on))).collect()
}
