//! Which of many pieces does a text hold? One look-up of a few bytes at each place of the text.
//!
//! Of each piece the rarest window of bytes is kept, its gram: where a text has the gram, the whole piece is compared. Grams
//! are looked for in a bitmap that stays in the nearest cache, so that a place without one costs less than a nanosecond,
//! however many pieces there are. Rare is what is made of rare bytes, and what few other pieces have: what many rules look for
//! is common in logs, too. Four rare bytes are seldom found by chance, so that one look at each place serves all pieces that
//! have four; of thousands of pieces the long ones are looked for by eight.

use memchr::memchr;
use rustc_hash::FxHashMap;

/// How many pieces may share a gram: so many are compared where it stands. Further ones are given back.
const MOST_ALIKE: usize = 16;
/// A bitmap for at most so many grams has a word for each, 4 KiB: a look in vain costs as much as ten places without a gram.
const FEW: usize = 512;
/// Words of a bitmap for more, 32 KiB.
const MANY: usize = 4_096;
/// Words of a bitmap with a bit for each pair of bytes, 8 KiB.
const PAIRS: usize = 1_024;
/// Of so many pieces, four bytes of some are in most texts.
const CROWDED: usize = 2_048;
/// In a text of fewer bytes one is found before vector instructions are set up.
const SHORT: usize = 64;
/// So many beginnings of lists of entries, as their power of two.
const MOST_STARTS: u32 = 17;
/// So many counters of grams, as their power of two: 512 KiB while rules are loaded.
const MOST_COUNTED: u32 = 17;
/// Spreads the bits of a gram over the upper half of the product: 2^64 by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A search for pieces, each known by its number.
#[derive(Debug)]
pub(super) struct Grams {
    /// By the width of their grams.
    passes: Box<[Pass]>,
    /// Pieces of one byte.
    bytes: Box<[(u8, usize)]>,
    texts: Box<[Box<[u8]>]>,
}

/// Pieces whose grams have one width.
#[derive(Debug)]
struct Pass {
    width: usize,
    filter: Filter,
    /// Where the entries of each shorter hash begin; one more for the end of the last.
    starts: Box<[u32]>,
    starts_shift: u32,
    entries: Box<[Entry]>,
}

/// A bit for each hash of a gram. Its size is known when this is compiled, so that a look takes few instructions.
#[derive(Debug)]
enum Filter {
    Pairs(Box<[u64; PAIRS]>),
    Few(Box<[u64; FEW]>),
    Many(Box<[u64; MANY]>),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of its gram.
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
        let long = if pieces.len() < CROWDED { usize::MAX } else { 8 };
        for (width, lengths) in [(8, long..usize::MAX), (4, 4..long), (2, 2..4)] {
            let members: Vec<usize> = (0..pieces.len()).filter(|at| lengths.contains(&pieces[*at].len())).collect();
            let entries = choose(pieces, &members, width, &mut left);
            if !entries.is_empty() {
                passes.push(Pass::new(width, entries));
            }
        }
        let bytes = pieces.iter().zip(0..).filter_map(|(piece, number)| match **piece {
            [byte] => Some((byte, number)),
            _ => None,
        });
        (Self { passes: passes.into(), bytes: bytes.collect(), texts: pieces.into() }, left)
    }

    /// Tells the pieces that `text` holds, some perhaps more than once.
    #[inline]
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(usize)) {
        for pass in &self.passes {
            let mut tell = |hash, at| pass.compare(hash, at, text, &self.texts, &mut found);
            match pass.width {
                8 => pass.search(text, |gram| hash(u64::from_le_bytes(gram)), &mut tell),
                4 => pass.search(text, |gram| hash(u32::from_le_bytes(gram).into()), &mut tell),
                _ => pass.search(text, |gram| pair_hash(u16::from_le_bytes(gram).into()), &mut tell),
            }
        }
        let holds = |byte| if text.len() < SHORT { text.contains(&byte) } else { memchr(byte, text).is_some() };
        self.bytes.iter().filter(|(byte, _)| holds(*byte)).for_each(|(_, piece)| found(*piece));
    }
}

