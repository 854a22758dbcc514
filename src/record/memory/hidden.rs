//! What must not be seen of a message.

use super::words;
use crate::modbus::{Body, Function, Message, Request, Table};
use crate::record::data::Data;
use crate::record::maps::{MapId, Maps};
use crate::record::veil::{self, Veil};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// The secrets of one device.
#[derive(Clone, Copy)]
pub(super) struct Secrets<'m> {
    pub(super) maps: &'m Maps,
    pub(super) map: MapId,
}

impl Secrets<'_> {
    /// Those in the values and bytes of a message.
    pub(super) fn of_message<'a>(self, message: &Message<'a>, arena: &'a Bump) -> Veil<'a> {
        let table = message.function().table;
        if !self.maps.has_secrets_in(self.map, table) {
            return &[];
        }
        let body = message.body;
        let data = Data::new(message.function_code, &body, message.values(), arena);
        let words = data.list().map_or(&[][..], |list| words(list, usize::MAX, arena));
        let asked = message.request.filter(|request| request.function_code == message.function_code);
        match body {
            Body::Opaque(bytes)
            | Body::CutShort { data: bytes, .. }
            // These reach into the same memory, by names and numbers of their own.
            | Body::Umas { data: bytes, .. }
            | Body::CanOpen { data: bytes }
            | Body::Mei { data: bytes, .. } => self.whole(table, bytes, arena),
            Body::Bits { .. } | Body::Registers { .. } => match asked.and_then(|request| request.body.address()) {
                Some(first) => veil::of(self.maps, self.map, (table, first), words, arena),
                None => veil::whole(self.maps, self.map, table, words, arena),
            },
            Body::FifoResponse { .. } => match asked.and_then(|request| request.body.address()) {
                Some(pointer) if !self.maps.is_secret(self.map, Table::HoldingRegisters, pointer) => &[],
                _ => veil::whole(self.maps, self.map, table, words, arena),
            },
            Body::ReadFileResponse { .. } => self.of_files(asked.map(|request| request.body), body, arena),
            _ => self.of_written(table, body, words, arena),
        }
    }

    /// Those in what a request wrote.
    pub(super) fn of_request<'a>(self, request: Option<Request<'a>>, arena: &'a Bump) -> Veil<'a> {
        let Some(Request { function_code, body, .. }) = request else { return &[] };
        let table = Function::of(function_code).table;
        if !self.maps.has_secrets_in(self.map, table) {
            return &[];
        }
        let data = Data::new(function_code, &body, body.values(function_code), arena);
        let words = data.list().map_or(&[][..], |list| words(list, usize::MAX, arena));
        self.of_written(table, body, words, arena)
    }

    /// Those in what a PDU writes.
    fn of_written<'a>(self, table: Table, body: Body<'_>, words: &[u16], arena: &'a Bump) -> Veil<'a> {
        let Self { maps, map } = self;
        match body {
            Body::WriteSingle { address, .. } | Body::WriteMultiple { address, .. } => {
                veil::of(maps, map, (table, address), words, arena)
            }
            Body::ReadWriteQuery { write_address, .. } => veil::of(maps, map, (table, write_address), words, arena),
            // The masks are as good as the value.
            Body::MaskWrite { address, and_mask, or_mask } if maps.is_secret(map, table, address) => {
                veil::whole(maps, map, table, &[and_mask, or_mask], arena)
            }
            Body::WriteFile { .. } => self.of_files(Some(body), body, arena),
            _ => &[],
        }
    }

    /// All records of `body` if one of the files that `naming` names is secret, or if nobody saw which they are.
    fn of_files<'a>(self, naming: Option<Body<'_>>, body: Body<'_>, arena: &'a Bump) -> Veil<'a> {
        let mut places = naming.into_iter().flat_map(|body| body.file_groups()).filter_map(|group| group.place);
        if naming.is_some() && !places.any(|(file, _)| self.maps.is_secret_file(self.map, file)) {
            return &[];
        }
        let mut bytes = BumpVec::new_in(arena);
        body.file_groups().for_each(|group| bytes.extend_from_slice(group.data));
        self.whole(Table::File, &bytes, arena)
    }

    fn whole<'a>(self, table: Table, bytes: &[u8], arena: &'a Bump) -> Veil<'a> {
        let mut words = BumpVec::with_capacity_in(bytes.len(), arena);
        words.extend(bytes.iter().map(|byte| u16::from(*byte)));
        veil::whole(self.maps, self.map, table, &words, arena)
    }
}
