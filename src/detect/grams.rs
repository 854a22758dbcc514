//! Which of many pieces does a text hold? One look-up of a few bytes at each place of the text.
//!
//! Of each piece the rarest window of bytes is kept, its gram: where a text has the gram, the whole piece is compared. Grams
//! are looked for in a bitmap that stays in the nearest cache, so that a place without one costs a nanosecond, however many
//! pieces there are. Rare is what few other pieces have; what many rules look for is common in logs, too.

use rustc_hash::FxHashMap;

/// How many pieces may share a gram: so many are compared where it stands. Further ones are given back.
const MOST_ALIKE: usize = 16;
/// Bits of the bitmap for each gram, so that few places of a text are looked at in vain.
const SPARSE: usize = 16;
/// At most so many bits, as its power of two: 16 KiB.
const MAX_BITS: u32 = 17;
/// Spreads the bits of a gram over the upper ones of the product: 2^32 by the golden ratio. It is odd, so that each gram has
/// its own product.
const SPREAD: u32 = 0x9E37_79B1;

/// A search for pieces, each known by its number.
#[derive(Debug)]
pub(super) struct Grams {
    /// By the width of their grams.
    passes: Box<[Pass]>,
    texts: Box<[Box<[u8]>]>,
}

/// Pieces whose grams have one width.
#[derive(Debug)]
struct Pass {
    width: usize,
    /// A bit for each hash of a gram.
    filter: Box<[u64]>,
    filter_shift: u32,
    /// Where the entries of each shorter hash begin; one more for the end of the last.
    starts: Box<[u32]>,
    starts_shift: u32,
    entries: Box<[Entry]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of its gram; no two grams have the same.
    hash: u32,
    piece: u32,
    /// How many bytes of the piece stand before its gram.
    before: u32,
}

impl Grams {
    /// A search for `pieces`, none of them empty, each once; and the numbers of those it does not search for, because too many
    /// others are like them.
    pub(super) fn new(pieces: &[Box<[u8]>]) -> (Self, Vec<usize>) {
        let mut left = Vec::new();
        let mut passes = Vec::new();
        for (width, lengths) in [(4, 4..=usize::MAX), (2, 2..=3), (1, 1..=1)] {
            let members: Vec<usize> = (0..pieces.len()).filter(|at| lengths.contains(&pieces[*at].len())).collect();
            let entries = choose(pieces, &members, width, &mut left);
            if !entries.is_empty() {
                passes.push(Pass::new(width, entries));
            }
        }
        (Self { passes: passes.into(), texts: pieces.into() }, left)
    }

    /// Tells the pieces that `text` holds, each as often as it is there.
    #[inline]
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(usize)) {
        for pass in &self.passes {
            let mut place = |at: usize, gram: u32| pass.look_up(gram, at, text, &self.texts, &mut found);
            match pass.width {
                4 => (0..).zip(text.windows(4)).for_each(|(at, window)| {
                    place(at, window.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)));
                }),
                2 => (0..).zip(text.windows(2)).for_each(|(at, window)| {
                    place(at, window.first_chunk().map_or(0, |bytes| u16::from_le_bytes(*bytes).into()));
                }),
                _ => (0..).zip(text).for_each(|(at, byte)| place(at, u32::from(*byte))),
            }
        }
    }
}

impl Pass {
    fn new(width: usize, mut entries: Vec<Entry>) -> Self {
        let shift = |wanted: usize| 32 - wanted.next_power_of_two().trailing_zeros().clamp(6, MAX_BITS);
        let (filter_shift, starts_shift) = (shift(entries.len() * SPARSE), shift(entries.len()));
        let mut filter = vec![0_u64; 1 << (32 - filter_shift - 6)];
        for entry in &entries {
            let bit = entry.hash >> filter_shift;
            filter[bit as usize / 64] |= 1 << (bit % 64);
        }
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.piece));
        let places = 0..=1_u32 << (32 - starts_shift);
        let starts = places.map(|place| entries.partition_point(|entry| entry.hash >> starts_shift < place) as u32);
        Self {
            width,
            filter: filter.into(),
            filter_shift,
            starts: starts.collect(),
            starts_shift,
            entries: entries.into(),
        }
    }

    #[inline]
    fn look_up(&self, gram: u32, at: usize, text: &[u8], pieces: &[Box<[u8]>], found: &mut impl FnMut(usize)) {
        let hash = hash(gram);
        let bit = hash >> self.filter_shift;
        if self.filter.get(bit as usize / 64).is_some_and(|bits| bits >> (bit % 64) & 1 != 0) {
            self.compare(hash, at, text, pieces, found);
        }
    }

    /// Kept apart so that the way past a place is a few instructions.
    #[inline(never)]
    fn compare(&self, hash: u32, at: usize, text: &[u8], pieces: &[Box<[u8]>], found: &mut impl FnMut(usize)) {
        let place = (hash >> self.starts_shift) as usize;
        let Some([from, to]) = self.starts.get(place..place + 2).and_then(|ends| ends.first_chunk()) else { return };
        let alike = self.entries.get(*from as usize..*to as usize).unwrap_or_default();
        let first = alike.partition_point(|entry| entry.hash < hash);
        for entry in alike.iter().skip(first).take_while(|entry| entry.hash == hash) {
            if let Some(piece) = pieces.get(entry.piece as usize)
                && let Some(rest) = at.checked_sub(entry.before as usize).and_then(|start| text.get(start..))
                && rest.starts_with(piece)
            {
                found(entry.piece as usize);
            }
        }
    }
}

fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(SPREAD)
}

fn grams(piece: &[u8], width: usize) -> impl Iterator<Item = u32> {
    piece.windows(width).map(|window| window.iter().rev().fold(0, |gram, byte| gram << 8 | u32::from(*byte)))
}

/// The rarest gram of each of the members; those whose rarest is no more rare are left.
fn choose(pieces: &[Box<[u8]>], members: &[usize], width: usize, left: &mut Vec<usize>) -> Vec<Entry> {
    // Each gram has a number, so that it is looked up once and then counted in lists.
    let mut numbers: FxHashMap<u32, u32> = FxHashMap::default();
    let mut uses: Vec<u32> = Vec::new();
    let mut met: Vec<(u32, u32)> = Vec::new();
    for gram in members.iter().flat_map(|at| grams(&pieces[*at], width)) {
        let number = *numbers.entry(gram).or_insert(uses.len() as u32);
        if number as usize == uses.len() {
            uses.push(0);
        }
        uses[number as usize] += 1;
        met.push((gram, number));
    }
    let mut chosen = vec![0; uses.len()];
    let mut entries = Vec::with_capacity(members.len());
    let mut met = met.as_slice();
    for piece in members {
        let (own, others) = met.split_at(pieces[*piece].len() + 1 - width);
        met = others;
        let key = |number: u32| (chosen[number as usize] >= MOST_ALIKE, uses[number as usize]);
        let Some(((gram, number), before)) = own.iter().zip(0..).min_by_key(|((_, number), _)| key(*number)) else {
            continue;
        };
        let alike = &mut chosen[*number as usize];
        if *alike < MOST_ALIKE {
            *alike += 1;
            entries.push(Entry { hash: hash(*gram), piece: *piece as u32, before });
        } else {
            left.push(*piece);
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxed(pieces: &[&str]) -> Vec<Box<[u8]>> {
        pieces.iter().map(|piece| piece.as_bytes().into()).collect()
    }

    fn found(grams: &Grams, text: &str) -> Vec<usize> {
        let mut all = Vec::new();
        grams.search(text.as_bytes(), |piece| all.push(piece));
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn pieces_of_any_length_are_found_wherever_they_stand() {
        let (grams, left) = Grams::new(&boxed(&["powershell", "shell", "el", "x", "-en", "é"]));
        assert!(left.is_empty());
        assert_eq!(found(&grams, "powershell -enc"), [0, 1, 2, 4]);
        assert_eq!(found(&grams, "x"), [3]);
        assert_eq!(found(&grams, "powershel"), [2]);
        assert_eq!(found(&grams, "é"), [5]);
        assert!(found(&grams, "").is_empty());
    }

    #[test]
    fn what_is_too_much_alike_is_given_back() {
        // Two letters make sixteen grams.
        let letters = |n: usize| (0..12).map(|bit| if n >> bit & 1 == 0 { b'a' } else { b'b' }).collect();
        let pieces: Vec<Box<[u8]>> = (0..4_096).map(letters).collect();
        let (grams, left) = Grams::new(&pieces);
        assert_eq!(left.len(), 4_096 - 16 * MOST_ALIKE);
        assert!(grams.passes.iter().all(|pass| pass.entries.len() == 16 * MOST_ALIKE));
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_comparison_finds(
            pieces in prop::collection::btree_set("[abcé]{1,7}", 0..40),
            text in "[abcdé]{0,40}",
        ) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (grams, left) = Grams::new(&boxed(&pieces));
            let wanted: Vec<usize> = (0..pieces.len()).filter(|at| !left.contains(at) && text.contains(pieces[*at])).collect();
            prop_assert_eq!(found(&grams, &text), wanted);
        }
    }
}
