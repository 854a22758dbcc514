//! The truth: what it means that a record satisfies a condition, said as plainly as possible.
//!
//! Slow on purpose, and free of the machine's matching code: the machine is tested against this.

use super::fold::fold;
use crate::record::{Fact, Facts, List, Slots};
use crate::sigma::ir::{Expr, Number, Order, Pattern, Piece, Place, Predicate, Regex, Target, Test, TimePart};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::LazyLock;

/// 2^127: floats from here on fit no `i128`.
const TOO_LARGE: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// How many regular expressions are remembered.
const MOST_COMPILED: usize = 5_000;

thread_local! {
    /// Compiling one takes a thousand times as long as asking it, and the same ones come again with each record.
    static COMPILED: RefCell<FxHashMap<Regex, Option<regex::Regex>>> = RefCell::default();
}

/// Whether `record` satisfies `expr`. A field that nobody wanted counts as absent.
#[must_use]
pub fn satisfies(expr: &Expr, record: &dyn Facts, slots: &Slots) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|part| satisfies(part, record, slots)),
        Expr::Any(parts) => parts.iter().any(|part| satisfies(part, record, slots)),
        Expr::Not(part) => !satisfies(part, record, slots),
        Expr::Test(predicate) => asked(predicate, record, slots),
    }
}

fn asked(predicate: &Predicate, record: &dyn Facts, slots: &Slots) -> bool {
    match &predicate.target {
        Target::Field(name) => holds(&predicate.test, field(name, record, slots), record, slots),
        Target::AnyValue => {
            let mut found = false;
            record.each_value(&mut |fact| found = found || holds(&predicate.test, fact, record, slots));
            found
        }
    }
}

fn field<'r>(name: &str, record: &'r dyn Facts, slots: &Slots) -> Fact<'r> {
    slots.find(name).map_or(Fact::Absent, |slot| record.fact(slot))
}

fn holds(test: &Test, fact: Fact<'_>, record: &dyn Facts, slots: &Slots) -> bool {
    if let (Test::Exists, Fact::List(_)) = (test, fact) {
        return true;
    }
    elements(fact).into_iter().any(|fact| match test {
        Test::Exists => fact != Fact::Absent,
        Test::Null => matches!(fact, Fact::Absent | Fact::Null),
        Test::Bool(wanted) => match fact {
            Fact::Bool(is) => is == *wanted,
            Fact::Text(_) | Fact::Word(..) => text(fact).is_some_and(|is| same_text(&is, &wanted.to_string())),
            _ => false,
        },
        Test::Number(wanted) => match number(fact) {
            Some(is) => compare(is, *wanted) == Some(Ordering::Equal),
            None => !matches!(fact, Fact::Bool(_)) && text(fact).is_some_and(|is| is == decimal(*wanted)),
        },
        Test::Text(pattern) => texts(fact).iter().any(|is| wild(pattern, is)),
        Test::Regex(regex) => texts(fact).iter().any(|is| found(regex, is)),
        Test::Cidr(network) => address(fact).is_some_and(|is| network.contains(&is)),
        Test::Compare(order, bound) => {
            let is = number(fact).or_else(|| match fact {
                Fact::Text(_) | Fact::Word(..) => text(fact).and_then(|is| read_number(&is)),
                _ => None,
            });
            is.and_then(|is| compare(is, *bound)).is_some_and(|is| lies(is, *order))
        }
        Test::FieldRef { field: other, place, cased } => {
            let others = elements(field(other, record, slots));
            let parts: Vec<String> = others.into_iter().flat_map(texts).collect();
            texts(fact).iter().any(|whole| parts.iter().any(|part| placed(whole, part, *place, *cased)))
        }
        Test::TimePart { part, order, value } => part_of(fact, *part).is_some_and(|is| match order {
            None => is == *value,
            Some(order) => lies(is.cmp(value), *order),
        }),
    })
}

