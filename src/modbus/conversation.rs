//! One conversation: its two streams, the requests that are open in it, and what it answered last.

use super::framing::Stream;
use super::pace::Pace;
use super::pending::Open;
use super::{Flags, Pdu};
use crate::net::{Carrier, Direction, Flow};
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// What is known of one conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    /// The bytes from client to server.
    pub(super) to_server: Stream,
    /// The bytes from server to client.
    pub(super) to_client: Stream,
    /// What was said.
    pub(super) dialogue: Dialogue,
}

/// What was said in one conversation.
#[derive(Debug)]
pub(super) struct Dialogue {
    /// The conversation.
    pub(super) flow: Flow,
    /// The requests that may still be answered.
    pub(super) open: Open,
    /// Oddities of the bytes that the next query and the next answer will carry.
    pub(super) odd: [Flags; 2],
    /// The latest answers.
    pub(super) recent: Recent,
    /// How long answers take.
    pub(super) pace: Pace,
    /// Whether it was said that this is not Modbus.
    pub(super) foreign: bool,
    /// Whether the capture holds packets of the server: else silence says nothing.
    pub(super) heard_server: bool,
    /// By direction, who speaks: said where it was new.
    pub(super) introduced: [Speaker; 2],
    /// Which units were told to listen only, if any ever was.
    pub(super) listening: Option<Box<Units>>,
}

/// The hardware address that an end spoke from, in one number that is quick to make and compare; 0 before it spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Speaker(u64);

impl Speaker {
    /// Who sent a frame. Where the link layer has no addresses all are one.
    #[inline]
    pub(super) fn of(carrier: &Carrier) -> Self {
        let [a, b, c, d, e, f] = carrier.mac.map_or([0; 6], |mac| mac.src);
        Self(u64::from_le_bytes([a, b, c, d, e, f, 1, 0]))
    }
}

/// A set of units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Units([u64; 4]);

impl Units {
    /// Adds a unit, or takes it out.
    pub(super) fn set(&mut self, unit_id: u8, is_in: bool) {
        let bit = 1 << (unit_id & 63);
        if let Some(word) = self.0.get_mut(usize::from(unit_id >> 6)) {
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// Whether a unit is in it.
    pub(super) fn has(&self, unit_id: u8) -> bool {
        self.0.get(usize::from(unit_id >> 6)).is_some_and(|word| word >> (unit_id & 63) & 1 != 0)
    }
}

impl Conversation {
    /// One that just began, or that is under way where no handshake was seen.
    pub(super) fn new(flow: &Flow, handshake: bool) -> Self {
        Self {
            to_server: Stream::new(handshake),
            to_client: Stream::new(handshake),
            dialogue: Dialogue {
                flow: *flow,
                open: Open::default(),
                odd: [Flags::NONE; 2],
                recent: Recent::default(),
                pace: Pace::default(),
                foreign: false,
                heard_server: false,
                introduced: [Speaker::default(); 2],
                listening: None,
            },
        }
    }

    /// The stream of that direction, and what was said.
    pub(super) const fn split(&mut self, direction: Direction) -> (&mut Stream, &mut Dialogue) {
        match direction {
            Direction::ToServer => (&mut self.to_server, &mut self.dialogue),
            Direction::ToClient => (&mut self.to_client, &mut self.dialogue),
        }
    }
}

/// The fingerprints of a conversation's latest matched answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent {
    prints: [u64; RECENT],
    next: u8,
}

/// A copy follows its original closely; more than this many answers later it counts as unsolicited.
const RECENT: usize = 8;

impl Recent {
    /// Remembers an answer by its [`fingerprint`], in place of the oldest.
    pub(super) fn note(&mut self, fingerprint: u64) {
        if let Some(print) = self.prints.get_mut(usize::from(self.next) % RECENT) {
            *print = fingerprint;
        }
        self.next = self.next.wrapping_add(1);
    }

    /// Whether the answer was given before.
    pub(super) fn holds(&self, fingerprint: u64) -> bool {
        self.prints.contains(&fingerprint)
    }
}

/// A number that equal answers share, and different ones as good as never.
pub(super) fn fingerprint(answer: &Pdu<'_>) -> u64 {
    let Pdu { mbap, function_code, data } = *answer;
    let mut hasher = FxHasher::default();
    hasher.write_u64(u64::from(mbap.trans_id) << 32 | u64::from(mbap.unit_id) << 8 | u64::from(function_code));
    hasher.write(data);
    // 0 is what an unused place holds.
    hasher.finish() | 1
}
