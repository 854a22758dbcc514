//! Which tests exclude or imply each other, whatever the record says.

use super::super::ir::{Number, Order, Pattern, Piece, Predicate, Target, Test};
use super::super::scalar;
use crate::record::{Domain, schema};
use std::net::IpAddr;

/// A test with what is asked of it again and again.
#[derive(Debug)]
pub(super) struct Leaf<'e> {
    pub(super) predicate: &'e Predicate,
    form: Option<Form>,
    kind: Kind,
}

/// What is known of the values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing: an event may hold a list, of which any element may satisfy a test.
    Open,
    /// There is at most one.
    Single,
    /// There is at most one, and it is an integer.
    Integer,
}

/// A text test without wildcards but at its ends. Numbers and truth values are the texts that they equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) place: Place,
    /// As written if case counts, else in lower case.
    pub(super) literal: String,
    cased: bool,
}

/// Where a literal must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// An interval of numbers; the flags say that the end itself is not in it.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    low_open: bool,
    high: f64,
    high_open: bool,
}

impl<'e> Leaf<'e> {
    /// `own`: the record is one of ours, so that the schema knows its fields.
    pub(super) fn new(predicate: &'e Predicate, own: bool) -> Self {
        let domain = if own { domain(&predicate.target) } else { None };
        let kind = match domain {
            None | Some(Domain::Words(_) | Domain::U16List) => Kind::Open,
            Some(Domain::U8 | Domain::U16 | Domain::Int) => Kind::Integer,
            Some(_) => Kind::Single,
        };
        Self { predicate, form: form(&predicate.test), kind }
    }

    /// Whether no record satisfies `self` and `other`, each negated where its sign is false.
    pub(super) fn excludes(&self, sign: bool, other: &Self, other_sign: bool) -> bool {
        if self.predicate.target != other.predicate.target {
            return false;
        }
        match (sign, other_sign) {
            (true, false) => self.implies(other),
            (false, true) => other.implies(self),
            (true, true) => self.kind != Kind::Open && self.predicate.target != Target::AnyValue && self.apart(other),
            // A field that is not there is null.
            (false, false) => matches!(
                (&self.predicate.test, &other.predicate.test),
                (Test::Exists, Test::Null) | (Test::Null, Test::Exists)
            ),
        }
    }

    /// Whether every value that satisfies `self` satisfies `other`.
    fn implies(&self, other: &Self) -> bool {
        match (&self.predicate.test, &other.predicate.test) {
            (a, b) if a == b => true,
            (Test::Null, _) | (_, Test::Null) => false,
            (_, Test::Exists) => true,
            (Test::Cidr(inner), Test::Cidr(outer)) => outer.contains(inner),
            (_, Test::Cidr(outer)) => self.address().is_some_and(|address| outer.contains(&address)),
            (_, Test::Compare(..)) => match (self.range(), other.range()) {
                (Some(inner), Some(outer)) => inner.lies_in(outer),
                _ => false,
            },
            _ => match (&self.form, &other.form) {
                (Some(inner), Some(outer)) => outer.covers(inner),
                _ => false,
            },
        }
    }

    /// Whether no single value satisfies both.
    fn apart(&self, other: &Self) -> bool {
        match (&self.predicate.test, &other.predicate.test) {
            (Test::Exists | Test::FieldRef { .. }, _) | (_, Test::Exists | Test::FieldRef { .. }) => false,
            (Test::Null, Test::Null) => false,
            (Test::Null, _) | (_, Test::Null) => true,
            (Test::Cidr(a), Test::Cidr(b)) => !a.contains(b) && !b.contains(a),
            (Test::Cidr(net), _) => other.address().is_some_and(|address| !net.contains(&address)),
            (_, Test::Cidr(net)) => self.address().is_some_and(|address| !net.contains(&address)),
            (Test::Compare(..), _) | (_, Test::Compare(..)) => match (self.range(), other.range()) {
                (Some(a), Some(b)) => a.is_apart(b),
                _ => false,
            },
            _ => match (&self.form, &other.form) {
                (Some(a), Some(b)) => a.is_apart(b),
                _ => false,
            },
        }
    }

    /// The one address that satisfies the test, if it is one.
    fn address(&self) -> Option<IpAddr> {
        self.form.as_ref().filter(|form| form.place == Place::Whole)?.literal.parse().ok()
    }

