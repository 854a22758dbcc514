//! How far a clock on a wall is from UTC.

use super::Span;
use std::fmt;

/// A distance from UTC in whole minutes, `+03:00`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset(i16);

impl Offset {
    /// UTC itself.
    pub const UTC: Self = Self(0);

    /// Reads `+03:00`, `-05:30` or `Z` (RFC 3339, `time-offset`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if matches!(text, "Z" | "z") {
            return Some(Self::UTC);
        }
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let two_digits = |part: &str, below: i16| -> Option<i16> {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|number| digits && *number < below)
        };
        Some(Self(sign * (two_digits(hours, 24)? * 60 + two_digits(minutes, 60)?)))
    }

    /// As a span.
    #[must_use]
    pub const fn span(self) -> Span {
        Span::from_secs(self.0 as i64 * 60)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", self.0.abs() / 60, self.0.abs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_print_as_they_are_read() {
        for text in ["+00:00", "+03:00", "-05:30", "+23:59"] {
            assert_eq!(Offset::parse(text).map(|offset| offset.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Offset::parse("Z"), Some(Offset::UTC));
        for wrong in ["", "3", "+3:00", "+03", "+24:00", "+03:60", "03:00", "+é:00", "+0a:00"] {
            assert_eq!(Offset::parse(wrong), None, "{wrong}");
        }
    }
}
