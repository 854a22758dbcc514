//! When, in capture time?
//!
//! Time is always data here: it comes from the record and is passed as an argument, so that a file read
//! twice gives the same answers twice. Nothing in this room reads a clock.

mod clock;
mod offset;

pub use clock::{Clock, LEAP};
pub use offset::Offset;

use std::fmt;

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// A moment of capture time: nanoseconds since 1970-01-01T00:00:00Z, good for the years 1678 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A length of capture time in nanoseconds. Negative spans exist (a clock may step back).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(i64);

impl Timestamp {
    /// The earliest moment that can be told.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment that can be told.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The moment `seconds` and `nanos` after the epoch, held at the ends of the range.
    #[must_use]
    pub const fn from_parts(seconds: i64, nanos: i64) -> Self {
        Self(seconds.saturating_mul(NANOS).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn second(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// Nanoseconds since that second began.
    #[must_use]
    pub const fn nanosecond(self) -> u32 {
        self.0.rem_euclid(NANOS) as u32
    }

    /// The span from `earlier` to this moment, held at the ends of the range.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The moment `span` earlier, held at the ends of the range.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Appends the RFC 3339 form in UTC with nine decimals, `2023-11-14T22:13:20.000000000Z`.
    pub fn write_rfc3339(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.rfc3339());
    }

    /// The same as bytes.
    #[must_use]
    pub fn rfc3339(self) -> [u8; 30] {
        let (seconds, nanos) = (self.second(), self.nanosecond());
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let clock = seconds.rem_euclid(DAY) as u32;
        let ([y0, y1], [y2, y3], [m0, m1], [d0, d1]) = (pair(year / 100), pair(year % 100), pair(month), pair(day));
        let ([h0, h1], [n0, n1], [s0, s1]) = (pair(clock / 3_600), pair(clock / 60 % 60), pair(clock % 60));
        let ([f0, f1], [f2, f3]) = (pair(nanos / 10_000_000), pair(nanos / 100_000 % 100));
        let ([f4, f5], [f6, f7], [f8, _]) = (pair(nanos / 1_000 % 100), pair(nanos / 10 % 100), pair(nanos % 10 * 10));
        [
            y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'.', f0, f1, f2, f3,
            f4, f5, f6, f7, f8, b'Z',
        ]
    }

    /// Reads an RFC 3339 text with any zone and up to nine decimals; `None` where it is not one.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(moment.as_nanosecond()).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(30);
        self.write_rfc3339(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of so many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A span of so many seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS))
    }

    /// Its nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Its seconds, with what remains as a fraction.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }

    /// Reads a number with one unit of `s m h d w M y`, as Sigma's `timespan` writes it: `90s`, `10m`.
    ///
    /// Months and years are pySigma's means: 2,629,746 and 31,556,952 seconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let number = text.strip_suffix(unit)?;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let seconds: i64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            'M' => 2_629_746,
            'y' => 31_556_952,
            _ => return None,
        };
        let nanos = number.parse::<i64>().ok()?.checked_mul(seconds)?.checked_mul(NANOS)?;
        (nanos > 0).then_some(Self(nanos))
    }
}

/// Prints the largest unit that divides it: `10m`, `90s`, `1500ms`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 7] = [
            (86_400 * NANOS, "d"),
            (3_600 * NANOS, "h"),
            (60 * NANOS, "m"),
            (NANOS, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        for (size, unit) in UNITS {
            if self.0 % size == 0 {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        Ok(())
    }
}

/// Two digits of a number below 100.
const fn pair(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Year, month and day of a day number counted from 1970-01-01 (Howard Hinnant's `civil_from_days`).
const fn civil(days: i64) -> (u32, u32, u32) {
    // No moment that can be told is before the year 0.
    let shifted = (days + 719_468) as u32;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u32;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_in_utc_with_nanoseconds_and_reads_back() {
        for text in [
            "1970-01-01T00:00:00.000000000Z",
            "2023-11-14T22:13:20.000000001Z",
            "2024-02-29T23:59:59.999999999Z",
            "1969-12-31T23:59:59.500000000Z",
        ] {
            let moment = Timestamp::parse_rfc3339(text).unwrap();
            assert_eq!(moment.to_string(), text);
        }
    }

    #[test]
    fn a_zone_is_turned_into_utc() {
        let moment = Timestamp::parse_rfc3339("2021-03-23T12:02:13.755+03:00").unwrap();
        assert_eq!(moment.to_string(), "2021-03-23T09:02:13.755000000Z");
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn a_timespan_needs_a_number_and_one_unit() {
        assert_eq!(Span::parse("10m"), Some(Span::from_secs(600)));
        assert_eq!(Span::parse("1M"), Some(Span::from_secs(2_629_746)));
        for wrong in ["", "m", "10", "0s", "-1s", "1.5h", "10 m", "99999999999999999999s"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Span::from_secs(600).to_string(), "10m");
        assert_eq!(Span::from_nanos(1_500_000_000).to_string(), "1500ms");
    }
}