/// The scalars that a fact is made of.
fn elements(fact: Fact<'_>) -> Vec<Fact<'_>> {
    let Fact::List(list) = fact else { return vec![fact] };
    match list {
        List::Registers(bytes) => {
            bytes.chunks_exact(2).map(|pair| Fact::Int(i64::from(pair[0]) * 256 + i64::from(pair[1]))).collect()
        }
        List::Bits { bytes, count } => (0..usize::from(count))
            .filter_map(|bit| bytes.get(bit / 8).map(|byte| Fact::Int(i64::from(byte >> (bit % 8) & 1))))
            .collect(),
        List::Words(vocabulary, bits) => {
            (0..32).filter(|word| bits >> word & 1 == 1).map(|word| Fact::Word(vocabulary, word)).collect()
        }
        List::Spans(spans) => {
            spans.iter().flat_map(|span| (span[0]..=span[1]).map(|number| Fact::Int(number.into()))).collect()
        }
        List::Facts(facts) => facts.iter().flat_map(|fact| elements(*fact)).collect(),
    }
}

/// The text form: numbers in decimal without exponent, addresses in canonical form, times in RFC 3339.
fn text(fact: Fact<'_>) -> Option<String> {
    match fact {
        Fact::Absent | Fact::Null | Fact::Object | Fact::List(_) => None,
        Fact::Bool(is) => Some(is.to_string()),
        Fact::Int(is) => Some(is.to_string()),
        Fact::Uint(is) => Some(is.to_string()),
        Fact::Float(is) => Some(decimal(Number::Float(is))),
        Fact::Text(is) => Some(is.to_owned()),
        Fact::Word(vocabulary, word) => vocabulary.words.get(usize::from(word)).map(|is| (*is).to_owned()),
        Fact::Addr(is) => Some(is.to_string()),
        Fact::Time(is) => Some(is.to_string()),
    }
}

/// All text forms: a whole number that came as a float is also one with a point.
fn texts(fact: Fact<'_>) -> Vec<String> {
    let mut texts: Vec<String> = text(fact).into_iter().collect();
    if let Fact::Float(is) = fact
        && is.fract() == 0.0
        && is.abs() < TOO_LARGE
    {
        texts.push(format!("{}.0", is as i128));
    }
    texts
}

fn number(fact: Fact<'_>) -> Option<Number> {
    match fact {
        Fact::Int(is) => Some(Number::Int(is.into())),
        Fact::Uint(is) => Some(Number::Int(is.into())),
        Fact::Float(is) => Some(Number::Float(is)),
        _ => None,
    }
}

/// A decimal number as JSON or a spreadsheet would write it.
fn read_number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i128>() {
        return Some(Number::Int(whole));
    }
    let plain = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    text.parse::<f64>().ok().filter(|is| plain && is.is_finite()).map(Number::Float)
}

/// A whole number is written as such, even if it came as a float.
fn decimal(number: Number) -> String {
    match number {
        Number::Int(is) => is.to_string(),
        Number::Float(is) if is.fract() == 0.0 && is.abs() < TOO_LARGE => (is as i128).to_string(),
        Number::Float(is) => is.to_string(),
    }
}

/// Exact, whatever the two are.
fn compare(a: Number, b: Number) -> Option<Ordering> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Float(_), Number::Int(_)) => compare(b, a).map(Ordering::reverse),
        (Number::Int(a), Number::Float(b)) => {
            let whole = b.floor();
            if b.is_nan() || whole.abs() >= TOO_LARGE {
                return 0.0.partial_cmp(&b);
            }
            Some(a.cmp(&(whole as i128)).then(if b > whole { Ordering::Less } else { Ordering::Equal }))
        }
    }
}

fn lies(is: Ordering, order: Order) -> bool {
    match order {
        Order::Lt => is == Ordering::Less,
        Order::Lte => is != Ordering::Greater,
        Order::Gt => is == Ordering::Greater,
        Order::Gte => is != Ordering::Less,
    }
}

fn address(fact: Fact<'_>) -> Option<IpAddr> {
    match fact {
        Fact::Addr(is) => Some(is),
        Fact::Text(_) | Fact::Word(..) => text(fact)?.parse().ok(),
        _ => None,
    }
}

fn same_text(a: &str, b: &str) -> bool {
    a.chars().map(fold).eq(b.chars().map(fold))
}

/// Wildcards by dynamic programming: `reach[i]` says that the pieces so far can end before character `i`.
fn wild(pattern: &Pattern, text: &str) -> bool {
    let same = |a: char, b: char| a == b || !pattern.cased && fold(a) == fold(b);
    let text: Vec<char> = text.chars().collect();
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    let step = |reach: &[bool], fits: &dyn Fn(char) -> bool| -> Vec<bool> {
        (0..reach.len()).map(|i| i > 0 && reach[i - 1] && fits(text[i - 1])).collect()
    };
    for piece in &pattern.pieces {
        match piece {
            Piece::Many => {
                let first = reach.iter().position(|r| *r).unwrap_or(reach.len());
                reach[first..].fill(true);
            }
            Piece::One => reach = step(&reach, &|_| true),
            Piece::Dash => reach = step(&reach, &|c| "-/–—―".contains(c)),
            Piece::Literal(literal) => {
                for wanted in literal.chars() {
                    reach = step(&reach, &|c| same(c, wanted));
                }
            }
        }
    }
    reach[text.len()]
}

