//! Chunks in, messages out: framing, decoding, and the joining of answers to their requests.

use super::blocks::Blocks;
use super::conversation::{Conversation, Dialogue};
use super::counters::Counters;
use super::framing;
use super::join::{Config, Join, Passage};
use super::pending::Stage;
use super::{Flag, Flags, Framing, Message, Pdu, Reason, Status};
use crate::net::{Carrier, Chunk, Closing, Direction, Event, Flow};
use crate::time::Timestamp;

/// The most requests that one shard may have open: a sixteenth of 131,072.
pub const OPEN_PER_SHARD: usize = 8_192;
/// How many timeouts one call of [`Pairing::expire`] gives at most; the others come with the next ones, with the time
/// when they fell due. So a flood of requests is no flood of records at one moment.
pub const TIMEOUTS_PER_TICK: usize = 256;
/// The most conversations that one shard can hold; flow slots are small, so this only meets a broken caller.
pub const CONVERSATIONS_PER_SHARD: u32 = 1 << 20;
/// The conversations of one shard: bytes to messages.
#[derive(Debug)]
pub struct Pairing {
    /// By flow slot.
    conversations: Vec<Option<Conversation>>,
    tails: Blocks,
    join: Join,
}

impl Pairing {
    /// A shard that saw nothing yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { conversations: Vec::new(), tails: Blocks::default(), join: Join::new(config) }
    }

    /// Takes what happened to a conversation and gives the messages that it completed.
    pub fn push(&mut self, chunk: &Chunk<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        let Chunk { flow, direction, carrier, event } = *chunk;
        let framing = Framing::of(flow.transport);
        let passage = Passage { flow, direction, carrier, framing, cut: Flag::Truncated };
        self.close_other(passage, sink);
        match event {
            Event::Open { handshake } => self.open(passage, handshake, sink),
            Event::Close(closing) => self.close(passage, closing, sink),
            Event::BothEnds => {
                let Self { conversations, join, .. } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                conversation.dialogue.heard_server = true;
            }
            Event::Data { bytes, conflict, truncated } => {
                let Self { conversations, tails, join } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                let (stream, dialogue) = conversation.split(direction);
                if conflict {
                    dialogue.odd[direction as usize].set(Flag::RetransmitConflict);
                }
                if let Some((mbap, [function_code, data @ ..])) = stream.one_adu(bytes) {
                    join.plain(dialogue, &passage, Pdu { mbap, function_code: *function_code, data }, sink);
                } else {
                    stream.push(direction, bytes, truncated, tails, &mut |piece| {
                        join.piece(dialogue, &passage, piece, sink);
                    });
                }
            }
            Event::Datagram { bytes, truncated } => {
                let Self { conversations, join, .. } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                let dialogue = &mut conversation.dialogue;
                let cut = if truncated { Flag::Truncated } else { Flag::LengthMismatch };
                let passage = Passage { cut, ..passage };
                framing::datagram(bytes, &mut |piece| join.piece(dialogue, &passage, piece, sink));
            }
            Event::Gap { cut } => {
                let Self { conversations, tails, join } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                let (stream, dialogue) = conversation.split(direction);
                join.counters.skipped_bytes += stream.gap(tails) as u64;
                dialogue.odd[direction as usize].set(Flag::AfterGap);
                // That a snap length cut a message is told by the message.
                if !cut {
                    join.tell(passage, Status::Gap, None, sink);
                }
            }
        }
        self.make_room();
    }

    /// Takes one PDU that somebody else framed, as a line of a stored log holds it, and joins it.
    pub fn push_pdu(
        &mut self,
        flow: &Flow,
        direction: Direction,
        carrier: &Carrier,
        pdu: Pdu<'_>,
        sink: &mut impl FnMut(&Message<'_>),
    ) {
        let framing = Framing::of(flow.transport);
        let passage = Passage { flow, direction, carrier, framing, cut: Flag::Truncated };
        self.close_other(passage, sink);
        let Self { conversations, join, .. } = self;
        let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
        join.adu(&mut conversation.dialogue, &passage, pdu, Flags::NONE, sink);
        self.make_room();
    }

    /// Gives a timeout for each request whose time is out at `now`, up to [`TIMEOUTS_PER_TICK`], and forgets what is too
    /// old for a late answer.
    pub fn expire(&mut self, now: Timestamp, sink: &mut impl FnMut(&Message<'_>)) {
        let Self { conversations, join, .. } = self;
        let Config { timeout, remember } = join.config;
        for _ in 0..TIMEOUTS_PER_TICK {
            let Some(id) = join.pending.oldest(Stage::Waiting) else { break };
            let request = join.pending.request(id);
            let far_ahead = request.time() > now.plus(remember);
            if request.time().plus(timeout) > now && !far_ahead {
                break;
            }
            let Some(dialogue) = dialogue(conversations, request.slot) else { break };
            if far_ahead {
                // Its clock was wrong: waiting for it would hold up all behind it.
                join.drop_request(dialogue, id);
                join.counters.evicted += 1;
            } else {
                join.time_out(dialogue, id, None, sink);
                join.pending.remember(&mut dialogue.open, id);
            }
        }
        while let Some(id) = join.pending.oldest(Stage::Remembered) {
            let request = join.pending.request(id);
            if request.time().plus(remember) > now && request.time() <= now.plus(remember) {
                break;
            }
            let Some(dialogue) = dialogue(conversations, request.slot) else { break };
            join.drop_request(dialogue, id);
        }
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.join.counters
    }

    fn open(&mut self, passage: Passage<'_>, handshake: bool, sink: &mut impl FnMut(&Message<'_>)) {
        self.close(passage, Closing::Reused, sink);
        let Self { conversations, join, .. } = self;
        let Some(conversation) = place(conversations, passage.flow, &mut join.counters) else { return };
        *conversation = Conversation::new(passage.flow, handshake);
        let reason = if handshake { Reason::Handshake } else { Reason::MidStream };
        join.connection(passage, Status::ConnectionOpen, reason, sink);
    }

    /// Drops the shard's oldest requests while there are too many.
    fn make_room(&mut self) {
        let Self { conversations, join, .. } = self;
        while join.pending.count() > OPEN_PER_SHARD {
            let (id, counter) = match join.pending.oldest(Stage::Remembered) {
                Some(id) => (id, &mut join.counters.forgotten_early),
                None => match join.pending.oldest(Stage::Waiting) {
                    Some(id) => (id, &mut join.counters.evicted),
                    None => return,
                },
            };
            *counter += 1;
            let Some(dialogue) = dialogue(conversations, join.pending.request(id).slot) else { return };
            join.drop_request(dialogue, id);
        }
    }

    /// Ends the conversation at the flow's slot if it is another one, whose end was not told.
    #[inline(always)]
    fn close_other(&mut self, passage: Passage<'_>, sink: &mut impl FnMut(&Message<'_>)) {
        if let Some(Some(there)) = self.conversations.get(passage.flow.slot as usize)
            && there.dialogue.flow.serial != passage.flow.serial
        {
            self.close(passage, Closing::Evicted, sink);
        }
    }

    /// Ends whatever conversation stands at the flow's slot.
    #[inline(never)]
    fn close(&mut self, passage: Passage<'_>, closing: Closing, sink: &mut impl FnMut(&Message<'_>)) {
        let Some(place) = self.conversations.get_mut(passage.flow.slot as usize) else { return };
        let Some(mut conversation) = place.take() else { return };
        for stream in [&mut conversation.to_server, &mut conversation.to_client] {
            self.join.counters.skipped_bytes += stream.gap(&mut self.tails) as u64;
        }
        let dialogue = &mut conversation.dialogue;
        self.join.hang_up(dialogue, closing.into(), passage.carrier.time, sink);
        if closing != Closing::End {
            let passage = Passage { flow: &dialogue.flow, ..passage };
            self.join.connection(passage, Status::ConnectionClose, closing.into(), sink);
        }
    }
}

