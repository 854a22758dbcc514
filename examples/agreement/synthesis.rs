//! Events made for a rule out of its own values.
//!
//! A way through the condition is chosen: one part of each `Any`, all of each `All`, the other way round under `Not`.
//! It ends in demands on fields, and for each field a value is made that should meet them. That is a guess, which the
//! truth judges; if it was wrong, another way is chosen.

use super::prng::Rng;
use super::searched;
use serde_json::{Map, Value};
use sigmabus::sigma::ir::{Expr, Number, Order, Pattern, Piece, Place, Target, Test, TimePart};
use std::collections::BTreeMap;

/// An event.
pub type Event = Map<String, Value>;

/// What a way through a condition asks of the fields.
#[derive(Default)]
struct Demands<'r> {
    /// For each field, the tests that must hold or must not.
    fields: BTreeMap<&'r str, Vec<(&'r Test, bool)>>,
    keywords: Vec<&'r Test>,
}

/// An event that may satisfy `condition`; another one with other chances.
pub fn event(condition: &Expr, chance: &mut Rng) -> Event {
    let mut demands = Demands::default();
    demands.collect(condition, true, chance);
    let mut event = Event::new();
    for (name, tests) in &demands.fields {
        if let Some(value) = value(name, tests, chance) {
            event.insert((*name).to_owned(), value);
        }
    }
    for (name, tests) in &demands.fields {
        for (test, wanted) in tests {
            if let (Test::FieldRef { field, place, .. }, true) = (test, wanted) {
                refer(&mut event, name, field, *place);
            }
        }
    }
    for (at, test) in demands.keywords.iter().enumerate() {
        event.insert(format!("text{at}"), own(test, chance));
    }
    event
}

impl<'r> Demands<'r> {
    fn collect(&mut self, expr: &'r Expr, wanted: bool, chance: &mut Rng) {
        match expr {
            Expr::Not(part) => self.collect(part, !wanted, chance),
            Expr::Test(predicate) => match &predicate.target {
                Target::Field(name) => self.fields.entry(name).or_default().push((&predicate.test, wanted)),
                Target::AnyValue if wanted => self.keywords.push(&predicate.test),
                Target::AnyValue => {}
            },
            Expr::All(parts) | Expr::Any(parts) if matches!(expr, Expr::All(_)) == wanted => {
                parts.iter().for_each(|part| self.collect(part, wanted, chance));
            }
            Expr::All(parts) | Expr::Any(parts) => {
                if let Some(part) = parts.get(chance.below(parts.len() as u32) as usize) {
                    self.collect(part, wanted, chance);
                }
            }
        }
    }
}

/// A value of the field `name` that meets all of `tests`, if one is needed.
fn value(name: &str, tests: &[(&Test, bool)], chance: &mut Rng) -> Option<Value> {
    let wanted: Vec<&Test> = tests.iter().filter(|(_, wanted)| *wanted).map(|(test, _)| *test).collect();
    if wanted.contains(&&Test::Null) {
        return chance.chance(0.5).then_some(Value::Null);
    }
    let is_denied = |test: &Test| tests.iter().any(|(denied, wanted)| !wanted && *denied == test);
    match wanted[..] {
        [] if is_denied(&Test::Null) => Some(format!("some {name}").into()),
        [] => None,
        [one] => Some(own(one, chance)),
        // Any element may satisfy a test.
        _ if chance.chance(0.2) => Some(wanted.iter().map(|test| own(test, chance)).collect()),
        _ => Some(joined(&wanted, chance)),
    }
}

