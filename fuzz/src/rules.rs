//! Rules and the events they are asked about.

use bumpalo::Bump;
use sigmabus::detect::{Carry, Correlator, Explainer, Machine, RuleIx, Scratch, naive};
use sigmabus::record::{LogPlan, LogRecord, Slots};
use sigmabus::sigma::ir::Rule;
use sigmabus::sigma::{self, Diagnostic, Loaded, Mappings, Options, SchemaFields, SourceText};
use sigmabus::time::Span;
use std::sync::Arc;

/// The truth compiles regular expressions anew for each value: larger files are not held to it.
const HELD_TO_THE_TRUTH: usize = 8 << 10;

/// Events that touch the fields of the corpus.
pub const EVENTS: [&str; 4] = [
    r#"{"F":"abc","a":"x","b":1,"modbus.function":5,"modbus.kind":"query","src_ip":"10.0.0.1"}"#,
    r#"{"F":["-a /b","C:\\Windows\\cmd.exe",null,4624],"a":{"b":"2024-02-29T23:59:00Z"},"G":true}"#,
    r#"{"F":18446744073709551615,"a":-1.5e300,"b":"ſK\u212aİσς","src_ip":"fe80::1"}"#,
    r#"{"F":"","a":null,"message":"mimikatz","modbus":{"values":[1,2,65535],"function":8}}"#,
];

/// Rules with every part that a mapping can change.
const MAPPED: &str = r#"title: Texts and numbers
name: a
logsource: {category: c, product: windows, service: s}
tags: [attack.t0846]
detection:
  s: {F|contains: ['a*b', 'x%admins%'], G: [1, null, true], a|expand: '%admins%', H|fieldref: F}
  t: [mimikatz, {F|re: '^a+$'}]
  condition: s or not t
sigmabus: {mask: [F]}
---
title: Ours
logsource: {product: modbus}
detection: {s: {modbus.function: 5, src_ip|cidr: 10.0.0.0/8}, condition: s}
---
title: Several
correlation: {type: value_count, rules: [a], group-by: [F], timespan: 1m, condition: {field: G, gte: 2}}
"#;

/// Reads a mapping. What is wrong with it points into the text and can be drawn; rules that go through a good one are refused
/// with a reason, or are rules like any other.
pub fn check_mapping(bytes: &[u8], events: &[&str]) {
    let source = SourceText::new("mapping.yml", bytes);
    let mapping = match sigma::read_mapping(&source) {
        Ok(mapping) => mapping,
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            let loaded = Loaded { diagnostics, sources: vec![source], ..Loaded::default() };
            return check_problems(bytes, &loaded);
        }
    };
    let options = Options { mappings: Mappings::new(vec![mapping]), ..options() };
    let loaded = sigma::check([SourceText::new("rule.yml", MAPPED.as_bytes())], &options);
    check_problems(MAPPED.as_bytes(), &loaded);
    let mut slots = Slots::new();
    // What a mapping makes may be more than the matcher's bounds allow, which it says.
    if let (Ok(machine), true) = (Machine::compile(&loaded.ruleset.rules, &mut slots), bytes.len() <= HELD_TO_THE_TRUTH) {
        agree(&machine, &loaded.ruleset.rules, slots, events.iter().copied());
    }
}

fn options() -> Options {
    Options {
        placeholders: [("admins".to_owned(), vec!["alice".to_owned(), "b*b".to_owned()])].into(),
        fields: Some(Arc::new(SchemaFields)),
        ..Options::default()
    }
}

/// Loads and checks a file of rules. Every problem points into the text and can be drawn; what is left compiles, or is refused
/// with a reason; and the machine finds in `events` what is true.
pub fn check(bytes: &[u8], events: &[&str]) {
    let loaded = sigma::check([SourceText::new("rule.yml", bytes)], &options());
    check_problems(bytes, &loaded);
    let rules = &loaded.ruleset.rules;
    for rule in rules {
        assert!(!rule.condition.to_string().is_empty());
    }
    let (mut slots, mut carry) = (Slots::new(), Carry::default());
    let correlations = &loaded.ruleset.correlations;
    if let Err(refused) = Correlator::compile(correlations, rules.len(), Span::from_secs(1), &mut slots, &mut carry) {
        assert!(refused.iter().all(|refusal| !refusal.to_string().is_empty()));
    }
    match Machine::compile(rules, &mut slots) {
        Ok(machine) if bytes.len() <= HELD_TO_THE_TRUTH => agree(&machine, rules, slots, events.iter().copied()),
        Ok(_) => {}
        Err(refused) => assert!(refused.iter().all(|error| (error.rule.0 as usize) < rules.len())),
    }
}

fn check_problems(bytes: &[u8], loaded: &Loaded) {
    let text = std::str::from_utf8(bytes).ok();
    let spans = |found: &Diagnostic| {
        let related = found.related.iter().map(|related| related.span.clone());
        related.chain([found.span.clone()]).collect::<Vec<_>>()
    };
    for found in &loaded.diagnostics {
        assert!(found.line > 0 && found.column > 0 && !found.message.is_empty(), "{found:?}");
        for span in spans(found) {
            assert!(span.start <= span.end && span.end <= bytes.len(), "{found:?}");
            assert!(text.is_none_or(|text| text.get(span).is_some()), "{found:?}");
        }
    }
    let drawn = loaded.render(false);
    assert_eq!(drawn.is_empty(), loaded.diagnostics.is_empty());
    assert!(loaded.render(true).len() >= drawn.len());
}

/// The machine, the explainer and the truth say the same of each line that is a record.
pub fn agree<'e>(machine: &Machine, rules: &[Rule], mut slots: Slots, lines: impl Iterator<Item = &'e str>) {
    let explainers: Vec<_> = rules.iter().filter_map(|rule| Explainer::compile(&rule.condition, &mut slots).ok()).collect();
    assert_eq!(explainers.len(), rules.len());
    let plan = LogPlan::new(&slots, true);
    let (mut arena, mut scratch) = (Bump::new(), Scratch::new());
    for line in lines {
        if let Ok(record) = LogRecord::read(line.as_bytes(), &plan, &arena) {
            let found = machine.matches(&record, &mut scratch);
            for ((ix, rule), explainer) in (0..).map(RuleIx).zip(rules).zip(&explainers) {
                let truth = naive::satisfies(&rule.condition, &record, &slots);
                assert_eq!(found.contains(&ix), truth, "{} of {line}", rule.condition);
                assert_eq!(explainer.explain(&record).holds, truth, "{} of {line}", rule.condition);
            }
        }
        arena.reset();
    }
}

/// A text as a YAML scalar.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