impl Pass {
    fn new(width: usize, mut entries: Vec<Entry>) -> Self {
        let filter = match width {
            2 => Filter::Pairs(Box::new(bitmap(&entries))),
            _ if entries.len() <= FEW => Filter::Few(Box::new(bitmap(&entries))),
            _ => Filter::Many(Box::new(bitmap(&entries))),
        };
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.piece));
        let starts_shift = 32 - entries.len().next_power_of_two().trailing_zeros().clamp(1, MOST_STARTS);
        let places = 0..=1_u32 << (32 - starts_shift);
        let starts = places.map(|place| entries.partition_point(|entry| entry.hash >> starts_shift < place) as u32);
        Self { width, filter, starts: starts.collect(), starts_shift, entries: entries.into() }
    }

    /// Tells the places where a gram may stand, each with its hash.
    #[inline]
    fn search<const WIDTH: usize>(
        &self,
        text: &[u8],
        hash: impl Fn([u8; WIDTH]) -> u32,
        tell: &mut impl FnMut(u32, usize),
    ) {
        match &self.filter {
            Filter::Pairs(bits) => places(bits, text, hash, tell),
            Filter::Few(bits) => places(bits, text, hash, tell),
            Filter::Many(bits) => places(bits, text, hash, tell),
        }
    }

    /// Kept apart so that the way past a place is a few instructions.
    #[inline(never)]
    fn compare(&self, hash: u32, at: usize, text: &[u8], pieces: &[Box<[u8]>], found: &mut impl FnMut(usize)) {
        let place = (hash >> self.starts_shift) as usize;
        let Some([from, to]) = self.starts.get(place..place + 2).and_then(|ends| ends.first_chunk()) else { return };
        let alike = self.entries.get(*from as usize..*to as usize).unwrap_or_default();
        for entry in alike.iter().filter(|entry| entry.hash == hash) {
            if let Some(piece) = pieces.get(entry.piece as usize)
                && let Some(rest) = at.checked_sub(entry.before as usize).and_then(|start| text.get(start..))
                && rest.starts_with(piece)
            {
                found(entry.piece as usize);
            }
        }
    }
}

/// A bit for the hash of each entry.
fn bitmap<const WORDS: usize>(entries: &[Entry]) -> [u64; WORDS] {
    let mut bits = [0; WORDS];
    for entry in entries {
        let (word, bit) = place::<WORDS>(entry.hash);
        bits[word] |= bit;
    }
    bits
}

/// Tells the places of a text whose gram has a hash with a bit.
#[inline]
fn places<const WORDS: usize, const WIDTH: usize>(
    bits: &[u64; WORDS],
    text: &[u8],
    hash: impl Fn([u8; WIDTH]) -> u32,
    tell: &mut impl FnMut(u32, usize),
) {
    for (at, window) in text.array_windows().enumerate() {
        let hash = hash(*window);
        let (word, bit) = place::<WORDS>(hash);
        if bits[word] & bit != 0 {
            tell(hash, at);
        }
    }
}

/// The word of a bitmap that a hash belongs to, and its bit there.
#[inline]
const fn place<const WORDS: usize>(hash: u32) -> (usize, u64) {
    let bit = hash >> (32 - (WORDS * 64).ilog2());
    ((bit / 64) as usize % WORDS, 1 << (bit % 64))
}

fn hash(gram: u64) -> u32 {
    (gram.wrapping_mul(SPREAD) >> 32) as u32
}

/// Of each pair of bytes another, as many as [`PAIRS`] has bits.
const fn pair_hash(gram: u64) -> u32 {
    (gram as u32) << 16
}

/// [`commonness`] of each byte.
const COMMON: [u32; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte] = commonness(byte as u8);
        byte += 1;
    }
    all
};

/// How common a byte is in the paths, command lines and messages of logs.
const fn commonness(byte: u8) -> u32 {
    match byte {
        b' ' | b'\\' | b'a' | b'c' | b'd' | b'e' | b'i' | b'l' | b'n' | b'o' | b'r' | b's' | b't' => 4,
        b'-' | b'.' | b':' | b'0'..=b'9' | b'g' | b'h' | b'm' | b'p' | b'u' | b'w' => 3,
        b'a'..=b'z' => 2,
        _ => 1,
    }
}

