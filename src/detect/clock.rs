//! Which minute, hour, day is a value? Times are read as written, epoch numbers in UTC.

use super::number;
use crate::record::Fact;
use crate::sigma::ir::{Number, TimePart};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Sizes from which on an epoch number is in a finer unit, with the nanoseconds of the coarser one: seconds up to the
/// year 5138, milliseconds and microseconds as far, then nanoseconds.
const UNITS: [(f64, i64); 4] = [(1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (1e20, 1)];

/// The part of the time that the value is; `None` where it is not a time or has no such part.
pub(super) fn part(fact: Fact<'_>, part: TimePart) -> Option<i64> {
    match fact {
        Fact::Time(time) => of_nanos(i128::from(time.nanos()), part),
        Fact::Text(text) => written(text, part),
        Fact::Word(vocabulary, word) => written(vocabulary.words.get(usize::from(word))?, part),
        _ => of_epoch(number::of(fact)?, part),
    }
}

fn of_epoch(epoch: Number, part: TimePart) -> Option<i64> {
    match epoch {
        Number::Int(value) => of_nanos(value.checked_mul(i128::from(unit(value as f64)?))?, part),
        Number::Float(value) => of_nanos((value * unit(value)? as f64) as i128, part),
    }
}

fn unit(value: f64) -> Option<i64> {
    UNITS.iter().find(|(limit, _)| value.abs() < *limit).map(|(_, nanos)| *nanos)
}

fn of_nanos(nanos: i128, part: TimePart) -> Option<i64> {
    let civil = TimeZone::UTC.to_datetime(Timestamp::from_nanosecond(nanos).ok()?);
    match part {
        TimePart::Minute => Some(civil.minute().into()),
        TimePart::Hour => Some(civil.hour().into()),
        _ => of_date(civil.date(), part),
    }
}

fn of_date(date: Date, part: TimePart) -> Option<i64> {
    match part {
        TimePart::Minute | TimePart::Hour => None,
        TimePart::Day => Some(date.day().into()),
        TimePart::Week => Some(date.iso_week_date().week().into()),
        TimePart::Month => Some(date.month().into()),
        TimePart::Year => Some(date.year().into()),
    }
}

/// A time as ISO 8601 writes it, in the extended or the basic format, or else an epoch number.
fn written(text: &str, part: TimePart) -> Option<i64> {
    let Some(day) = Day::read(text.as_bytes()) else { return of_epoch(number::read(text)?, part) };
    match (part, day.clock) {
        (TimePart::Minute, Some(clock)) => day.time(clock)?.1,
        (TimePart::Hour, Some(clock)) => Some(day.time(clock)?.0),
        (_, Some(clock)) => day.time(clock).and_then(|_| of_date(day.date, part)),
        (_, None) => of_date(day.date, part),
    }
}

/// A date, and what stands behind it.
struct Day<'t> {
    date: Date,
    /// `2024-01-31`, not `20240131`; then the clock has colons.
    extended: bool,
    clock: Option<&'t [u8]>,
}

impl<'t> Day<'t> {
    /// `YYYY-MM-DD`, alone or followed by `T` or a blank and the clock; `YYYYMMDD`, alone or followed by `T` and it.
    fn read(text: &'t [u8]) -> Option<Self> {
        let (year, rest) = digits(text, 4)?;
        let extended = rest.first() == Some(&b'-');
        let dash: &[u8] = if extended { b"-" } else { b"" };
        let (month, rest) = digits(rest.strip_prefix(dash)?, 2)?;
        let (day, rest) = digits(rest.strip_prefix(dash)?, 2)?;
        let clock = match rest {
            [] => None,
            [b'T' | b't', clock @ ..] => Some(clock),
            [b' ', clock @ ..] if extended => Some(clock),
            _ => return None,
        };
        let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
        Some(Self { date, extended, clock })
    }

