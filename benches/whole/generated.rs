//! Rules and log lines that are generated, the same on every machine, so that nothing must be fetched to measure.

use super::generator::prng::Rng;
use std::fmt::Write as _;
use std::io::{self, Write};

/// How many words command lines are made of.
const WORDS: u32 = 3_000;

/// Numeric rules for Modbus, as an engineer would write them for a plant: who may touch which registers of which unit.
/// Few of them find anything.
#[must_use]
pub fn numeric_rules(count: u32) -> Vec<String> {
    let mut random = Rng::new(1_000);
    let rule = |number| {
        let address = random.between(0, 2_500);
        let to = address + random.between(0, 20);
        let unit = random.between(1, 247);
        let function =
            random.weighted(&[(4, 3), (2, 4), (1, 1), (1, 2), (3, 6), (3, 16), (1, 5), (1, 15), (1, 23)], 22);
        let own = match number % 4 {
            0 => format!("modbus.kind: exception\n    modbus.exc: {}", random.between(1, 11)),
            1 => {
                let [high, low] = random.between(0, 0x03FF).to_be_bytes();
                format!("modbus.server|cidr: 10.20.{high}.{}/28", low & 0xF0)
            }
            2 => format!("modbus.client|cidr: 10.{}.0.0/16", random.between(8, 12)),
            _ => format!("modbus.quantity|gt: {}", random.between(100, 125)),
        };
        format!(
            "title: Numeric {number}\nlogsource: {{product: modbus, category: ics}}\nlevel: low\ndetection:\n  selection:\n    \
             modbus.function: {function}\n    modbus.unit_id: {unit}\n    modbus.address|gte: {address}\n    \
             modbus.address|lte: {to}\n    {own}\n  condition: selection\n"
        )
    };
    (0..count).map(rule).collect()
}

/// A word of three syllables.
fn word(number: u32) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va"];
    let [high, middle, low] = [number >> 8, number >> 4, number].map(|number| SYLLABLES[(number & 0xF) as usize]);
    format!("{high}{middle}{low}")
}

/// A word, the low ones much more often.
fn some_word(random: &mut Rng) -> String {
    let end = random.below(WORDS) + 1;
    word(random.below(end))
}

/// Rules for what processes were started, as those of the public corpora are built: ends of paths, words of command
/// lines, and exceptions.
#[must_use]
pub fn text_rules(count: u32) -> Vec<String> {
    let mut random = Rng::new(2_000);
    let rule = |number| {
        let mut rare = || word(WORDS / 2 + random.below(WORDS / 2));
        let [image, first, second, third, user] = std::array::from_fn(|_| rare());
        let selection = match number % 4 {
            0 => format!("Image|endswith: '\\{image}.exe'\n    CommandLine|contains: '{first}'"),
            1 => format!("CommandLine|contains|all: ['{first}', ' -{second}']"),
            2 => format!(
                "Image|endswith: ['\\{image}.exe', '\\{third}.exe']\n    CommandLine|contains: ['{first} ', '{second}']"
            ),
            _ => format!("ParentImage|endswith: '\\{image}.exe'\n    CommandLine|re: '(?i){first}[ -]+{second}'"),
        };
        format!(
            "title: Process {number}\nlogsource: {{product: windows, category: process_creation}}\nlevel: medium\ndetection:\n  \
             selection:\n    {selection}\n  filter:\n    User|contains: '{user}'\n  condition: selection and not filter\n"
        )
    };
    (0..count).map(rule).collect()
}

/// Writes log lines of so many started processes.
///
/// # Errors
/// What `out` says.
pub fn events(out: &mut dyn Write, count: u32) -> io::Result<()> {
    let mut random = Rng::new(3_000);
    for number in 0..count {
        let [image, parent, user, folder] = std::array::from_fn(|_| some_word(&mut random));
        let mut command = String::new();
        for place in 0..random.between(3, 30) {
            let _ = write!(command, "{}{}", if place % 3 == 1 { " -" } else { " " }, some_word(&mut random));
        }
        let (second, minute) = (number % 60, number / 60 % 60);
        writeln!(
            out,
            "{{\"EventTime\":\"2026-01-05T08:{minute:02}:{second:02}Z\",\"EventID\":1,\"Image\":\"C:\\\\{folder}\\\\{image}.exe\",\
             \"CommandLine\":\"C:\\\\{folder}\\\\{image}.exe{command}\",\"ParentImage\":\"C:\\\\Windows\\\\{parent}.exe\",\
             \"User\":\"PLANT\\\\{user}\",\"IntegrityLevel\":\"Medium\",\"ProcessId\":{},\"product\":\"windows\",\
             \"category\":\"process_creation\"}}",
            random.below(65_536)
        )?;
    }
    Ok(())
}
