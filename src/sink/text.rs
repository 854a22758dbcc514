//! Lines for people.

use super::Sink;
use crate::alert::{Alert, Counted, Kind, Score, Window, sums_by_rule};
use crate::detect::{Catalogue, Finding, Named, Place};
use crate::sigma::ir::{CorrelationKind, Level, RuleRef};
use crate::time::Timestamp;
use anstyle::{AnsiColor, Style};
use hashbrown::HashMap;
use std::io::{self, Write};

/// How many different alerts a report keeps apart; what comes after that is only counted.
const ROWS: usize = 10_000;

/// When alerts are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once, a line each.
    AsTheyHappen,
    /// Not here: they are kept as [`Row`]s for a report, equal ones together.
    Report,
}

/// Equal alerts of a report: same title, level and entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How bad.
    pub level: Level,
    /// The alert's title.
    pub title: String,
    /// Whom it is about, `10.0.0.1 > 10.0.0.2`.
    pub entity: String,
    /// What made it, for a threat; what was measured, for a correlation.
    pub detail: String,
    /// How often it was raised.
    pub count: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// In which input first.
    pub input: String,
    /// Where first, `frame 12`.
    pub place: String,
}

/// Writes lines for people to `out`.
pub struct Text<W> {
    out: W,
    pace: Pace,
    rows: Vec<Row>,
    index: HashMap<(String, String), usize>,
    unlisted: u64,
}

impl<W: Write> Text<W> {
    /// Lines for `out`.
    pub fn new(out: W, pace: Pace) -> Self {
        Self { out, pace, rows: Vec::new(), index: HashMap::new(), unlisted: 0 }
    }

    /// What a report shows, in the order of first times, how many alerts it leaves out, and the writer.
    pub fn into_report(self) -> (Vec<Row>, u64, W) {
        let mut rows = self.rows;
        rows.sort_by_key(|row| row.first);
        (rows, self.unlisted, self.out)
    }

    fn keep(&mut self, row: Row) {
        let key = (row.title.clone(), row.entity.clone());
        let known = self.index.get(&key).copied();
        if let Some(known) = known.and_then(|at| self.rows.get_mut(at)) {
            known.count += 1;
            known.first = known.first.min(row.first);
            known.last = known.last.max(row.last);
        } else if self.rows.len() < ROWS {
            self.index.insert(key, self.rows.len());
            self.rows.push(row);
        } else {
            self.unlisted += 1;
        }
    }
}

impl<W: Write> Sink for Text<W> {
    fn record(&mut self, line: &[u8]) -> io::Result<()> {
        writeln!(self.out, "{}", record_line(line))
    }

    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()> {
        let meta = catalogue.meta(finding.rule);
        let level = painted(meta.level, 13);
        let place = place(finding.place, catalogue);
        let group = entity(finding.group);
        writeln!(self.out, "{}  {level}  {}  {group}  {place}", short(finding.time), plain(&meta.title))?;
        match Window::of(finding, catalogue).and_then(|window| measured(finding.rule, &window, catalogue)) {
            Some(measured) => writeln!(self.out, "{:40}{measured}", ""),
            None => Ok(()),
        }
    }

    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()> {
        let row = row(alert, catalogue);
        if self.pace == Pace::Report {
            self.keep(row);
            return Ok(());
        }
        let level = painted(row.level, 8);
        writeln!(self.out, "{}  {level}  {}  {}  {}", short(row.first), row.title, row.entity, row.place)?;
        if !row.detail.is_empty() {
            writeln!(self.out, "{:35}{}", "", row.detail)?;
        }
        self.out.flush()
    }

