//! Modifiers, a line break, and a value: a text, or any YAML after an exclamation mark. It is asked about itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus_fuzz::rules::{EVENTS, check, quoted};

fuzz_target!(|text: &str| {
    let Some((modifiers, value)) = text.split_once('\n') else { return };
    let key = quoted(&format!("F|{modifiers}"));
    let item = value.strip_prefix('!').map_or_else(|| quoted(value), |value| value.replace('\n', "\n      "));
    let rule = format!(
        "title: t\nlogsource: {{product: x}}\ndetection:\n  s:\n    {key}: {item}\n    \"G|exists\": no\n  condition: s\n"
    );
    let itself = format!("{{\"F\":[{0},{1}],\"b\":{0}}}", quoted(value), quoted(&value.to_uppercase()));
    check(rule.as_bytes(), &[&itself, EVENTS[0], EVENTS[1], EVENTS[2]]);
});
