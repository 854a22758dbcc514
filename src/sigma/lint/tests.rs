//! For each kind of remark, rules that get it and near misses that do not.

use crate::sigma::testing::corpus;
use crate::sigma::{Options, SchemaFields, SourceText, check};
use insta::assert_snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything about a file, but for hints about what is missing: `CODE: MESSAGE AT PLACE (HINT)`, a line for each.
fn remarks(text: &str) -> String {
    let options = Options { fields: Some(Arc::new(SchemaFields)), ..Options::default() };
    let checked = check([SourceText::new("rule.yml", text.as_bytes())], &options);
    let told = checked.diagnostics.iter().filter(|found| !["missing-metadata", "no-attack-tag"].contains(&found.code));
    told.map(|found| {
        let place = text.get(found.span.clone()).unwrap_or("?");
        let hint = found.hint.iter().map(|hint| format!(" ({hint})")).collect::<String>();
        format!("\n    {}: {} AT {place}{hint}", found.code, found.message)
    })
    .collect()
}

/// For each `detection` section, what is said about it: of a rule for Modbus, and of one for any log.
fn detections(source: &str, sections: &[&str]) -> String {
    let told = |section: &&str| {
        let text = format!("title: t\nlogsource: {source}\ndetection: {{{section}}}\n");
        format!("{section}{}\n", remarks(&text))
    };
    sections.iter().map(told).collect()
}

const OWN: &str = "{product: modbus}";
const ANY: &str = "{product: x}";

#[test]
fn conditions_that_nothing_or_everything_satisfies() {
    assert_snapshot!(
        "constant",
        detections(
            ANY,
            &[
                "s: {a: 1}, condition: s and not s",
                "s: {a: 1}, condition: s or not s",
                "s: {a: 1}, t: {a: 1, b: 2}, condition: t and not s",
                "s: {a|endswith: '.exe'}, t: {a: ['x.exe', 'y.EXE']}, condition: t and not s",
                "s: {a|endswith: '.exe'}, t: {a: ['x.exe', 'y.dll']}, condition: t and not s",
                "s: {a|exists: false, a|contains: x}, condition: s",
                "s: {a|exists: true, a|contains: x}, condition: s",
                "s: {a: 1}, t: {a: 2}, condition: s and t",
                "s: {a|all: [1, 2]}, condition: s",
                "s: {a|neq: 1}, t: {a: 1}, condition: s or t",
                "s: {a|neq: 1}, t: {a: 2}, condition: s or t",
                "s: {a|cidr: 10.0.0.0/8}, t: {a|cidr: 10.1.0.0/16}, condition: t and not s",
                "s: {a|cidr: 10.0.0.0/8}, t: {a|cidr: 10.1.0.0/16}, condition: s and not t",
                "s: {a|gt: 5}, t: {a|gt: 7}, condition: t and not s",
                "s: {a|contains: x}, t: {a|contains|cased: x}, condition: t and not s",
                "s: {a|contains|cased: x}, t: {a|contains: x}, condition: t and not s",
                "s: [x, y], t: [axb, y], condition: t and not s",
                "s: {a|re: x}, t: {a|re: x}, condition: t and not s",
            ]
        )
    );
}

#[test]
fn lines_that_exclude_each_other_where_there_is_one_value() {
    assert_snapshot!(
        "exclusive",
        detections(
            OWN,
            &[
                "s: {modbus.function: 5, modbus.function|gt: 6}, condition: s",
                "s: {modbus.function|gt: 10, modbus.function|lt: 5}, condition: s",
                "s: {modbus.function|gt: 10, modbus.function|lt: 11}, condition: s",
                "s: {modbus.latency_ms|gt: 10, modbus.latency_ms|lt: 11}, condition: s",
                "s: {modbus.function|gte: 10, modbus.function|lte: 10}, condition: s",
                "s: {modbus.values|gt: 10, modbus.values|lt: 5}, condition: s",
                "s: {modbus.values|all: [1, 2]}, condition: s",
                "s: {modbus.function|all: [1, 2]}, condition: s",
                "s: {modbus.kind: query}, t: {modbus.kind: response}, condition: s and t",
                "s: {modbus.kind: query}, t: {modbus.kind: response}, condition: s or t",
                "s: {modbus.flags|all: [late, duplicate]}, condition: s",
                "s: {modbus.text|startswith: ab, modbus.text|endswith: c}, condition: s",
                "s: {modbus.text|startswith: ab, modbus.text|startswith|cased: b}, condition: s",
                "s: {modbus.text|startswith: [ab, c], modbus.text|re: x}, t: {modbus.text: cd}, condition: all of them",
                "s: {src_ip|cidr: 10.0.0.0/8, src_ip: 192.0.2.1}, condition: s",
                "s: {src_ip|cidr: 10.0.0.0/8, src_ip: 10.9.9.9}, condition: s",
            ]
        )
    );
}

