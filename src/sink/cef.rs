//! ArcSight's common event format: `CEF:0|Vendor|Product|Version|Signature|Name|Severity|key=value ...`.

use super::head::Head;
use super::item::Item;
use crate::sigma::ir::Level;
use serde_json::Value;

/// Appends an item as one CEF line. Lines that are not in our form become one with the whole line as `msg`.
pub(super) fn write(item: &Item, head: &Head<'_>, out: &mut Vec<u8>) {
    let value: Value = serde_json::from_slice(item.json()).unwrap_or_default();
    let signature = text(&value, &["/rule/id", "/findings/0/rule/id"]).or_else(|| head.rule().map(str::to_owned));
    let title = head.rule().unwrap_or_else(|| head.kind(item.kind));
    let mut line = format!(
        "CEF:0|sigmabus|sigmabus|{}|{}|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        header(signature.as_deref().unwrap_or_else(|| head.kind(item.kind))),
        header(title),
        severity(head.level),
    );
    for (index, (key, value)) in extension(item, head, &value).into_iter().enumerate() {
        line.push_str(&format!("{}{key}={}", if index > 0 { " " } else { "" }, escaped(&value)));
    }
    out.extend_from_slice(line.as_bytes());
}

/// The keys of the extension with their values.
fn extension(item: &Item, head: &Head<'_>, value: &Value) -> Vec<(&'static str, String)> {
    let first = |places: &[&str]| text(value, places);
    let number = |place: &str| value.pointer(place).and_then(Value::as_i64).map(|number| number.to_string());
    let client = ["/entity/modbus.client", "/record/modbus.client", "/modbus.client", "/src_ip"];
    let server = ["/entity/modbus.server", "/record/modbus.server", "/modbus.server", "/dst_ip"];
    let tags = value.pointer("/rule/tags").or_else(|| value.pointer("/findings/0/rule/tags")).and_then(Value::as_array);
    let tags = tags.map(|tags| tags.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","));
    let unit = first(&["/record/modbus.unit_id", "/findings/0/record/modbus.unit_id", "/modbus.unit_id"]);
    let all = [
        ("rt", item.time.map(|time| (time.nanos() / 1_000_000).to_string())),
        ("app", Some("Modbus".to_owned())),
        ("src", first(&client)),
        ("dst", first(&server)),
        ("externalId", head.id.as_deref().map(str::to_owned)),
        ("cat", Some(head.kind(item.kind).to_owned())),
        ("cnt", number("/alerts")),
        ("cn1", number("/score").or_else(|| number("/points"))),
        ("cn1Label", value.get("score").or_else(|| value.get("points")).map(|_| "score".to_owned())),
        ("cs1", tags.clone().filter(|tags| !tags.is_empty())),
        ("cs1Label", tags.filter(|tags| !tags.is_empty()).map(|_| "tags".to_owned())),
        ("cs2", unit.clone()),
        ("cs2Label", unit.map(|_| "unit".to_owned())),
        ("msg", head.title.as_deref().map(str::to_owned).or_else(|| first(&["/modbus.function_code"]))),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// The first of these places that has a text or a number.
fn text(value: &Value, places: &[&str]) -> Option<String> {
    places.iter().find_map(|place| match value.pointer(place)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// 0 to 10.
const fn severity(level: Option<Level>) -> u8 {
    match level {
        Some(Level::Informational) | None => 1,
        Some(Level::Low) => 3,
        Some(Level::Medium) => 5,
        Some(Level::High) => 8,
        Some(Level::Critical) => 10,
    }
}

/// In the header `|` and `\` are escaped, and there are no line breaks.
fn header(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('|', "\\|");
    plain.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// In the extension `=` and `\` are escaped, and line breaks are written as `\n` and `\r`.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use super::super::item::Kind;
    use super::*;
    use crate::time::Timestamp;

    fn cef(kind: Kind, json: &str) -> String {
        let item =
            Item { kind, time: Some(Timestamp::from_parts(1_700_000_000, 5_000_000)), line: json.as_bytes().into() };
        let mut out = Vec::new();
        write(&item, &Head::of(item.json()), &mut out);
        String::from_utf8(out).unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn an_alert_and_what_must_be_escaped() {
        let alert = r#"{"type":"alert","id":"ab","title":"a|b=c\\d\ne","level":"high","score":70,
            "entity":{"modbus.client":"10.0.0.1","modbus.server":"10.0.0.2"},
            "findings":[{"rule":{"id":"r|1","tags":["attack.t0855","attack.impact"]},"record":{"modbus.unit_id":7}}]}"#;
        assert_eq!(
            cef(Kind::Alert, alert),
            "CEF:0|sigmabus|sigmabus|VERSION|r\\|1|a\\|b=c\\\\d e|8|rt=1700000000005 app=Modbus src=10.0.0.1 dst=10.0.0.2 \
             externalId=ab cat=alert cn1=70 cn1Label=score cs1=attack.t0855,attack.impact cs1Label=tags cs2=7 \
             cs2Label=unit msg=a|b\\=c\\\\d\\ne"
        );
    }

    #[test]
    fn a_record_and_a_line_of_something_else() {
        let record = r#"{"type":"record","modbus.client":"10.0.0.1","modbus.function_code":"Read Coils (01)"}"#;
        assert_eq!(
            cef(Kind::Record, record),
            "CEF:0|sigmabus|sigmabus|VERSION|record|record|1|rt=1700000000005 app=Modbus src=10.0.0.1 cat=record \
             msg=Read Coils (01)"
        );
        assert!(cef(Kind::Record, "[1]").starts_with("CEF:0|sigmabus|sigmabus|VERSION|record|record|1|rt="));
    }
}
