//! The walk through one line: serde's visitors, which follow the plan's nodes beside the JSON.

use super::LogRecord;
use super::plan::{ELSEWHERE, LeafId, LogPlan, NodeId, ROOT};
use crate::record::{Fact, List, Slot, moment};
use crate::time::Timestamp;
use bumpalo::Bump;
use bumpalo::collections::Vec;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// What was read so far.
pub(super) struct Reader<'a> {
    plan: &'a LogPlan,
    arena: &'a Bump,
    places: &'a mut [u16],
    found: Vec<'a, Fact<'a>>,
    /// Where each of `found` stood.
    origins: Vec<'a, Origin>,
    /// Wanted values inside arrays that are not at their end yet; those of one element stand together.
    pending: Vec<'a, Pending<'a>>,
    /// Where in `pending` the element begins that is being read; none outside of arrays.
    element: Option<usize>,
    values: Vec<'a, Noted<'a>>,
    /// The best time and its rank.
    time: Option<(u8, Timestamp)>,
}

/// A value of the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted<'a> {
    pub(super) fact: Fact<'a>,
    /// The wanted field of which it is the fact, as it stands.
    pub(super) slot: Option<Slot>,
}

/// Where a fact stood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) leaf: LeafId,
    depth: u8,
    /// Its place among the values, if it is told there.
    pub(super) noted: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Pending<'a> {
    leaf: LeafId,
    depth: u8,
    fact: Fact<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a LogPlan, arena: &'a Bump) -> Self {
        /// Few lines have more wanted values.
        const USUAL: usize = 16;
        Self {
            plan,
            arena,
            places: arena.alloc_slice_copy(&plan.places),
            found: Vec::with_capacity_in(USUAL, arena),
            origins: Vec::with_capacity_in(USUAL, arena),
            pending: Vec::new_in(arena),
            element: None,
            values: Vec::new_in(arena),
            time: None,
        }
    }

    /// Reads the whole line.
    pub(super) fn line<'de: 'a>(
        &mut self,
        json: &mut serde_json::Deserializer<impl serde_json::de::Read<'de>>,
    ) -> Result<(), serde_json::Error> {
        json.deserialize_map(Object { reader: self, node: ROOT, depth: 0 })?;
        json.end()
    }

    pub(super) fn finish(self) -> LogRecord<'a> {
        LogRecord {
            plan: self.plan,
            places: self.places,
            found: self.found.into_bump_slice(),
            origins: self.origins.into_bump_slice(),
            values: self.values.into_bump_slice(),
            time: self.time.map(|(_, time)| time),
        }
    }

    /// Keeps the value of a leaf. The least deep one wins, for an exact key comes before a path; then the last one.
    fn store(&mut self, leaf: LeafId, depth: u8, fact: Fact<'a>) {
        let Some(element) = self.element else { return self.store_found(leaf, depth, fact) };
        let entries = self.pending.get_mut(element..).unwrap_or_default();
        match entries.iter_mut().find(|entry| entry.leaf == leaf) {
            Some(entry) if entry.depth < depth => {}
            Some(entry) => *entry = Pending { leaf, depth, fact },
            None => self.pending.push(Pending { leaf, depth, fact }),
        }
    }

    fn store_found(&mut self, leaf: LeafId, depth: u8, fact: Fact<'a>) {
        let fact = flat(fact, self.arena);
        let typing = self.plan.leaves.get(leaf).and_then(|leaf| leaf.typing.as_ref());
        // A value that is neither a list nor an object was noted last.
        let is_noted = self.plan.keywords
            && leaf < self.plan.slots
            && typing.is_none()
            && !matches!(fact, Fact::List(_) | Fact::Object);
        let noted = if is_noted { self.values.len().checked_sub(1) } else { None };
        let fact = typing.map_or(fact, |typing| typing.apply(fact, self.arena));
        let origin = Origin { leaf, depth, noted };
        let Some(place) = self.places.get_mut(leaf) else { return };
        let old = match *place {
            ELSEWHERE => None,
            place => usize::from(place).checked_sub(1),
        };
        let Some(at) = old else {
            self.found.push(fact);
            self.origins.push(origin);
            // A leaf has one place, and there are at most as many leaves as slots and schema fields.
            *place = u16::try_from(self.found.len()).ok().filter(|place| *place != ELSEWHERE).unwrap_or_default();
            return self.mark(noted, Some(Slot(leaf as u16)));
        };
        if let (Some(old), Some(old_origin)) = (self.found.get_mut(at), self.origins.get_mut(at))
            && old_origin.depth >= depth
        {
            *old = fact;
            let before = std::mem::replace(old_origin, origin).noted;
            self.mark(before, None);
            self.mark(noted, Some(Slot(leaf as u16)));
        }
    }

    /// Says of which field a value is the fact.
    fn mark(&mut self, noted: Option<usize>, slot: Option<Slot>) {
        if let Some(value) = noted.and_then(|at| self.values.get_mut(at)) {
            value.slot = slot;
        }
    }

    /// Notes a value for keywords.
    fn note(&mut self, fact: Fact<'a>) -> Fact<'a> {
        if self.plan.keywords {
            self.values.push(Noted { fact, slot: None });
        }
        fact
    }

    /// Notes the time that a usual name gives.
    fn note_time(&mut self, rank: u8, raw: &str) {
        if self.time.is_none_or(|(best, _)| rank <= best)
            && let Some(time) = moment::read_json(raw)
        {
            self.time = Some((rank, time));
        }
    }

    /// Turns what the elements of an array left in `pending` into one list for each leaf.
    fn close_array(&mut self, start: usize, outer: Option<usize>) {
        let mut entries = Vec::new_in(self.arena);
        entries.extend_from_slice(self.pending.get(start..).unwrap_or_default());
        self.pending.truncate(start);
        self.element = outer;
        // Stable: values stay in the array's order.
        entries.sort_by_key(|entry: &Pending<'a>| entry.leaf);
        for same in entries.chunk_by(|a, b| a.leaf == b.leaf) {
            let facts = self.arena.alloc_slice_fill_iter(same.iter().map(|entry| entry.fact));
            if let Some(entry) = same.first() {
                self.store(entry.leaf, entry.depth, Fact::List(List::Facts(facts)));
            }
        }
    }
}

/// A list of lists as one list. Done once for a line's value and not for each level, so that nesting costs nothing.
fn flat<'a>(fact: Fact<'a>, arena: &'a Bump) -> Fact<'a> {
    fn collect<'a>(facts: &[Fact<'a>], flat: &mut Vec<'a, Fact<'a>>) {
        for fact in facts {
            match fact {
                Fact::List(List::Facts(inner)) => collect(inner, flat),
                fact => flat.push(*fact),
            }
        }
    }
    match fact {
        Fact::List(List::Facts(facts)) if facts.iter().any(|fact| matches!(fact, Fact::List(_))) => {
            let mut flat = Vec::new_in(arena);
            collect(facts, &mut flat);
            Fact::List(List::Facts(flat.into_bump_slice()))
        }
        fact => fact,
    }
}

