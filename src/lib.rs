//! sigmabus watches Modbus traffic and finds attacks in it.
//!
//! Captured packets are decoded into flat records, Sigma rules are evaluated on them, threat scores add up over
//! sliding windows and raise alerts. Data flows one way, through rooms that name only rooms above them:
//!
//! ```text
//!  bytes                                                          rules/*.yml
//!    |  fill                                                          |  parse, lower   (at load)
//!  capture   Frame      link-layer bytes with a capture time       sigma    Ruleset
//!    |  push                                                          |  compile
//!  net       Chunk      ordered bytes of one conversation, or a gap   |
//!    |  push                                                          |
//!  modbus    Message    one ADU, decoded, joined to its request       |
//!    |  flatten                                                       v
//!  record    Record     flat, typed facts  ------- matches ------>  detect   Finding
//!                                                                     |  add
//!                       bytes out  <- write - sink <- alert <- raise - score    Threat
//! ```
//!
//! [`time`] is what all of them agree on: capture time, never the wall clock. [`pipeline`] knows who calls whom, and
//! [`cli`] what the operator asked.
//!
//! # One frame down every arrow
//!
//! ```
//! use sigmabus::capture::{Batch, LinkType};
//! use sigmabus::detect::{Machine, Scratch};
//! use sigmabus::modbus::{self, Pairing};
//! use sigmabus::net::{self, Net, Packet};
//! use sigmabus::record::json::write_json;
//! use sigmabus::record::{Record, Slots};
//! use sigmabus::sigma::{self, Options, SourceText};
//! use sigmabus::time::Timestamp;
//!
//! // A rule, from text to a machine.
//! let rule = "
//! title: Force listen only mode
//! logsource: {product: modbus, category: ics}
//! detection:
//!   selection: {modbus.kind: query, modbus.function: 8, modbus.sub_function: 4}
//!   condition: selection
//! level: high
//! ";
//! let loaded = sigma::load([SourceText::new("rule.yml", rule.as_bytes())], &Options::default());
//! let mut slots = Slots::new();
//! let machine = Machine::compile(&loaded.ruleset.rules, &mut slots).expect("a small rule");
//!
//! // A frame: Ethernet, IPv4, TCP to port 502, and in it diagnostics (8), force listen only (4).
//! let hex = "020000000002 020000000001 0800
//!            4500 0034 0001 4000 40 06 0000 c0000201 c0000202
//!            9c40 01f6 00000001 00000001 50 18 ffff 0000 0000
//!            0007 0000 0006 11 08 0004 0000";
//! let digits: String = hex.split_whitespace().collect();
//! let bytes: Vec<u8> =
//!     (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex")).collect();
//! let mut batch = Batch::new();
//! batch.restart(1);
//! batch.push(Timestamp::from_parts(1_700_000_000, 0), LinkType::Ethernet, bytes.len() as u32, &bytes);
//!
//! // Frame -> chunk -> message -> record -> the rules it satisfies.
//! let mut net = Net::new(&net::Config::default());
//! let mut pairing = Pairing::new(&modbus::Config::default());
//! let mut scratch = Scratch::new();
//! let mut titles = Vec::new();
//! let mut json = Vec::new();
//! for frame in batch.frames() {
//!     net.push(&Packet::parse(&frame), &mut |chunk| {
//!         pairing.push(&chunk, &mut |message| {
//!             let arena = bumpalo::Bump::new();
//!             let record = Record::new(message, &slots, &arena);
//!             for rule in machine.matches(&record, &mut scratch) {
//!                 titles.push(loaded.ruleset.rules[rule.0 as usize].meta.title.to_string());
//!             }
//!             write_json(&record, &mut json);
//!         });
//!     });
//! }
//! assert_eq!(titles, ["Force listen only mode"]);
//! let json = String::from_utf8(json).expect("JSON is UTF-8");
//! assert!(json.contains(r#""modbus.function_code":"Diagnostics (08)""#), "{json}");
//! ```

pub mod alert;
pub mod capture;
pub mod cli;
pub mod detect;
pub mod modbus;
pub mod net;
pub mod pipeline;
pub mod record;
pub mod score;
pub mod sigma;
pub mod sink;
pub mod time;
