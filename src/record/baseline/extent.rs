//! Which values a tag had: numbers from the least to the greatest, and words.

use super::super::Fact;
use super::seen::{How, Seen};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// How many different words of one tag are learned.
pub const WORDS_PER_TAG: usize = 32;

/// A finite number, in the one order of integers and fractions.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole number.
    Int(i128),
    /// A number that was told with a fraction or exponent.
    Float(f64),
}

/// A value that is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(Number),
    /// A text, or true or false.
    Word(&'a str),
}

/// Which values a tag had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The least and the greatest number.
    pub numbers: Option<(Number, Number)>,
    /// The words.
    pub words: BTreeSet<Arc<str>>,
}

/// Values with when they were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) extent: Extent,
    pub(super) seen: Seen,
}

impl<'a> Value<'a> {
    /// The value in a fact; `None` for what is no single value, and for what is not to be kept.
    pub(super) fn of(fact: Fact<'a>) -> Option<Self> {
        match fact {
            Fact::Int(number) => Some(Self::Number(Number::Int(number.into()))),
            Fact::Uint(number) => Some(Self::Number(Number::Int(number.into()))),
            Fact::Float(number) if number.is_finite() => Some(Self::Number(Number::Float(number))),
            Fact::Bool(true) => Some(Self::Word("true")),
            Fact::Bool(false) => Some(Self::Word("false")),
            Fact::Text(word) if !super::super::maps::SecretKey::is_mark(word) => Some(Self::Word(word)),
            _ => None,
        }
    }
}

impl Extent {
    /// Of one value.
    #[must_use]
    pub fn of(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => Self { numbers: Some((number, number)), ..Self::default() },
            Value::Word(word) => Self { words: [word.into()].into(), ..Self::default() },
        }
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn holds(&self, value: Value<'_>) -> bool {
        match value {
            Value::Number(number) => self.numbers.is_some_and(|(min, max)| min <= number && number <= max),
            Value::Word(word) => self.words.contains(word),
        }
    }

    /// Whether all of another lies in it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let numbers = other
            .numbers
            .is_none_or(|(least, greatest)| self.numbers.is_some_and(|(min, max)| min <= least && greatest <= max));
        numbers && other.words.is_subset(&self.words)
    }

    /// Takes in another; words beyond [`WORDS_PER_TAG`] are left out: how many.
    pub(super) fn join(&mut self, other: &Self) -> usize {
        self.numbers = match (self.numbers, other.numbers) {
            (Some((min, max)), Some((least, greatest))) => Some((min.min(least), max.max(greatest))),
            (own, other) => own.or(other),
        };
        let mut left_out = 0;
        for word in &other.words {
            if self.words.len() < WORDS_PER_TAG {
                self.words.insert(Arc::clone(word));
            } else if !self.words.contains(word) {
                left_out += 1;
            }
        }
        left_out
    }
}

impl Values {
    pub(super) fn join(&mut self, extent: &Extent, seen: Seen, how: How) -> usize {
        self.seen.join(seen, how);
        self.extent.join(extent)
    }
}

impl Ord for Number {
    /// By value; a whole number comes before the same number told as a fraction.
    fn cmp(&self, other: &Self) -> Ordering {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Int(a), Self::Float(b)) => int_to_float(a, b),
            (Self::Float(a), Self::Int(b)) => int_to_float(b, a).reverse(),
        }
    }
}

/// Exact: the whole part of a fraction below 2^127 is an integer.
fn int_to_float(int: i128, float: f64) -> Ordering {
    const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if float >= BEYOND {
        return Ordering::Less;
    }
    if float < -BEYOND {
        return Ordering::Greater;
    }
    let fraction = if float.fract() < 0.0 { Ordering::Greater } else { Ordering::Less };
    int.cmp(&(float.trunc() as i128)).then(fraction)
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

/// As YAML and JSON write it; a fraction keeps its point.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_exact_order() {
        let int = Number::Int;
        let float = Number::Float;
        let sorted = [
            float(-1e300),
            int(i128::MIN),
            float(-1.5),
            int(-1),
            float(-1.0),
            float(-0.5),
            int(0),
            float(0.5),
            int(1 << 60),
            float((1_u64 << 60) as f64),
            int((1 << 60) + 1),
            int(i128::MAX),
            float(1e300),
        ];
        for (place, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(a.cmp(b), place.cmp(&other), "{a} {b}");
            }
        }
    }

    #[test]
    fn an_extent_holds_what_lies_between_and_the_words_it_knows() {
        let mut extent = Extent::of(Value::Number(Number::Int(3)));
        extent.join(&Extent::of(Value::Number(Number::Float(7.5))));
        extent.join(&Extent::of(Value::Word("on")));
        let number = |number| Value::Number(Number::Float(number));
        assert!(extent.holds(number(3.5)) && extent.holds(number(7.5)) && extent.holds(Value::Word("on")));
        assert!(!extent.holds(number(2.9)) && !extent.holds(number(7.6)) && !extent.holds(Value::Word("off")));
        let many = Extent { words: (0..40).map(|number| number.to_string().into()).collect(), ..Extent::default() };
        assert_eq!(extent.join(&many), 9);
        assert_eq!(extent.words.len(), WORDS_PER_TAG);
    }

    #[test]
    fn secrets_lists_and_what_is_not_there_are_no_values() {
        assert_eq!(Value::of(Fact::Text("secret:0123456789abcdef")), None);
        assert_eq!(Value::of(Fact::Float(f64::NAN)), None);
        assert_eq!(Value::of(Fact::Null), None);
        assert_eq!(Value::of(Fact::Bool(true)), Some(Value::Word("true")));
    }
}
