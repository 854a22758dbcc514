//! Texts and numbers that are times, as logs write them.

use crate::time::Timestamp;

/// Fields that a user may name for the time, before the usual ones.
pub(super) const MOST_NAMED: usize = 32;

/// The usual names of a record's time; of several, the first counts whose value is a time.
pub(super) const NAMES: [&str; 14] = [
    "EventTime",
    "@timestamp",
    "timestamp",
    "ts",
    "UtcTime",
    "TimeCreated",
    "SystemTime",
    "Event.System.TimeCreated.#attributes.SystemTime",
    "TimeGenerated",
    "CreationTime",
    "eventTime",
    "time",
    "_time",
    "datetime",
];

/// The time in a JSON value given by its raw text, so that a number with a fraction stays exact: an RFC 3339 text, one
/// without a zone (UTC), or a number since the epoch in seconds, milliseconds, microseconds or nanoseconds by its size.
pub(super) fn read_json(raw: &str) -> Option<Timestamp> {
    let text = match raw.strip_prefix('"') {
        // A text with escapes is no time.
        Some(text) => text.strip_suffix('"')?,
        None => raw,
    };
    read_text(text)
}

/// The time in a text.
pub(super) fn read_text(text: &str) -> Option<Timestamp> {
    calendar(text.as_bytes()).or_else(|| epoch(text.as_bytes()))
}

/// `2020-09-23T08:55:39.978090+03:00`, or in ISO 8601's basic format `20200923T085539.978090+0300`; a blank for the T or
/// before the zone, no fraction and no zone are allowed, decimals after the ninth are dropped.
fn calendar(text: &[u8]) -> Option<Timestamp> {
    let ([y0, y1, y2, y3, m0, m1, d0, d1, h0, h1, n0, n1, s0, s1], rest) = extended(text).or_else(|| basic(text))?;
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[m0, m1]).filter(|month| (1..=12).contains(month))?;
    let day = number(&[d0, d1]).filter(|day| (1..=days_in_month(year, month)).contains(day))?;
    let hour = number(&[h0, h1]).filter(|hour| *hour <= 23)?;
    let minute = number(&[n0, n1]).filter(|minute| *minute <= 59)?;
    // A leap second has no number of its own: 60 is the next minute's 0.
    let second = number(&[s0, s1]).filter(|second| *second <= 60)?;
    let (nanos, zone) = fraction(rest)?;
    let seconds = days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    moment(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
}

/// What should be the digits of `2020-09-23T08:55:39`, and what follows them.
fn extended(text: &[u8]) -> Option<([u8; 14], &[u8])> {
    let (date_and_clock, rest) = text.split_at_checked(19)?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't' | b' ', h0, h1, b':', n0, n1, b':', s0, s1] =
        date_and_clock
    else {
        return None;
    };
    Some(([y0, y1, y2, y3, m0, m1, d0, d1, h0, h1, n0, n1, s0, s1], rest))
}

/// Likewise of `20200923T085539`.
fn basic(text: &[u8]) -> Option<([u8; 14], &[u8])> {
    let (date, clock) = text.split_at_checked(8)?;
    let (b'T' | b't' | b' ', clock) = clock.split_first()? else { return None };
    let (clock, rest) = clock.split_at_checked(6)?;
    let mut digits = [0; 14];
    digits.iter_mut().zip(date.iter().chain(clock)).for_each(|(to, from)| *to = *from);
    Some((digits, rest))
}

/// The nanoseconds of `.978090+03:00`, and what follows them.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', digits)) = text.split_first() else { return Some((0, text)) };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(length).filter(|(digits, _)| !digits.is_empty())?;
    let nanos =
        (0..9).fold(0, |nanos, place| nanos * 10 + digits.get(place).map_or(0, |digit| i64::from(digit - b'0')));
    Some((nanos, rest))
}

