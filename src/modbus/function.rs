//! The function codes: one table, from which every name, label and class of a function comes.

use std::fmt::Write;
use std::sync::LazyLock;

/// Who gave a function code its meaning (Modbus Application Protocol V1.1b3, 5.1 and Annex A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Category {
    /// Defined by the specification.
    Public,
    /// 65 to 72 and 100 to 110: free for anybody.
    User,
    /// Annex A: used by some companies for legacy products.
    Reserved,
    /// Nobody's.
    Unassigned,
    /// Code 0, which no PDU may carry.
    Invalid,
}

/// What a function does to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Access {
    /// Reads data.
    Read,
    /// Changes data.
    Write,
    /// Changes and reads data in one request.
    ReadWrite,
    /// Asks for or changes the state of the device's communication.
    Diagnostic,
    /// Asks what the device is.
    Identification,
    /// Reads or writes files.
    File,
    /// Programs or controls the device as a vendor defines it.
    Program,
    /// Anything else.
    Other,
}

/// Which of the device's tables a function touches (4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Table {
    /// Single bits that can be written.
    Coils,
    /// Single bits that can be read only.
    DiscreteInputs,
    /// 16-bit words that can be written.
    HoldingRegisters,
    /// 16-bit words that can be read only.
    InputRegisters,
    /// File records.
    File,
    /// A first-in-first-out queue of registers.
    Fifo,
    /// None of them.
    None,
}

/// What is known of one function code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The code without its exception bit, 0 to 127.
    pub code: u8,
    /// As the specification or the vendor writes it, `Read Coils`; `Unknown` for a code without a name.
    pub name: &'static str,
    /// The word inside field names: `read_coils`, for functions without a public layout `function_65`.
    pub snake_name: &'static str,
    /// Who gave it its meaning.
    pub category: Category,
    /// What it does to the device. Function 43 depends on its MEI type: see [`super::Message::access`].
    pub access: Access,
    /// Which table it touches.
    pub table: Table,
}

/// Encapsulated Interface Transport, whose MEI type tells what it is (6.19).
pub const ENCAPSULATED_INTERFACE_TRANSPORT: u8 = 43;
/// Schneider's UMAS, which programs and controls Modicon controllers.
pub const UMAS: u8 = 90;
/// The bit that an exception answer adds to the function code (7).
pub const EXCEPTION_BIT: u8 = 0x80;

const fn public(code: u8, name: &'static str, snake_name: &'static str, access: Access, table: Table) -> Function {
    Function { code, name, snake_name, category: Category::Public, access, table }
}

/// A function of a vendor; `category` is by its code, `snake_name` is filled in when the table is built.
const fn vendor(code: u8, name: &'static str, access: Access) -> Function {
    Function { code, name, snake_name: "", category: category(code), access, table: Table::None }
}

