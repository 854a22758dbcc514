//! A line that is too long for where it goes.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// What is never left out.
const KEPT: [&str; 7] = ["type", "id", "time", "kind", "title", "level", "shortened"];

/// The JSON object without its largest parts, so that it has at most `room` bytes if that can be; `shortened` lists what
/// was left out.
pub(super) fn to_fit(json: &[u8], room: usize) -> Cow<'_, [u8]> {
    if json.len() <= room {
        return Cow::Borrowed(json);
    }
    let Ok(Value::Object(mut object)) = serde_json::from_slice(json) else { return Cow::Borrowed(json) };
    object.insert("shortened".into(), Value::Array(Vec::new()));
    loop {
        let text = serde_json::to_vec(&object).unwrap_or_default();
        if text.len() <= room {
            return text.into();
        }
        let Some(largest) = largest(&object) else { return text.into() };
        object.remove(&largest);
        if let Some(Value::Array(list)) = object.get_mut("shortened") {
            list.push(largest.into());
        }
    }
}

fn largest(object: &Map<String, Value>) -> Option<String> {
    let parts = object.iter().filter(|(key, _)| !KEPT.contains(&key.as_str()));
    parts.max_by_key(|(_, value)| value.to_string().len()).map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_parts_go_first_and_are_named() {
        let json = br#"{"type":"alert","title":"T","findings":["a list that is longer than the rest"],"entity":{"a":1},"record":{"b":"long"}}"#;
        assert_eq!(&*to_fit(json, json.len()), json);
        let told = |room| String::from_utf8(to_fit(json, room).into_owned()).unwrap();
        assert_eq!(
            told(95),
            r#"{"entity":{"a":1},"record":{"b":"long"},"shortened":["findings"],"title":"T","type":"alert"}"#
        );
        assert_eq!(told(1), r#"{"shortened":["findings","record","entity"],"title":"T","type":"alert"}"#);
    }
}
