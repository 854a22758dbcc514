//! `sigmabus rules explain`: what does a rule mean, and why did it match an event or not?

use super::args::{ExplainArgs, Format, MappingArgs};
use super::config::Config;
use super::inputs::{self, Named};
use super::outcome::{Failure, Outcome, reason};
use super::{mapping_files, rule_files};
use crate::capture::Opened;
use crate::detect::{Explained, Explainer, Input, Unit};
use crate::pipeline::{Emits, Naming, Plan, Run, RunError, Wanted, looks_like_json_lines};
use crate::record::json::write_fact;
use crate::record::{Fact, LONGEST_LINE, LogPlan, LogRecord, Slots};
use crate::sigma::ir::{Absent, Correlation, Expr, LogSource, Meta, Rule, RuleRef, Ruleset, Side};
use crate::sigma::{OWN_PRODUCT, Severity};
use crate::sink::{Listener, Said, plain};
use anstyle::{AnsiColor, Style};
use bumpalo::Bump;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// How many characters of a value are shown to people.
const SHOWN: usize = 120;

/// Prints each rule that was asked for, with its answers for each event.
pub(super) fn run(args: &ExplainArgs) -> Result<Outcome, Failure> {
    let config = Config::load(args.config.file.as_deref())?;
    let asked = Asked::read(&args.rule, &args.mappings, &config)?;
    let events = events(args, &config)?;
    let mut text = String::new();
    for rule in asked.ruleset.rules.iter().filter(|rule| asked.means(&rule.meta)) {
        explain(rule, events.as_deref(), args, &mut text)?;
    }
    for correlation in asked.ruleset.correlations.iter().filter(|rule| asked.means(&rule.meta)) {
        let told = correlated(correlation, &asked.ruleset);
        match args.format {
            Format::Text => {
                let verdict = if events.is_some() { ": needs more than one event" } else { "" };
                heading(&correlation.meta, verdict, &mut text);
                let _ = writeln!(text, "  {told}");
                if let Some(drawn) = drawn(correlation, &asked.ruleset) {
                    let _ = writeln!(text, "  {drawn}");
                }
                text.push('\n');
            }
            Format::Json => {
                let line = json!({"type": "explanation", "rule": named(&correlation.meta), "correlation": told});
                let _ = writeln!(text, "{line}");
            }
        }
    }
    let mut out = anstream::AutoStream::auto(io::stdout());
    let text = text.trim_end();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}

/// The rules of the file that was named; or the built-in ones, of which one was named.
struct Asked {
    ruleset: Ruleset,
    /// An id, name or title.
    name: Option<String>,
}

impl Asked {
    fn read(asked: &Path, mappings: &MappingArgs, config: &Config) -> Result<Self, Failure> {
        let mappings = mapping_files::load(mappings, config)?;
        if !asked.exists() {
            let name = asked.to_string_lossy().into_owned();
            let loaded = rule_files::understand_by(rule_files::builtin(), config, mappings);
            let ruleset = loaded.ruleset;
            let told = format!("{name}: no such file, and no built-in rule of this id, name or title");
            let asked = Self { ruleset, name: Some(name) };
            let rules = asked.ruleset.rules.iter().map(|rule| &rule.meta);
            let mut all = rules.chain(asked.ruleset.correlations.iter().map(|rule| &rule.meta));
            return if all.any(|meta| asked.means(meta)) { Ok(asked) } else { Err(Failure::usage(told)) };
        }
        let loaded = rule_files::understand_by(rule_files::read(&[asked.to_owned()])?, config, mappings);
        let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        if errors.inspect(|found| rule_files::tell(found, &loaded)).count() > 0 {
            return Err(Failure::rules("correct the errors first"));
        }
        Ok(Self { ruleset: loaded.ruleset, name: None })
    }

    fn means(&self, meta: &Meta) -> bool {
        let names = [meta.id.as_deref(), meta.name.as_deref(), Some(&*meta.title)];
        let is_it = |name: &String| names.into_iter().flatten().any(|known| known.eq_ignore_ascii_case(name));
        self.name.as_ref().is_none_or(is_it)
    }
}