/// The grams of a piece, each with how common its bytes are.
fn grams(piece: &[u8], width: usize) -> impl Iterator<Item = (u64, u32)> {
    let (mut gram, mut common) = (0, 0);
    let left = std::iter::repeat_n(0, width).chain(piece.iter().map(|byte| COMMON[usize::from(*byte)]));
    let bytes = piece.iter().zip(left).map(move |(byte, left)| {
        gram = gram >> 8 | u64::from(*byte) << (8 * (width - 1));
        common = common + COMMON[usize::from(*byte)] - left;
        (gram, common)
    });
    bytes.skip(width - 1)
}

/// The rarest gram of each of the members; those whose rarest is no more rare are left.
fn choose(pieces: &[Box<[u8]>], members: &[usize], width: usize, left: &mut Vec<usize>) -> Vec<Entry> {
    let count: usize = members.iter().map(|at| pieces[*at].len() + 1 - width).sum();
    // Grams are counted by a part of their hash: now and then two are taken for one, and another is chosen.
    let shift = 32 - (2 * count).next_power_of_two().trailing_zeros().clamp(1, MOST_COUNTED);
    let mut uses = vec![0_u32; 1 << (32 - shift)];
    let counter = |gram: u64| (hash(gram) >> shift) as usize;
    members.iter().flat_map(|at| grams(&pieces[*at], width)).for_each(|(gram, _)| uses[counter(gram)] += 1);
    // Twice the uses weigh as much as one byte that is more common.
    let weight = |gram: u64, common: u32| common + uses[counter(gram)].ilog2();
    let mut chosen: FxHashMap<u64, usize> = FxHashMap::default();
    let mut entries = Vec::with_capacity(members.len());
    for piece in members {
        let weighed = || {
            grams(&pieces[*piece], width).zip(0..).map(|((gram, common), before)| (weight(gram, common), gram, before))
        };
        let is_full = |gram: &u64| chosen.get(gram).is_some_and(|alike| *alike >= MOST_ALIKE);
        let rarest = weighed().min_by_key(|(weight, ..)| *weight);
        let rarest = rarest
            .filter(|(_, gram, _)| !is_full(gram))
            .or_else(|| weighed().filter(|(_, gram, _)| !is_full(gram)).min_by_key(|(weight, ..)| *weight));
        if let Some((_, gram, before)) = rarest {
            *chosen.entry(gram).or_default() += 1;
            let hash = if width == 2 { pair_hash(gram) } else { hash(gram) };
            entries.push(Entry { hash, piece: *piece as u32, before });
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
        assert_eq!(found(&grams, "C:\\powershell"), [0, 1, 2]);
        assert_eq!(found(&grams, "x"), [3]);
        assert_eq!(found(&grams, "powershel"), [2]);
        assert_eq!(found(&grams, "é"), [5]);
        assert!(found(&grams, "").is_empty());
    }

    #[test]
    fn what_is_too_much_alike_is_given_back() {
        // Two letters make 256 grams.
        let letters = |n: usize| (0..14).map(|bit| if n >> bit & 1 == 0 { b'a' } else { b'b' }).collect();
        let pieces: Vec<Box<[u8]>> = (0..16_384).map(letters).collect();
        let (grams, left) = Grams::new(&pieces);
        assert_eq!(left.len(), 16_384 - 256 * MOST_ALIKE);
        assert!(grams.passes.iter().all(|pass| pass.entries.len() == 256 * MOST_ALIKE));
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_comparison_finds(
            pieces in prop::collection::btree_set("[abcé]{1,5}|[ab]{1,10}", 0..40),
            text in "[abcdé]{0,40}[ab]{0,40}[abé]{0,10}",
        ) {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let (grams, left) = Grams::new(&boxed(&pieces));
            let wanted: Vec<usize> = (0..pieces.len()).filter(|at| !left.contains(at) && text.contains(pieces[*at])).collect();
            prop_assert_eq!(found(&grams, &text), wanted);
        }
    }
}