#[test]
fn values_that_a_field_never_has() {
    assert_snapshot!(
        "impossible",
        detections(
            OWN,
            &[
                "s: {modbus.function: 300}, condition: s",
                "s: {modbus.function: [3, '4', 255]}, condition: s",
                "s: {modbus.function: 144}, condition: s",
                "s: {modbus.function: read}, condition: s",
                "s: {modbus.function: '0x10'}, condition: s",
                "s: {modbus.function|contains: 1}, condition: s",
                "s: {modbus.function|gt: 255}, condition: s",
                "s: {modbus.function|gte: 255}, condition: s",
                "s: {dst_port: 70000}, condition: s",
                "s: {modbus.kind: querry}, condition: s",
                "s: {modbus.kind: QUERY}, condition: s",
                "s: {modbus.kind|startswith: re}, condition: s",
                "s: {modbus.kind: request}, condition: s",
                "s: {modbus.function_code: 16}, condition: s",
                "s: {modbus.function_code|contains: '(16)'}, condition: s",
                "s: {modbus.flags: [late, laet]}, condition: s",
                "s: {modbus.values: 65536}, condition: s",
                "s: {modbus.matched: 1}, condition: s",
                "s: {modbus.matched: 'TRUE'}, condition: s",
                "s: {src_ip: plc-1}, condition: s",
                "s: {src_ip: 10.0.0.0/8}, condition: s",
                "s: {src_ip: 10.0.*}, condition: s",
                "s: {modbus.query.write_multiple_registers.starting_address: 70000}, condition: s",
            ]
        )
    );
    assert_eq!(detections(ANY, &["s: {modbus.function: 300}, condition: s"]).lines().count(), 1);
}

#[test]
fn values_that_another_makes_needless() {
    assert_snapshot!(
        "needless",
        detections(
            ANY,
            &[
                "s: {a: [x, y, x]}, condition: s",
                "s: {a: [x, X]}, condition: s",
                "s: {a|cased: [x, X]}, condition: s",
                "s: {a: [1, '1']}, condition: s",
                "s: {a: [1, '01']}, condition: s",
                "s: {a|contains: [foobar, foo, oba]}, condition: s",
                "s: {a|contains|all: [foobar, foo]}, condition: s",
                "s: {a|contains|all: [foo, bar]}, condition: s",
                "s: {a|startswith: [fo, foo, of]}, condition: s",
                "s: {a|endswith: [o, foo, of]}, condition: s",
                "s: {a: ['*foo*', foo, 'xfoo*', '*foox', fo]}, condition: s",
                "s: {a|cidr: [10.0.0.0/8, 10.1.0.0/16, 10.1.2.3, 11.0.0.0/8]}, condition: s",
                "s: {a|re: [x, xx, x]}, condition: s",
                "s: {a|windash|contains: [' -x', ' /x', ' -xy']}, condition: s",
                "s: {a|contains: [\u{e4}b, \u{c4}B, '\u{e4}bc']}, condition: s",
            ]
        )
    );
}

#[test]
fn selections_that_do_nothing() {
    assert_snapshot!(
        "selections",
        detections(
            ANY,
            &[
                "s: {a: 1}, t: {b: 1}, condition: s",
                "s: {a: 1}, _t: {b: 1}, condition: s",
                "s: {a: 1}, t: {b: 1}, condition: 1 of them",
                "s: {a: 1}, t: {b: 1}, condition: s or (s and t)",
                "s: {a: 1}, t: {b: 1}, condition: s and (s or t)",
                "s: {a: 1}, t: {b: 1}, condition: [s, s and t]",
                "s: {a: 1}, t: {b: 1}, condition: s and t or not t",
                "s: {a: 1}, t: {a: 1}, condition: s or t",
                "s: {a: 1}, t: {a: 1}, condition: s",
                "s: {a: 1}, t: {a: '1'}, condition: s or t",
            ]
        )
    );
    let many: String = (0..12).map(|at| format!("s{at}: {{a: {at}}}, ")).collect();
    assert_eq!(detections(ANY, &[&format!("{many} condition: all of them or s0")]).lines().count(), 1);
}