fn found(regex: &Regex, text: &str) -> bool {
    COMPILED.with_borrow_mut(|all| {
        if all.len() > MOST_COMPILED {
            all.clear();
        }
        let compile = |regex: &Regex| {
            regex::RegexBuilder::new(&regex.pattern)
                .case_insensitive(regex.ignore_case)
                .multi_line(regex.multi_line)
                .dot_matches_new_line(regex.dot_all)
                .build()
        };
        let compiled = all.entry(regex.clone()).or_insert_with_key(|regex| compile(regex).ok());
        compiled.as_ref().is_some_and(|compiled| compiled.is_match(text))
    })
}

fn placed(whole: &str, part: &str, place: Place, cased: bool) -> bool {
    let chars = |text: &str| -> Vec<char> { text.chars().map(|c| if cased { c } else { fold(c) }).collect() };
    let (whole, part) = (chars(whole), chars(part));
    match place {
        Place::Whole => whole == part,
        Place::Start => whole.starts_with(&part),
        Place::End => whole.ends_with(&part),
        Place::Contains => part.is_empty() || whole.windows(part.len()).any(|window| window == part),
    }
}

/// Times are read as written; numbers are epoch seconds, milli-, micro- or nanoseconds by their size, in UTC.
fn part_of(fact: Fact<'_>, part: TimePart) -> Option<i64> {
    let civil = match fact {
        Fact::Time(is) => civil_of(i128::from(is.nanos()))?,
        Fact::Text(_) | Fact::Word(..) => return written(&text(fact)?, part),
        _ => moment(number(fact)?)?,
    };
    Some(pick(civil, part))
}

fn moment(is: Number) -> Option<jiff::civil::DateTime> {
    match is {
        Number::Int(is) => civil_of(epoch(is as f64).map(|unit| is * unit)?),
        Number::Float(is) => civil_of(epoch(is).map(|unit| (is * unit as f64) as i128)?),
    }
}

/// Nanoseconds in the unit that makes `is` a time of our age.
fn epoch(is: f64) -> Option<i128> {
    let size = is.abs();
    let units = [(1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (1e20, 1)];
    units.iter().find(|(limit, _)| size < *limit).map(|(_, unit)| *unit)
}

fn civil_of(nanos: i128) -> Option<jiff::civil::DateTime> {
    let moment = jiff::Timestamp::from_nanosecond(nanos).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_datetime(moment))
}

fn pick(civil: jiff::civil::DateTime, part: TimePart) -> i64 {
    match part {
        TimePart::Minute => civil.minute().into(),
        TimePart::Hour => civil.hour().into(),
        TimePart::Day => civil.day().into(),
        TimePart::Week => civil.date().iso_week_date().week().into(),
        TimePart::Month => civil.month().into(),
        TimePart::Year => civil.year().into(),
    }
}

/// The extended and the basic format of ISO 8601.
static TIMES: LazyLock<Vec<regex::Regex>> = LazyLock::new(|| {
    let extended = r"^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2})(?::([0-9]{2})(?::SECOND)?)?ZONE)?$";
    let basic = r"^([0-9]{4})([0-9]{2})([0-9]{2})(?:[Tt]([0-9]{2})(?:([0-9]{2})(?:SECOND)?)?ZONE)?$";
    let whole = |shape: &str| {
        shape.replace("SECOND", "(?:[0-5][0-9]|60)(?:[.,][0-9]+)?").replace("ZONE", "(?:[Zz+ -](?s:.*))?")
    };
    [extended, basic].iter().filter_map(|shape| regex::Regex::new(&whole(shape)).ok()).collect()
});