    /// The numbers that satisfy the test.
    fn range(&self) -> Option<Range> {
        let all = Range { low: f64::NEG_INFINITY, low_open: false, high: f64::INFINITY, high_open: false };
        let Test::Compare(order, bound) = &self.predicate.test else {
            let value = exact(self.number()?)?;
            return Some(Range { low: value, high: value, ..all });
        };
        let value = exact(*bound)?;
        let step = if self.kind == Kind::Integer && matches!(bound, Number::Int(_)) { 1.0 } else { 0.0 };
        let open = step == 0.0;
        Some(match order {
            Order::Lt => Range { high: value - step, high_open: open, ..all },
            Order::Lte => Range { high: value, ..all },
            Order::Gt => Range { low: value + step, low_open: open, ..all },
            Order::Gte => Range { low: value, ..all },
        })
    }

    /// The one number that satisfies the test, if it is one.
    fn number(&self) -> Option<Number> {
        match &self.predicate.test {
            Test::Number(number) => Some(*number),
            _ => scalar::number(&self.form.as_ref().filter(|form| form.place == Place::Whole)?.literal),
        }
    }
}

/// The number, if a float holds it and its neighbours exactly.
fn exact(number: Number) -> Option<f64> {
    const MOST: i128 = 1 << 52;
    match number {
        #[expect(clippy::cast_precision_loss, reason = "the bound is below what a float holds exactly")]
        Number::Int(value) => (-MOST..=MOST).contains(&value).then_some(value as f64),
        Number::Float(value) => Some(value),
    }
}

impl Range {
    fn lies_in(self, outer: Self) -> bool {
        let above = self.low > outer.low || (self.low == outer.low && (self.low_open || !outer.low_open));
        let below = self.high < outer.high || (self.high == outer.high && (self.high_open || !outer.high_open));
        above && below
    }

    fn is_apart(self, other: Self) -> bool {
        let below = |a: Self, b: Self| a.high < b.low || (a.high == b.low && (a.high_open || b.low_open));
        below(self, other) || below(other, self)
    }
}

impl Form {
    /// Whether every text of `inner` is one of `self`.
    pub(super) fn covers(&self, inner: &Self) -> bool {
        // What is compared in any case has more spellings than what is compared in one.
        if self.cased && !inner.cased && inner.literal.chars().any(char::is_alphabetic) {
            return false;
        }
        let folded = if inner.cased && !self.cased { Some(inner.literal.to_lowercase()) } else { None };
        let literal = folded.as_ref().unwrap_or(&inner.literal);
        match (self.place, inner.place) {
            (Place::Anywhere, _) => literal.contains(&self.literal),
            (Place::Start, Place::Whole | Place::Start) => literal.starts_with(&self.literal),
            (Place::End, Place::Whole | Place::End) => literal.ends_with(&self.literal),
            (Place::Whole, Place::Whole) => *literal == self.literal,
            _ => false,
        }
    }

    /// Whether no text is one of both.
    fn is_apart(&self, other: &Self) -> bool {
        if self.cased != other.cased {
            return false;
        }
        let (a, b) = (&self.literal, &other.literal);
        match (self.place, other.place) {
            (Place::Whole, _) => !other.covers(self),
            (_, Place::Whole) => !self.covers(other),
            (Place::Start, Place::Start) => !a.starts_with(b) && !b.starts_with(a),
            (Place::End, Place::End) => !a.ends_with(b) && !b.ends_with(a),
            _ => false,
        }
    }
}

/// The form of a test that has one.
pub(super) fn form(test: &Test) -> Option<Form> {
    let whole = |literal: String| Some(Form { place: Place::Whole, literal, cased: false });
    let Pattern { pieces, cased } = match test {
        Test::Text(pattern) => pattern,
        Test::Number(Number::Int(value)) => return whole(value.to_string()),
        Test::Number(Number::Float(value)) => return whole(value.to_string()),
        Test::Bool(value) => return whole(value.to_string()),
        _ => return None,
    };
    let (place, literal) = match pieces.as_slice() {
        [] => (Place::Whole, ""),
        [Piece::Literal(literal)] => (Place::Whole, &**literal),
        [Piece::Literal(literal), Piece::Many] => (Place::Start, &**literal),
        [Piece::Many, Piece::Literal(literal)] => (Place::End, &**literal),
        [Piece::Many, Piece::Literal(literal), Piece::Many] => (Place::Anywhere, &**literal),
        _ => return None,
    };
    Some(Form { place, literal: if *cased { literal.to_owned() } else { literal.to_lowercase() }, cased: *cased })
}