    /// Hour and minute of `hh`, `hh:mm` or `hh:mm:ss`; a fraction and a zone may follow and do not matter.
    fn time(&self, clock: &[u8]) -> Option<(i64, Option<i64>)> {
        let (hour, mut rest) = digits(clock, 2)?;
        let mut minute = None;
        if let Some((value, behind)) = self.digits(rest) {
            minute = Some(value);
            rest = behind;
            if let Some((second, behind)) = self.digits(rest) {
                rest = fraction(behind);
                // 60 is a leap second.
                if second > 60 {
                    return None;
                }
            }
        }
        let ends = matches!(rest, [] | [b'Z' | b'z' | b'+' | b'-' | b' ', ..]);
        (ends && hour < 24 && minute.is_none_or(|minute| minute < 60)).then_some((hour, minute))
    }

    /// Two more digits of the clock.
    fn digits<'c>(&self, clock: &'c [u8]) -> Option<(i64, &'c [u8])> {
        let colon: &[u8] = if self.extended { b":" } else { b"" };
        digits(clock.strip_prefix(colon)?, 2)
    }
}

/// What follows the fraction of a second, if there is one.
fn fraction(text: &[u8]) -> &[u8] {
    match text {
        [b'.' | b',', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
            let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
            digits.get(end..).unwrap_or_default()
        }
        _ => text,
    }
}

/// The number of the first `count` characters, all digits, and what follows them.
fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let value = digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_clock_counts() {
        let fact = Fact::Text("2024-12-30T23:59:58.5+03:00");
        assert_eq!(part(fact, TimePart::Hour), Some(23));
        assert_eq!(part(fact, TimePart::Minute), Some(59));
        assert_eq!(part(fact, TimePart::Day), Some(30));
        assert_eq!(part(fact, TimePart::Week), Some(1));
        assert_eq!(part(Fact::Text("2024-12-30"), TimePart::Year), Some(2024));
        for wrong in [
            "2024-13-30",
            "2024-12-30T25:00",
            "2024-12-30T23:60",
            "2024-12-30T23:59:61",
            "2024-12-30T2359",
            "2024-12-30T23:59x",
            "2024-12-30 noon",
            "20241230 2359",
            "20241230T23:59",
            "x",
            "2024-12-3é",
        ] {
            assert_eq!(part(Fact::Text(wrong), TimePart::Month), None, "{wrong}");
        }
    }

    #[test]
    fn both_formats_of_iso_8601_are_read() {
        for text in
            ["2024-12-30T23:59:60Z", "2024-12-30 23:59", "20241230T235958Z", "20241230T235958.25+0300", "20241230t2359"]
        {
            let part = |wanted| part(Fact::Text(text), wanted);
            assert_eq!((part(TimePart::Hour), part(TimePart::Minute)), (Some(23), Some(59)), "{text}");
            assert_eq!((part(TimePart::Day), part(TimePart::Week)), (Some(30), Some(1)), "{text}");
        }
        assert_eq!(part(Fact::Text("20241230"), TimePart::Day), Some(30));
        assert_eq!(part(Fact::Text("20241230T23"), TimePart::Hour), Some(23));
        assert_eq!(part(Fact::Text("20241230T23"), TimePart::Minute), None);
        assert_eq!(part(Fact::Text("1700000000"), TimePart::Year), Some(2023));
    }

    #[test]
    fn epoch_numbers_are_read_in_the_unit_of_their_size() {
        for value in [1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000, 1_700_000_000_000_000_000] {
            assert_eq!(part(Fact::Int(value), TimePart::Year), Some(2023), "{value}");
            assert_eq!(part(Fact::Int(value), TimePart::Minute), Some(13), "{value}");
        }
        assert_eq!(part(Fact::Float(1_700_000_000.5), TimePart::Hour), Some(22));
        assert_eq!(part(Fact::Float(f64::NAN), TimePart::Hour), None);
    }
}
