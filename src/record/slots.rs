//! Which fields are wanted: filled while rules, scoreboards and alerts are compiled, fixed from then on.

use super::maps::{Part, TagId, Tags};
use super::schema::{self, Field};
use super::{Domain, Slot};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Every field that somebody asked for, once each.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    names: Vec<Arc<str>>,
    /// Beside the names and not with them: this is all that the per-record path reads.
    fields: Vec<Option<Field>>,
    asked: Vec<Option<(TagId, Part)>>,
    tags: Arc<Tags>,
    by_name: FxHashMap<Arc<str>, Slot>,
}

impl Slots {
    /// Nothing wanted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing wanted yet; names of `tags` are known.
    #[must_use]
    pub fn with_tags(tags: &Arc<Tags>) -> Self {
        Self { tags: Arc::clone(tags), ..Self::default() }
    }

    /// The slot of the field called `name`, made if nobody wanted it before. `None` after 65,536 fields.
    pub fn want(&mut self, name: &str) -> Option<Slot> {
        if let Some(slot) = self.by_name.get(name) {
            return Some(*slot);
        }
        let slot = Slot(u16::try_from(self.names.len()).ok()?);
        let name: Arc<str> = name.into();
        self.fields.push(schema::find(&name));
        self.asked.push(self.tags.find(&name));
        self.names.push(Arc::clone(&name));
        self.by_name.insert(name, slot);
        Some(slot)
    }

    /// The slot of `name`, if somebody wanted it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    /// All of them in order, with the names somebody asked by.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Arc<str>)> {
        (0..=u16::MAX).map(Slot).zip(&self.names)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nobody wanted anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name somebody asked by.
    ///
    /// # Panics
    ///
    /// If the slot is another `Slots`'.
    #[must_use]
    pub fn name(&self, slot: Slot) -> &Arc<str> {
        &self.names[usize::from(slot.0)]
    }

    /// The schema field behind the name; `None` for a name that only a stored log can have.
    #[must_use]
    pub fn field(&self, slot: Slot) -> Option<Field> {
        self.fields.get(usize::from(slot.0)).copied().flatten()
    }

    /// What the name asks of a tag; `None` for a name that no device map has.
    pub(super) fn tag(&self, slot: Slot) -> Option<(TagId, Part)> {
        self.asked.get(usize::from(slot.0)).copied().flatten()
    }

    /// The names of tags.
    pub(super) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// What values the field has in our own records; `None` for a name that only a stored log can have. A stored
    /// log may hold any other value under the same name.
    #[must_use]
    pub fn domain(&self, slot: Slot) -> Option<Domain> {
        self.field(slot).map(Field::domain)
    }
}
