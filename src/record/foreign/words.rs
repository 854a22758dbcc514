//! The words that Zeek has for function codes and exceptions (`base/protocols/modbus/consts.zeek`).

/// A function that Zeek has no word for: `unknown-66`.
const UNKNOWN: &str = "unknown-";
/// What follows the function's word in a refusal.
const REFUSED: &str = "_EXCEPTION";

const FUNCTIONS: [(u8, &str); 33] = [
    (1, "READ_COILS"),
    (2, "READ_DISCRETE_INPUTS"),
    (3, "READ_HOLDING_REGISTERS"),
    (4, "READ_INPUT_REGISTERS"),
    (5, "WRITE_SINGLE_COIL"),
    (6, "WRITE_SINGLE_REGISTER"),
    (7, "READ_EXCEPTION_STATUS"),
    (8, "DIAGNOSTICS"),
    (9, "PROGRAM_484"),
    (10, "POLL_484"),
    (11, "GET_COMM_EVENT_COUNTER"),
    (12, "GET_COMM_EVENT_LOG"),
    (13, "PROGRAM_584_984"),
    (14, "POLL_584_984"),
    (15, "WRITE_MULTIPLE_COILS"),
    (16, "WRITE_MULTIPLE_REGISTERS"),
    (17, "REPORT_SLAVE_ID"),
    (18, "PROGRAM_884_U84"),
    (19, "RESET_COMM_LINK_884_U84"),
    (20, "READ_FILE_RECORD"),
    (21, "WRITE_FILE_RECORD"),
    (22, "MASK_WRITE_REGISTER"),
    (23, "READ_WRITE_MULTIPLE_REGISTERS"),
    (24, "READ_FIFO_QUEUE"),
    (40, "PROGRAM_CONCEPT"),
    (41, "MULTIPLE_FUNCTION_CODES"),
    (43, "ENCAP_INTERFACE_TRANSPORT"),
    (90, "PROGRAM_UNITY"),
    (91, "OBJECT_MESSAGING"),
    (125, "FIRMWARE_REPLACEMENT"),
    (126, "PROGRAM_584_984_2"),
    (127, "REPORT_LOCAL_ADDRESS"),
    (43, "ENCAPSULATED_INTERFACE_TRANSPORT"),
];

const EXCEPTIONS: [(u8, &str); 11] = [
    (1, "ILLEGAL_FUNCTION"),
    (2, "ILLEGAL_DATA_ADDRESS"),
    (3, "ILLEGAL_DATA_VALUE"),
    (4, "SLAVE_DEVICE_FAILURE"),
    (5, "ACKNOWLEDGE"),
    (6, "SLAVE_DEVICE_BUSY"),
    (7, "NEGATIVE_ACKNOWLEDGE"),
    (8, "MEMORY_PARITY_ERROR"),
    (10, "GATEWAY_PATH_UNAVAILABLE"),
    (11, "GATEWAY_TARGET_DEVICE_FAILED_TO_RESPOND"),
    (4, "SERVER_DEVICE_FAILURE"),
];

fn find(words: &[(u8, &str)], text: &str) -> Option<u8> {
    let known = words.iter().find(|(_, word)| *word == text).map(|(code, _)| *code);
    known.or_else(|| text.strip_prefix(UNKNOWN)?.parse().ok()).or_else(|| text.parse().ok())
}

/// A function code, exception bit included, by its word or number.
pub(super) fn function(text: &str) -> Option<u8> {
    const EXCEPTION_BIT: u8 = 0x80;
    match text.strip_suffix(REFUSED) {
        Some(refused) => find(&FUNCTIONS, refused).map(|code| code | EXCEPTION_BIT),
        None => find(&FUNCTIONS, text),
    }
}

/// An exception code by its word or number.
pub(super) fn exception(text: &str) -> Option<u8> {
    find(&EXCEPTIONS, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_codes() {
        assert_eq!(function("READ_COILS"), Some(1));
        assert_eq!(function("WRITE_MULTIPLE_REGISTERS_EXCEPTION"), Some(0x90));
        assert_eq!(function("unknown-66"), Some(66));
        assert_eq!(function("unknown-66_EXCEPTION"), Some(0xC2));
        assert_eq!(function("144"), Some(144));
        assert_eq!(function("READ_NOTHING"), None);
        assert_eq!(exception("ILLEGAL_DATA_ADDRESS"), Some(2));
        assert_eq!(exception("unknown-99"), Some(99));
        assert_eq!(exception(""), None);
    }
}
