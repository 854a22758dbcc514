//! Which predicates may a text satisfy? One hash look-up, two binary searches and one pass for all texts that rules look
//! for in a field.

use super::ask::Ask;
use super::edges::Edges;
use super::fold::folded;
use super::grams::Grams;
use super::pattern::Shape;
use super::predicate::{Predicate, PredicateIx};
use aho_corasick::{AhoCorasick, BuildError};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};

/// Bytes of a literal that are searched for, so that what is compared at one byte of a text is bounded, whatever the rules
/// look for. Of a longer literal its end is taken (file paths differ there); a hit is then checked.
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
    starts: Edges,
    /// Written backwards.
    ends: Edges,
    grams: Grams,
    /// What stands anywhere and is too much alike for grams: an automaton, and which needle each of its patterns is.
    crowd: Option<(AhoCorasick, Vec<usize>)>,
    /// What each needle tells; first those that stand anywhere.
    needles: Vec<Vec<Mark>>,
    /// How many stand anywhere.
    anywhere: usize,
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

/// Needles with what they tell.
type Needles = BTreeMap<Box<[u8]>, Vec<Mark>>;

impl Scan {
    /// A search for the predicates of one field; `None` if it could find none of them.
    pub(super) fn new<'p>(
        predicates: impl Iterator<Item = (PredicateIx, &'p Predicate)>,
    ) -> Result<Option<Self>, BuildError> {
        let mut exact: HashMap<Box<str>, Vec<Mark>, RandomState> = HashMap::default();
        let [mut starts, mut ends, mut inner] = [const { Needles::new() }; 3];
        for (predicate, meaning) in predicates {
            for ask in &meaning.asks {
                let mut mark = Mark { predicate, certain: !matches!(ask, Ask::Text(matcher) if matcher.cased) };
                let search = search(ask);
                let (literal, needles) = match search {
                    Search::Open | Search::Never => continue,
                    Search::Exact(text) => {
                        exact.entry(folded(text).into()).or_default().push(mark);
                        continue;
                    }
                    Search::Start(literal) => (literal, &mut starts),
                    Search::End(literal) => (literal, &mut ends),
                    Search::Anywhere(literal) | Search::Within(literal) => (literal, &mut inner),
                };
                let mut literal = folded(literal).into_bytes();
                mark.certain &= literal.len() <= MAX_NEEDLE && !matches!(search, Search::Within(_));
                match search {
                    Search::Start(_) => {}
                    Search::End(_) => literal.reverse(),
                    _ => _ = literal.drain(..literal.len().saturating_sub(MAX_NEEDLE)),
                }
                literal.truncate(MAX_NEEDLE);
                needles.entry(literal.into()).or_default().push(mark);
            }
        }
        if exact.is_empty() && starts.is_empty() && ends.is_empty() && inner.is_empty() {
            return Ok(None);
        }
        let (inner, mut needles): (Vec<_>, Vec<_>) = inner.into_iter().unzip();
        let anywhere = needles.len();
        let (grams, left) = Grams::new(&inner);
        let crowd = if left.is_empty() { None } else { Some(crowd(&inner, left)?) };
        let mut edges = |side: Needles| {
            let numbered = (needles.len() as u32..).zip(side).map(|(number, (text, marks))| {
                needles.push(marks);
                (text, number)
            });
            Edges::new(numbered.collect())
        };
        let (starts, ends) = (edges(starts), edges(ends));
        Ok(Some(Self { exact, starts, ends, grams, crowd, needles, anywhere, base: 0 }))
    }

    /// How many needles it has that are told once for each text.
    pub(super) const fn needles(&self) -> usize {
        self.anywhere
    }

    /// Numbers them among those of all fields, from `first` on.
    pub(super) const fn number_needles(&mut self, first: usize) {
        self.base = first;
    }

    /// Tells every mark of a text, some perhaps more than once.
    pub(super) fn search(&self, text: &str, seen: &mut Seen, mut found: impl FnMut(Mark)) {
        let marks = if self.exact.is_empty() { None } else { self.exact.get(text) };
        marks.into_iter().flatten().for_each(|mark| found(*mark));
        let mut tell = |needle: usize| self.needles.get(needle).into_iter().flatten().for_each(|mark| found(*mark));
        if !self.starts.is_empty() {
            self.starts.search(text.as_bytes(), &mut tell);
        }
        if !self.ends.is_empty() {
            let mut backwards = [0; MAX_NEEDLE];
            let length = backwards.iter_mut().zip(text.bytes().rev()).map(|(place, byte)| *place = byte).count();
            self.ends.search(backwards.get(..length).unwrap_or_default(), &mut tell);
        }
        if self.anywhere == 0 {
            return;
        }
        seen.next_text();
        let mut tell_once = |needle: usize| {
            if seen.first_time(self.base + needle) {
                tell(needle);
            }
        };
        self.grams.search(text.as_bytes(), &mut tell_once);
        if let Some((automaton, needles)) = &self.crowd {
            for hit in automaton.find_overlapping_iter(text) {
                needles.get(hit.pattern().as_usize()).into_iter().for_each(|needle| tell_once(*needle));
            }
        }
    }
}

/// An automaton for some of the texts.
fn crowd(texts: &[Box<[u8]>], mut members: Vec<usize>) -> Result<(AhoCorasick, Vec<usize>), BuildError> {
    let mut patterns: Vec<&[u8]> = members.iter().filter_map(|at| texts.get(*at)).map(|text| &**text).collect();
    let bytes: usize = patterns.iter().map(|text| text.len()).sum();
    let first = vec![IN_NO_TEXT; bytes / SHARE];
    if patterns.len() >= MANY {
        patterns.insert(0, &first);
        members.insert(0, usize::MAX);
    }
    Ok((AhoCorasick::new(patterns)?, members))
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
        Ask::Regex(regex) => regex.required().map_or(Search::Open, Search::Within),
        Ask::Exists | Ask::Cidr(_) | Ask::Compare(..) | Ask::FieldRef { .. } | Ask::TimePart(..) => Search::Open,
    }
}

/// Whether a text can satisfy the test without being found by a search.
pub(super) fn is_open(ask: &Ask) -> bool {
    matches!(search(ask), Search::Open)
}