/// Every function that has a name.
const NAMED: [Function; 32] = [
    public(1, "Read Coils", "read_coils", Access::Read, Table::Coils),
    public(2, "Read Discrete Inputs", "read_discrete_inputs", Access::Read, Table::DiscreteInputs),
    public(3, "Read Holding Registers", "read_holding_registers", Access::Read, Table::HoldingRegisters),
    public(4, "Read Input Registers", "read_input_registers", Access::Read, Table::InputRegisters),
    public(5, "Write Single Coil", "write_single_coil", Access::Write, Table::Coils),
    public(6, "Write Single Register", "write_single_register", Access::Write, Table::HoldingRegisters),
    public(7, "Read Exception Status", "read_exception_status", Access::Diagnostic, Table::None),
    public(8, "Diagnostics", "diagnostics", Access::Diagnostic, Table::None),
    public(11, "Get Comm Event Counter", "get_comm_event_counter", Access::Diagnostic, Table::None),
    public(12, "Get Comm Event Log", "get_comm_event_log", Access::Diagnostic, Table::None),
    public(15, "Write Multiple Coils", "write_multiple_coils", Access::Write, Table::Coils),
    public(16, "Write Multiple Registers", "write_multiple_registers", Access::Write, Table::HoldingRegisters),
    public(17, "Report Server ID", "report_server_id", Access::Identification, Table::None),
    public(20, "Read File Record", "read_file_record", Access::File, Table::File),
    public(21, "Write File Record", "write_file_record", Access::File, Table::File),
    public(22, "Mask Write Register", "mask_write_register", Access::Write, Table::HoldingRegisters),
    public(
        23,
        "Read/Write Multiple Registers",
        "read_write_multiple_registers",
        Access::ReadWrite,
        Table::HoldingRegisters,
    ),
    public(24, "Read FIFO Queue", "read_fifo_queue", Access::Read, Table::Fifo),
    public(
        ENCAPSULATED_INTERFACE_TRANSPORT,
        "Encapsulated Interface Transport",
        "encapsulated_interface_transport",
        Access::Other,
        Table::None,
    ),
    vendor(9, "Program 484", Access::Program),
    vendor(10, "Poll 484", Access::Program),
    vendor(13, "Program 584/984", Access::Program),
    vendor(14, "Poll 584/984", Access::Program),
    vendor(18, "Program 884/U84", Access::Program),
    vendor(19, "Reset Comm Link 884/U84", Access::Diagnostic),
    vendor(40, "Program Concept", Access::Program),
    vendor(41, "Multiple Function Codes", Access::Program),
    Function { snake_name: "umas", ..vendor(UMAS, "UMAS", Access::Program) },
    vendor(91, "Object Messaging", Access::Other),
    vendor(125, "Firmware Replacement", Access::Program),
    vendor(126, "Program 584/984 (2)", Access::Program),
    vendor(127, "Report Local Address", Access::Identification),
];

/// The category of a code that is not public (5.1, Annex A).
const fn category(code: u8) -> Category {
    match code {
        0 => Category::Invalid,
        65..=72 | 100..=110 => Category::User,
        9 | 10 | 13 | 14 | 41 | 42 | 90 | 91 | 125..=127 => Category::Reserved,
        _ => Category::Unassigned,
    }
}

/// All 128 functions by code.
static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    (0..EXCEPTION_BIT)
        .map(|code| {
            let named = NAMED.iter().find(|function| function.code == code).copied();
            let mut function = named.unwrap_or(vendor(code, UNKNOWN, Access::Other));
            if function.snake_name.is_empty() {
                function.snake_name = format!("function_{code}").leak();
            }
            function
        })
        .collect()
});

impl Function {
    /// The function of a wire code; the exception bit is not looked at.
    #[must_use]
    pub fn of(function_code: u8) -> &'static Self {
        &FUNCTIONS[usize::from(function_code & !EXCEPTION_BIT)]
    }

    /// All 128 of them by code.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &FUNCTIONS
    }
}

impl Category {
    /// Every category, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Public, "public"),
        (Self::User, "user"),
        (Self::Reserved, "reserved"),
        (Self::Unassigned, "unassigned"),
        (Self::Invalid, "invalid"),
    ];
}

impl Access {
    /// Every access, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Read, "read"),
        (Self::Write, "write"),
        (Self::ReadWrite, "read_write"),
        (Self::Diagnostic, "diagnostic"),
        (Self::Identification, "identification"),
        (Self::File, "file"),
        (Self::Program, "program"),
        (Self::Other, "other"),
    ];
}

impl Table {
    /// Every table, in the order of its discriminants, with the name that rules use.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Coils, "coils"),
        (Self::DiscreteInputs, "discrete_inputs"),
        (Self::HoldingRegisters, "holding_registers"),
        (Self::InputRegisters, "input_registers"),
        (Self::File, "file"),
        (Self::Fifo, "fifo"),
        (Self::None, "none"),
    ];
}

/// The name of what has none.
const UNKNOWN: &str = "Unknown";

/// Exception codes (7).
const EXCEPTIONS: [(u8, &str); 10] = [
    (1, "Illegal Function"),
    (2, "Illegal Data Address"),
    (3, "Illegal Data Value"),
    (4, "Server Device Failure"),
    (5, "Acknowledge"),
    (6, "Server Device Busy"),
    // Dropped from the specification with V1.1, still sent by devices.
    (7, "Negative Acknowledge"),
    (8, "Memory Parity Error"),
    (10, "Gateway Path Unavailable"),
    (11, "Gateway Target Device Failed To Respond"),
];