    fn score(&mut self, score: &Score<'_>, catalogue: &Catalogue) -> io::Result<()> {
        let Score { board, entity: who, finding, change } = score;
        let title = plain(&catalogue.meta(finding.rule).title);
        let (time, who) = (short(change.time), entity(who));
        writeln!(self.out, "{time}  {}  {who}  {} (+{} {title})", plain(&board.name), change.score, finding.points)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn row(alert: &Alert, catalogue: &Catalogue) -> Row {
    let detail = match alert.kind {
        Kind::Rule => {
            let window = alert.window.zip(alert.causes.first());
            window.and_then(|(window, cause)| measured(cause.rule, &window, catalogue)).unwrap_or_default()
        }
        Kind::Threat => {
            let sums = sums_by_rule(alert, catalogue);
            let parts: Vec<_> =
                sums.iter().map(|sum| format!("{} from {} × {}", sum.points, sum.count, sum.title)).collect();
            format!("{} points: {}", alert.score, plain(&parts.join(", ")))
        }
    };
    Row {
        level: alert.level,
        title: plain(&alert.title),
        entity: entity(&alert.entity),
        detail,
        count: 1,
        first: alert.time,
        last: alert.time,
        input: catalogue.inputs.get(alert.place.input as usize).map_or_else(String::new, |input| plain(&input.name)),
        place: place(alert.place, catalogue),
    }
}

/// What a correlation measured: `sum of n > 3: 4 in 2 events from 2026-01-01 00:00:00.000 to 2026-01-01 00:00:09.000`.
fn measured(rule: RuleRef, window: &Window, catalogue: &Catalogue) -> Option<String> {
    let RuleRef::Correlation(index) = rule else { return None };
    let Counted { events, figure } = window.counted?;
    let kind = &catalogue.ruleset.correlations.get(index)?.kind;
    let noun = if events == 1 { "event" } else { "events" };
    let events = match kind {
        CorrelationKind::EventCount(_) => String::new(),
        _ => format!(" in {events} {noun}"),
    };
    let kind = plain(&kind.to_string());
    Some(format!("{kind}: {figure}{events} from {} to {}", short(window.from), short(window.to)))
}

/// Values without their names, as an analyst writes them: `10.0.0.1 > 10.0.0.2`.
#[must_use]
pub fn entity(fields: &[Named]) -> String {
    let values: Vec<String> = fields.iter().map(|named| plain(named.json.trim_matches('"'))).collect();
    values.join(" > ")
}

fn place(place: Place, catalogue: &Catalogue) -> String {
    let Some(input) = catalogue.inputs.get(place.input as usize) else {
        return String::new();
    };
    format!("{} {}", input.unit.word(), place.number)
}

/// A time for people: `2023-11-14 22:13:20.000`.
#[must_use]
pub fn short(time: Timestamp) -> String {
    let full = time.to_string();
    full.get(..23).unwrap_or(&full).replace('T', " ")
}

/// A level in its colour, padded to `width`.
#[must_use]
pub fn painted(level: Level, width: usize) -> String {
    let style = match level {
        Level::Informational => Style::new().dimmed(),
        Level::Low => AnsiColor::Cyan.on_default(),
        Level::Medium => AnsiColor::Yellow.on_default(),
        Level::High => AnsiColor::Red.on_default(),
        Level::Critical => AnsiColor::Red.on_default().bold(),
    };
    format!("{style}{:width$}{style:#}", level.word())
}

/// Text from rules and packets without control characters, those of writing direction included: what it holds must
/// not drive the terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{FFFD}' } else { c }).collect()
}

/// A record's JSON line as a line for people: time, who to whom, what, and the rest as `name=value`.
fn record_line(line: &[u8]) -> String {
    const SHOWN: [&str; 9] = [
        "modbus.unit_id",
        "modbus.address",
        "modbus.quantity",
        "modbus.values",
        "modbus.exc_code",
        "modbus.sub_function",
        "modbus.request.address",
        "modbus.flags",
        "modbus.latency_ms",
    ];
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(line) else {
        return plain(String::from_utf8_lossy(line).trim_end());
    };
    let show = |name: &str| match fields.get(name) {
        None => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let time = show("EventTime");
    let mut out = format!(
        "{}  {} > {}  {:9}  {}",
        time.get(..23).unwrap_or(&time).replace('T', " "),
        show("src_ip"),
        show("dst_ip"),
        show("modbus.kind"),
        show("modbus.function_code"),
    );
    for name in SHOWN {
        let value = show(name);
        if !value.is_empty() {
            out.push_str(&format!("  {}={value}", name.trim_start_matches("modbus.")));
        }
    }
    plain(&out)
}