/// The events that were asked about, as lines of JSON; `None` if none was.
fn events(args: &ExplainArgs, config: &Config) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    let (name, opened) = match (&args.capture, &args.event) {
        (Some(capture), _) => {
            let [input] = <[Named; 1]>::try_from(inputs::expand(std::slice::from_ref(capture))?)
                .map_err(|_| Failure::usage(format!("{}: expected one capture", capture.display())))?;
            (input.name.to_string(), input.open(&Arc::default(), &Arc::default())?)
        }
        (None, Some(event)) => (event.display().to_string(), event_line(event)?),
        (None, None) => return Ok(None),
    };
    let (ports, records) = (args.ports.clone(), Some(Naming::Native));
    let wanted =
        Wanted { ports, records, maps: Arc::clone(&config.maps), assets: config.assets(), ..Wanted::default() };
    let plan = Arc::new(Plan::compile(Ruleset::default(), wanted).map_err(Failure::rules)?);
    let unit = if matches!(opened, Opened::Capture(_)) { Unit::Frame } else { Unit::Line };
    let input = Input { name: name.as_str().into(), unit };
    let mut kept = Kept { number: args.frame.unwrap_or(1), unit, line: 0, lines: Vec::new() };
    let mut sink = Listener::new(|said| kept.hear(said));
    let mut run = Run::new(&plan, 1, &(), Emits::default());
    let ran = match opened {
        Opened::Capture(source) => run.capture(input, source, None, &mut sink),
        // An event that is none is told as a line that is none.
        Opened::Other { reader, start } if args.capture.is_none() || looks_like_json_lines(&start) => {
            run.log(input, reader, &mut sink)
        }
        Opened::Other { start, .. } => return Err(Failure::failed(inputs::unknown_format(&name, &start))),
    };
    ran.map_err(|error: RunError| Failure::failed(format!("{name}: {error}")))?;
    let summary = run.finish(&mut sink).map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    if kept.lines.is_empty() {
        let why = match (summary.warnings.first(), args.frame) {
            (Some(warning), None) => warning.clone(),
            (_, Some(frame)) => format!("{name}: no Modbus message ends in frame {frame}"),
            (None, None) => format!("{name}: no event in it"),
        };
        return Err(Failure::failed(why));
    }
    Ok(Some(kept.lines))
}

/// An event as one line, however many it was written on.
fn event_line(path: &Path) -> Result<Opened, Failure> {
    let mut bytes = Vec::new();
    let limit = LONGEST_LINE as u64 + 1;
    let read = if path == Path::new("-") {
        io::stdin().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::failed(format!("cannot read {}: {}", path.display(), reason(&error))))?;
    // A line end inside of a JSON text is a mistake wherever it means more than a space.
    bytes.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    let start = bytes.clone();
    let reader: Box<dyn BufRead + Send> = Box::new(Cursor::new(bytes));
    Ok(Opened::Other { start, reader })
}

/// Keeps the records of one frame, or of one line.
struct Kept {
    number: u64,
    unit: Unit,
    line: u64,
    lines: Vec<Vec<u8>>,
}

impl Kept {
    fn hear(&mut self, said: Said<'_>) {
        let Said::Records(lines) = said else { return };
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.line += 1;
            let number = match self.unit {
                Unit::Frame => frame_of(line),
                Unit::Line => Some(self.line),
            };
            if number == Some(self.number) {
                self.lines.push(line.trim_ascii().to_vec());
            }
        }
    }
}

