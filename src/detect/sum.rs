//! A sum that forgets exactly what was added, so that a sliding window's sum never drifts.
//!
//! Integers add up in an `i128`. Any other float is a whole number of 53 bits times a power of two; those whose powers lie
//! within the same 32 add up in an `i128` of their own. So nothing is rounded before the sum is asked for, and it depends
//! on the values, not on their order.

use crate::sigma::ir::Number;

/// Powers of two that share an `i128`: 53 + 31 bits and the 16 of a full window's count fit well.
const SHARED: i32 = 32;
/// The power of the least bit that a float can have.
const LEAST_POWER: i32 = -1074;

/// A number as an event tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Figure {
    /// An integer that fits.
    Int(i64),
    /// Any other number, finite.
    Float(f64),
}

impl Figure {
    /// The nearest float.
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// A sum of at most `i32::MAX` figures.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    count: usize,
    whole: i128,
    /// By ascending power.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    power: i32,
    sum: i128,
}

impl Sum {
    /// Adds a figure.
    pub(super) fn add(&mut self, figure: Figure) {
        self.count += 1;
        self.shift(figure, 1);
    }

    /// Takes a figure away that was added.
    pub(super) fn remove(&mut self, figure: Figure) {
        self.count = self.count.saturating_sub(1);
        self.shift(figure, -1);
    }

    fn shift(&mut self, figure: Figure, sign: i128) {
        match figure {
            Figure::Int(value) => self.whole += sign * i128::from(value),
            Figure::Float(value) => {
                let (mantissa, power) = dissect(value);
                let offset = (power - LEAST_POWER) % SHARED;
                self.part(power - offset, sign * (i128::from(mantissa) << offset));
            }
        }
    }

    fn part(&mut self, power: i32, term: i128) {
        match self.parts.binary_search_by_key(&power, |part| part.power) {
            Ok(at) => {
                self.parts[at].sum += term;
                if self.parts[at].sum == 0 {
                    self.parts.remove(at);
                }
            }
            Err(at) if term != 0 => self.parts.insert(at, Part { power, sum: term }),
            Err(_) => {}
        }
    }

    /// The sum: exact for integers, rounded for floats. `None` of no figures.
    pub(super) fn total(&self) -> Option<Number> {
        (self.count > 0).then(|| match &self.parts[..] {
            [] => Number::Int(self.whole),
            _ => Number::Float(self.float()),
        })
    }

    /// The mean: an integer where it is one. `None` of no figures.
    pub(super) fn mean(&self) -> Option<Number> {
        let count = i128::try_from(self.count).ok().filter(|count| *count > 0)?;
        Some(match &self.parts[..] {
            [] if self.whole % count == 0 => Number::Int(self.whole / count),
            _ => Number::Float(self.float() / count as f64),
        })
    }

    fn float(&self) -> f64 {
        self.parts.iter().map(|part| part.sum as f64 * power_of_two(part.power)).sum::<f64>() + self.whole as f64
    }
}

/// A finite float as a whole number times a power of two.
fn dissect(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let exponent = (bits >> 52 & 0x7FF) as i32;
    let (mantissa, power) = if exponent == 0 { (fraction, 1) } else { (fraction | 1 << 52, exponent) };
    (if value.is_sign_negative() { -mantissa } else { mantissa }, power - 1 + LEAST_POWER)
}

/// `2^power` for powers from -1074 to 1023.
fn power_of_two(power: i32) -> f64 {
    if power < -1022 {
        f64::from_bits(1 << (power - LEAST_POWER))
    } else {
        f64::from_bits(((power + 1023) as u64) << 52)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum_of(figures: &[Figure]) -> Sum {
        let mut sum = Sum::default();
        figures.iter().for_each(|figure| sum.add(*figure));
        sum
    }

    #[test]
    fn large_values_leave_no_trace() {
        let mut sum = sum_of(&[Figure::Float(1e300), Figure::Float(0.1), Figure::Float(-1e150), Figure::Float(5e-324)]);
        [1e300, -1e150].into_iter().for_each(|value| sum.remove(Figure::Float(value)));
        assert_eq!(sum.total(), Some(Number::Float(0.1)));
        sum.remove(Figure::Float(0.1));
        assert_eq!(sum.total(), Some(Number::Float(5e-324)));
        sum.remove(Figure::Float(5e-324));
        assert_eq!(sum.total(), None);
        assert_eq!(sum.mean(), None);
    }

    #[test]
    fn integers_are_exact() {
        let sum = sum_of(&[Figure::Int(i64::MAX), Figure::Int(i64::MAX), Figure::Int(2)]);
        assert_eq!(sum.total(), Some(Number::Int(i128::from(i64::MAX) * 2 + 2)));
        assert_eq!(sum_of(&[Figure::Int(1), Figure::Int(3)]).mean(), Some(Number::Int(2)));
        assert_eq!(sum_of(&[Figure::Int(1), Figure::Int(2)]).mean(), Some(Number::Float(1.5)));
        assert_eq!(sum_of(&[Figure::Float(0.5), Figure::Int(2)]).mean(), Some(Number::Float(1.25)));
    }

    proptest! {
        #[test]
        fn one_float_comes_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(sum_of(&[Figure::Float(value)]).total(), Some(Number::Float(value)));
        }

        #[test]
        fn what_is_removed_was_never_there(
            kept in prop::collection::vec(-1e6..1e6, 1..20),
            gone in prop::collection::vec(any::<f64>().prop_filter("finite", |value| value.is_finite()), 0..20),
        ) {
            let both: Vec<Figure> = gone.iter().chain(&kept).map(|value| Figure::Float(*value)).collect();
            let mut all = sum_of(&both);
            gone.iter().for_each(|value| all.remove(Figure::Float(*value)));
            let alone: Vec<Figure> = kept.iter().rev().map(|value| Figure::Float(*value)).collect();
            prop_assert_eq!(all.total(), sum_of(&alone).total());
            let Some(Number::Float(total)) = all.total() else { return Ok(()) };
            prop_assert!((total - kept.iter().sum::<f64>()).abs() < 1e-7);
        }
    }
}
