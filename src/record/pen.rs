//! What writes a line: a page that is filled in place and copied to its line once.
//!
//! A vector looks at its capacity and notes its length with every word that is appended. A pen keeps its place at hand,
//! and writes texts of fixed size, of which only the beginning counts: what follows is written over.

use super::digits;
use super::json::write_fact;
use super::list::registers;
use super::schema::Key;
use super::{Fact, List, Vocabulary};
use crate::time::Span;

/// Holds most lines. What does not fit is written page by page.
pub(super) const PAGE: usize = 2_048;

/// Where lines are written.
pub(super) type Page = [u8; PAGE];

/// Writes one line.
///
/// Its methods are inlined where a pen is used: then its place is no place in memory.
pub(super) struct Pen<'p> {
    page: &'p mut Page,
    /// How much of the page is written.
    at: usize,
    out: &'p mut Vec<u8>,
}

#[expect(clippy::inline_always, reason = "so that the place on the page is kept in a register")]
impl<'p> Pen<'p> {
    /// Writes to the end of `out`, once it is [lifted](Self::lift); what the page held is written over.
    #[inline(always)]
    pub(super) fn new(page: &'p mut Page, out: &'p mut Vec<u8>) -> Self {
        Self { page, at: 0, out }
    }

    /// Ends the line so far; gives what it was appended to.
    #[inline(always)]
    pub(super) fn lift(&mut self) -> &mut Vec<u8> {
        spill(self.page, std::mem::take(&mut self.at), self.out);
        self.out
    }

    /// Writes the first `len` bytes of `text`.
    #[inline(always)]
    pub(super) fn stamp<const N: usize>(&mut self, text: &[u8; N], len: usize) {
        const { assert!(N <= PAGE) }
        if self.at > PAGE - N {
            turn(self.page, std::mem::take(&mut self.at), self.out);
        }
        if let Some(place) = self.page.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            *place = *text;
        }
        self.at += len.min(N);
    }

    /// Writes a text of fixed size.
    #[inline(always)]
    pub(super) fn text<const N: usize>(&mut self, text: &[u8; N]) {
        self.stamp(text, N);
    }

    /// Writes a text of any size.
    #[inline(always)]
    pub(super) fn copy(&mut self, text: &[u8]) {
        match self.page.get_mut(self.at..self.at + text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                self.at += text.len();
            }
            None => {
                turn(self.page, std::mem::take(&mut self.at), self.out);
                self.out.extend_from_slice(text);
            }
        }
    }

    /// Writes a number of eight digits at most.
    #[inline(always)]
    pub(super) fn digits(&mut self, number: u32) {
        let (text, count) = digits::digits(number);
        self.stamp(&text, count);
    }

    /// Writes a field's name, and its value if it has one.
    #[inline(always)]
    pub(super) fn field(&mut self, key: &'static Key, fact: Fact<'_>) {
        match fact {
            Fact::Absent => {}
            Fact::Int(number) if (0..digits::BEYOND.into()).contains(&number) => {
                self.key(key);
                self.digits(number as u32);
            }
            Fact::Bool(is_true) => {
                self.key(key);
                self.stamp(if is_true { b"true " } else { b"false" }, 5 - usize::from(is_true));
            }
            Fact::Word(vocabulary, word) => {
                self.key(key);
                self.word(vocabulary, word);
            }
            Fact::List(List::Registers(bytes)) => {
                self.key(key);
                self.registers(bytes);
            }
            Fact::List(List::Bits { bytes, count }) => {
                self.key(key);
                self.bits(bytes, count);
            }
            Fact::List(List::Spans([span])) => {
                self.key(key);
                self.span(*span);
            }
            fact => {
                turn(self.page, std::mem::take(&mut self.at), self.out);
                write_rare(key, fact, self.out);
            }
        }
    }

    /// Writes a field's name, with the comma before it.
    #[inline(always)]
    pub(super) fn key(&mut self, key: &'static Key) {
        self.stamp(key.room(), key.text().len());
    }

    /// Writes a span in milliseconds, as it is written as a number with a fraction.
    #[inline(always)]
    pub(super) fn millis(&mut self, key: &'static Key, span: Span) {
        /// Above it, numbers with a fraction are not exact.
        const EXACT: i64 = 100_000_000_000_000;
        let nanos = span.nanos();
        if !(0..EXACT).contains(&nanos) {
            return self.field(key, Fact::Float(nanos as f64 / 1e6));
        }
        self.key(key);
        self.digits((nanos / 1_000_000) as u32);
        let (text, len) = digits::decimals((nanos % 1_000_000) as u32);
        self.text(b".");
        self.stamp(&text, len);
    }

    #[inline(always)]
    fn word(&mut self, vocabulary: &Vocabulary, word: u16) {
        self.text(b"\"");
        // No word of ours needs an escape.
        self.copy(vocabulary.words.get(usize::from(word)).copied().unwrap_or_default().as_bytes());
        self.text(b"\"");
    }

    #[inline(always)]
    fn registers(&mut self, bytes: &[u8]) {
        self.text(b"[");
        let numbers = registers(bytes);
        let is_empty = numbers.len() == 0;
        for number in numbers {
            let (text, count) = digits::listed(number);
            self.stamp(&text, count);
        }
        self.end_list(is_empty);
    }

    #[inline(always)]
    fn bits(&mut self, bytes: &[u8], count: u16) {
        self.text(b"[");
        let count = usize::from(count).min(bytes.len() * 8);
        let (whole, rest) = bytes.split_at_checked(count / 8).unwrap_or_default();
        for byte in whole {
            self.text(&digits::eight(*byte));
        }
        if let Some(byte) = rest.first() {
            self.stamp(&digits::eight(*byte), count % 8 * 2);
        }
        self.end_list(count == 0);
    }

    /// The last comma gives way to the bracket.
    #[inline(always)]
    fn end_list(&mut self, is_empty: bool) {
        if !is_empty {
            if self.at == 0 {
                self.out.pop();
            }
            self.at = self.at.saturating_sub(1);
        }
        self.text(b"]");
    }

    #[inline(always)]
    fn span(&mut self, [first, last]: [u16; 2]) {
        self.text(b"\"");
        self.digits(first.into());
        if last != first {
            self.text(b"-");
            self.digits(last.into());
        }
        self.text(b"\"");
    }
}