/// Sub-functions of Diagnostics (6.8.1); 21 is legacy Modbus Plus.
const DIAGNOSTICS: [(u8, &str); 16] = [
    (0, "Return Query Data"),
    (1, "Restart Communications Option"),
    (2, "Return Diagnostic Register"),
    (3, "Change ASCII Input Delimiter"),
    (4, "Force Listen Only Mode"),
    (10, "Clear Counters and Diagnostic Register"),
    (11, "Return Bus Message Count"),
    (12, "Return Bus Communication Error Count"),
    (13, "Return Bus Exception Error Count"),
    (14, "Return Server Message Count"),
    (15, "Return Server No Response Count"),
    (16, "Return Server NAK Count"),
    (17, "Return Server Busy Count"),
    (18, "Return Bus Character Overrun Count"),
    (20, "Clear Overrun Counter and Flag"),
    (21, "Get/Clear Modbus Plus Statistics"),
];

/// MEI types of function 43 (6.19).
const MEI_TYPES: [(u8, &str); 2] = [(13, "CANopen General Reference"), (14, "Read Device Identification")];

/// UMAS functions, and the two status bytes that stand in their place in answers; public knowledge, not Schneider's
/// own documents.
const UMAS_FUNCTIONS: [(u8, &str); 28] = [
    (0x01, "Init Communication"),
    (0x02, "Read ID"),
    (0x03, "Read Project Info"),
    (0x04, "Read PLC Info"),
    (0x0A, "Repeat"),
    (0x10, "Take PLC Reservation"),
    (0x11, "Release PLC Reservation"),
    (0x12, "Keep Alive"),
    (0x20, "Read Memory Block"),
    (0x22, "Read Variables"),
    (0x23, "Write Variables"),
    (0x24, "Read Coils and Registers"),
    (0x25, "Write Coils and Registers"),
    (0x30, "Initialize Upload"),
    (0x31, "Upload Block"),
    (0x32, "End Upload"),
    (0x33, "Initialize Download"),
    (0x34, "Download Block"),
    (0x35, "End Download"),
    (0x40, "Start PLC"),
    (0x41, "Stop PLC"),
    (0x50, "Monitor PLC"),
    (0x58, "Check PLC"),
    (0x70, "Read I/O Object"),
    (0x71, "Write I/O Object"),
    (0x73, "Get Module Status"),
    (0xFD, "Error"),
    (0xFE, "OK"),
];

/// A printed text for each of the 256 values of a byte.
type Texts = LazyLock<Vec<&'static str>>;

static FUNCTION_CODE_TEXTS: Texts = LazyLock::new(|| {
    texts(|code, out| {
        let name = Function::of(code).name;
        if code & EXCEPTION_BIT != 0 {
            write!(out, "{name} Error (0x{code:02X})")
        } else if name == UNKNOWN {
            write!(out, "{UNKNOWN} (0x{code:02X})")
        } else {
            write!(out, "{name} ({code:02})")
        }
    })
});
static EXCEPTION_TEXTS: Texts = LazyLock::new(|| decimal(&EXCEPTIONS));
static DIAGNOSTICS_TEXTS: Texts = LazyLock::new(|| decimal(&DIAGNOSTICS));
static MEI_TEXTS: Texts = LazyLock::new(|| decimal(&MEI_TYPES));
static UMAS_TEXTS: Texts =
    LazyLock::new(|| texts(|code, out| write!(out, "{} (0x{code:02X})", name(&UMAS_FUNCTIONS, code))));

/// The label of each wire function code: `Read Coils (01)`, `Read Coils Error (0x81)`, `Unknown (0x63)`. 256 of them.
#[must_use]
pub fn function_code_texts() -> &'static [&'static str] {
    &FUNCTION_CODE_TEXTS
}

