//! State by group: a bounded table that gives up the group that was quiet longest.
//!
//! A touch is a look-up and a number: who was quiet longest is found out when room is needed, for many groups at once.

use super::key::Key;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The use of a place that is free.
const FREE: u64 = 0;

/// A state for each key. Keys come from traffic, so the hash is seeded.
#[derive(Clone, Debug)]
pub(super) struct Groups<S> {
    table: HashTable<Seat>,
    hasher: RandomState,
    places: Vec<Place<S>>,
    free: Vec<u32>,
    /// How often groups were touched.
    uses: u64,
    /// Groups by their use when this was written, the latest first. Those that are not here were touched since.
    quiet: Vec<(u64, u32)>,
}

/// Where a group is. With its hash beside it, neither a table that grows nor a look-up for another group touches the group.
#[derive(Clone, Copy, Debug)]
struct Seat {
    hash: u32,
    at: u32,
}

impl Seat {
    /// The hash by which the table finds it.
    #[inline]
    fn hash(self) -> u64 {
        spread(self.hash)
    }
}

/// A hash that is as good in its high bits as in its low ones.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

#[derive(Clone, Debug)]
struct Place<S> {
    /// The number of its last use.
    used: u64,
    key: Key,
    state: S,
}

impl<S: Default> Groups<S> {
    /// No groups.
    pub(super) fn new() -> Self {
        Self {
            table: HashTable::new(),
            hasher: RandomState::default(),
            places: Vec::new(),
            free: Vec::new(),
            uses: FREE,
            quiet: Vec::new(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The state of `key`, new if need be, as the one used latest, and its place.
    pub(super) fn touch(&mut self, key: &[u8]) -> (u32, &mut S) {
        let hash = self.hash(key);
        let at = match self.locate(hash, key) {
            Some(at) => at,
            None => self.insert(hash, key),
        };
        self.used(at)
    }

    /// The same of a group that there is.
    pub(super) fn touch_known(&mut self, key: &[u8]) -> Option<(u32, &mut S)> {
        let at = self.locate(self.hash(key), key)?;
        Some(self.used(at))
    }

    /// The state of `key`, if there is one.
    pub(super) fn find(&self, key: &[u8]) -> Option<&S> {
        let at = self.locate(self.hash(key), key)?;
        Some(&self.places[at as usize].state)
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    #[inline]
    fn locate(&self, hash: u32, key: &[u8]) -> Option<u32> {
        let is = |seat: &Seat| seat.hash == hash && self.places[seat.at as usize].key.bytes() == key;
        self.table.find(spread(hash), is).map(|seat| seat.at)
    }

    #[inline]
    fn used(&mut self, at: u32) -> (u32, &mut S) {
        self.uses += 1;
        let place = &mut self.places[at as usize];
        place.used = self.uses;
        (at, &mut place.state)
    }

    /// The key and the state at a place that [`touch`](Self::touch) told, unless removed since.
    pub(super) fn at(&mut self, at: u32) -> (&[u8], &mut S) {
        let place = &mut self.places[at as usize];
        (place.key.bytes(), &mut place.state)
    }

    /// The place of the group that was quiet longest.
    pub(super) fn quietest(&mut self) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        loop {
            if let Some((used, at)) = self.quiet.last().copied() {
                // One that was touched or removed since has another use.
                if self.places[at as usize].used == used {
                    return Some(at);
                }
                self.quiet.pop();
            } else {
                let places = (0..).zip(&self.places).filter(|(_, place)| place.used != FREE);
                self.quiet.extend(places.map(|(at, place)| (place.used, at)));
                self.quiet.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
    }

    /// Removes all groups for which `keep` is false.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&[u8], &S) -> bool) {
        for at in 0..self.places.len() {
            let place = &self.places[at];
            if place.used != FREE && !keep(place.key.bytes(), &place.state) {
                self.remove(at as u32);
            }
        }
    }

    fn insert(&mut self, hash: u32, key: &[u8]) -> u32 {
        let place = Place { used: FREE, key: key.into(), state: S::default() };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = place;
                at
            }
            None => {
                // Half of a table of many could lie idle if it grew by as much as it holds.
                if self.places.len() == self.places.capacity() {
                    self.places.reserve_exact(4 + self.places.len() / 4);
                }
                self.places.push(place);
                self.places.len() as u32 - 1
            }
        };
        self.table.insert_unique(spread(hash), Seat { hash, at }, |seat| seat.hash());
        at
    }

    /// Removes the group at a place and returns the length of its key, and its state.
    pub(super) fn remove(&mut self, at: u32) -> (usize, S) {
        let place = &mut self.places[at as usize];
        let key = std::mem::take(&mut place.key);
        let state = std::mem::take(&mut place.state);
        place.used = FREE;
        let hash = spread(self.hash(key.bytes()));
        if let Ok(entry) = self.table.find_entry(hash, |seat| seat.at == at) {
            entry.remove();
        }
        self.free.push(at);
        (key.bytes().len(), state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_quietest_group_goes_first() {
        let mut groups: Groups<u32> = Groups::new();
        for (at, key) in (0..).zip([b"a", b"b", b"c"]) {
            *groups.touch(key).1 = at;
        }
        *groups.touch(b"a").1 += 10;
        let evict = |groups: &mut Groups<u32>| groups.quietest().map(|at| groups.remove(at).1);
        assert_eq!(evict(&mut groups), Some(1));
        assert_eq!(groups.touch(b"b").1, &0);
        groups.retain(|_, state| *state != 10);
        assert_eq!(groups.len(), 2);
        assert_eq!(evict(&mut groups), Some(2));
        let quietest = groups.quietest().unwrap();
        assert_eq!(groups.at(quietest).0, b"b");
        assert_eq!(evict(&mut groups), Some(0));
        assert_eq!(evict(&mut groups), None);
    }

    proptest! {
        /// What is touched, removed and given up in any order, a list in the order of use says the same of.
        #[test]
        fn groups_go_in_the_order_of_their_use(steps in prop::collection::vec((0_u8..4, 0_u8..12), 1..120)) {
            let mut groups: Groups<u8> = Groups::new();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for (step, name) in steps {
                // Some keys are too long to stand beside their state.
                let key = vec![name; usize::from(name) * 5];
                match step {
                    0 => {
                        let quietest = groups.quietest();
                        prop_assert_eq!(quietest.map(|at| groups.at(at).0.to_vec()), model.first().cloned());
                        if let Some(at) = quietest {
                            prop_assert_eq!(groups.remove(at), (model[0].len(), model[0].first().copied().unwrap_or(0)));
                            model.remove(0);
                        }
                    }
                    1 => {
                        groups.retain(|known, _| known.len() != key.len());
                        model.retain(|known| *known != key);
                    }
                    _ => {
                        *groups.touch(&key).1 = name;
                        model.retain(|known| *known != key);
                        model.push(key);
                    }
                }
                prop_assert_eq!(groups.len(), model.len());
                prop_assert!(model.iter().all(|key| groups.find(key).is_some()));
            }
        }
    }
}