/// Seconds east of UTC of `Z`, `UTC`, `+03:00`, `+0300`, `+03` or nothing.
fn offset(zone: &[u8]) -> Option<i64> {
    let zone = zone.strip_prefix(b" ").unwrap_or(zone);
    let (sign, clock) = match zone {
        [] | [b'Z' | b'z'] | b"UTC" => return Some(0),
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = match *clock {
        [h0, h1, b':', m0, m1] | [h0, h1, m0, m1] => (number(&[h0, h1])?, number(&[m0, m1])?),
        [h0, h1] => (number(&[h0, h1])?, 0),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A few digits as a number.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date (Howard Hinnant's `days_from_civil`).
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A decimal number since the epoch.
fn epoch(text: &[u8]) -> Option<Timestamp> {
    /// More digits than any time has; keeps the sum within 128 bits.
    const MOST_DIGITS: usize = 25;
    let (negative, text) = match text {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    };
    let whole_length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at_checked(whole_length).filter(|(whole, _)| !whole.is_empty())?;
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if !decimals.is_empty() && decimals.iter().all(u8::is_ascii_digit) => decimals,
        // An exponent: nobody writes times so.
        _ => return None,
    };
    if whole.len() > MOST_DIGITS {
        return None;
    }
    let digit = |digit: &u8| i128::from(digit - b'0');
    let whole = whole.iter().fold(0_i128, |number, byte| number * 10 + digit(byte));
    // Seconds reach 10^11 in the year 5138, milliseconds that many thousandths later, and so on.
    let places = match whole {
        ..100_000_000_000 => 9,
        100_000_000_000..100_000_000_000_000 => 6,
        100_000_000_000_000..100_000_000_000_000_000 => 3,
        _ => 0,
    };
    let nanos = (0..places).fold(whole, |number, place| number * 10 + decimals.get(place).map_or(0, digit));
    moment(if negative { -nanos } else { nanos })
}

fn moment(nanos: i128) -> Option<Timestamp> {
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(raw: &str) -> Option<String> {
        read_json(raw).map(|time| time.to_string())
    }

    #[test]
    fn calendar_times_are_read_with_and_without_a_zone() {
        for (raw, utc) in [
            (r#""2021-03-23T12:02:13.755000+03:00""#, "2021-03-23T09:02:13.755000000Z"),
            (r#""2021-03-23T12:02:13Z""#, "2021-03-23T12:02:13.000000000Z"),
            (r#""2026-07-28 11:44:53.919""#, "2026-07-28T11:44:53.919000000Z"),
            (r#""2024-02-29 00:00:00-0130""#, "2024-02-29T01:30:00.000000000Z"),
            (r#""2024-02-29 00:00:00,25 -01""#, "2024-02-29T01:00:00.250000000Z"),
            (r#""2024-02-29 00:00:00 UTC""#, "2024-02-29T00:00:00.000000000Z"),
            (r#""20210323T120213.755+0300""#, "2021-03-23T09:02:13.755000000Z"),
            (r#""20210323T120213Z""#, "2021-03-23T12:02:13.000000000Z"),
            (r#""20210323t120213""#, "2021-03-23T12:02:13.000000000Z"),
            (r#""2016-12-31T23:59:60.123456789123Z""#, "2017-01-01T00:00:00.123456789Z"),
        ] {
            assert_eq!(read(raw).as_deref(), Some(utc), "{raw}");
        }
        for wrong in [
            r#""2021-02-29T00:00:00Z""#,
            r#""2021-13-01T00:00:00Z""#,
            r#""2021-01-01T24:00:00Z""#,
            r#""2021-01-01T00:00:00.Z""#,
            r#""2021-01-01T00:00:00+3""#,
            r#""20211301T000000Z""#,
            r#""20210101T0000Z""#,
            r#""2021-01-01T000000Z""#,
            r#""20210101T00:00:00Z""#,
            r#""2021-01-01T00:00:00 CET""#,
            r#""9999-01-01T00:00:00Z""#,
            r#""2021-01-01""#,
            r#""yesterday""#,
            "null",
            "true",
            "",
            "\"",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn epochs_are_exact_in_every_unit() {
        let moment = "2023-11-14T22:13:20.123456789Z";
        for raw in ["1700000000.123456789", "1700000000123.456789", "1700000000123456.789", "1700000000123456789"] {
            assert_eq!(read(raw).as_deref(), Some(moment), "{raw}");
        }
        assert_eq!(read("\"1700000000.123456789\"").as_deref(), Some(moment));
        assert_eq!(read("0").as_deref(), Some("1970-01-01T00:00:00.000000000Z"));
        assert_eq!(read("-1.5").as_deref(), Some("1969-12-31T23:59:58.500000000Z"));
        for wrong in ["1.7e9", "1.", ".5", "-", "99999999999999999999", "99999999999999999999999999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_reads_back_from_its_print(nanos: i64) {
            let moment = Timestamp::from_nanos(nanos);
            prop_assert_eq!(read_text(&moment.to_string()), Some(moment));
        }
    }
}