/// The keys of an object at a node.
struct Object<'r, 'a> {
    reader: &'r mut Reader<'a>,
    node: NodeId,
    depth: u8,
}

impl<'a, 'de: 'a> Visitor<'de> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reader, node, depth } = self;
        // Deeper than serde_json goes.
        let depth = depth.saturating_add(1);
        while let Some(child) = map.next_key_seed(Key { plan: reader.plan, node: Some(node) })? {
            let Some(child) = child else {
                if reader.plan.keywords {
                    map.next_value_seed(Value { reader, node: None, depth })?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
                continue;
            };
            let Some(node) = reader.plan.nodes.get(child) else { continue };
            let fact = match node.time {
                Some(rank) if reader.element.is_none() => {
                    let raw = map.next_value::<&'de RawValue>()?.get();
                    reader.note_time(rank, raw);
                    if node.leaf.is_none() && node.is_leaf() && !reader.plan.keywords {
                        continue;
                    }
                    let mut json = serde_json::Deserializer::from_str(raw);
                    Value { reader, node: Some(child), depth }.deserialize(&mut json).map_err(A::Error::custom)?
                }
                _ => map.next_value_seed(Value { reader, node: Some(child), depth })?,
            };
            if let Some(leaf) = node.leaf {
                reader.store(leaf, depth, fact);
            }
        }
        Ok(())
    }
}

/// A key: the node it leads to.
struct Key<'a> {
    plan: &'a LogPlan,
    node: Option<NodeId>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<NodeId>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<NodeId>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let node = self.node.and_then(|node| self.plan.nodes.get(node));
        Ok(node.and_then(|node| node.child(key)))
    }
}

/// A value: the fact it is. What is wanted inside of it is stored on the way.
struct Value<'r, 'a> {
    reader: &'r mut Reader<'a>,
    /// Its node, if anything at or below it is wanted.
    node: Option<NodeId>,
    depth: u8,
}

impl<'a, 'de: 'a> DeserializeSeed<'de> for Value<'_, 'a> {
    type Value = Fact<'a>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Fact<'a>, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'a, 'de: 'a> Visitor<'de> for Value<'_, 'a> {
    type Value = Fact<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Fact<'a>, E> {
        Ok(self.reader.note(Fact::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Fact<'a>, E> {
        Ok(self.reader.note(Fact::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Fact<'a>, E> {
        Ok(self.reader.note(Fact::Int(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Fact<'a>, E> {
        Ok(self.reader.note(i64::try_from(value).map_or(Fact::Uint(value), Fact::Int)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Fact<'a>, E> {
        Ok(self.reader.note(Fact::Float(value)))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Fact<'a>, E> {
        Ok(self.reader.note(Fact::Text(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Fact<'a>, E> {
        let value = self.reader.arena.alloc_str(value);
        Ok(self.reader.note(Fact::Text(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fact<'a>, A::Error> {
        let Self { reader, node, depth } = self;
        let inner = node.filter(|node| reader.plan.nodes.get(*node).is_some_and(|node| !node.is_leaf()));
        match inner {
            Some(node) => Object { reader, node, depth }.visit_map(map)?,
            None if reader.plan.keywords => {
                while map.next_key::<IgnoredAny>()?.is_some() {
                    map.next_value_seed(Value { reader, node: None, depth })?;
                }
            }
            None => while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {},
        }
        Ok(Fact::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Fact<'a>, A::Error> {
        let Self { reader, node, depth } = self;
        let outer = reader.element;
        let start = reader.pending.len();
        let wanted = node.and_then(|node| reader.plan.nodes.get(node)).is_some_and(|node| node.leaf.is_some());
        let mut facts = Vec::new_in(reader.arena);
        loop {
            reader.element = Some(reader.pending.len());
            let element = Value { reader: &mut *reader, node, depth };
            let Some(fact) = seq.next_element_seed(element)? else { break };
            if wanted {
                facts.push(fact);
            }
        }
        reader.close_array(start, outer);
        Ok(Fact::List(List::Facts(facts.into_bump_slice())))
    }
}
