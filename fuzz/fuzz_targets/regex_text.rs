//! Flags, a line break, a regular expression, a line break, and a text to search.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus_fuzz::rules::{check, quoted};

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let (Some(flags), Some(regex)) = (parts.next(), parts.next()) else { return };
    let modifiers = if flags.is_empty() { "re".to_owned() } else { format!("re|{flags}") };
    let rule = format!(
        "title: t\nlogsource: {{product: x}}\ndetection:\n  s: {{{}: {}}}\n  condition: s\n",
        quoted(&format!("F|{modifiers}")),
        quoted(regex)
    );
    let event = format!("{{\"F\":{}}}", quoted(parts.next().unwrap_or_default()));
    check(rule.as_bytes(), &[&event]);
});
