//! The last value seen of every coil, input and register: a picture of each device's tables.

use super::recent::Recent;
use crate::modbus::Table;

/// How many addresses a page has.
const PAGE: usize = 64;

/// How many pages are kept: four million values in some 12 MB.
pub(super) const PAGES: usize = 65_536;

/// A device's number, a table, and the place of the page in it.
type Key = (u32, u8, u16);

/// The values of neighbouring addresses.
#[derive(Debug)]
struct Page {
    /// The addresses whose value is known, as bits.
    known: u64,
    values: [u16; PAGE],
}

/// What was last seen of every address, within a bound.
#[derive(Debug)]
pub(super) struct Shadow {
    pages: Recent<Key, Page>,
    forgotten: u64,
}

impl Shadow {
    /// Nothing seen; room for `pages` pages.
    pub(super) fn new(pages: usize) -> Self {
        Self { pages: Recent::new(pages), forgotten: 0 }
    }

    /// How many values had to make room for others.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Reads the values from `first` on into `values`; whether all of them were known.
    pub(super) fn read(&mut self, device: u32, table: Table, first: u16, values: &mut [u16]) -> bool {
        let mut address = usize::from(first);
        let mut rest = values;
        while !rest.is_empty() {
            let (key, at) = place(device, table, address);
            let Some(page) = key.and_then(|key| self.pages.get(&key)) else { return false };
            let count = rest.len().min(PAGE - at);
            let (now, later) = rest.split_at_mut(count);
            if page.known & bits(at, count) != bits(at, count) {
                return false;
            }
            now.iter_mut().zip(page.values.iter().skip(at)).for_each(|(value, known)| *value = *known);
            address += count;
            rest = later;
        }
        true
    }

    /// Keeps the values from `first` on; `changed` is told each address whose value was another: address, old, new.
    pub(super) fn keep(
        &mut self,
        device: u32,
        table: Table,
        first: u16,
        values: &[u16],
        changed: &mut impl FnMut(u16, u16, u16),
    ) {
        let mut address = usize::from(first);
        let mut rest = values;
        while !rest.is_empty() {
            let (key, at) = place(device, table, address);
            let (now, later) = rest.split_at(rest.len().min(PAGE - at));
            let Some(key) = key else { return };
            let (page, gone) = self.pages.get_or_insert(key, || Page { known: 0, values: [0; PAGE] });
            self.forgotten += gone.map_or(0, |page| u64::from(page.known.count_ones()));
            let Some(page) = page else { return };
            for ((place, slot), value) in page.values.iter_mut().enumerate().skip(at).zip(now) {
                let old = std::mem::replace(slot, *value);
                if page.known >> place & 1 == 1 && old != *value {
                    changed((address - at + place) as u16, old, *value);
                }
            }
            page.known |= bits(at, now.len());
            address += now.len();
            rest = later;
        }
    }

    /// Takes `count` values from `first` on for unknown: something was written there that nobody saw.
    pub(super) fn forget(&mut self, device: u32, table: Table, first: u16, count: u16) {
        let mut address = usize::from(first);
        let end = address + usize::from(count);
        while address < end {
            let (key, at) = place(device, table, address);
            let now = (end - address).min(PAGE - at);
            let Some(key) = key else { return };
            if let Some(page) = self.pages.get(&key) {
                page.known &= !bits(at, now);
            }
            address += now;
        }
    }
}

/// The page of an address and its place there; no page beyond 65,535.
fn place(device: u32, table: Table, address: usize) -> (Option<Key>, usize) {
    let page = u16::try_from(address).ok().map(|address| address / PAGE as u16);
    (page.map(|page| (device, table as u8, page)), address % PAGE)
}

/// The bits of `count` places from `at` on.
const fn bits(at: usize, count: usize) -> u64 {
    let ones = if count >= PAGE { u64::MAX } else { (1 << count) - 1 };
    ones << at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const TABLE: Table = Table::HoldingRegisters;

    #[test]
    fn values_stay_apart_by_device_and_table_and_end_at_the_last_address() {
        let mut shadow = Shadow::new(8);
        let none = &mut |_, _, _| panic!("no change");
        shadow.keep(1, TABLE, 65_534, &[7, 8, 9], none);
        let mut two = [0; 2];
        assert!(shadow.read(1, TABLE, 65_534, &mut two));
        assert_eq!(two, [7, 8]);
        assert!(!shadow.read(1, TABLE, 65_535, &mut [0; 2]));
        assert!(!shadow.read(2, TABLE, 65_534, &mut [0; 1]));
        assert!(!shadow.read(1, Table::Coils, 65_534, &mut [0; 1]));
    }

    #[test]
    fn what_makes_room_is_counted() {
        let mut shadow = Shadow::new(2);
        for device in 0..4 {
            shadow.keep(device, TABLE, 0, &[1, 2, 3], &mut |_, _, _| {});
        }
        assert_eq!(shadow.forgotten(), 6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The law: a shadow is a map from addresses to values.
        #[test]
        fn a_shadow_is_a_map(
            steps in prop::collection::vec((0_u16..200, prop::collection::vec(0_u16..3, 1..150), any::<bool>()), 1..12),
        ) {
            let (mut shadow, mut map) = (Shadow::new(PAGES), BTreeMap::new());
            for (first, values, forget) in steps {
                let addresses = (first..).take(values.len());
                let mut known: Vec<u16> = vec![0; values.len()];
                let all: Option<Vec<u16>> = addresses.clone().map(|address| map.get(&address).copied()).collect();
                prop_assert_eq!(shadow.read(1, TABLE, first, &mut known).then_some(known), all);
                if forget {
                    shadow.forget(1, TABLE, first, values.len() as u16);
                    addresses.for_each(|address| _ = map.remove(&address));
                    continue;
                }
                let mut changes = Vec::new();
                shadow.keep(1, TABLE, first, &values, &mut |address, old, new| changes.push((address, old, new)));
                let mut expected = Vec::new();
                for (address, value) in addresses.zip(values) {
                    if let Some(old) = map.insert(address, value).filter(|old| *old != value) {
                        expected.push((address, old, value));
                    }
                }
                prop_assert_eq!(changes, expected);
            }
        }
    }
}
