//! Chunks in, messages out: framing, decoding, and the joining of answers to their requests.

use super::blocks::Blocks;
use super::conversation::{Conversation, Dialogue};
use super::counters::Counters;
use super::framing;
use super::join::{Config, Join, Passage};
use super::pending::Stage;
use super::{Flag, Flags, Message, Pdu};
use crate::net::{Carrier, Chunk, Direction, Event, Flow};
use crate::time::Timestamp;

/// The most requests that one shard may have open: a sixteenth of 262,144.
pub const OPEN_PER_SHARD: usize = 16_384;
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
        self.close_other(flow);
        match event {
            Event::Open { handshake } => self.open(flow, handshake),
            Event::Close => self.close(flow),
            Event::Data { bytes, conflict, truncated } => {
                let Self { conversations, tails, join } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                let (stream, dialogue) = conversation.split(direction);
                if conflict {
                    dialogue.odd[direction as usize].set(Flag::RetransmitConflict);
                }
                let passage = Passage { flow, direction, carrier, cut: Flag::Truncated };
                stream.push(bytes, truncated, tails, &mut |piece| join.piece(dialogue, passage, piece, sink));
            }
            Event::Datagram { bytes, truncated } => {
                let Self { conversations, join, .. } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                let dialogue = &mut conversation.dialogue;
                let cut = if truncated { Flag::Truncated } else { Flag::LengthMismatch };
                let passage = Passage { flow, direction, carrier, cut };
                framing::datagram(bytes, &mut |piece| join.piece(dialogue, passage, piece, sink));
            }
            Event::Gap => {
                let Self { conversations, tails, join } = self;
                let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
                let (stream, dialogue) = conversation.split(direction);
                join.counters.skipped_bytes += stream.gap(tails) as u64;
                dialogue.odd[direction as usize].set(Flag::AfterGap);
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
        self.close_other(flow);
        let Self { conversations, join, .. } = self;
        let Some(conversation) = place(conversations, flow, &mut join.counters) else { return };
        let passage = Passage { flow, direction, carrier, cut: Flag::Truncated };
        join.adu(&mut conversation.dialogue, passage, pdu, Flags::NONE, sink);
        self.make_room();
    }

    /// Gives a timeout for each request whose time is out at `now`, and forgets what is too old for a late answer.
    pub fn expire(&mut self, now: Timestamp, sink: &mut impl FnMut(&Message<'_>)) {
        let Self { conversations, join, .. } = self;
        let Config { timeout, remember } = join.config;
        while let Some(id) = join.pending.oldest(Stage::Waiting) {
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
                join.time_out(dialogue, id, sink);
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

    fn open(&mut self, flow: &Flow, handshake: bool) {
        self.close(flow);
        if let Some(conversation) = place(&mut self.conversations, flow, &mut self.join.counters) {
            *conversation = Conversation::new(flow, handshake);
        }
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
    fn close_other(&mut self, flow: &Flow) {
        if let Some(Some(there)) = self.conversations.get(flow.slot as usize)
            && there.dialogue.flow.serial != flow.serial
        {
            self.close(flow);
        }
    }

    /// Ends whatever conversation stands at the flow's slot.
    fn close(&mut self, flow: &Flow) {
        let Some(place) = self.conversations.get_mut(flow.slot as usize) else { return };
        let Some(mut conversation) = place.take() else { return };
        for stream in [&mut conversation.to_server, &mut conversation.to_client] {
            self.join.counters.skipped_bytes += stream.gap(&mut self.tails) as u64;
        }
        self.join.hang_up(&mut conversation.dialogue);
    }
}

/// The conversation of `flow`, begun without a handshake if it was not opened.
fn place<'a>(
    conversations: &'a mut Vec<Option<Conversation>>,
    flow: &Flow,
    counters: &mut Counters,
) -> Option<&'a mut Conversation> {
    let slot = flow.slot as usize;
    if slot >= conversations.len() {
        if flow.slot >= CONVERSATIONS_PER_SHARD {
            counters.unplaced += 1;
            return None;
        }
        conversations.resize_with(slot + 1, || None);
    }
    Some(conversations.get_mut(slot)?.get_or_insert_with(|| Conversation::new(flow, false)))
}

/// What was said in the conversation at `slot`.
fn dialogue(conversations: &mut [Option<Conversation>], slot: u32) -> Option<&mut Dialogue> {
    conversations.get_mut(slot as usize)?.as_mut().map(|conversation| &mut conversation.dialogue)
}