/// The conversation of `flow`, begun without a handshake if it was not opened.
#[inline(always)]
fn place<'a>(
    conversations: &'a mut Vec<Option<Conversation>>,
    flow: &Flow,
    counters: &mut Counters,
) -> Option<&'a mut Conversation> {
    let slot = flow.slot as usize;
    if !matches!(conversations.get(slot), Some(Some(_))) {
        begin(conversations, flow, counters)?;
    }
    conversations.get_mut(slot)?.as_mut()
}

/// Begins a conversation where none stands.
#[cold]
fn begin(conversations: &mut Vec<Option<Conversation>>, flow: &Flow, counters: &mut Counters) -> Option<()> {
    let slot = flow.slot as usize;
    if slot >= conversations.len() {
        if flow.slot >= CONVERSATIONS_PER_SHARD {
            counters.unplaced += 1;
            return None;
        }
        conversations.resize_with(slot + 1, || None);
    }
    *conversations.get_mut(slot)? = Some(Conversation::new(flow, false));
    Some(())
}

/// What was said in the conversation at `slot`.
fn dialogue(conversations: &mut [Option<Conversation>], slot: u32) -> Option<&mut Dialogue> {
    conversations.get_mut(slot as usize)?.as_mut().map(|conversation| &mut conversation.dialogue)
}