/// The label of each exception code: `Illegal Data Address (02)`, `Unknown (99)`. 256 of them.
#[must_use]
pub fn exception_texts() -> &'static [&'static str] {
    &EXCEPTION_TEXTS
}

/// The label of each Diagnostics sub-function up to 255: `Force Listen Only Mode (04)`. 256 of them; all above 21 are
/// unknown.
#[must_use]
pub fn diagnostics_texts() -> &'static [&'static str] {
    &DIAGNOSTICS_TEXTS
}

/// The label of each MEI type: `Read Device Identification (14)`. 256 of them.
#[must_use]
pub fn mei_texts() -> &'static [&'static str] {
    &MEI_TEXTS
}

/// The label of each UMAS function: `Stop PLC (0x41)`. 256 of them.
#[must_use]
pub fn umas_texts() -> &'static [&'static str] {
    &UMAS_TEXTS
}

fn name(names: &[(u8, &'static str)], code: u8) -> &'static str {
    names.iter().find(|(named, _)| *named == code).map_or(UNKNOWN, |(_, name)| name)
}

fn decimal(names: &[(u8, &'static str)]) -> Vec<&'static str> {
    texts(|code, out| write!(out, "{} ({code:02})", name(names, code)))
}

/// The 256 texts that `print` writes. They live as long as the program, like the table they come from.
fn texts(print: impl Fn(u8, &mut String) -> std::fmt::Result) -> Vec<&'static str> {
    (0..=u8::MAX)
        .map(|code| {
            let mut text = String::new();
            // Writing into a string cannot fail.
            let _ = print(code, &mut text);
            &*text.leak()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_as_the_nxlog_article_prints_them() {
        let text = |code: u8| function_code_texts()[usize::from(code)];
        assert_eq!(text(16), "Write Multiple Registers (16)");
        assert_eq!(text(0x90), "Write Multiple Registers Error (0x90)");
        assert_eq!(text(1), "Read Coils (01)");
        assert_eq!(text(99), "Unknown (0x63)");
        assert_eq!(text(0x63 | EXCEPTION_BIT), "Unknown Error (0xE3)");
        assert_eq!(text(90), "UMAS (90)");
        assert_eq!(exception_texts()[2], "Illegal Data Address (02)");
        assert_eq!(exception_texts()[11], "Gateway Target Device Failed To Respond (11)");
        assert_eq!(exception_texts()[0], "Unknown (00)");
        assert_eq!(diagnostics_texts()[4], "Force Listen Only Mode (04)");
        assert_eq!(mei_texts()[14], "Read Device Identification (14)");
        assert_eq!(umas_texts()[0x41], "Stop PLC (0x41)");
    }

    #[test]
    fn every_code_has_a_function_of_its_own() {
        assert_eq!(Function::all().len(), 128);
        for (code, function) in Function::all().iter().enumerate() {
            assert_eq!(usize::from(function.code), code);
            let same_word = Function::all().iter().filter(|other| other.snake_name == function.snake_name);
            assert_eq!(same_word.count(), 1, "{}", function.snake_name);
        }
        assert_eq!(Function::of(0x83), Function::of(3));
    }

    #[test]
    fn the_categories_are_those_of_the_specification() {
        let of = |category| {
            let codes = Function::all().iter().filter(move |function| function.category == category);
            codes.map(|function| function.code).collect::<Vec<_>>()
        };
        assert_eq!(of(Category::Public), [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43]);
        assert_eq!(of(Category::User).len(), 8 + 11);
        assert_eq!(of(Category::Reserved), [9, 10, 13, 14, 41, 42, 90, 91, 125, 126, 127]);
        assert_eq!(of(Category::Invalid), [0]);
        assert_eq!(Function::of(25).snake_name, "function_25");
    }

    #[test]
    fn named_words_stand_in_the_order_of_their_discriminants() {
        assert!(Category::ALL.iter().enumerate().all(|(at, (value, _))| *value as usize == at));
        assert!(Access::ALL.iter().enumerate().all(|(at, (value, _))| *value as usize == at));
        assert!(Table::ALL.iter().enumerate().all(|(at, (value, _))| *value as usize == at));
    }
}