/// `YYYY-MM-DD`, then optionally `T` or a blank and `hh`, `hh:mm` or `hh:mm:ss`; or the same without dashes, colons and
/// blank. A zone is not read. Any other text may be an epoch number.
fn written(text: &str, part: TimePart) -> Option<i64> {
    let found = TIMES.iter().find_map(|shape| shape.captures(text));
    let digits = |group: usize| found.as_ref()?.get(group)?.as_str().parse::<i16>().ok();
    let small = |group: usize| digits(group).and_then(|value| i8::try_from(value).ok());
    let date = (|| jiff::civil::Date::new(digits(1)?, small(2)?, small(3)?).ok())();
    let Some(date) = date else { return Some(pick(moment(read_number(text)?)?, part)) };
    // A wrong clock is refused whatever is asked of the date.
    let time = jiff::civil::Time::new(small(4).unwrap_or(0), small(5).unwrap_or(0), 0, 0).ok()?;
    match part {
        TimePart::Minute => small(5).map(i64::from),
        TimePart::Hour => small(4).map(i64::from),
        _ => Some(pick(date.to_datetime(time), part)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock;
    use super::super::fixture::{COLOURS, both, field, keyword, not, pattern, regex, text};
    use super::*;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    /// Whether a fact in a field of unknown type satisfies a test, by both machines.
    fn is(test: Test, fact: Fact<'_>) -> bool {
        both(&field("f", test), &[("f", fact)])
    }

    fn int(value: i128) -> Test {
        Test::Number(Number::Int(value))
    }

    #[test]
    fn texts_are_equal_in_any_case_and_whole() {
        assert!(is(text("C:\\Windows"), Fact::Text("c:\\WINDOWS")));
        assert!(is(text("ΣΊΣΥΦΟΣ"), Fact::Text("σίσυφος")));
        assert!(is(text("kiss"), Fact::Text("\u{212a}i\u{17f}S")));
        assert!(!is(text("strasse"), Fact::Text("straße")));
        assert!(!is(text("abc"), Fact::Text("abc\n")));
        assert!(!is(Test::Text(pattern("abc", true)), Fact::Text("Abc")));
        assert!(is(Test::Text(pattern("a*C", true)), Fact::Text("abC")));
        assert!(is(text(""), Fact::Text("")));
        assert!(!is(text(""), Fact::Null));
        assert!(!is(text("*"), Fact::Absent));
        assert!(!is(text("*"), Fact::Null));
        assert!(!is(text("*"), Fact::Object));
        assert!(is(text("*"), Fact::Text("")));
    }

    #[test]
    fn wildcards_see_characters_and_line_breaks() {
        assert!(is(text("a*z"), Fact::Text("a\n\r\nZ")));
        assert!(is(text("a?z"), Fact::Text("aéz")));
        assert!(is(text("*?"), Fact::Text("é")));
        assert!(!is(text("?"), Fact::Text("")));
        assert!(is(text("* ~enc*"), Fact::Text("powershell —ENC xyz")));
        assert!(is(text("46*"), Fact::Int(4624)));
        assert!(is(text("*2?"), Fact::Int(4624)));
        assert!(is(text("tr*"), Fact::Bool(true)));
        assert!(is(text("1?.*"), Fact::Addr("10.0.0.1".parse().unwrap())));
        assert!(is(text("2023-*:20.000000000Z"), Fact::Time(Timestamp::from_parts(1_700_000_000, 0))));
    }

    #[test]
    fn numbers_are_exact_and_equal_their_decimal_text() {
        assert!(is(int(4624), Fact::Int(4624)));
        assert!(is(int(4624), Fact::Text("4624")));
        assert!(!is(int(4624), Fact::Text("04624")));
        assert!(!is(int(4624), Fact::Text("4624 ")));
        assert!(is(text("4624"), Fact::Int(4624)));
        assert!(!is(text("01"), Fact::Int(1)));
        assert!(!is(text("0x10"), Fact::Int(16)));
        assert!(is(int(2), Fact::Float(2.0)));
        assert!(is(Test::Number(Number::Float(2.0)), Fact::Int(2)));
        assert!(is(Test::Number(Number::Float(2.5)), Fact::Text("2.5")));
        assert!(
            is(text("2"), Fact::Float(2.0)) && is(text("2.0"), Fact::Float(2.0)) && is(text("*.0"), Fact::Float(-7.0))
        );
        assert!(
            is(text("0.0"), Fact::Float(-0.0)) && !is(text("2.0"), Fact::Int(2)) && !is(text("2.50"), Fact::Float(2.5))
        );
        assert!(!is(int(9_007_199_254_740_993), Fact::Float(9_007_199_254_740_992.0)));
        assert!(is(int(18_446_744_073_709_551_615), Fact::Uint(u64::MAX)));
        assert!(!is(int(1), Fact::Bool(true)));
        assert!(!is(int(0), Fact::Null));
    }

    #[test]
    fn booleans_equal_their_text_and_no_number() {
        assert!(is(Test::Bool(true), Fact::Bool(true)));
        assert!(is(Test::Bool(true), Fact::Text("TRUE")));
        assert!(is(text("False"), Fact::Bool(false)));
        assert!(!is(Test::Bool(true), Fact::Int(1)));
        assert!(!is(Test::Bool(false), Fact::Absent));
    }

    #[test]
    fn absence_satisfies_null_alone() {
        assert!(is(Test::Null, Fact::Absent));
        assert!(is(Test::Null, Fact::Null));
        assert!(!is(Test::Null, Fact::Text("")));
        assert!(is(Test::Exists, Fact::Null));
        assert!(is(Test::Exists, Fact::Object));
        assert!(is(Test::Exists, Fact::List(List::Facts(&[]))));
        assert!(!is(Test::Exists, Fact::Absent));
        assert!(both(&not(field("f", Test::Exists)), &[]));
        assert!(both(&not(field("f", text("x"))), &[]));
        assert!(!both(&not(field("f", text("x"))), &[("f", Fact::Text("X"))]));
    }

    #[test]
    fn comparisons_convert_texts_and_refuse_the_rest() {
        let over = |bound| Test::Compare(Order::Gt, bound);
        assert!(is(over(Number::Int(10)), Fact::Int(11)));
        assert!(!is(over(Number::Int(10)), Fact::Int(10)));
        assert!(is(over(Number::Int(10)), Fact::Text("10.5")));
        assert!(is(over(Number::Float(10.5)), Fact::Int(11)));
        assert!(is(Test::Compare(Order::Lte, Number::Int(-1)), Fact::Text("-1e0")));
        for fact in
            [Fact::Text("ten"), Fact::Text(" 11"), Fact::Bool(true), Fact::Null, Fact::Absent, Fact::Float(f64::NAN)]
        {
            assert!(!is(over(Number::Int(-10)), fact), "{fact:?}");
        }
    }

    #[test]
    fn networks_hold_addresses_and_their_texts_of_one_family() {
        let net = |text: &str| Test::Cidr(text.parse().unwrap());
        assert!(is(net("192.168.0.0/16"), Fact::Addr("192.168.255.255".parse().unwrap())));
        assert!(is(net("192.168.0.0/16"), Fact::Text("192.168.1.1")));
        assert!(!is(net("192.168.0.0/16"), Fact::Text("192.169.1.1")));
        assert!(!is(net("0.0.0.0/0"), Fact::Addr("::ffff:1.2.3.4".parse().unwrap())));
        assert!(is(net("fe80::/10"), Fact::Text("FE80::1")));
        assert!(!is(net("::/0"), Fact::Text("1.2.3.4")));
        assert!(!is(net("0.0.0.0/0"), Fact::Text("host")));
        assert!(!is(net("0.0.0.0/0"), Fact::Int(1)));
        assert!(is(text("FE80::1"), Fact::Addr("fe80::1".parse().unwrap())));
        assert!(!is(text("fe80:0::1"), Fact::Addr("fe80::1".parse().unwrap())));
        assert!(is(text("192.168.*"), Fact::Addr("192.168.7.7".parse().unwrap())));
        assert!(!is(text("192.168.*"), Fact::Addr("192.16.8.7".parse().unwrap())));
    }

    #[test]
    fn regular_expressions_search_the_text_form() {
        assert!(is(regex(r"\d{4}$"), Fact::Int(14_624)));
        assert!(is(regex("b+"), Fact::Text("abba")));
        assert!(!is(regex("B"), Fact::Text("abba")));
        let flags =
            Regex { pattern: "^B.$".into(), ignore_case: true, multi_line: true, dot_all: false, measured: false };
        assert!(is(Test::Regex(flags), Fact::Text("a\nbx\nc")));
    }

    #[test]
    fn a_list_satisfies_what_any_of_its_values_does() {
        let list = [Fact::Int(1), Fact::Text("two"), Fact::Null, Fact::List(List::Facts(&[Fact::Text("three")]))];
        let list = Fact::List(List::Facts(&list));
        assert!(is(int(1), list));
        assert!(is(text("T*O"), list));
        assert!(is(text("three"), list));
        assert!(is(Test::Null, list));
        assert!(!is(text("four"), list));
        assert!(!both(&not(field("f", int(1))), &[("f", list)]));
        let between = |low, high| {
            let bound = |order, value| field("f", Test::Compare(order, Number::Int(value)));
            Expr::All(vec![bound(Order::Gte, low), bound(Order::Lte, high)])
        };
        let registers = Fact::List(List::Registers(&[0, 97, 1, 0]));
        assert!(both(&between(200, 100), &[("f", registers)]));
        assert!(!both(&between(200, 100), &[("f", Fact::Int(150))]));
        assert!(both(&between(100, 200), &[("f", Fact::Int(150))]));
        assert!(is(int(256), registers));
        assert!(is(text("9?"), registers));
        assert!(!is(int(98), registers));
        assert!(is(int(1), Fact::List(List::Bits { bytes: &[2], count: 2 })));
        assert!(is(text("GREEN*"), Fact::List(List::Words(&COLOURS, 0b10))));
        assert!(!is(text("red"), Fact::List(List::Words(&COLOURS, 0b10))));
        assert!(is(int(4), Fact::Word(&COLOURS, 3)));
        assert!(is(Test::Compare(Order::Lt, Number::Int(5)), Fact::Word(&COLOURS, 3)));
    }

    #[test]
    fn a_reference_takes_the_other_field_literally() {
        let refers = |place, cased| field("a", Test::FieldRef { field: "b".into(), place, cased });
        let facts = |a, b| [("a", Fact::Text(a)), ("b", Fact::Text(b))];
        assert!(both(&refers(Place::Whole, false), &facts("User", "uSER")));
        assert!(!both(&refers(Place::Whole, true), &facts("User", "uSER")));
        assert!(!both(&refers(Place::Whole, false), &facts("User", "*")));
        assert!(both(&refers(Place::Contains, false), &facts("the USER x", "user")));
        assert!(both(&refers(Place::Start, false), &facts("User1", "user")));
        assert!(both(&refers(Place::End, false), &facts("a.user", "USER")));
        assert!(both(&refers(Place::Whole, false), &[("a", Fact::Int(5)), ("b", Fact::Text("5"))]));
        assert!(!both(&refers(Place::Whole, false), &[("a", Fact::Text(""))]));
        assert!(!both(&refers(Place::Whole, false), &[("a", Fact::Null), ("b", Fact::Null)]));
    }

    #[test]
    fn parts_of_a_time_are_those_of_the_written_clock() {
        let hour = |order, value| Test::TimePart { part: TimePart::Hour, order, value };
        assert!(is(hour(None, 23), Fact::Text("2024-01-01T23:59:59+05:00")));
        assert!(is(hour(Some(Order::Gte), 18), Fact::Text("2024-01-01 18:00")));
        assert!(is(hour(None, 22), Fact::Time(Timestamp::from_parts(1_700_000_000, 0))));
        assert!(is(hour(None, 22), Fact::Int(1_700_000_000_000)));
        assert!(!is(hour(None, 0), Fact::Text("2024-01-01")));
        assert!(is(Test::TimePart { part: TimePart::Week, order: None, value: 53 }, Fact::Text("2021-01-03")));
    }

    #[test]
    fn keywords_look_into_every_value() {
        let list = [Fact::Int(4624), Fact::Text("a mimikatz b")];
        let facts = [("a", Fact::Text("nothing")), ("b", Fact::List(List::Facts(&list)))];
        let anywhere = Expr::Any(vec![field("a", text("x")), field("b", text("x")), keyword(text("*MIMIKATZ*"))]);
        assert!(both(&anywhere, &facts));
        let wanted = |first, second| {
            let fields = Expr::Any(vec![not(field("a", Test::Null)), not(field("b", Test::Null))]);
            Expr::All(vec![fields, keyword(text(first)), keyword(text(second))])
        };
        assert!(both(&wanted("*462*", "*NOTH*"), &facts));
        assert!(!both(&wanted("*462*", "*other*"), &facts));
    }

    proptest! {
        #[test]
        fn texts_are_read_as_times_alike(
            text in "(2024-?0?[12]-?[23][09]|[0-9]{7,19})([T ]([0-2][0-9]:?){1,3}(60)?)?[.,Z+ ]?[0-9]?",
        ) {
            for part in [TimePart::Minute, TimePart::Hour, TimePart::Day, TimePart::Week, TimePart::Year] {
                let fact = Fact::Text(&text);
                prop_assert_eq!(part_of(fact, part), clock::part(fact, part), "{:?} of {}", part, text);
            }
        }
    }
}
