//! Does a text match a pattern with wildcards? Folded and classified when compiled.

use super::fold::folded;
use crate::sigma::ir::{Pattern, Piece};
use memchr::memmem::Finder;
use std::sync::OnceLock;

/// The characters that `windash` takes for one another.
const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    /// Whether it looks at the text as it is; if not, at the folded text.
    pub(super) cased: bool,
    /// What it looks for.
    pub(super) shape: Shape,
}

/// What a pattern looks for; literals are folded unless case counts.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// The whole text is this.
    Exact(Box<str>),
    /// It starts so.
    Start(Box<str>),
    /// It ends so.
    End(Box<str>),
    /// It holds this.
    Contains(Box<str>, LateFinder),
    /// Any text.
    Anything,
    /// Anything else.
    Glob(Glob),
}

/// A search, made ready when it is first asked: most literals are only ever searched for together with all others.
#[derive(Clone, Debug, Default)]
pub(super) struct LateFinder(OnceLock<Box<Finder<'static>>>);

impl LateFinder {
    /// Whether `text` holds `wanted`, which is always the same.
    fn is_in(&self, wanted: &str, text: &str) -> bool {
        if text.len() < wanted.len() {
            return false;
        }
        let finder = self.0.get_or_init(|| Box::new(Finder::new(wanted.as_bytes()).into_owned()));
        finder.find(text.as_bytes()).is_some()
    }
}

/// Segments without `*`, in order. The first is held to the start of the text, the last to its end.
#[derive(Clone, Debug)]
pub(super) struct Glob(Box<[Segment]>);

type Segment = Box<[Piece]>;

impl Matcher {
    /// Compiles `pattern`.
    pub(super) fn new(pattern: &Pattern) -> Self {
        let text = |literal: &str| -> Box<str> {
            if pattern.cased { literal.into() } else { folded(literal).into_boxed_str() }
        };
        let shape = match pattern.pieces.as_slice() {
            [] => Shape::Exact("".into()),
            [Piece::Many] => Shape::Anything,
            [Piece::Literal(literal)] => Shape::Exact(text(literal)),
            [Piece::Literal(literal), Piece::Many] => Shape::Start(text(literal)),
            [Piece::Many, Piece::Literal(literal)] => Shape::End(text(literal)),
            [Piece::Many, Piece::Literal(literal), Piece::Many] => {
                Shape::Contains(text(literal), LateFinder::default())
            }
            pieces => {
                let segment = |pieces: &[Piece]| -> Segment {
                    pieces
                        .iter()
                        .map(|piece| match piece {
                            Piece::Literal(literal) => Piece::Literal(text(literal)),
                            other => other.clone(),
                        })
                        .collect()
                };
                Shape::Glob(Glob(pieces.split(|piece| *piece == Piece::Many).map(segment).collect()))
            }
        };
        Self { cased: pattern.cased, shape }
    }

    /// Whether the text matches, given as it is and folded.
    pub(super) fn matches(&self, raw: &str, folded: &str) -> bool {
        let text = if self.cased { raw } else { folded };
        match &self.shape {
            Shape::Exact(wanted) => text == &**wanted,
            Shape::Start(wanted) => text.starts_with(&**wanted),
            Shape::End(wanted) => text.ends_with(&**wanted),
            Shape::Contains(wanted, finder) => finder.is_in(wanted, text),
            Shape::Anything => true,
            Shape::Glob(glob) => glob.matches(text),
        }
    }
}

impl Glob {
    /// Leftmost-first for each segment between two `*`, which never has to be taken back.
    fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &*self.0 else {
            return self.0.first().is_some_and(|only| prefix(only, text) == Some(""));
        };
        let Some(mut rest) = prefix(first, text).and_then(|rest| suffix(last, rest)) else { return false };
        for segment in middle {
            match find(segment, rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        true
    }

    /// How many parts it has between its `*`.
    pub(super) const fn segments(&self) -> usize {
        self.0.len()
    }

    /// Its longest literal: no text without it matches.
    pub(super) fn longest(&self) -> Option<&str> {
        let literals = self.0.iter().flatten().filter_map(|piece| match piece {
            Piece::Literal(literal) => Some(&**literal),
            _ => None,
        });
        literals.max_by_key(|literal| literal.len())
    }
}

/// What follows the segment at the start of `text`.
fn prefix<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    segment.iter().try_fold(text, |rest, piece| match piece {
        Piece::Literal(literal) => rest.strip_prefix(&**literal),
        Piece::One => without_first(rest),
        Piece::Dash => rest.strip_prefix(DASHES),
        Piece::Many => Some(rest),
    })
}

/// What precedes the segment at the end of `text`.
fn suffix<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    segment.iter().rev().try_fold(text, |rest, piece| match piece {
        Piece::Literal(literal) => rest.strip_suffix(&**literal),
        Piece::One => rest.strip_suffix(|_| true),
        Piece::Dash => rest.strip_suffix(DASHES),
        Piece::Many => Some(rest),
    })
}

/// What follows the first place where the segment fits.
fn find<'t>(segment: &[Piece], text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    loop {
        if let Some(Piece::Literal(literal)) = segment.first() {
            rest = rest.get(rest.find(&**literal)?..)?;
        }
        if let Some(after) = prefix(segment, rest) {
            return Some(after);
        }
        rest = without_first(rest)?;
    }
}

fn without_first(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*` `?` and, for a dash, `~`.
    fn matches(pattern: &str, text: &str) -> bool {
        let mut pieces: Vec<Piece> = Vec::new();
        for c in pattern.chars() {
            match (c, pieces.last_mut()) {
                ('*', _) => pieces.push(Piece::Many),
                ('?', _) => pieces.push(Piece::One),
                ('~', _) => pieces.push(Piece::Dash),
                (c, Some(Piece::Literal(literal))) => *literal = format!("{literal}{c}").into(),
                (c, _) => pieces.push(Piece::Literal(c.to_string().into())),
            }
        }
        Matcher::new(&Pattern { pieces, cased: false }).matches(text, &folded(text))
    }

    #[test]
    fn wildcards_are_anchored_at_both_ends() {
        assert!(matches("a*b*c", "aXbYc"));
        assert!(matches("a*b*c", "A\nb\nC"));
        assert!(!matches("a*b*c", "aXbYc "));
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("?b", "\nb"));
        assert!(matches("a?c", "aéc"));
        assert!(!matches("a?c", "ac"));
        assert!(matches("*~enc*", "x –ENC y"));
        assert!(matches("*b?d*", "abxabcd"));
        assert!(matches("", ""));
        assert!(!matches("", " "));
        assert!(matches("?*?", "ab"));
        assert!(!matches("?*?", "a"));
    }

    #[test]
    fn a_hostile_pattern_is_no_harder_than_its_length_times_the_text() {
        let pattern = format!("{}b", "*a".repeat(100));
        let text = "a".repeat(100_000);
        assert!(!matches(&pattern, &text));
        assert!(!matches(&format!("{}*b?", "*a".repeat(100)), &text));
        assert!(matches(&pattern, &format!("{text}b")));
    }
}
