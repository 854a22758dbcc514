//! Events that differ a little from others.

use super::prng::Rng;
use super::synthesis::{Event, swapped};
use serde_json::{Map, Value, json};

/// What can be done to the value of a field; `None` takes the field away.
const CHANGES: [fn(&str, &Value) -> Option<Value>; 13] = [
    |_, _| None,
    |_, _| Some(Value::Null),
    |_, _| Some("".into()),
    |_, value| Some(text(value, |text| format!("{text}x"))),
    |_, value| Some(text(value, |text| format!("x{text}"))),
    |_, value| Some(text(value, |text| text.chars().skip(1).collect())),
    |_, value| Some(text(value, |text| text.chars().map(swapped).collect())),
    |_, value| Some(text(value, |text| text.replace(['s', 'k', 'i'], "ſ").replace('-', "/"))),
    |_, value| Some(retyped(value)),
    |_, value| Some(json!(["other", 1, null, value])),
    |_, value| Some(json!([[value], []])),
    |_, value| Some(json!({ "inner": value })),
    |name, value| Some(json!([name, text(value, |text| text.to_lowercase())])),
];

/// Every event that comes of one change to one field of `event`, in turn, then [`nested`] and [`shuffled`] ones.
pub fn near(event: &Event, chance: &mut Rng) -> Vec<Event> {
    let mut made = Vec::new();
    for (name, value) in event {
        made.extend(CHANGES.iter().map(|change| changed(event, name, change(name, value))));
    }
    made.extend([nested(event), shuffled(event, chance)]);
    made
}

/// One such event.
pub fn one(event: &Event, chance: &mut Rng) -> Event {
    let field = event.iter().nth(chance.below(event.len() as u32) as usize);
    match (chance.below(CHANGES.len() as u32 + 2) as usize, field) {
        (at, Some((name, value))) if at < CHANGES.len() => changed(event, name, CHANGES[at](name, value)),
        (at, _) if at == CHANGES.len() => nested(event),
        _ => shuffled(event, chance),
    }
}

fn changed(event: &Event, name: &str, value: Option<Value>) -> Event {
    let mut event = event.clone();
    match value {
        Some(value) => event.insert(name.to_owned(), value),
        None => event.remove(name),
    };
    event
}

/// A text made another; anything else stays.
fn text(value: &Value, change: impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => change(text).into(),
        Value::Array(values) => values.iter().map(|value| text_of(value, &change)).collect(),
        other => other.clone(),
    }
}

fn text_of(value: &Value, change: &impl Fn(&str) -> String) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| change(text).into())
}

/// Numbers and Booleans as texts, texts of numbers as numbers.
fn retyped(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => value.to_string().into(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            _ => json!(text.len()),
        },
        other => json!([other]),
    }
}

/// `a.b.c` as `c` in `b` in `a`, where no other name stands in the way.
fn nested(event: &Event) -> Event {
    let mut root = Event::new();
    for (name, value) in event {
        let mut keys: Vec<&str> = name.split('.').collect();
        let last = keys.pop().unwrap_or_default();
        let mut place = Some(&mut root);
        for key in keys {
            let inner = place.and_then(|place| match place.entry(key).or_insert_with(|| Map::new().into()) {
                Value::Object(inner) => Some(inner),
                _ => None,
            });
            place = inner;
        }
        if let Some(place) = place {
            place.insert(last.to_owned(), value.clone());
        }
    }
    root
}

/// Every value under another name.
fn shuffled(event: &Event, chance: &mut Rng) -> Event {
    let by = chance.below(event.len() as u32) as usize;
    let values = event.values().cycle().skip(by);
    event.keys().cloned().zip(values.cloned()).collect()
}
