//! Which minute, hour, day is a value? Times are read as written, epoch numbers in UTC.

use crate::record::Fact;
use crate::sigma::ir::TimePart;
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
        Fact::Int(value) => of_nanos(i128::from(value) * i128::from(unit(value as f64)?), part),
        Fact::Uint(value) => of_nanos(i128::from(value) * i128::from(unit(value as f64)?), part),
        Fact::Float(value) => of_nanos((value * unit(value)? as f64) as i128, part),
        Fact::Text(text) => written(text.as_bytes(), part),
        Fact::Word(vocabulary, word) => written(vocabulary.words.get(usize::from(word))?.as_bytes(), part),
        _ => None,
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

/// `YYYY-MM-DD`, alone or followed by `T` or a blank and `HH:MM`; seconds and zone do not matter.
fn written(text: &[u8], part: TimePart) -> Option<i64> {
    let (date, clock) = text.split_at_checked(10)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = i16::try_from(digits(&[y1, y2, y3, y4])?).ok()?;
    let month = i8::try_from(digits(&[m1, m2])?).ok()?;
    let date = Date::new(year, month, i8::try_from(digits(&[d1, d2])?).ok()?).ok()?;
    match clock {
        [] => of_date(date, part),
        [b'T' | b't' | b' ', h1, h2, b':', n1, n2, rest @ ..] => {
            let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*n1, *n2])?);
            if hour > 23 || minute > 59 || rest.first().is_some_and(u8::is_ascii_digit) {
                return None;
            }
            match part {
                TimePart::Minute => Some(minute),
                TimePart::Hour => Some(hour),
                _ => of_date(date, part),
            }
        }
        _ => None,
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
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
        for wrong in ["2024-13-30", "2024-12-30T25:00", "2024-12-30 noon", "20241230", "x", "2024-12-3é"] {
            assert_eq!(part(Fact::Text(wrong), TimePart::Month), None, "{wrong}");
        }
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