/// Copies a page that is written so far.
fn spill(page: &Page, at: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(page.get(..at).unwrap_or_default());
}

/// The same, in the middle of a line.
#[cold]
#[inline(never)]
fn turn(page: &Page, at: usize, out: &mut Vec<u8>) {
    spill(page, at, out);
}

#[inline(never)]
fn write_rare(key: &Key, fact: Fact<'_>, out: &mut Vec<u8>) {
    key.write(out);
    write_fact(fact, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::find;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// Wherever a page ends, a field is written as it is without pages.
        #[test]
        fn a_page_ends_anywhere(before in 0..2 * PAGE, bytes in prop::collection::vec(any::<u8>(), 0..600), count in 0..4_000_u16) {
            let key = &find("modbus.values").unwrap().native.row().key;
            let (registers, bits) = (List::Registers(&bytes), List::Bits { bytes: &bytes, count });
            for fact in [Fact::List(registers), Fact::List(bits), Fact::Int(count.into()), Fact::Bool(count % 2 == 0)] {
                let (mut page, mut out, mut plain) = ([0; PAGE], b"x".to_vec(), b"x".to_vec());
                let mut pen = Pen::new(&mut page, &mut out);
                (0..before).for_each(|_| pen.text(b"y"));
                pen.field(key, fact);
                pen.copy(b"z");
                pen.lift();
                plain.resize(1 + before, b'y');
                write_rare(key, fact, &mut plain);
                plain.push(b'z');
                prop_assert_eq!(out, plain);
            }
        }
    }
}
