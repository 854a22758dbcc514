//! The manual's tables are the code's tables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::Path;

/// Holds `docs/NAME` to `expected`; with `SIGMABUS_UPDATE_DOCS` set, writes it.
fn is_page(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("SIGMABUS_UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{name} is out of date; SIGMABUS_UPDATE_DOCS=1 cargo test --test docs writes it");
}

#[test]
fn fields_md_is_the_schema_table() {
    let text = "# Fields\n\n\
        What a record of a Modbus message says, and what rules with `logsource: {product: modbus}` can ask for. A field that does not\n\
        apply to a message is absent. `sigmabus rules fields` prints the same. A predicate on a list holds if it holds for any element.\n\
        Numbers also match their text (`31` and `\"31\"`), texts match in any case.\n\n\
        Besides these names, NXLog's work too (`modbus.query.write_multiple_registers.starting_address`): they name the function,\n\
        and are there only for its messages.\n\n";
    is_page("fields.md", &format!("{text}{}", sigmabus::record::schema::markdown()));
}

#[test]
fn checks_md_is_the_table_of_codes() {
    let text = "# What `sigmabus rules check` tells\n\n\
        An **error** leaves a rule, or what of a file could not be read, out. A **warning** is about a rule that runs and hardly does what\n\
        its author meant. A **hint** is about a rule that is right and could be better. A run (`scan`, `watch`) tells errors only; most\n\
        warnings and all hints are looked for by `rules check` alone.\n\n\
        Errors end with exit code 3. With `--fail-on warning`, warnings end with exit code 1; hints never do. `--format json` prints one\n\
        [`diagnostic`](json-lines.md) a line, `--format sarif` a SARIF 2.1.0 log, in which the codes are the rules and hints are notes.\n\n\
        What is told about conditions is certain: two tests exclude each other for any event, or, in rules for Modbus, for any value\n\
        of a field that has one value. A field of another log may hold a list, of which two values may satisfy two tests, so\n\
        nothing is said of `a: 1` and `a: 2` there. Where a condition has too many alternatives to be searched, nothing is said either.\n\n\
        About scores: every finding of a rule that speaks for itself is worth points, by the rule's id, its tags or its level; also\n\
        `informational` ones are, with 5 points unless [configured](configuration.md) otherwise, and a rule without a level counts as\n\
        `medium`. A rule that only feeds correlations without `generate` is worth none.\n\n";
    is_page("checks.md", &format!("{text}{}", sigmabus::sigma::codes::markdown()));
}

#[test]
fn logs_md_has_the_tables_of_fields() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logs.md");
    let page = fs::read_to_string(path).unwrap();
    let (text, _) = page.split_once("\n## Fields\n").unwrap();
    is_page("logs.md", &format!("{text}\n## Fields\n{}", sigmabus::record::foreign::markdown()));
}

#[test]
fn rules_md_has_the_table_of_placeholders() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- placeholders -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let table = sigmabus::sigma::site_placeholders_markdown();
    is_page("rules.md", &format!("{before}<!-- placeholders -->\n\n{table}\n<!-- end -->{after}"));
}

/// The literals that follow `Problem::error(` and its like.
fn codes_in(folder: &Path, found: &mut std::collections::BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes_in(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        for maker in ["Problem::error(", "Problem::warning(", "Problem::remark(", ".as_warning("] {
            for rest in text.split(maker).skip(1) {
                let literal = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                found.extend(literal.map(ToOwned::to_owned));
            }
        }
    }
}

#[test]
fn every_problem_has_a_code_of_the_table() {
    let mut made = std::collections::BTreeSet::new();
    codes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sigma"), &mut made);
    let known = sigmabus::sigma::codes::codes().iter().map(|code| code.name.to_owned()).collect();
    assert_eq!(made, known);
}
