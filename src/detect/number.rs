//! How do numbers compare, exactly? Integers stay integers; a float is compared as the exact value it stands for.

use crate::record::Fact;
use crate::sigma::ir::{Number, Order};
use std::cmp::Ordering;

/// 2^127, the first float above every `i128`.
const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// Keys stop here, so that twice the number still fits an `i64`.
const KEY_LIMIT: i64 = 1 << 61;

/// The number that a fact is; `None` for other facts, texts included.
pub(super) fn of(fact: Fact<'_>) -> Option<Number> {
    match fact {
        Fact::Int(value) => Some(Number::Int(i128::from(value))),
        Fact::Uint(value) => Some(Number::Int(i128::from(value))),
        Fact::Float(value) => Some(Number::Float(value)),
        _ => None,
    }
}

/// The number that a text is: an integer, or a decimal number with sign, fraction or exponent. No blanks, no hex.
pub(super) fn read(text: &str) -> Option<Number> {
    let first = *text.as_bytes().first()?;
    if !first.is_ascii_digit() && !matches!(first, b'+' | b'-' | b'.') {
        return None;
    }
    if let Ok(value) = text.parse() {
        return Some(Number::Int(value));
    }
    if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Number::Float)
}

/// An integer where the number is one: 2.0 is 2.
pub(super) fn normal(number: Number) -> Number {
    match number {
        Number::Float(value) => whole(value).map_or(number, Number::Int),
        Number::Int(_) => number,
    }
}

/// The integer that a float is, if it is one and fits.
pub(super) fn whole(value: f64) -> Option<i128> {
    (value.fract() == 0.0 && value.abs() < BEYOND).then_some(value as i128)
}

/// The exact order of two numbers; `None` where one is not a number.
pub(super) fn compare(a: Number, b: Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Int(a), Number::Float(b)) => int_float(a, b),
        (Number::Float(a), Number::Int(b)) => int_float(b, a).map(Ordering::reverse),
    }
}

fn int_float(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        None
    } else if b >= BEYOND {
        Some(Ordering::Less)
    } else if b < -BEYOND {
        Some(Ordering::Greater)
    } else {
        let trunc = b.trunc();
        let fraction = 0.0.partial_cmp(&(b - trunc))?;
        Some(a.cmp(&(trunc as i128)).then(fraction))
    }
}

/// Whether an order is the one asked for.
pub(super) fn satisfies(found: Ordering, order: Order) -> bool {
    match order {
        Order::Lt => found.is_lt(),
        Order::Lte => found.is_le(),
        Order::Gt => found.is_gt(),
        Order::Gte => found.is_ge(),
    }
}

/// A place on the line of all numbers: even for an integer, the odd one above it for all fractions up to the next.
/// Keys keep order; integers up to 2^61 have their own, larger ones and the fractions after one integer share.
pub(super) fn key(number: Number) -> Option<i64> {
    let (floor, odd) = match normal(number) {
        Number::Int(value) => (value, 0),
        Number::Float(value) if value.is_nan() => return None,
        // The cast holds values beyond `i128` at its ends.
        Number::Float(value) => (value.floor() as i128, 1),
    };
    let limit = i128::from(KEY_LIMIT);
    i64::try_from(floor.clamp(-limit, limit) * 2 + odd).ok()
}

/// The key of an integer.
#[inline]
pub(super) fn int_key(value: i64) -> i64 {
    value.clamp(-KEY_LIMIT, KEY_LIMIT) * 2
}

/// Whether no other integer has its key.
#[inline]
pub(super) fn has_own_key(value: i64) -> bool {
    -KEY_LIMIT < value && value < KEY_LIMIT
}

/// The keys that numbers compared so may have; among integers with their own key, exactly those that do compare so.
pub(super) fn keys(order: Order, bound: Number) -> Option<(i64, i64)> {
    let at = key(bound)?;
    // Of numbers that share the bound's key some may compare so; an integer with its own key does not if equality will not do.
    let strict = i64::from(matches!(normal(bound), Number::Int(value) if i64::try_from(value).is_ok_and(has_own_key)));
    Some(match order {
        Order::Lt => (i64::MIN, at - strict),
        Order::Lte => (i64::MIN, at),
        Order::Gt => (at + strict, i64::MAX),
        Order::Gte => (at, i64::MAX),
    })
}

/// The integers that compare so, as a closed range; `None` if there are none.
pub(super) fn ints(order: Order, bound: Number) -> Option<(i64, i64)> {
    let (low, high) = match normal(bound) {
        Number::Int(value) => match order {
            Order::Lt => (i128::MIN, value.saturating_sub(1)),
            Order::Lte => (i128::MIN, value),
            Order::Gt => (value.saturating_add(1), i128::MAX),
            Order::Gte => (value, i128::MAX),
        },
        Number::Float(value) if value.is_nan() => return None,
        Number::Float(value) => match order {
            Order::Lt | Order::Lte => (i128::MIN, value.floor() as i128),
            Order::Gt | Order::Gte => (value.ceil() as i128, i128::MAX),
        },
    };
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    if low > most || high < least || low > high {
        return None;
    }
    Some((i64::try_from(low.max(least)).ok()?, i64::try_from(high.min(most)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: i128 = 9_007_199_254_740_993;

    #[test]
    fn integers_and_floats_compare_without_rounding() {
        let float = Number::Float(9_007_199_254_740_992.0);
        assert_eq!(compare(Number::Int(BIG), float), Some(Ordering::Greater));
        assert_eq!(compare(Number::Int(BIG - 1), float), Some(Ordering::Equal));
        assert_eq!(compare(Number::Float(2.5), Number::Int(2)), Some(Ordering::Greater));
        assert_eq!(compare(Number::Int(-2), Number::Float(-2.5)), Some(Ordering::Greater));
        assert_eq!(compare(Number::Int(i128::MAX), Number::Float(f64::INFINITY)), Some(Ordering::Less));
        assert_eq!(compare(Number::Int(0), Number::Float(f64::NAN)), None);
    }

    #[test]
    fn a_text_is_a_number_only_in_plain_decimal() {
        assert_eq!(read("4624"), Some(Number::Int(4624)));
        assert_eq!(read("-1.5e3"), Some(Number::Float(-1500.0)));
        for wrong in ["", " 1", "1 ", "0x10", "inf", "nan", "1e999", "-", "+inf"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_keep_order() {
        let ascending = [
            Number::Float(-1e300),
            Number::Int(-3),
            Number::Float(-2.5),
            Number::Int(-2),
            Number::Int(5),
            Number::Float(5.5),
        ];
        let keys: Vec<_> = ascending.iter().map(|n| key(*n).unwrap()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert_eq!(key(Number::Float(5.0)), key(Number::Int(5)));
    }

    #[test]
    fn integers_above_a_fraction_start_at_the_next() {
        assert_eq!(ints(Order::Gt, Number::Float(2.5)), Some((3, i64::MAX)));
        assert_eq!(ints(Order::Lte, Number::Float(-2.5)), Some((i64::MIN, -3)));
        assert_eq!(ints(Order::Gt, Number::Float(1e300)), None);
        assert_eq!(ints(Order::Lt, Number::Float(1e300)), Some((i64::MIN, i64::MAX)));
        assert_eq!(ints(Order::Lt, Number::Int(i128::from(i64::MIN))), None);
    }
}
