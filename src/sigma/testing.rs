//! What the tests of this room share.

use super::{FieldCheck, Loaded, Mappings, Options, SourceText, load};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Knows two fields.
#[derive(Debug)]
pub(super) struct TwoFields;

impl FieldCheck for TwoFields {
    fn knows(&self, field: &str) -> bool {
        ["modbus.function", "src_ip"].contains(&field)
    }

    fn suggest(&self, field: &str) -> Option<String> {
        field.starts_with("modbus.f").then(|| "modbus.function".to_owned())
    }
}

/// Placeholders `%admins%` (two values), `%none%` (no values); the fields of [`TwoFields`].
pub(super) fn options() -> Options {
    let admins = vec!["alice".to_owned(), "b*b".to_owned()];
    Options {
        placeholders: [("admins".to_owned(), admins), ("none".to_owned(), Vec::new())].into(),
        mappings: Mappings::default(),
        fields: Some(Arc::new(TwoFields)),
    }
}

/// The rules `a`, for a product of no known fields, and `b`, for our own.
pub(super) const RULES: &str = "title: a\nid: 00000000-0000-0000-0000-00000000000a\nname: a\nlogsource: {product: x}\n\
    detection: {s: {F: 1}, condition: s}\n---\n\
    title: b\nname: b\nlogsource: {product: modbus}\ndetection: {s: {modbus.function: 1}, condition: s}\n";

/// For each `correlation` section over [`RULES`], what it means: `SECTION  =>  MEANING`.
pub(super) fn correlations(sections: &[&str]) -> String {
    let meaning = |section: &&str| {
        let text = format!("{RULES}---\ntitle: c\nname: c\ncorrelation: {{timespan: 1m, {section}}}\n");
        let brief = brief(&text);
        let meaning = brief.trim_start_matches("F = 1; ").trim_start_matches("modbus.function = 1; ");
        format!("{section}  =>  {meaning}\n")
    };
    sections.iter().map(meaning).collect()
}

/// Whether the manual's page on Sigma holds `table` between `<!-- NAME -->` and `<!-- end -->`.
pub(super) fn assert_manual(name: &str, table: &str) {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sigma.md")).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- {name} -->\n")).expect("the place of the table");
    let (written, _) = rest.split_once("<!-- end -->").expect("the end of the table");
    assert_eq!(written.trim(), table.trim(), "docs/sigma.md should say\n{table}");
}

/// Loads one file.
pub(super) fn load_text(text: &str) -> Loaded {
    load([SourceText::new("rule.yml", text.as_bytes())], &options())
}

/// A rule with this `detection` section, indented by two, for a product of no known fields.
pub(super) fn rule(detection: &str) -> String {
    format!("title: t\nlogsource: {{product: x}}\ndetection:\n{detection}")
}

/// The meaning of a rule whose one selection holds these lines, indented by four; or its problems.
pub(super) fn lowered(selection: &str) -> String {
    meaning(&rule(&format!("  condition: sel\n  sel:\n{selection}")))
}

/// The meaning of the file's only rule, and its problems.
pub(super) fn meaning(text: &str) -> String {
    let loaded = load_text(text);
    let mut out: String = loaded.ruleset.rules.iter().map(|rule| format!("{}\n", rule.condition)).collect();
    out.push_str(&loaded.render(false));
    out.trim_end().to_owned()
}

/// All rule files of the public corpus; empty, with a note, where it is missing.
pub(super) fn corpus() -> Vec<SourceText> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/sigmahq"));
    let mut files = Vec::new();
    collect(root, &mut files);
    if files.is_empty() {
        eprintln!("skipped: no rules at {}", root.display());
    }
    files.sort();
    files.iter().map(|path| SourceText::new(path.display().to_string(), fs::read(path).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yml") {
            files.push(path);
        }
    }
}

/// For each line, an item of a selection, what it means: `ITEM  =>  MEANING`.
pub(super) fn each(items: &[&str]) -> String {
    let meaning = |item: &&str| format!("{item}  =>  {}\n", brief(&rule(&format!("  condition: s\n  s:\n    {item}"))));
    items.iter().map(meaning).collect()
}

/// The meanings of a file's rules and correlations and, for each problem, `CODE: MESSAGE AT PLACE (HINT)`, in one line.
pub(super) fn brief(text: &str) -> String {
    let loaded = load_text(text);
    let rules = loaded.ruleset.rules.iter().map(|rule| rule.condition.to_string());
    let correlations = loaded.ruleset.correlations.iter().map(ToString::to_string);
    let problems = loaded.diagnostics.iter().map(|diagnostic| {
        let place = text.get(diagnostic.span.clone()).unwrap_or("?");
        let hint = diagnostic.hint.iter().map(|hint| format!(" ({hint})")).collect::<String>();
        format!("{}: {} AT {place}{hint}", diagnostic.code, diagnostic.message)
    });
    rules.chain(correlations).chain(problems).collect::<Vec<_>>().join("; ")
}