/// The frame of a record of a capture; it stands before all that the frame says.
fn frame_of(line: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"frame.number\":";
    let at = memchr::memmem::find(line, KEY)? + KEY.len();
    let digits: Vec<u8> = line.get(at..)?.iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

fn explain(rule: &Rule, events: Option<&[Vec<u8>]>, args: &ExplainArgs, out: &mut String) -> Result<(), Failure> {
    let mut slots = Slots::new();
    let at = |problem: &dyn std::fmt::Display| {
        let origin = &rule.meta.origin;
        Failure::rules(format!("{}:{}: {problem}", origin.file, origin.line))
    };
    let explainer = Explainer::compile(&rule.condition, &mut slots).map_err(|problem| at(&problem))?;
    let Some(events) = events else {
        match args.format {
            Format::Text => {
                heading(&rule.meta, "", out);
                source(&rule.source, args, out);
                meaning(&rule.condition, 1, out);
                out.push('\n');
            }
            Format::Json => {
                let line = json!({
                    "type": "explanation", "rule": named(&rule.meta), "condition": meaning_json(&rule.condition),
                });
                let _ = writeln!(out, "{line}");
            }
        }
        return Ok(());
    };
    let log = LogPlan::new(&slots, true);
    for event in events {
        let arena = Bump::new();
        let record =
            LogRecord::read(event, &log, &arena).map_err(|error| Failure::failed(format!("the event: {error}")))?;
        let told = explainer.explain(&record);
        match args.format {
            Format::Text => {
                heading(&rule.meta, if told.holds { ": matched" } else { ": not matched" }, out);
                source(&rule.source, args, out);
                answers(&told, 1, out);
                out.push('\n');
            }
            Format::Json => {
                let line = json!({
                    "type": "explanation", "rule": named(&rule.meta), "matched": told.holds,
                    "condition": answers_json(&told),
                });
                let _ = writeln!(out, "{line}");
            }
        }
    }
    Ok(())
}

fn heading(meta: &Meta, verdict: &str, out: &mut String) {
    let bold = Style::new().bold();
    let (title, file) = (plain(&meta.title), plain(&meta.origin.file));
    let _ = writeln!(out, "{bold}{title}{bold:#}{verdict} ({file}:{})", meta.origin.line);
}

/// Which logs a rule is for, and whether that keeps it from the messages of a capture.
fn source(source: &LogSource, args: &ExplainArgs, out: &mut String) {
    let parts = [("product", &source.product), ("category", &source.category), ("service", &source.service)];
    let said: Vec<String> =
        parts.iter().filter_map(|(key, value)| Some(format!("{key} {}", plain(value.as_deref()?)))).collect();
    let foreign = source.product.as_deref().is_some_and(|product| product != OWN_PRODUCT);
    let note = if foreign && args.capture.is_some() { "; it is not asked about messages of captures" } else { "" };
    let _ = writeln!(out, "  log source: {}{note}", said.join(", "));
}

/// What a node that is not a test says.
fn word(expr: &Expr) -> &'static str {
    match expr {
        Expr::All(parts) if parts.is_empty() => "always",
        Expr::All(_) => "all of",
        Expr::Any(parts) if parts.is_empty() => "never",
        Expr::Any(_) => "any of",
        Expr::Not(_) => "not",
        Expr::Test(_) => "",
    }
}

/// The same in JSON.
const fn key(expr: &Expr) -> &'static str {
    match expr {
        Expr::All(_) => "all",
        Expr::Any(_) => "any",
        Expr::Not(_) => "not",
        Expr::Test(_) => "test",
    }
}

fn parts(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts,
        Expr::Not(part) => std::slice::from_ref(part),
        Expr::Test(_) => &[],
    }
}

fn is_list_of_one(expr: &Expr) -> bool {
    matches!(expr, Expr::All(parts) | Expr::Any(parts) if parts.len() == 1)
}

fn meaning(expr: &Expr, depth: usize, out: &mut String) {
    if is_list_of_one(expr) {
        return parts(expr).iter().for_each(|part| meaning(part, depth, out));
    }
    let indent = 2 * depth;
    let _ = match expr {
        Expr::Test(test) => writeln!(out, "{:indent$}{}", "", plain(&test.to_string())),
        other => writeln!(out, "{:indent$}{}", "", word(other)),
    };
    parts(expr).iter().for_each(|part| meaning(part, depth + 1, out));
}

fn answers(told: &Explained<'_>, depth: usize, out: &mut String) {
    if is_list_of_one(told.expr) {
        return told.parts.iter().for_each(|part| answers(part, depth, out));
    }
    let indent = 2 * depth;
    let (mark, colour) = if told.holds { ('✓', AnsiColor::Green) } else { ('✗', AnsiColor::Red) };
    let style = colour.on_default();
    let _ = write!(out, "{:indent$}{style}{mark}{style:#} ", "");
    let _ = match told.expr {
        Expr::Test(test) => writeln!(out, "{}{}", plain(&test.to_string()), found(&told.fields)),
        other => writeln!(out, "{}", word(other)),
    };
    told.parts.iter().for_each(|part| answers(part, depth + 1, out));
}

