//! Lines for people.

use super::Sink;
use crate::alert::{
    Alert, AlertId, Counted, Incident, KEYS, Kind, Reason, ScoreLine, State, Technique, Window, sums_by_rule,
};
use crate::detect::{Catalogue, Finding, Named, Place};
use crate::sigma::ir::{CorrelationKind, Level, RuleRef, Side};
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
    /// How often it was raised, findings included that an alert stands for.
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
    /// The rows of alerts that may stand for more findings, as many as whoever tells of these remembers.
    told: HashMap<AlertId, usize>,
    unlisted: u64,
}

impl<W: Write> Text<W> {
    /// Lines for `out`.
    pub fn new(out: W, pace: Pace) -> Self {
        Self { out, pace, rows: Vec::new(), index: HashMap::new(), told: HashMap::new(), unlisted: 0 }
    }

    /// What a report shows, in the order of first times, how many alerts it leaves out, and the writer.
    pub fn into_report(self) -> (Vec<Row>, u64, W) {
        let mut rows = self.rows;
        rows.sort_by_key(|row| row.first);
        (rows, self.unlisted, self.out)
    }

    fn keep(&mut self, id: AlertId, row: Row) {
        let key = (row.title.clone(), row.entity.clone());
        let known = self.index.get(&key).copied();
        if let Some(at) = known {
            self.count(at, row.first);
            self.told.insert(id, at);
        } else if self.rows.len() < ROWS {
            self.told.insert(id, self.rows.len());
            self.index.insert(key, self.rows.len());
            self.rows.push(row);
        } else {
            self.unlisted += 1;
        }
        if self.told.len() > KEYS {
            self.told.clear();
        }
    }

    fn count(&mut self, row: usize, time: Timestamp) {
        if let Some(row) = self.rows.get_mut(row) {
            row.count += 1;
            row.first = row.first.min(time);
            row.last = row.last.max(time);
        }
    }
}

