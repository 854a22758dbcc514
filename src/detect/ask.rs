//! One test of one value, compiled: what a predicate falls back to where no set answers.

use super::error::Problem;
use super::late::LateRegex;
use super::pattern::{Matcher, Shape};
use super::{clock, fold, form, number};
use crate::record::{Fact, Facts, Slot, Slots};
use crate::sigma::ir::{Number, Order, Pattern, Piece, Place, Test, TimePart};
use ipnet::IpNet;
use std::net::IpAddr;

/// Pieces that a pattern may have: each `*` between two literals costs a search.
const MAX_PIECES: usize = 256;
/// Bytes of literals that a pattern may have.
const MAX_PATTERN: usize = 64 << 10;

/// A compiled test.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    /// The field is there.
    Exists,
    /// It is absent or null.
    Null,
    /// It is true or false.
    Bool(bool),
    /// It is this number, or its text.
    Number(Number, Box<str>),
    /// Its text form matches.
    Text(Matcher),
    /// Its text form holds a match.
    Regex(LateRegex),
    /// It is an address within.
    Cidr(IpNet),
    /// It is a number that compares so with all of these.
    Compare(Box<[(Order, Number)]>),
    /// It relates so to another field.
    FieldRef {
        /// The other field.
        other: Slot,
        /// Where the other's text lies.
        place: Place,
        /// Whether case counts.
        cased: bool,
    },
    /// A part of it as a time compares so.
    TimePart(TimePart, Option<Order>, i64),
}

/// A scalar with what tests look at, read once for all of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// The value.
    pub(super) fact: Fact<'a>,
    /// Its text form.
    pub(super) text: Option<&'a str>,
    /// The text form, folded.
    pub(super) folded: &'a str,
}

/// Room for text forms; grows to the longest and stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    form: String,
    folded: String,
    other: Side,
}

#[derive(Clone, Debug, Default)]
struct Side {
    form: String,
    folded: String,
}

impl Ask {
    /// Refuses a test that asks for too much. The other field that one looks at becomes wanted.
    pub(super) fn admit(test: &Test, slots: &mut Slots) -> Result<(), Problem> {
        match test {
            Test::Text(pattern) => admit_pattern(pattern),
            Test::Regex(regex) => LateRegex::admit(regex),
            Test::FieldRef { field, .. } => match slots.want(field) {
                Some(_) => Ok(()),
                None => Err(Problem::Fields { field: field.to_string() }),
            },
            _ => Ok(()),
        }
    }

    /// Compiles a test that was admitted; `None` if it was not.
    pub(super) fn new(test: &Test, slots: &Slots) -> Option<Self> {
        Some(match test {
            Test::Exists => Self::Exists,
            Test::Null => Self::Null,
            Test::Bool(value) => Self::Bool(*value),
            Test::Number(value) => {
                let value = number::normal(*value);
                let mut text = String::new();
                match value {
                    Number::Int(value) => text.push_str(itoa::Buffer::new().format(value)),
                    Number::Float(value) => form::float(value, &mut text),
                }
                Self::Number(value, text.into())
            }
            Test::Text(pattern) => Self::Text(Matcher::new(pattern)),
            Test::Regex(regex) => Self::Regex(LateRegex::new(regex)),
            Test::Cidr(network) => Self::Cidr(network.trunc()),
            Test::Compare(order, bound) => Self::Compare([(*order, number::normal(*bound))].into()),
            Test::FieldRef { field, place, cased } => {
                Self::FieldRef { other: slots.find(field)?, place: *place, cased: *cased }
            }
            Test::TimePart { part, order, value } => Self::TimePart(*part, *order, *value),
        })
    }