/// What the record says of a test's fields: `is 5`, by name if there are two.
fn found(fields: &[(&str, Fact<'_>)]) -> String {
    let dim = Style::new().dimmed();
    let value = |fact: &Fact<'_>| if *fact == Fact::Absent { "absent".to_owned() } else { shown(*fact) };
    let told = match fields {
        [] => return String::new(),
        [(_, fact)] => format!("is {}", value(fact)),
        several => {
            let each: Vec<String> =
                several.iter().map(|(name, fact)| format!("{} is {}", plain(name), value(fact))).collect();
            each.join(", ")
        }
    };
    format!("   {dim}{told}{dim:#}")
}

fn json_of(fact: Fact<'_>) -> String {
    let mut bytes = Vec::new();
    write_fact(fact, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn shown(fact: Fact<'_>) -> String {
    let text = plain(&json_of(fact));
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn meaning_json(expr: &Expr) -> Value {
    match expr {
        Expr::Test(test) => json!({ "test": test.to_string() }),
        _ => json!({ key(expr): parts(expr).iter().map(meaning_json).collect::<Vec<_>>() }),
    }
}

fn answers_json(told: &Explained<'_>) -> Value {
    let mut node = Map::new();
    node.insert("matched".to_owned(), told.holds.into());
    match told.expr {
        Expr::Test(test) => {
            node.insert("test".to_owned(), test.to_string().into());
            let there = told.fields.iter().filter(|(_, fact)| *fact != Fact::Absent);
            let values = there.map(|(name, fact)| {
                let value = serde_json::from_str(&json_of(*fact)).unwrap_or(Value::Null);
                ((*name).to_owned(), value)
            });
            node.insert("values".to_owned(), Value::Object(values.collect()));
        }
        other => {
            node.insert(key(other).to_owned(), told.parts.iter().map(answers_json).collect());
        }
    }
    Value::Object(node)
}

fn named(meta: &Meta) -> Value {
    json!({
        "id": meta.id.as_deref(), "title": &*meta.title, "file": &*meta.origin.file, "line": meta.origin.line,
    })
}

/// What a correlation counts, or misses, with the titles of its rules.
fn correlated(correlation: &Correlation, ruleset: &Ruleset) -> String {
    let (present, absent) = correlation.present();
    let rules: Vec<String> = present.iter().map(|rule| title(rule, ruleset)).collect();
    let by: Vec<String> = correlation.group_by.iter().map(|key| plain(&key.name)).collect();
    let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
    let span = correlation.timespan;
    let (Some(rule), Some(Absent { side, once })) = (absent, correlation.absent) else {
        return format!("{} of {}{by} within {span}", correlation.kind, rules.join(", "));
    };
    let rule = title(rule, ruleset);
    let side = if side == Side::Before { "before" } else { "after" };
    let once = if once { format!("; once, until {rule} is found") } else { String::new() };
    format!("{} without {rule} in the {span} {side}{by}{once}", rules.join(" and then "))
}

/// A correlation that misses something, along a line of time.
fn drawn(correlation: &Correlation, ruleset: &Ruleset) -> Option<String> {
    let (present, absent) = correlation.present();
    let rules: Vec<String> = present.iter().map(|rule| title(rule, ruleset)).collect();
    let (last, earlier) = rules.split_last()?;
    let missed = format!("{}: no {}", correlation.timespan, title(absent?, ruleset));
    Some(match correlation.absent?.side {
        Side::Before => {
            let earlier: String = earlier.iter().map(|rule| format!("; {rule}")).collect();
            format!("├──── {missed}{earlier} ────┤ {last} ▶ told with it")
        }
        Side::After => format!("{} ├──── {missed} ────┤ ▶ told at the end", rules.join(" → ")),
    })
}

fn title(rule: &RuleRef, ruleset: &Ruleset) -> String {
    let meta = match rule {
        RuleRef::Rule(index) => ruleset.rules.get(*index).map(|rule| &rule.meta),
        RuleRef::Correlation(index) => ruleset.correlations.get(*index).map(|rule| &rule.meta),
    };
    format!("\"{}\"", plain(meta.map_or("", |meta| &meta.title)))
}
