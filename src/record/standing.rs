//! Parts of lines that stay the same: of all that one end of a conversation sends, and of all uses of a function.

use super::Record;
use super::json::write_group;
use super::schema::Group;
use crate::modbus::function::{ENCAPSULATED_INTERFACE_TRANSPORT, EXCEPTION_BIT};
use crate::modbus::{Access, Category, Framing, Kind, Message};
use crate::net::{Direction, MacPair};

/// How many senders are remembered, each in the place that its conversation's serial gives it. About 1.5 MB when all
/// are in use.
pub(super) const SENDERS: usize = 2048;

/// The function whose sub-functions have categories of their own (Annex A).
const DIAGNOSTICS: u8 = 8;

/// The fields that stay the same while one end of a conversation goes on sending: those of [`Group::Ends`] and
/// [`Group::Roles`].
#[derive(Default)]
pub(super) struct Senders(Vec<Sender>);

#[derive(Clone, Default)]
struct Sender {
    of: Option<Frames>,
    text: Vec<u8>,
}

/// What the fields of a sender are made of.
#[derive(Clone, Copy, PartialEq)]
struct Frames {
    /// Its serial, which no other has.
    conversation: u64,
    direction: Direction,
    framing: Framing,
    mac: Option<MacPair>,
    vlan: [u16; 2],
    tcp_flags: u8,
}

impl Senders {
    /// The fields of a record.
    #[inline]
    pub(super) fn text(&mut self, record: &Record<'_>) -> &[u8] {
        let frames = Frames::of(record);
        let place = (frames.conversation as usize * 2 + frames.direction as usize) % SENDERS;
        if self.0.is_empty() {
            self.0.resize_with(SENDERS, Sender::default);
        }
        let Some(sender) = self.0.get_mut(place) else { return &[] };
        if sender.of != Some(frames) {
            sender.of = Some(frames);
            sender.learn(record);
        }
        &sender.text
    }
}

impl Sender {
    #[cold]
    fn learn(&mut self, record: &Record<'_>) {
        self.text.clear();
        write_group(record, Group::Ends, &mut self.text);
        write_group(record, Group::Roles, &mut self.text);
    }
}

impl Frames {
    #[inline]
    fn of(record: &Record<'_>) -> Self {
        let message = record.message();
        Self {
            conversation: message.flow.serial,
            direction: message.direction,
            framing: message.framing,
            mac: message.carrier.mac,
            vlan: message.carrier.vlan,
            tcp_flags: message.carrier.tcp_flags,
        }
    }
}

/// The fields of [`Group::Function`], by function code on the wire, access and category; empty where none was seen.
#[derive(Default)]
pub(super) struct Functions(Vec<Vec<u8>>);

impl Functions {
    /// The fields of a record; `None` for a status, which has none of its own.
    #[inline]
    pub(super) fn text(&mut self, record: &Record<'_>) -> Option<&[u8]> {
        let message = record.message();
        if message.kind == Kind::Status {
            return None;
        }
        if self.0.is_empty() {
            self.0.resize((1 + Access::ALL.len() * Category::ALL.len()) << 8, Vec::new());
        }
        let text = self.0.get_mut(meaning(message) << 8 | usize::from(message.function_code))?;
        if text.is_empty() {
            write_group(record, Group::Function, text);
        }
        Some(text)
    }
}

/// What tells uses of one function apart: access and category. Those of most functions hang on their code alone, and all
/// uses are one.
#[inline]
fn meaning(message: &Message<'_>) -> usize {
    let is_plain =
        |function_code: u8| !matches!(function_code & !EXCEPTION_BIT, DIAGNOSTICS | ENCAPSULATED_INTERFACE_TRANSPORT);
    if is_plain(message.function_code) && message.request.is_none_or(|request| is_plain(request.function_code)) {
        return 0;
    }
    1 + message.access() as usize * Category::ALL.len() + message.category() as usize
}