    /// Whether a scalar satisfies it. `record` is asked for other fields.
    pub(super) fn holds<F: Facts + ?Sized>(&self, reading: &Reading<'_>, record: &F, buffers: &mut Other<'_>) -> bool {
        let fact = reading.fact;
        let is_text = matches!(fact, Fact::Text(_) | Fact::Word(..));
        match self {
            Self::Exists => fact != Fact::Absent,
            Self::Null => matches!(fact, Fact::Absent | Fact::Null),
            Self::Bool(wanted) => match fact {
                Fact::Bool(value) => value == *wanted,
                _ => is_text && reading.folded == if *wanted { "true" } else { "false" },
            },
            Self::Number(wanted, form) => match number::of(fact) {
                Some(value) => number::compare(value, *wanted).is_some_and(|order| order.is_eq()),
                None => is_text && reading.text == Some(form),
            },
            Self::Text(matcher) => reading.text.is_some_and(|text| matcher.matches(text, reading.folded)),
            Self::Regex(regex) => reading.text.is_some_and(|text| regex.is_match(text)),
            Self::Cidr(network) => match fact {
                Fact::Addr(address) => network.contains(&address),
                _ if is_text => address(reading.text).is_some_and(|address| network.contains(&address)),
                _ => false,
            },
            Self::Compare(comparisons) => {
                let value = number::of(fact).or_else(|| reading.text.filter(|_| is_text).and_then(number::read));
                value.is_some_and(|value| {
                    comparisons.iter().all(|(order, bound)| {
                        number::compare(value, *bound).is_some_and(|found| number::satisfies(found, *order))
                    })
                })
            }
            Self::FieldRef { other, place, cased } => {
                reading.text.is_some() && refers(reading, record.fact(*other), *place, *cased, buffers)
            }
            Self::TimePart(part, order, wanted) => clock::part(fact, *part).is_some_and(|value| match order {
                None => value == *wanted,
                Some(order) => number::satisfies(value.cmp(wanted), *order),
            }),
        }
    }

    /// Whether it looks at folded text.
    pub(super) fn folds(&self) -> bool {
        match self {
            Self::Bool(_) => true,
            Self::Text(matcher) => !matcher.cased && !matches!(matcher.shape, Shape::Anything),
            Self::FieldRef { cased, .. } => !cased,
            _ => false,
        }
    }
}

/// Room for the text form of another field.
pub(super) struct Other<'a>(&'a mut Side);

impl Buffers {
    /// Reads a scalar; folds only on demand. The rest of the room is for [`Ask::holds`].
    pub(super) fn read<'a>(&'a mut self, fact: Fact<'a>, fold: bool) -> (Reading<'a>, Other<'a>) {
        let text = form::text(fact, &mut self.form);
        match text {
            Some(text) if fold => fold::fold_into(text, &mut self.folded),
            _ => self.folded.clear(),
        }
        (Reading { fact, text, folded: &self.folded }, Other(&mut self.other))
    }

    /// The same with the other way to write a whole float, if it is one.
    pub(super) fn read_with_point<'a>(&'a mut self, fact: Fact<'a>) -> Option<(Reading<'a>, Other<'a>)> {
        let text = form::with_point(fact, &mut self.form)?;
        // Digits are the same in any case.
        Some((Reading { fact, text: Some(text), folded: text }, Other(&mut self.other)))
    }
}

/// The address that a text is.
pub(super) fn address(text: Option<&str>) -> Option<IpAddr> {
    let text = text?;
    let first = *text.as_bytes().first()?;
    if first.is_ascii_hexdigit() || first == b':' { text.parse().ok() } else { None }
}

fn admit_pattern(pattern: &Pattern) -> Result<(), Problem> {
    let pieces = pattern.pieces.len();
    let literals = pattern.pieces.iter().map(|piece| match piece {
        Piece::Literal(literal) => literal.len(),
        _ => 0,
    });
    let bytes = literals.sum();
    if pieces > MAX_PIECES || bytes > MAX_PATTERN {
        return Err(Problem::Pattern { pieces, bytes, max_pieces: MAX_PIECES, max_bytes: MAX_PATTERN });
    }
    Ok(())
}

/// Whether the text of `other`, or of any of its values, lies so in what was read.
fn refers(reading: &Reading<'_>, other: Fact<'_>, place: Place, cased: bool, buffers: &mut Other<'_>) -> bool {
    if let Fact::List(list) = other {
        return form::any(list, |fact| refers(reading, fact, place, cased, buffers));
    }
    let Side { form, folded } = &mut *buffers.0;
    let whole = if cased { reading.text.unwrap_or_default() } else { reading.folded };
    let lies = |part: &str| match place {
        Place::Whole => whole == part,
        Place::Contains => whole.contains(part),
        Place::Start => whole.starts_with(part),
        Place::End => whole.ends_with(part),
    };
    let Some(part) = form::text(other, form) else { return false };
    if cased {
        lies(part) || form::with_point(other, form).is_some_and(lies)
    } else {
        fold::fold_into(part, folded);
        lies(folded) || form::with_point(other, form).is_some_and(lies)
    }
}
