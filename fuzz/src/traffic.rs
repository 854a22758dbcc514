//! Frames, streams and messages.

use bumpalo::Bump;
use sigmabus::capture::{Batch, LinkType};
use sigmabus::cli::rule_files;
use sigmabus::detect::{Machine, Scratch};
use sigmabus::modbus::{self, Message, Pairing};
use sigmabus::net::{self, Carrier, Endpoint, Flow, Net, Packet, Transport};
use sigmabus::record::json::write_json;
use sigmabus::record::{LogPlan, LogRecord, Record, Slots, schema};
use sigmabus::sigma::{self, Options};
use sigmabus::time::Timestamp;
use std::sync::LazyLock;

/// The built-in rules, compiled, and a plan that keeps every field of ours.
static RULES: LazyLock<(Machine, Slots, LogPlan)> = LazyLock::new(|| {
    let rules = sigma::load(rule_files::builtin(), &Options::default()).ruleset.rules;
    let mut slots = Slots::new();
    let machine = Machine::compile(&rules, &mut slots).expect("the built-in rules");
    for field in schema::all() {
        slots.want(field.name());
    }
    let plan = LogPlan::new(&slots, false);
    (machine, slots, plan)
});

/// The built-in rules, asked about every message.
#[derive(Default)]
pub struct Judge {
    scratch: Scratch,
    json: Vec<u8>,
}

impl Judge {
    /// A message is one line of JSON, and a rule finds in that line what it finds in the message.
    pub fn hear(&mut self, message: &Message<'_>) {
        let (machine, slots, plan) = &*RULES;
        let arena = Bump::new();
        let record = Record::new(message, slots, &arena);
        let found = machine.matches(&record, &mut self.scratch).to_vec();
        assert_eq!(machine.matches_alike(&record, &mut self.scratch), found);
        self.json.clear();
        write_json(&record, &mut self.json);
        let line = String::from_utf8_lossy(&self.json);
        assert!(!line.contains('\n') && serde_json::from_str::<serde::de::IgnoredAny>(&line).is_ok(), "{line}");
        let read = LogRecord::read(&self.json, plan, &arena).expect("our own line");
        assert_eq!(machine.matches(&read, &mut self.scratch), found, "{line}");
    }
}

/// Frames, through all rooms.
pub struct Road {
    net: Net,
    pairing: Pairing,
    judge: Judge,
}

impl Default for Road {
    fn default() -> Self {
        Self {
            net: Net::new(&net::Config::default()),
            pairing: Pairing::new(&modbus::Config::default()),
            judge: Judge::default(),
        }
    }
}

impl Road {
    /// Takes the frames of a batch.
    pub fn take(&mut self, batch: &Batch) {
        let Self { net, pairing, judge } = self;
        for frame in batch.frames() {
            net.push(&Packet::parse(&frame), &mut |chunk| pairing.push(&chunk, &mut |message| judge.hear(message)));
        }
    }

    /// The input ends.
    pub fn end(mut self) {
        let Self { net, pairing, judge } = &mut self;
        net.finish(Timestamp::MAX, &mut |chunk| pairing.push(&chunk, &mut |message| judge.hear(message)));
        pairing.expire(Timestamp::MAX, &mut |message| judge.hear(message));
    }
}

/// Cuts bytes into pieces: each begins with its length, two bytes of which the upper five bits are left for the caller.
pub fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let ([high, low], rest) = bytes.split_first_chunk()?;
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(high & 7) << 8 | usize::from(*low)));
        bytes = rest;
        Some((high >> 3, piece))
    })
}

/// The link types that are read, by number.
pub fn link(number: u8) -> LinkType {
    const LINKS: [u16; 8] = [1, 0, 101, 108, 113, 228, 229, 276];
    LinkType::from_value(LINKS[usize::from(number) % LINKS.len()])
}

/// A connection to port 502.
pub fn flow() -> Flow {
    let end = |host: u8, port| Endpoint { ip: [192, 0, 2, host].into(), port };
    Flow { slot: 0, serial: 1, transport: Transport::Tcp, client: end(1, 40_000), server: end(2, 502) }
}

/// The frame of this number, a second after the one before.
pub fn carrier(frame: u64) -> Carrier {
    let time = Timestamp::from_parts(1_700_000_000 + frame as i64, 0);
    Carrier { input: 0, frame, time, mac: None, vlan: [0xFFFF; 2], tcp_flags: 0x18 }
}
