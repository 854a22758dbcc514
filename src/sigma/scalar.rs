//! What a scalar means in the YAML 1.2 core schema (YAML 1.2.2, 10.3.2).
//!
//! Not YAML 1.1: `yes`, `no`, `on` and dates are texts, `010` is ten.

use super::ir::Number;
use super::yaml::{Kind, Node, Scalar};

/// A scalar's meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'t> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'t str),
}

/// The meaning of a scalar: only a plain one can be anything but a text.
pub(crate) fn resolve<'t>(scalar: &'t Scalar<'_>) -> Value<'t> {
    if scalar.plain { plain(&scalar.text) } else { Value::Text(&scalar.text) }
}

/// The text that a node is, if it is one.
pub(crate) fn scalar_text<'t>(node: &'t Node<'_>) -> Option<&'t str> {
    match &node.kind {
        Kind::Scalar(scalar) => match resolve(scalar) {
            Value::Text(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a node is null, be it said or left empty.
pub(crate) fn is_null(node: &Node<'_>) -> bool {
    matches!(&node.kind, Kind::Scalar(scalar) if resolve(scalar) == Value::Null)
}

/// The meaning of a plain text.
fn plain(text: &str) -> Value<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or(Value::Text(text), Value::Number),
    }
}

/// Reads a number. Infinities and NaN are none: no record holds such a value, and as texts they still equal what is
/// written so. A decimal integer beyond 64 bits is a float, as which JSON is read, too.
pub(super) fn number(text: &str) -> Option<Number> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    let integer = |digits: &str, radix| match i128::from_str_radix(digits, radix) {
        Ok(value) if i64::try_from(value).is_ok() || u64::try_from(value).is_ok() => Some(Number::Int(value)),
        _ => None,
    };
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|b| b.is_ascii_digit()).then(|| integer(digits, 8))?;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| integer(digits, 16))?;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        match integer(text, 10) {
            Some(number) => return Some(number),
            None if unsigned.is_empty() => return None,
            None => {}
        }
    }
    float(text)
}

/// Reads a decimal number of any size: as a bound it makes sense beyond what records can hold. From 2^127 on it is the
/// nearest float.
pub(super) fn decimal(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let (true, Ok(value)) = (unsigned.bytes().all(|b| b.is_ascii_digit()), text.parse()) {
        return Some(Number::Int(value));
    }
    float(text)
}

fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    is_float(unsigned).then(|| text.parse::<f64>().ok())?.filter(|value| value.is_finite()).map(Number::Float)
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_is_followed_and_not_its_predecessor() {
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(plain(text), Value::Null, "{text}");
        }
        assert_eq!(plain("True"), Value::Bool(true));
        for (text, value) in [("010", 10), ("-7", -7), ("+7", 7), ("0o17", 15), ("0xFf", 255), ("0", 0)] {
            assert_eq!(plain(text), Value::Number(Number::Int(value)), "{text}");
        }
        for (text, value) in [("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-1.5E-1", -0.15), ("1.0", 1.0)] {
            assert_eq!(plain(text), Value::Number(Number::Float(value)), "{text}");
        }
        for text in [
            "yes",
            "no",
            "on",
            "tRue",
            "2024-01-31",
            "1_000",
            "0b1",
            "0o8",
            "0x",
            "-0x1",
            "-",
            ".",
            "e3",
            "1e",
            "1.2.3",
        ] {
            assert_eq!(plain(text), Value::Text(text));
        }
    }

    #[test]
    fn a_bound_is_decimal_and_of_any_size() {
        assert_eq!(decimal("18446744073709551616"), Some(Number::Int(1 << 64)));
        assert_eq!(decimal("-99999999999999999999"), Some(Number::Int(-99_999_999_999_999_999_999)));
        assert_eq!(decimal(&format!("1{}", "0".repeat(40))), Some(Number::Float(1e40)));
        assert_eq!(decimal("-1.5e3"), Some(Number::Float(-1500.0)));
        for wrong in ["", "-", "0x10", "0o17", " 1", "1e999", ".inf", "1,5"] {
            assert_eq!(decimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_no_record_can_hold_stays_a_text() {
        let most = Value::Number(Number::Int(i128::from(u64::MAX)));
        assert_eq!(plain("18446744073709551615"), most);
        assert_eq!(plain("-9223372036854775808"), Value::Number(Number::Int(i128::from(i64::MIN))));
        for text in [".inf", "-.inf", ".nan", "1e999", "0xFFFFFFFFFFFFFFFFF"] {
            assert_eq!(plain(text), Value::Text(text));
        }
        assert_eq!(plain("18446744073709551616"), Value::Number(Number::Float(18_446_744_073_709_551_616.0)));
        assert_eq!(plain("-9223372036854775809"), Value::Number(Number::Float(-9_223_372_036_854_775_808.0)));
    }
}
