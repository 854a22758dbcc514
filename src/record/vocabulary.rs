//! The closed sets of texts.

use super::{Vocabulary, baseline};
use crate::modbus::{Access, Category, Flag, Framing, Kind, Reason, Status, Table, function};
use std::sync::LazyLock;

/// Field `type`: every native record has the one word.
pub static TYPE: Vocabulary = Vocabulary { name: "record type", words: &["record"] };

/// Field `modbus.kind`, in the order of [`Kind`].
pub static KIND: Vocabulary = Vocabulary { name: "kind", words: &KIND_WORDS };

/// Field `modbus.status`, in the order of [`Status`].
pub static STATUS: Vocabulary = Vocabulary { name: "status", words: &STATUS_WORDS };

/// Field `modbus.reason`, in the order of [`Reason`].
pub static REASON: Vocabulary = Vocabulary { name: "reason", words: &REASON_WORDS };

/// Field `modbus.framing`, in the order of [`Framing`].
pub static FRAMING: Vocabulary = Vocabulary { name: "framing", words: &FRAMING_WORDS };

/// Switch positions: single coils and run indicators.
pub static SWITCH: Vocabulary = Vocabulary { name: "switch position", words: &["OFF", "ON"] };

/// Field `write.outcome`: what became of a write, in the order query, response, exception, timeout.
pub static OUTCOME: Vocabulary =
    Vocabulary { name: "outcome", words: &["attempted", "confirmed", "refused", "unanswered"] };

/// Field `modbus.flags`, in bit order.
pub static FLAGS: Vocabulary = Vocabulary { name: "flag", words: &FLAG_WORDS };

/// Field `baseline.new`, in the order of [`baseline::Kind`].
pub static NEW: Vocabulary = Vocabulary { name: "new thing", words: &NEW_WORDS };

/// Field `tcp.flag`: the word is the flag byte. NXLog's and Wireshark's form: `[PSH, ACK]`.
pub static TCP_FLAG: Vocabulary = Vocabulary { name: "TCP flags", words: &TCP_FLAG_WORDS };

/// A vocabulary that takes its texts from the function table.
type Labels = LazyLock<Vocabulary>;

/// Field `modbus.function_code`: the word is the function code on the wire.
pub fn function_code() -> &'static Vocabulary {
    static LABELS: Labels = LazyLock::new(|| labels("function code", function::function_code_texts()));
    &LABELS
}

/// Field `modbus.exc_code`: the word is the exception code.
pub fn exception() -> &'static Vocabulary {
    static LABELS: Labels = LazyLock::new(|| labels("exception code", function::exception_texts()));
    &LABELS
}

/// Field `modbus.diagnostic`: the word is the sub-function.
pub fn diagnostic() -> &'static Vocabulary {
    static LABELS: Labels = LazyLock::new(|| labels("diagnostics sub-function", function::diagnostics_texts()));
    &LABELS
}

fn labels(name: &'static str, words: &'static [&'static str]) -> Vocabulary {
    Vocabulary { name, words }
}

/// Field `modbus.category`, in the order of [`Category`].
pub static CATEGORY: Vocabulary = Vocabulary { name: "category", words: &CATEGORY_WORDS };

/// Field `modbus.access`, in the order of [`Access`].
pub static ACCESS: Vocabulary = Vocabulary { name: "access", words: &ACCESS_WORDS };

/// Field `modbus.table`, in the order of [`Table`].
pub static TABLE: Vocabulary = Vocabulary { name: "table", words: &TABLE_WORDS };

/// The word for a table.
#[must_use]
pub fn table(table: crate::modbus::Table) -> &'static str {
    TABLE_WORDS.get(table as usize).copied().unwrap_or_default()
}

/// The second halves of a table of pairs.
macro_rules! seconds {
    ($table:expr) => {{
        let mut words = [""; $table.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = $table[at].1;
            at += 1;
        }
        words
    }};
}

static KIND_WORDS: [&str; Kind::ALL.len()] = seconds!(Kind::ALL);
static STATUS_WORDS: [&str; Status::ALL.len()] = seconds!(Status::ALL);
static REASON_WORDS: [&str; Reason::ALL.len()] = seconds!(Reason::ALL);
static FRAMING_WORDS: [&str; Framing::ALL.len()] = seconds!(Framing::ALL);
static CATEGORY_WORDS: [&str; Category::ALL.len()] = seconds!(Category::ALL);
static ACCESS_WORDS: [&str; Access::ALL.len()] = seconds!(Access::ALL);
static TABLE_WORDS: [&str; Table::ALL.len()] = seconds!(Table::ALL);
static NEW_WORDS: [&str; baseline::Kind::ALL.len()] = seconds!(baseline::Kind::ALL);
static FLAG_WORDS: [&str; Flag::ALL.len()] = seconds!(Flag::ALL);

/// The names of the bits of the TCP flag byte from the low bit up.
const TCP_FLAG_NAMES: [&[u8]; 8] = [b"FIN", b"SYN", b"RST", b"PSH", b"ACK", b"URG", b"ECE", b"CWR"];

/// Eight names of three letters, seven times `, ` and the brackets.
const TCP_FLAG_MAX: usize = 8 * 3 + 7 * 2 + 2;

static TCP_FLAG_TEXTS: [([u8; TCP_FLAG_MAX], usize); 256] = {
    let mut texts = [([0; TCP_FLAG_MAX], 0); 256];
    let mut byte = 0;
    while byte < 256 {
        texts[byte] = tcp_flag_text(byte);
        byte += 1;
    }
    texts
};

static TCP_FLAG_WORDS: [&str; 256] = {
    let mut words = [""; 256];
    let mut byte = 0;
    while byte < 256 {
        let (text, length) = &TCP_FLAG_TEXTS[byte];
        words[byte] = match std::str::from_utf8(text.split_at(*length).0) {
            Ok(word) => word,
            Err(_) => "",
        };
        byte += 1;
    }
    words
};

const fn tcp_flag_text(byte: usize) -> ([u8; TCP_FLAG_MAX], usize) {
    let mut text = [0; TCP_FLAG_MAX];
    text[0] = b'[';
    let mut length = 1;
    let mut bit = 0;
    while bit < TCP_FLAG_NAMES.len() {
        if byte >> bit & 1 == 1 {
            if length > 1 {
                text[length] = b',';
                text[length + 1] = b' ';
                length += 2;
            }
            let mut letter = 0;
            while letter < 3 {
                text[length] = TCP_FLAG_NAMES[bit][letter];
                length += 1;
                letter += 1;
            }
        }
        bit += 1;
    }
    text[length] = b']';
    (text, length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_flags_read_as_in_other_tools() {
        for (byte, text) in [
            (0x00, "[]"),
            (0x02, "[SYN]"),
            (0x10, "[ACK]"),
            (0x18, "[PSH, ACK]"),
            (0x11, "[FIN, ACK]"),
            (0xFF, "[FIN, SYN, RST, PSH, ACK, URG, ECE, CWR]"),
        ] {
            assert_eq!(TCP_FLAG.words[byte], text);
        }
    }
}
