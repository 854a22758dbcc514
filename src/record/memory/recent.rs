//! A bounded map that forgets what was not asked for lately.

use hashbrown::HashMap;
use std::hash::Hash;

/// Holds at most so many entries. Of a full one the first entry makes room that was not asked for since the hand last
/// passed it (the clock algorithm): which one that is depends on what was asked and never on hashes.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    places: HashMap<K, usize>,
    entries: Vec<Entry<K, V>>,
    hand: usize,
    most: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    asked: bool,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    /// An empty one for at most `most` entries.
    pub(super) fn new(most: usize) -> Self {
        Self { places: HashMap::new(), entries: Vec::new(), hand: 0, most }
    }

    /// The entry of `key`.
    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        let place = *self.places.get(key)?;
        let entry = self.entries.get_mut(place)?;
        entry.asked = true;
        Some(&mut entry.value)
    }

    /// The entry of `key`, made if it is not there; with it the one that made room.
    pub(super) fn get_or_insert(&mut self, key: K, value: impl FnOnce() -> V) -> (Option<&mut V>, Option<V>) {
        if let Some(place) = self.places.get(&key) {
            let entry = self.entries.get_mut(*place);
            return (entry.map(|entry| (entry.asked = true, &mut entry.value).1), None);
        }
        let fresh = Entry { key, value: value(), asked: true };
        let (place, old) = if self.entries.len() < self.most {
            self.entries.push(fresh);
            (self.entries.len() - 1, None)
        } else {
            let place = self.victim();
            let Some(entry) = self.entries.get_mut(place) else { return (None, None) };
            let old = std::mem::replace(entry, fresh);
            self.places.remove(&old.key);
            (place, Some(old.value))
        };
        self.places.insert(key, place);
        (self.entries.get_mut(place).map(|entry| &mut entry.value), old)
    }

    /// Moves the hand to the first entry that was not asked for; after one round there is one.
    fn victim(&mut self) -> usize {
        loop {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.most.max(1);
            match self.entries.get_mut(place) {
                Some(entry) if entry.asked => entry.asked = false,
                _ => return place,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_stays_and_the_first_other_goes() {
        let mut recent = Recent::new(3);
        for key in 0..3 {
            assert_eq!(recent.get_or_insert(key, || key * 10), (Some(&mut (key * 10)), None));
        }
        // All were asked for: the hand goes round once and takes the first.
        assert_eq!(recent.get_or_insert(3, || 30).1, Some(0));
        assert_eq!(recent.get(&1), Some(&mut 10));
        assert_eq!(recent.get_or_insert(4, || 40).1, Some(20));
        let kept: Vec<i32> = (0..5).filter_map(|key| recent.get(&key).copied()).collect();
        assert_eq!(kept, [10, 30, 40]);
    }
}