/// What begins as asked, then what may stand anywhere, then what ends as asked; or the one that leaves no room.
fn joined(wanted: &[&Test], chance: &mut Rng) -> Value {
    let (mut start, mut middle, mut end) = (String::new(), String::new(), String::new());
    for test in wanted {
        let made = own(test, chance);
        let Some(text) = made.as_str() else { return made };
        let open = match test {
            Test::Text(pattern) => {
                let is_many = |piece: Option<&Piece>| piece == Some(&Piece::Many);
                (is_many(pattern.pieces.first()), is_many(pattern.pieces.last()))
            }
            Test::Exists => continue,
            Test::Regex(regex) => (!regex.pattern.starts_with('^'), !regex.pattern.ends_with('$')),
            _ => (false, false),
        };
        match open {
            (false, false) => return made,
            (false, true) => start.push_str(text),
            (true, true) => middle.push_str(&format!("{text} ")),
            (true, false) => end.insert_str(0, text),
        }
    }
    format!("{start} {middle}{end}").into()
}

/// A value that satisfies a test by itself.
fn own(test: &Test, chance: &mut Rng) -> Value {
    match test {
        Test::Exists | Test::FieldRef { .. } => "any".into(),
        Test::Null => Value::Null,
        Test::Bool(is) => (*is).into(),
        Test::Number(number) => json(*number),
        Test::Text(pattern) => text(pattern, chance).into(),
        Test::Regex(regex) => searched::text(regex, chance).into(),
        Test::Cidr(network) => network.network().to_string().into(),
        Test::Compare(order, bound) => json(beyond(*bound, *order)),
        Test::TimePart { part, order, value } => {
            let step = order.map_or(0, |order| match order {
                Order::Lt => -1,
                Order::Gt => 1,
                Order::Lte | Order::Gte => 0,
            });
            time(*part, value + step).into()
        }
    }
}

fn json(number: Number) -> Value {
    match number {
        Number::Int(is) => i64::try_from(is).map_or_else(|_| (is as u64).into(), Value::from),
        Number::Float(is) => is.into(),
    }
}

fn beyond(bound: Number, order: Order) -> Number {
    let step = match order {
        Order::Lt => -1,
        Order::Gt => 1,
        Order::Lte | Order::Gte => 0,
    };
    match bound {
        Number::Int(is) => Number::Int(is + i128::from(step)),
        Number::Float(is) => Number::Float(is + f64::from(step)),
    }
}

/// A text that a pattern matches; where case does not count, in some case.
fn text(pattern: &Pattern, chance: &mut Rng) -> String {
    let fill = chance.chance(0.5);
    let swap = !pattern.cased && chance.chance(0.5);
    let mut made = String::new();
    for piece in &pattern.pieces {
        match piece {
            Piece::Literal(literal) if swap => made.extend(literal.chars().map(swapped)),
            Piece::Literal(literal) => made.push_str(literal),
            Piece::Many if fill => made.push_str("é\n~"),
            Piece::Many => {}
            Piece::One => made.push('ß'),
            Piece::Dash => made.push(['-', '/', '–', '—', '―'][chance.below(5) as usize]),
        }
    }
    made
}

/// The character in the other case, if it is ASCII.
pub fn swapped(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

/// A time of which the part is `value`.
fn time(part: TimePart, value: i64) -> String {
    match part {
        TimePart::Minute => format!("2024-03-05T10:{value:02}:00Z"),
        TimePart::Hour => format!("2024-03-05T{value:02}:00:00Z"),
        TimePart::Day => format!("2024-03-{value:02}T10:00:00Z"),
        TimePart::Month => format!("2024-{value:02}-05T10:00:00Z"),
        TimePart::Year => format!("{value:04}-03-05T10:00:00Z"),
        // The first week of 2024 begins on its first day.
        TimePart::Week => jiff::civil::date(2024, 1, 1)
            .checked_add(jiff::Span::new().days(7 * (value - 1)))
            .map_or_else(|_| String::new(), |date| date.to_string()),
    }
}

/// Makes the text of field `other` lie in that of field `name`.
fn refer(event: &mut Event, name: &str, other: &str, place: Place) {
    let part = event.get(other).and_then(Value::as_str).unwrap_or("part").to_owned();
    let whole = match place {
        Place::Whole => part.clone(),
        Place::Contains => format!("a {part} b"),
        Place::Start => format!("{part} b"),
        Place::End => format!("a {part}"),
    };
    event.insert(other.to_owned(), part.into());
    event.insert(name.to_owned(), whole.into());
}