#[test]
fn fields_of_windows_are_checked_for_slips_only() {
    assert_snapshot!(detections("{product: windows, category: process_creation}", &[
        "s: {CommandLine|contains: x}, condition: s",
        "s: {commandline|contains: x}, condition: s",
        "s: {ParentImgae|endswith: x}, condition: s",
        "s: {MyVendorField: x}, condition: s",
        "s: {TargetObject: x}, condition: s",
    ]), @r"
    s: {CommandLine|contains: x}, condition: s
    s: {commandline|contains: x}, condition: s
        misspelt-field: `commandline` is no field of these events AT commandline (did you mean `CommandLine`?)
    s: {ParentImgae|endswith: x}, condition: s
        misspelt-field: `ParentImgae` is no field of these events AT ParentImgae (did you mean `ParentImage`?)
    s: {MyVendorField: x}, condition: s
    s: {TargetObject: x}, condition: s
    ");
    assert_eq!(
        detections("{product: linux, category: process_creation}", &["s: {commandline: x}, condition: s"])
            .lines()
            .count(),
        1
    );
}

#[test]
fn tags_name_something() {
    let told = |tag: &&str| {
        let text =
            format!("title: t\nlogsource: {{product: x}}\ndetection: {{s: {{a: 1}}, condition: s}}\ntags: [{tag}]\n");
        format!("{tag}{}\n", remarks(&text))
    };
    let tags = [
        "attack.t0836",
        "attack.t1059.001",
        "attack.g0034",
        "attack.impair-process-control",
        "attack.stealth",
        "attack.defense_evasion",
        "attack.persistance",
        "attack.t836",
        "attack.t0123",
        "attack.t0808",
        "attack.t0810",
        "attack.t0999",
        "cve.2024-1",
        "d3fend.d3-nta",
        "detection.threat-hunting",
        "tlp.amber",
        "atack.t0836",
        "own.thing",
    ];
    assert_snapshot!("tags", tags.iter().map(told).collect::<String>());
}

#[test]
fn what_is_missing_or_without_effect_is_a_hint() {
    let rule = "title: t\nname: r\nlogsource: {product: modbus}\ndetection: {s: {modbus.function: 1}, condition: s}\n";
    let correlation = |rest: &str| {
        format!(
            "---\ntitle: c\nid: 5e139b8d-5d0c-4b8c-a1e5-3a2f4c0e1b77\nlevel: high\ncorrelation: {{type: event_count, rules: [r], timespan: 1m, condition: {{gt: 1}}{rest}}}\n"
        )
    };
    let told = |text: &str| {
        let options = Options::default();
        let checked = check([SourceText::new("rule.yml", text.as_bytes())], &options);
        checked
            .diagnostics
            .iter()
            .map(|found| format!("{} {}: {}\n", found.severity.word(), found.code, found.message))
            .collect::<String>()
    };
    assert_snapshot!(told(rule), @r"
    hint missing-metadata: a rule without `id`
    hint missing-metadata: a rule without `level`
    hint no-attack-tag: no tag says which technique of ATT&CK for ICS this is
    ");
    let full = format!("{rule}id: 0b29d8b4-3a5c-4a26-92f8-5d2b7d2b8f11\ntags: [attack.t0836]\nlevel: high\n");
    assert_eq!(told(&full), "");
    assert_eq!(told(&format!("{full}{}", correlation(", generate: true"))), "");
    let silent = format!("{full}{}", correlation(""));
    assert_snapshot!(told(&silent), @"hint silent-rule: the level of a rule that only feeds correlations has no effect");
    assert_eq!(told(&silent.replacen("high", "informational", 1)), "");
}

#[test]
fn a_document_with_an_error_gets_no_remarks_on_its_detection() {
    let text = "title: t\nlogsource: {product: x}\ndetection: {s: {a|x: [1, 1]}, t: {b: 1}, condition: s}\n";
    assert!(!remarks(text).contains("unused-selection"), "{}", remarks(text));
}

#[test]
fn remarks_stand_among_the_problems_of_their_files() {
    let rule = |detection: &str| format!("title: t\nlogsource: {{product: x}}\ndetection: {{{detection}}}\n");
    let files = [
        SourceText::new("a.yml", rule("s: {a: [1, 1]}, t: {b: 1}, condition: s").into_bytes()),
        SourceText::new("b.yml", rule("s: {a: 1}, condition: t").into_bytes()),
        SourceText::new("c.yml", rule("s: {a: 1}, t: {b: 1}, condition: s").into_bytes()),
    ];
    let checked = check(files, &Options::default());
    let places: Vec<_> = checked.diagnostics.iter().map(|found| (&*found.file, found.span.start)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(checked.sources.len(), 3);
    assert!(checked.render(false).contains("c.yml:3"));
}

#[test]
fn many_remarks_are_counted() {
    let selections: String = (0..150).map(|at| format!("s{at}: {{a: {at}}}, ")).collect();
    let text = format!("title: t\nlogsource: {{product: x}}\ndetection: {{{selections} condition: s0}}\n");
    let told = remarks(&text);
    assert!(told.contains("too-many-remarks: 51 more"), "{told}");
    assert!(!told.contains("too-many-problems"), "{told}");
}

/// Public rules are written with care: of these kinds, at most so many are expected.
#[test]
fn public_rules_get_few_remarks() {
    let checked = check(corpus(), &Options::default());
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for found in &checked.diagnostics {
        *codes.entry(found.code).or_insert(0) += 1;
    }
    println!("{codes:?}");
    for code in ["always-true", "never-true", "attack-tag", "misspelt-field", "unused-selection"] {
        assert_eq!(codes.get(code), None, "{codes:?}");
    }
}
