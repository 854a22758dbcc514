//! A condition over a few search identifiers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus_fuzz::rules::{EVENTS, check, quoted};

fuzz_target!(|condition: &str| {
    let rule = format!(
        "title: t\nlogsource: {{product: x}}\ndetection:\n  selection: {{F: abc}}\n  selection_1: {{a: x}}\n  \
         selection_2: {{b|gt: 0}}\n  filter_main: {{G: true}}\n  filter-other: [mimikatz]\n  _hidden: {{F: null}}\n  \
         1: {{F|exists: true}}\n  condition: {}\n",
        quoted(condition)
    );
    check(rule.as_bytes(), &EVENTS);
});