#[cfg(test)]
mod tests {
    use super::super::plant::{Plant, Said, adu, flow};
    use super::super::{Kind, OPEN_PER_CONVERSATION};
    use super::*;
    use crate::net::Transport;
    use proptest::prelude::*;

    const READ: [u8; 5] = [3, 0, 0x6B, 0, 3];
    const READ_ANSWER: [u8; 8] = [3, 6, 2, 0x2B, 0, 0, 0, 0x64];

    fn data(bytes: &[u8]) -> Event<'_> {
        Event::Data { bytes, conflict: false, truncated: false }
    }

    #[test]
    fn a_frame_numbers_the_messages_that_it_completes() {
        let mut plant = Plant::new();
        plant.bytes(Direction::ToServer, &[adu(1, 1, &READ), adu(2, 1, &READ), adu(3, 1, &READ)].concat());
        plant.bytes(Direction::ToClient, &adu(2, 1, &READ_ANSWER));
        let places: Vec<_> = plant.said.iter().map(|said| (said.frame, said.index, said.trans_id)).collect();
        assert_eq!(places, [(1, 0, 1), (1, 1, 2), (1, 2, 3), (2, 0, 2)]);
        assert_eq!(plant.said[3].request, Some((1, Some(0x6B))));
    }

    #[test]
    fn an_adu_belongs_to_the_frame_that_completed_it() {
        let mut plant = Plant::new();
        let bytes = adu(1, 1, &READ);
        plant.bytes(Direction::ToServer, &bytes[..3]);
        plant.bytes(Direction::ToServer, &bytes[3..]);
        assert_eq!((plant.said.len(), plant.said[0].frame), (1, 2));
    }

    #[test]
    fn oddities_of_bytes_are_told_by_the_next_message() {
        let mut plant = Plant::new();
        let bytes = adu(1, 1, &READ);
        plant.bytes(Direction::ToServer, &bytes[..5]);
        plant.event(&flow(0), Direction::ToServer, Event::Gap { cut: false });
        plant.bytes(Direction::ToServer, &adu(2, 1, &READ));
        let two = [adu(3, 1, &READ), adu(4, 1, &READ)].concat();
        plant.event(&flow(0), Direction::ToServer, Event::Data { bytes: &two, conflict: true, truncated: false });
        let flags: Vec<_> = plant.said.iter().map(|said| (said.trans_id, said.flags.clone())).collect();
        assert_eq!(flags, [(2, vec!["after_gap"]), (3, vec!["retransmit_conflict"]), (4, vec![])]);
        assert_eq!(plant.count("skipped_bytes"), 5);
    }

    #[test]
    fn a_cut_message_is_truncated_and_nothing_worse() {
        let mut plant = Plant::new();
        let write = adu(1, 1, &[16, 0, 31, 0, 2, 4, 0, 0x61, 0, 0x62]);
        let event = Event::Data { bytes: &write[..14], conflict: false, truncated: true };
        plant.event(&flow(0), Direction::ToServer, event);
        assert_eq!(plant.said[0].flags, ["truncated"]);
        assert_eq!(plant.count("cut"), 1);
        let event = Event::Datagram { bytes: &write[..14], truncated: false };
        plant.event(&flow(1), Direction::ToServer, event);
        assert_eq!(plant.said[1].flags, ["length_mismatch", "byte_count_mismatch"]);
    }

    #[test]
    fn another_protocol_is_told_once_a_connection() {
        let mut plant = Plant::new();
        for _ in 0..3 {
            plant.bytes(Direction::ToServer, b"GET / HTTP/1.1\r\n\r\n");
            plant.bytes(Direction::ToClient, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
        assert_eq!(plant.said.len(), 1);
        assert_eq!((plant.said[0].kind, &plant.said[0].flags), (Kind::Status, &vec!["not_modbus"]));
        assert!(plant.said[0].data.starts_with(b"GET /"));
        plant.bytes(Direction::ToServer, &adu(1, 1, &READ));
        assert_eq!((plant.said[1].kind, plant.said[1].trans_id), (Kind::Query, 1));
    }

    #[test]
    fn a_bad_length_is_a_status_and_the_next_adu_is_read() {
        let mut plant = Plant::new();
        plant.bytes(Direction::ToServer, &[0, 4, 0, 0, 0xFF, 0xFF, 1, 3, 0, 0x6B, 0, 3]);
        plant.bytes(Direction::ToServer, &adu(104, 1, &READ));
        let status = &plant.said[0];
        assert_eq!((status.kind, status.trans_id, status.function_code), (Kind::Status, 4, 3));
        assert_eq!(status.flags, ["length_mismatch"]);
        assert_eq!((plant.said[1].trans_id, plant.said[1].flags.len()), (104, 0));
    }

    #[test]
    fn one_adu_of_another_protocol_does_not_blind_the_rest() {
        let mut plant = Plant::new();
        plant.bytes(Direction::ToServer, &adu(1, 1, &READ));
        let mut odd = adu(2, 1, &READ);
        odd[3] = 1;
        plant.bytes(Direction::ToServer, &[odd, adu(3, 1, &READ)].concat());
        let flags: Vec<_> = plant.said.iter().map(|said| (said.trans_id, said.flags.clone())).collect();
        assert_eq!(flags, [(1, vec![]), (2, vec!["not_modbus"]), (3, vec![])]);
    }

    #[test]
    fn a_slot_used_again_is_another_conversation() {
        let mut plant = Plant::new();
        plant.query(1, 1, &READ);
        plant.bytes(Direction::ToServer, &adu(2, 1, &READ)[..5]);
        let other = Flow { serial: 99, ..flow(0) };
        plant.event(&other, Direction::ToClient, data(&adu(1, 1, &READ_ANSWER)));
        assert_eq!(plant.said.last().unwrap().flags, ["unsolicited"]);
        assert_eq!(plant.count("hung_up"), 1);
    }

    #[test]
    fn two_conversations_do_not_answer_each_other() {
        let mut plant = Plant::new();
        plant.query(1, 1, &READ);
        plant.event(&flow(1), Direction::ToServer, Event::Open { handshake: true });
        plant.event(&flow(1), Direction::ToClient, data(&adu(1, 1, &READ_ANSWER)));
        assert_eq!(plant.said.last().unwrap().flags, ["unsolicited"]);
        assert!(plant.answer(1, 1, &READ_ANSWER).flags.is_empty());
    }

    #[test]
    fn a_shard_holds_so_many_open_requests_and_drops_the_oldest() {
        let mut plant = Plant::new();
        let conversations = OPEN_PER_SHARD as u32 / OPEN_PER_CONVERSATION + 1;
        for slot in 0..conversations {
            plant.event(&flow(slot), Direction::ToServer, Event::Open { handshake: true });
            for trans_id in 0..OPEN_PER_CONVERSATION as u16 {
                plant.event(&flow(slot), Direction::ToServer, data(&adu(trans_id, 1, &READ)));
            }
        }
        assert_eq!(plant.count("evicted"), u64::from(OPEN_PER_CONVERSATION));
        assert_eq!(plant.answer(0, 1, &READ_ANSWER).flags, ["unsolicited"]);
        let far = flow(CONVERSATIONS_PER_SHARD);
        plant.event(&far, Direction::ToServer, data(&adu(1, 1, &READ)));
        assert_eq!(plant.count("unplaced"), 1);
    }

    #[test]
    fn a_flood_of_requests_falls_due_in_portions_and_in_order() {
        let mut plant = Plant::new();
        let many = TIMEOUTS_PER_TICK as u16 * 2 + 1;
        for trans_id in 0..many {
            plant.query(trans_id, 1, &READ);
        }
        let asked = plant.said.len();
        plant.wait(31);
        let told: Vec<_> = (0..4)
            .map(|_| {
                plant.expire();
                plant.said.len() - asked
            })
            .collect();
        assert_eq!(told, [TIMEOUTS_PER_TICK, 2 * TIMEOUTS_PER_TICK, many.into(), many.into()]);
        let timeouts = plant.said.get(asked..).unwrap();
        assert!(timeouts.iter().zip(0..).all(|(said, trans_id)| said.trans_id == trans_id));
        assert!(timeouts.is_sorted_by_key(|said| said.time));
    }

    #[test]
    fn a_clock_far_ahead_holds_up_nobody() {
        let mut plant = Plant::new();
        let start = plant.now;
        plant.now = Timestamp::from_parts(4_000_000_000, 0);
        plant.query(1, 1, &READ);
        plant.now = start;
        plant.query(2, 1, &READ);
        plant.wait(31);
        plant.expire();
        let timeouts: Vec<_> =
            plant.said.iter().filter(|said| said.kind == Kind::Timeout).map(|said| said.trans_id).collect();
        assert_eq!(timeouts, [2]);
        assert_eq!(plant.count("evicted"), 1);
    }

    #[test]
    fn a_pdu_that_somebody_else_framed_is_joined_too() {
        let mut plant = Plant::new();
        let asked = plant.query(1, 1, &READ);
        let carrier = Carrier { input: 0, frame: 77, time: plant.now, mac: None, vlan: [0xFFFF; 2], tcp_flags: 0 };
        let mbap = framing::header(&adu(1, 1, &READ_ANSWER)).unwrap();
        let pdu = Pdu { mbap, function_code: 3, data: &READ_ANSWER[1..] };
        let mut found = None;
        plant.pairing.push_pdu(&flow(0), Direction::ToClient, &carrier, pdu, &mut |message| {
            found = message.request.map(|request| request.frame);
        });
        assert_eq!(found, Some(asked));
    }

    /// One packet with a payload, or one that opens a connection.
    struct Packet {
        to_server: bool,
        client_port: u16,
        transport: Transport,
        syn: bool,
        payload: Vec<u8>,
    }

    /// The packets of a little-endian Ethernet capture whose lower layers are plain.
    fn packets(capture: &[u8]) -> Vec<Packet> {
        let (mut rest, mut packets) = (&capture[24..], Vec::new());
        while !rest.is_empty() {
            let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            let ip = &rest[16 + 14..16 + len];
            rest = &rest[16 + len..];
            let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
            let segment = &ip[usize::from(ip[0] & 15) * 4..total];
            let port = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
            let to_server = port(2) == 502;
            let (transport, head, syn) = match ip[9] {
                6 => (Transport::Tcp, usize::from(segment[12] >> 4) * 4, segment[13] & 2 != 0),
                _ => (Transport::Udp, 8, false),
            };
            let client_port = if to_server { port(0) } else { port(2) };
            packets.push(Packet { to_server, client_port, transport, syn, payload: segment[head..].to_vec() });
        }
        packets
    }

    /// Frame, whether it is a query, transaction and PDU.
    type Line = (u64, bool, u16, String);

    fn lines_of(capture: &[u8]) -> Vec<Line> {
        let mut plant = Plant::new();
        let mut ports = Vec::new();
        for packet in packets(capture) {
            let known = ports.iter().position(|port| *port == packet.client_port);
            let slot = known.unwrap_or(ports.len());
            let flow = flow(slot as u32 + 1);
            let direction = if packet.to_server { Direction::ToServer } else { Direction::ToClient };
            let first = known.is_none();
            if first {
                ports.push(packet.client_port);
            }
            let bytes = packet.payload.as_slice();
            plant.event(
                &flow,
                direction,
                match packet.transport {
                    _ if first && packet.syn => Event::Open { handshake: true },
                    Transport::Tcp => data(bytes),
                    Transport::Udp => Event::Datagram { bytes, truncated: false },
                },
            );
        }
        let adus = plant.said.iter().filter(|said| !matches!(said.kind, Kind::Status | Kind::Timeout));
        adus.map(|said| {
            let hex =
                said.data.iter().fold(format!("{:02x}", said.function_code), |hex, byte| format!("{hex}{byte:02x}"));
            (said.frame, said.kind == Kind::Query, said.trans_id, hex)
        })
        .collect()
    }

    #[test]
    fn edge_captures_give_every_adu_that_they_hold() {
        let edge = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures/edge");
        for name in [
            "plain",
            "split_in_mbap",
            "midstream_half_adu",
            "limits",
            "matching",
            "pipelined",
            "udp502",
            "exceptions",
            "user_and_reserved_functions",
            "all_functions",
            "diagnostics",
            "bad_lengths",
        ] {
            let (Ok(capture), Ok(expected)) =
                (std::fs::read(format!("{edge}/{name}.pcap")), std::fs::read(format!("{edge}/{name}.expected.json")))
            else {
                eprintln!("skipped: no capture {name}");
                continue;
            };
            let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
            let expected: Vec<Line> = expected["adus"]
                .as_array()
                .unwrap()
                .iter()
                .map(|adu| {
                    let number = |key: &str| adu[key].as_u64().unwrap();
                    let pdu = adu["pdu"].as_str().unwrap().to_owned();
                    (number("frame"), adu["kind"] == "query", number("tid") as u16, pdu)
                })
                .collect();
            let mut lines = lines_of(&capture);
            if name == "bad_lengths" {
                // Its last two connections hold ADUs whose length is one off, which are read as far as they go.
                let last: Vec<_> = lines.split_off(expected.len()).into_iter().map(|line| (line.0, line.2)).collect();
                assert_eq!(last, [(32, 5), (33, 105), (38, 6), (38, 106)]);
            }
            assert_eq!(lines, expected, "{name}");
        }
    }

    /// A dialogue of queries and answers, many of which do not fit.
    fn dialogue() -> impl Strategy<Value = Vec<(bool, u16, u8, Vec<u8>, i64)>> {
        let pdu = prop_oneof![
            Just(READ.to_vec()),
            Just(READ_ANSWER.to_vec()),
            Just(vec![0x83, 2]),
            Just(vec![6, 0, 1, 0, 1]),
            proptest::collection::vec(any::<u8>(), 1..40),
        ];
        proptest::collection::vec(
            (any::<bool>(), 0u16..4, 0u8..3, pdu, prop_oneof![9 => Just(0i64), 1 => 0i64..90]),
            0..60,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn ticks_of_the_clock_do_not_change_what_is_said(dialogue in dialogue()) {
            let run = |ticking: bool| {
                let mut plant = Plant::new();
                for (asks, trans_id, unit_id, pdu, pause) in &dialogue {
                    plant.wait(*pause);
                    if ticking {
                        plant.expire();
                    }
                    let direction = if *asks { Direction::ToServer } else { Direction::ToClient };
                    plant.bytes(direction, &adu(*trans_id, *unit_id, pdu));
                }
                plant.wait(1_000);
                plant.expire();
                let key = |said: &Said| (said.frame, said.index, said.time);
                plant.said.sort_by_key(key);
                prop_assert_eq!(plant.count("queries") + plant.count("responses") + plant.count("exceptions"), dialogue.len() as u64);
                Ok(plant.said)
            };
            prop_assert_eq!(run(true)?, run(false)?);
        }

        #[test]
        fn every_answer_is_matched_or_stray_and_every_request_ends_once(dialogue in dialogue()) {
            let mut plant = Plant::new();
            for (asks, trans_id, unit_id, pdu, pause) in &dialogue {
                plant.wait(*pause);
                let direction = if *asks { Direction::ToServer } else { Direction::ToClient };
                plant.bytes(direction, &adu(*trans_id, *unit_id, pdu));
            }
            let answers = plant.count("responses") + plant.count("exceptions");
            prop_assert_eq!(plant.count("matched") + plant.count("unsolicited") + plant.count("duplicates"), answers);
            let mut asked = plant.said.iter().filter(|said| matches!(said.kind, Kind::Response | Kind::Exception));
            let mut frames: Vec<_> = asked.by_ref().filter_map(Said::asked_in).collect();
            frames.sort_unstable();
            let all = frames.len();
            frames.dedup();
            prop_assert_eq!(frames.len(), all, "no request is answered twice");
        }
    }
}
