//! State by group: a bounded table that gives up the group that was quiet longest.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// The place that is not there.
const NONE: u32 = u32::MAX;

/// A state for each key. Keys come from traffic, so the hash is seeded.
#[derive(Clone, Debug)]
pub(super) struct Groups<S> {
    table: HashTable<u32>,
    hasher: RandomState,
    places: Vec<Place<S>>,
    free: Vec<u32>,
    /// Ends of the list of places by last use.
    latest: u32,
    quietest: u32,
}

#[derive(Clone, Debug)]
struct Place<S> {
    key: Box<[u8]>,
    state: S,
    later: u32,
    earlier: u32,
}

impl<S: Default> Groups<S> {
    /// No groups.
    pub(super) fn new() -> Self {
        Self {
            table: HashTable::new(),
            hasher: RandomState::default(),
            places: Vec::new(),
            free: Vec::new(),
            latest: NONE,
            quietest: NONE,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The state of `key`, new if need be, as the one used latest, and its place.
    pub(super) fn touch(&mut self, key: &[u8]) -> (u32, &mut S) {
        let hash = self.hasher.hash_one(key);
        let at = match self.locate(hash, key) {
            Some(at) => {
                self.unlink(at);
                at
            }
            None => self.insert(hash, key),
        };
        self.link(at);
        (at, &mut self.places[at as usize].state)
    }

    /// The same of a group that there is.
    pub(super) fn touch_known(&mut self, key: &[u8]) -> Option<(u32, &mut S)> {
        let at = self.locate(self.hasher.hash_one(key), key)?;
        self.unlink(at);
        self.link(at);
        Some((at, &mut self.places[at as usize].state))
    }

    /// The state of `key`, if there is one.
    pub(super) fn find(&self, key: &[u8]) -> Option<&S> {
        let at = self.locate(self.hasher.hash_one(key), key)?;
        Some(&self.places[at as usize].state)
    }

    fn locate(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.table.find(hash, |at| self.places[*at as usize].key[..] == *key).copied()
    }

    /// The key and the state at a place that [`touch`](Self::touch) told, unless removed since.
    pub(super) fn at(&mut self, at: u32) -> (&[u8], &mut S) {
        let place = &mut self.places[at as usize];
        (&place.key, &mut place.state)
    }

    /// The place of the group that was quiet longest.
    pub(super) fn quietest(&self) -> Option<u32> {
        (self.quietest != NONE).then_some(self.quietest)
    }

    /// Removes all groups for which `keep` is false.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&[u8], &S) -> bool) {
        let mut at = self.quietest;
        while at != NONE {
            let Place { key, state, later, .. } = &self.places[at as usize];
            let later = *later;
            if !keep(key, state) {
                self.remove(at);
            }
            at = later;
        }
    }

    fn insert(&mut self, hash: u64, key: &[u8]) -> u32 {
        let place = Place { key: key.into(), state: S::default(), later: NONE, earlier: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = place;
                at
            }
            None => {
                self.places.push(place);
                self.places.len() as u32 - 1
            }
        };
        let (hasher, places) = (&self.hasher, &self.places);
        self.table.insert_unique(hash, at, |at| hasher.hash_one(&places[*at as usize].key[..]));
        at
    }

    /// Removes the group at a place and returns its key and state.
    pub(super) fn remove(&mut self, at: u32) -> (Box<[u8]>, S) {
        self.unlink(at);
        let place = &mut self.places[at as usize];
        let key = std::mem::take(&mut place.key);
        let state = std::mem::take(&mut place.state);
        if let Ok(entry) = self.table.find_entry(self.hasher.hash_one(&key[..]), |other| *other == at) {
            entry.remove();
        }
        self.free.push(at);
        (key, state)
    }

    fn link(&mut self, at: u32) {
        let before = std::mem::replace(&mut self.latest, at);
        let place = &mut self.places[at as usize];
        place.earlier = before;
        place.later = NONE;
        match before {
            NONE => self.quietest = at,
            before => self.places[before as usize].later = at,
        }
    }

    fn unlink(&mut self, at: u32) {
        let Place { earlier, later, .. } = self.places[at as usize];
        match earlier {
            NONE => self.quietest = later,
            earlier => self.places[earlier as usize].later = later,
        }
        match later {
            NONE => self.latest = earlier,
            later => self.places[later as usize].earlier = earlier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(groups.quietest().map(|at| groups.at(at).0.to_vec()), Some(b"b".to_vec()));
        assert_eq!(evict(&mut groups), Some(0));
        assert_eq!(evict(&mut groups), None);
    }
}