impl<W: Write> Sink for Text<W> {
    fn records(&mut self, lines: &[u8]) -> io::Result<()> {
        lines.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| writeln!(self.out, "{}", record_line(line)))
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
            self.keep(alert.id, row);
            return Ok(());
        }
        let level = painted(row.level, 8);
        writeln!(self.out, "{}  {level}  {}  {}  {}", short(row.first), row.title, row.entity, row.place)?;
        for detail in [row.detail, techniques(&alert.attack.techniques), since(alert)] {
            if !detail.is_empty() {
                writeln!(self.out, "{:35}{detail}", "")?;
            }
        }
        self.out.flush()
    }

    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()> {
        let ScoreLine { board, entity: who, finding, change } = score;
        let title = plain(&catalogue.meta(finding.rule).title);
        let (time, who) = (short(change.time), entity(who));
        writeln!(self.out, "{time}  {}  {who}  {} (+{} {title})", plain(&board.name), change.score, finding.points)
    }

    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()> {
        if let Some(row) = self.told.get(&id).copied() {
            self.count(row, time);
        }
        Ok(())
    }

    fn incident(&mut self, incident: &Incident) -> io::Result<()> {
        let level = painted(incident.level, 8);
        let (time, what) = match incident.state {
            State::Open if incident.previous.is_some() => (incident.first, "Incident begins again".to_owned()),
            State::Open => (incident.first, "Incident begins".to_owned()),
            State::Grown => (incident.last, "Incident grows".to_owned()),
            State::Closed(Reason::Silence) => (incident.last, "Incident over".to_owned()),
            State::Closed(reason) => (incident.last, format!("Incident over ({})", reason.word())),
        };
        let rules: Vec<String> = incident.rules.iter().map(|rule| format!("{} × {}", rule.count, rule.title)).collect();
        let since =
            if incident.state == State::Open { String::new() } else { format!(" since {}", short(incident.first)) };
        writeln!(self.out, "{}  {level}  {what}  {}{since}", short(time), entity(&incident.entity))?;
        writeln!(self.out, "{:35}score {}: {}", "", incident.score, plain(&rules.join(", ")))?;
        self.out.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What was done: `Valid Accounts (T0859), Brute Force I/O (T0806)`.
fn techniques(techniques: &[Technique]) -> String {
    let named = techniques.iter().map(|technique| match technique.name {
        Some(name) => format!("{name} ({})", technique.id),
        None => technique.id.clone(),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// What an alert stands for besides itself.
fn since(alert: &Alert) -> String {
    match alert.suppressed {
        0 => String::new(),
        count => format!("{count} more like it since {}", short(alert.first)),
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

/// What a correlation measured: `sum of n > 3: 4 in 2 events from 2026-01-01 00:00:00.000 to 2026-01-01 00:00:09.000`; or
/// missed: `no "Login" in the 5m before: 1 event from ...`.
fn measured(rule: RuleRef, window: &Window, catalogue: &Catalogue) -> Option<String> {
    let RuleRef::Correlation(index) = rule else { return None };
    let Counted { events, figure } = window.counted?;
    let correlation = catalogue.ruleset.correlations.get(index)?;
    let kind = &correlation.kind;
    let noun = if events == 1 { "event" } else { "events" };
    let time = format!("from {} to {}", short(window.from), short(window.to));
    if let (Some(absent), Some(rule)) = (correlation.absent, correlation.present().1) {
        let side = if absent.side == Side::Before { "before" } else { "after" };
        let title = plain(&catalogue.meta(*rule).title);
        return Some(format!("no \"{title}\" in the {} {side}: {events} {noun} {time}", correlation.timespan));
    }
    let events = match kind {
        CorrelationKind::EventCount(_) => String::new(),
        _ => format!(" in {events} {noun}"),
    };
    let kind = plain(&kind.to_string());
    Some(format!("{kind}: {figure}{events} {time}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Attack, Numbering, Raiser, Told};
    use crate::detect::{Input, Unit};
    use crate::sigma::{Options, SourceText, load};

    #[test]
    fn an_alert_as_it_happens_tells_what_was_done_and_what_it_stands_for() {
        let rule = "title: Bad login\nlevel: high\ntags: [attack.t0859, attack.t1110.001]\n\
                    logsource: {product: modbus}\ndetection: {s: {modbus.exc: 2}, condition: s}\n";
        let loaded = load([SourceText::new("rule.yml", rule.as_bytes())], &Options::default());
        let input = Input { name: "lo".into(), unit: Unit::Frame };
        let mut catalogue = Catalogue::new(loaded.ruleset.into());
        catalogue.inputs.push(input);
        let time = Timestamp::from_parts(1_700_000_060, 0);
        let place = Place { input: 0, number: 9 };
        let rule = RuleRef::Rule(0);
        let finding = Finding { rule, time, points: 70, group: &[], window: None, record: b"{}", place };
        let entity = vec![Named { name: "modbus.client".into(), json: "\"10.0.0.1\"".into() }];
        let attack = Attack::of(&catalogue.meta(rule).tags);
        let id = Numbering::default().id(Kind::Rule, "r", time, &entity);
        let mut text = Text::new(Vec::new(), Pace::AsTheyHappen);
        for (suppressed, since) in [(0, None), (7, Some(Timestamp::from_parts(1_700_000_000, 0)))] {
            let alert = Raiser::finding(&finding, &Told { id, suppressed, since }, entity.clone(), &attack, &catalogue);
            text.alert(&alert, &catalogue).unwrap();
        }
        let told = String::from_utf8(anstream::adapter::strip_bytes(&text.out).into_vec()).unwrap();
        insta::assert_snapshot!(told, @r"
        2023-11-14 22:14:20.000  high      Bad login  10.0.0.1  frame 9
                                           Valid Accounts (T0859), T1110.001
        2023-11-14 22:14:20.000  high      Bad login  10.0.0.1  frame 9
                                           Valid Accounts (T0859), T1110.001
                                           7 more like it since 2023-11-14 22:13:20.000
        ");
    }
}