/// What values the field has, if it is one of our own.
pub(super) fn domain(target: &Target) -> Option<Domain> {
    match target {
        Target::Field(name) => schema::find(name).map(schema::Field::domain),
        Target::AnyValue => None,
    }
}

/// Whether no value of the domain satisfies the test.
pub(super) fn is_impossible(test: &Test, domain: Domain) -> bool {
    match domain {
        Domain::U8 => not_within(test, 0, u8::MAX.into()),
        Domain::U16 | Domain::U16List => not_within(test, 0, u16::MAX.into()),
        Domain::Int => not_within(test, i64::MIN.into(), u64::MAX.into()),
        Domain::Word(vocabulary) | Domain::Words(vocabulary) => match test {
            Test::Text(pattern) => !vocabulary.words.iter().any(|word| matches(pattern, word)),
            Test::Number(_) | Test::Bool(_) => {
                let wanted = form(test);
                !vocabulary.words.iter().any(|word| wanted.as_ref().is_some_and(|form| form.literal == *word))
            }
            Test::Compare(..) | Test::Cidr(_) => true,
            _ => false,
        },
        Domain::Bool => match test {
            Test::Number(_) | Test::Compare(..) | Test::Cidr(_) => true,
            Test::Text(pattern) => !["true", "false"].iter().any(|word| matches(pattern, word)),
            _ => false,
        },
        Domain::Addr => match test {
            Test::Number(_) | Test::Bool(_) | Test::Compare(..) => true,
            Test::Text(_) => form(test).is_some_and(|form| match form.place {
                Place::Whole => form.literal.parse::<IpAddr>().is_err(),
                _ => form.literal.chars().any(|c| !c.is_ascii_hexdigit() && !matches!(c, '.' | ':')),
            }),
            _ => false,
        },
        Domain::Float | Domain::Time | Domain::Text => false,
    }
}

/// Whether no integer from `least` to `most` satisfies the test.
fn not_within(test: &Test, least: i128, most: i128) -> bool {
    let integer = |number: Number| match number {
        Number::Int(value) => Some(value),
        Number::Float(_) => None,
    };
    match test {
        Test::Number(Number::Int(value)) => !(least..=most).contains(value),
        Test::Number(Number::Float(value)) => value.fract() != 0.0,
        Test::Bool(_) | Test::Cidr(_) => true,
        Test::Compare(order, bound) => integer(*bound).is_some_and(|bound| match order {
            Order::Lt => bound <= least,
            Order::Lte => bound < least,
            Order::Gt => bound >= most,
            Order::Gte => bound > most,
        }),
        Test::Text(_) => form(test).is_some_and(|form| match form.place {
            Place::Whole => !form
                .literal
                .parse::<i128>()
                .is_ok_and(|value| (least..=most).contains(&value) && value.to_string() == form.literal),
            _ => form.literal.chars().any(|c| !c.is_ascii_digit() && c != '-'),
        }),
        _ => false,
    }
}

/// Whether the whole of a short text matches.
fn matches(pattern: &Pattern, text: &str) -> bool {
    let fold = |text: &str| if pattern.cased { text.to_owned() } else { text.to_lowercase() };
    let text = fold(text);
    // The places in the text that the pieces so far can end at.
    let mut ends = vec![0];
    for piece in &pattern.pieces {
        let rest = |at: &usize| text.get(*at..).unwrap_or("");
        ends = match piece {
            Piece::Literal(literal) => {
                let literal = fold(literal);
                ends.iter().filter(|at| rest(at).starts_with(&literal)).map(|at| at + literal.len()).collect()
            }
            Piece::One => ends.iter().filter_map(|at| Some(at + rest(at).chars().next()?.len_utf8())).collect(),
            Piece::Dash => {
                let dash = |c: &char| matches!(c, '-' | '/' | '\u{2013}'..='\u{2015}');
                ends.iter().filter_map(|at| Some(at + rest(at).chars().next().filter(dash)?.len_utf8())).collect()
            }
            Piece::Many => match ends.first() {
                Some(first) => (*first..=text.len()).filter(|at| text.is_char_boundary(*at)).collect(),
                None => Vec::new(),
            },
        };
    }
    ends.contains(&text.len())
}
