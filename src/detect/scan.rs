//! Which predicates may a text satisfy? One hash look-up and one pass of an automaton for all texts that rules look
//! for in a field.

use super::ask::Ask;
use super::fold::folded;
use super::pattern::Shape;
use super::predicate::{Predicate, PredicateIx};
use aho_corasick::{AhoCorasick, BuildError};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Bytes of a literal that go into the automaton, so that at most so many needles end at one byte of a text, whatever
/// the rules look for. Of a longer literal its end is taken (file paths differ there); a hit is then checked.
const MAX_NEEDLE: usize = 32;

/// Building the automaton moves the states that end a needle before all others, one by one. Where those are many and the
/// others few, as for `a1`, `a2`, `a3`, ..., the moves form long circles, and following these takes time that grows with the
/// square of their length. From so many needles on, a first one that is in no text begins the automaton with states that end
/// nothing: circles become no longer than [`SHARE`].
const MANY: usize = 1_000;
/// How many bytes of needles there are for one byte of that first needle.
const SHARE: usize = 64;
/// A byte that UTF-8 does not have.
const IN_NO_TEXT: u8 = 0xFF;

/// A search for all texts of one field. Texts are given folded.
#[derive(Debug)]
pub(super) struct Scan {
    exact: HashMap<Box<str>, Vec<Mark>, RandomState>,
    automaton: Option<AhoCorasick>,
    needles: Vec<Needle>,
    /// The number of the first needle among all of the machine.
    base: usize,
}

/// What is known when a text was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Of which predicate.
    pub(super) predicate: PredicateIx,
    /// Whether it holds for sure.
    pub(super) certain: bool,
}

/// What a needle tells when it is found at the start, at the end, or anywhere.
#[derive(Debug, Default)]
struct Needle {
    start: Vec<Mark>,
    end: Vec<Mark>,
    anywhere: Vec<Mark>,
}

/// Which needles were seen in the current text.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    text: u32,
    stamps: Vec<u32>,
}

/// How a search finds out about a test of texts.
enum Search<'a> {
    Exact(&'a str),
    Start(&'a str),
    End(&'a str),
    Anywhere(&'a str),
    /// Part of what is needed.
    Within(&'a str),
    /// It cannot.
    Open,
    /// No text satisfies it.
    Never,
}

impl Scan {
    /// A search for the predicates of one field; `None` if it could find none of them.
    pub(super) fn new<'p>(
        predicates: impl Iterator<Item = (PredicateIx, &'p Predicate)>,
        base: usize,
    ) -> Result<Option<Self>, BuildError> {
        let mut exact: HashMap<Box<str>, Vec<Mark>, RandomState> = HashMap::default();
        let mut by_text: HashMap<Box<[u8]>, Needle, RandomState> = HashMap::default();
        for (predicate, meaning) in predicates {
            for ask in &meaning.asks {
                let mut mark = Mark { predicate, certain: !matches!(ask, Ask::Text(matcher) if matcher.cased) };
                let search = search(ask);
                let (literal, place): (&str, fn(&mut Needle) -> &mut Vec<Mark>) = match search {
                    Search::Open | Search::Never => continue,
                    Search::Exact(text) => {
                        exact.entry(folded(text).into()).or_default().push(mark);
                        continue;
                    }
                    Search::Start(literal) => (literal, |needle| &mut needle.start),
                    Search::End(literal) => (literal, |needle| &mut needle.end),
                    Search::Anywhere(literal) | Search::Within(literal) => (literal, |needle| &mut needle.anywhere),
                };
                let literal = folded(literal).into_bytes();
                let cut = literal.len().saturating_sub(MAX_NEEDLE);
                mark.certain &= cut == 0 && !matches!(search, Search::Within(_));
                let part = if matches!(search, Search::Start(_)) {
                    literal.get(..literal.len() - cut)
                } else {
                    literal.get(cut..)
                };
                let needle = by_text.entry(part.unwrap_or_default().into()).or_default();
                place(needle).push(mark);
            }
        }
        if exact.is_empty() && by_text.is_empty() {
            return Ok(None);
        }
        let mut by_text: Vec<(Box<[u8]>, Needle)> = by_text.into_iter().collect();
        by_text.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if by_text.len() >= MANY {
            let bytes: usize = by_text.iter().map(|(text, _)| text.len()).sum();
            by_text.insert(0, (vec![IN_NO_TEXT; bytes / SHARE].into(), Needle::default()));
        }
        let automaton =
            if by_text.is_empty() { None } else { Some(AhoCorasick::new(by_text.iter().map(|(text, _)| text))?) };
        let needles = by_text.into_iter().map(|(_, needle)| needle).collect();
        Ok(Some(Self { exact, automaton, needles, base }))
    }

    /// How many needles it has.
    pub(super) fn needles(&self) -> usize {
        self.needles.len()
    }

    /// Tells every mark of a text, some perhaps more than once.
    pub(super) fn search(&self, text: &str, seen: &mut Seen, mut found: impl FnMut(Mark)) {
        let marks = if self.exact.is_empty() { None } else { self.exact.get(text) };
        marks.into_iter().flatten().for_each(|mark| found(*mark));
        let Some(automaton) = &self.automaton else { return };
        seen.next_text();
        for hit in automaton.find_overlapping_iter(text) {
            let Some(needle) = self.needles.get(hit.pattern().as_usize()) else { continue };
            if hit.start() == 0 {
                needle.start.iter().for_each(|mark| found(*mark));
            }
            if hit.end() == text.len() {
                needle.end.iter().for_each(|mark| found(*mark));
            }
            if !needle.anywhere.is_empty() && seen.first_time(self.base + hit.pattern().as_usize()) {
                needle.anywhere.iter().for_each(|mark| found(*mark));
            }
        }
    }
}

impl Seen {
    /// Makes room for the needles of a machine.
    pub(super) fn reserve(&mut self, needles: usize) {
        if self.stamps.len() < needles {
            self.stamps.resize(needles, 0);
        }
    }

    fn next_text(&mut self) {
        if self.text == u32::MAX {
            self.stamps.fill(0);
            self.text = 0;
        }
        self.text += 1;
    }

    fn first_time(&mut self, needle: usize) -> bool {
        self.stamps.get_mut(needle).is_some_and(|stamp| std::mem::replace(stamp, self.text) != self.text)
    }
}

fn search(ask: &Ask) -> Search<'_> {
    match ask {
        Ask::Null => Search::Never,
        Ask::Bool(true) => Search::Exact("true"),
        Ask::Bool(false) => Search::Exact("false"),
        Ask::Number(_, form) => Search::Exact(form),
        Ask::Text(matcher) => match &matcher.shape {
            Shape::Exact(text) => Search::Exact(text),
            Shape::Start(literal) | Shape::End(literal) | Shape::Contains(literal, _) if literal.is_empty() => {
                Search::Open
            }
            Shape::Start(literal) => Search::Start(literal),
            Shape::End(literal) => Search::End(literal),
            Shape::Contains(literal, _) => Search::Anywhere(literal),
            Shape::Glob(glob) => glob.longest().map_or(Search::Open, Search::Within),
            Shape::Anything => Search::Open,
        },
        Ask::Exists | Ask::Regex(_) | Ask::Cidr(_) | Ask::Compare(..) | Ask::FieldRef { .. } | Ask::TimePart(..) => {
            Search::Open
        }
    }
}

/// Whether a text can satisfy the test without being found by a search.
pub(super) fn is_open(ask: &Ask) -> bool {
    matches!(search(ask), Search::Open)
}
