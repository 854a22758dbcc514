//! What an analyst reads first: the summary, the alerts in time order, the entities with the highest scores.

use crate::modbus::Kind;
use crate::pipeline::{Room, Summary, TopEntity};
use crate::sigma::ir::Level;
use crate::sink::{Row, painted, plain, short};
use crate::time::Timestamp;
use anstyle::Style;
use std::io::{self, Write};

/// How many alerts the report lists.
const LISTED: usize = 200;

/// How wide a score line is.
const LINE: usize = 24;

/// Counters of what ought to be there; the report names only what is odd or lost.
const ORDINARY: [&str; 15] = [
    "frames",
    "segments",
    "datagrams",
    "opened",
    "other_port",
    "other_transport",
    "not_ip",
    "keep_alives",
    "reassembled",
    "queries",
    "responses",
    "exceptions",
    "timeouts",
    "statuses",
    "matched",
];

/// Counters whose names do not say alone what was counted.
const WORDS: [(&str, &str); 3] = [
    ("hung_up", "of the timeouts because a conversation ended"),
    ("late", "answered after their timeout"),
    ("queries_displaced", "possible queries on other ports displaced"),
];

const HEAD: Style = Style::new().bold();

/// Writes the report of a finished run.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(out: &mut dyn Write, summary: &Summary, rows: &[Row], unlisted: u64) -> io::Result<()> {
    overview(out, summary)?;
    findings(out, summary)?;
    alerts(out, summary, rows, unlisted)?;
    top(out, &summary.top)
}

/// What was read: the first lines of the report, and the last words of a live run.
///
/// # Errors
/// When `out` cannot be written.
pub fn overview(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let mut read = Vec::new();
    if summary.frames > 0 {
        read.push(format!("{} frames", grouped(summary.frames)));
    }
    if summary.lines > 0 {
        read.push(format!("{} log lines", grouped(summary.lines)));
    }
    if read.is_empty() {
        read.push("nothing".into());
    }
    label(out, "Read", &format!("{} from {}", read.join(" and "), inputs(summary)))?;
    let rules = summary.catalogue.ruleset.rules.len() + summary.catalogue.ruleset.correlations.len();
    let configuration =
        summary.configuration.as_ref().map_or_else(String::new, |file| format!(", configured by {}", plain(file)));
    label(out, "Rules", &format!("{}{configuration}", grouped(rules as u64)))?;
    let records = &summary.records;
    let kinds = [
        (Kind::Query, "query", "queries"),
        (Kind::Response, "response", "responses"),
        (Kind::Exception, "exception", "exceptions"),
        (Kind::Timeout, "timeout", "timeouts"),
        (Kind::Status, "about a connection", "about connections"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .filter_map(|(kind, one, many)| Some((*records.kinds.get(*kind as usize)?, one, many)))
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{} {}", grouped(count), if count == 1 { one } else { many }))
        .collect();
    let others = records.count.saturating_sub(records.kinds.iter().sum());
    let others = (others > 0 && others < records.count).then(|| format!("{} of logs", grouped(others)));
    let kinds: Vec<String> = kinds.into_iter().chain(others).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    label(out, "Records", &format!("{}{kinds}", grouped(records.count)))?;
    if summary.conversations > 0 {
        label(out, "Conversations", &grouped(summary.conversations))?;
    }
    if let (Some(first), Some(last)) = (records.first, records.last) {
        label(out, "Time (UTC)", &format!("{} to {} ({})", short(first), short(last), lasted(first, last)))?;
    }
    for (room, name) in
        [(Room::Net, "Transport"), (Room::Modbus, "Modbus"), (Room::Log, "Log"), (Room::Engine, "Engine")]
    {
        let odd = summary.counters.iter().filter(|((by, name), _)| *by == room && !ORDINARY.contains(name));
        let odd: Vec<String> = odd.map(|((_, name), count)| format!("{} {}", grouped(*count), words(name))).collect();
        if !odd.is_empty() {
            label(out, name, &odd.join(", "))?;
        }
    }
    sinks(out, summary)
}

/// What became of the lines for each sink.
fn sinks(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    for figures in &summary.sinks {
        let counts = [
            (figures.delivered, "delivered"),
            (figures.rejected, "rejected"),
            (figures.dropped, "dropped for want of room"),
            (figures.undelivered, "not delivered"),
        ];
        let told = counts.iter().enumerate().filter(|(place, (count, _))| *place == 0 || *count > 0);
        let told: Vec<String> = told.map(|(_, (count, what))| format!("{} {what}", grouped(*count))).collect();
        let retries = if figures.retries > 0 {
            format!(", after {}", counted_as(figures.retries, "retry", "retries"))
        } else {
            String::new()
        };
        label(out, "Sink", &format!("{}: {}{retries}", plain(&figures.name), told.join(", ")))?;
    }
    Ok(())
}

/// `1 retry`, `2 retries`
fn counted_as(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

fn words(name: &str) -> String {
    let words = WORDS.iter().find(|(counter, _)| *counter == name);
    words.map_or_else(|| name.replace('_', " "), |(_, words)| (*words).to_owned())
}

fn inputs(summary: &Summary) -> String {
    match summary.catalogue.inputs.as_slice() {
        [one] => plain(&one.name),
        many => format!("{} inputs", many.len()),
    }
}

fn findings(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let mut rules: Vec<_> =
        summary.findings.iter().map(|(rule, count)| (summary.catalogue.meta(*rule), *count)).collect();
    rules.sort_by(|a, b| b.0.level.cmp(&a.0.level).then(b.1.cmp(&a.1)).then_with(|| a.0.title.cmp(&b.0.title)));
    let total: u64 = rules.iter().map(|(_, count)| count).sum();
    writeln!(out, "\n{HEAD}Findings{HEAD:#}  {}", grouped(total))?;
    for (meta, count) in rules {
        writeln!(out, "  {:>9}  {}  {}", grouped(count), painted(meta.level, 13), plain(&meta.title))?;
    }
    Ok(())
}

/// How many alerts there are, what became of findings that are none of these, and how many incidents: the head of the
/// report's alerts, and of the last words of a live run.
#[must_use]
pub fn told(summary: &Summary) -> String {
    let by_level: Vec<String> = Level::ALL
        .into_iter()
        .rev()
        .filter_map(|level| Some((level, *summary.alerts.get(level as usize)?)))
        .filter(|(_, count)| *count > 0)
        .map(|(level, count)| format!("{} {}", grouped(count), level.word()))
        .collect();
    let mut told = vec![if by_level.is_empty() { "none".into() } else { by_level.join(", ") }];
    told.extend(beside(summary));
    told.join("; ")
}

fn alerts(out: &mut dyn Write, summary: &Summary, rows: &[Row], unlisted: u64) -> io::Result<()> {
    writeln!(out, "\n{HEAD}Alerts{HEAD:#}  {}", told(summary))?;
    let title = rows.iter().take(LISTED).map(|row| row.title.chars().count()).max().unwrap_or(0);
    let entity = rows.iter().take(LISTED).map(|row| row.entity.chars().count()).max().unwrap_or(0);
    for row in rows.iter().take(LISTED) {
        let several = summary.catalogue.inputs.len() > 1;
        let input = if several { format!("{} ", row.input) } else { String::new() };
        let times = if row.count > 1 {
            format!(", {} times in {}", grouped(row.count), lasted(row.first, row.last))
        } else {
            String::new()
        };
        writeln!(
            out,
            "  {}  {}  {:title$}  {:entity$}  {input}{}{times}",
            short(row.first),
            painted(row.level, 8),
            row.title,
            row.entity,
            row.place,
        )?;
        if !row.detail.is_empty() {
            writeln!(out, "  {:35}{}", "", row.detail)?;
        }
    }
    let more = rows.len().saturating_sub(LISTED) as u64 + unlisted;
    if more > 0 {
        writeln!(out, "  and {} more; --format json gives them all", grouped(more))?;
    }
    Ok(())
}

/// What policies made of findings that are not told, and how many incidents there are.
fn beside(summary: &Summary) -> Vec<String> {
    let counts = [
        (summary.repeats, "repeat"),
        (summary.grouped.iter().sum(), "told by incidents only"),
        (summary.held, "below a threshold"),
        (summary.suppressed, "suppressed"),
        (summary.incidents, "incident"),
    ];
    let counted = |(count, what): (u64, &str)| match what {
        "repeat" | "incident" => counted(usize::try_from(count).unwrap_or(usize::MAX), what),
        what => format!("{} {what}", grouped(count)),
    };
    counts.into_iter().filter(|(count, _)| *count > 0).map(counted).collect()
}

fn top(out: &mut dyn Write, entities: &[TopEntity]) -> io::Result<()> {
    if entities.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{HEAD}Highest threat scores{HEAD:#}")?;
    let width = entities.iter().map(|top| top.entity.chars().count()).max().unwrap_or(0);
    let highest = entities.iter().map(|top| top.peak).max().unwrap_or(0);
    for top in entities {
        let threats = match top.threats {
            0 => String::new(),
            1 => "  1 threat".into(),
            many => format!("  {many} threats"),
        };
        writeln!(
            out,
            "  {:>7}  {} {:width$}  {}  a mark per {}{threats}",
            grouped(u64::try_from(top.peak).unwrap_or(0)),
            plain(&top.board),
            plain(&top.entity),
            score_line(&top.columns, highest),
            mark(top),
        )?;
    }
    Ok(())
}

/// How many columns of a history share one mark of the score line.
fn columns_per_mark(columns: usize) -> usize {
    columns.div_ceil(LINE).max(1)
}

fn mark(top: &TopEntity) -> String {
    let nanos = top.width.nanos().saturating_mul(columns_per_mark(top.columns.len()) as i64);
    lasted(Timestamp::from_nanos(0), Timestamp::from_nanos(nanos))
}

/// The scores over time as blocks, the highest of all entities being the full block; padded to a fixed width.
fn score_line(columns: &[i64], highest: i64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let peaks = columns.chunks(columns_per_mark(columns.len())).map(|some| some.iter().copied().max().unwrap_or(0));
    let mut line: String = peaks
        .map(|peak| {
            if peak <= 0 {
                return ' ';
            }
            let eighth = (peak.saturating_mul(8) - 1) / highest.max(1);
            BLOCKS.get(usize::try_from(eighth).unwrap_or(0)).copied().unwrap_or('█')
        })
        .collect();
    let missing = LINE.saturating_sub(line.chars().count());
    line.extend(std::iter::repeat_n(' ', missing));
    line
}

fn label(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{HEAD}{name:13}{HEAD:#}  {text}")
}

/// A number with commas: `12,296`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 rule`, `2,000 rules`, `2 policies`.
#[must_use]
pub fn counted(number: usize, thing: &str) -> String {
    let number_told = grouped(number as u64);
    match thing.strip_suffix('y') {
        _ if number == 1 => format!("{number_told} {thing}"),
        Some(stem) => format!("{number_told} {stem}ies"),
        None => format!("{number_told} {thing}s"),
    }
}

/// How long it was, in the two largest units: `14m 22s`, `350ms`.
fn lasted(from: Timestamp, to: Timestamp) -> String {
    let nanos = to.since(from).nanos().max(0);
    let seconds = nanos / 1_000_000_000;
    match seconds {
        0 if nanos < 1_000_000 => format!("{}us", nanos / 1_000),
        0 => format!("{}ms", nanos / 1_000_000),
        1..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_read_easily() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let length = |nanos| lasted(Timestamp::from_nanos(0), Timestamp::from_nanos(nanos));
        assert_eq!(length(350_000_000), "350ms");
        assert_eq!(length(862_000_000_000), "14m 22s");
        assert_eq!(length(90_000_000_000_000), "1d 1h");
    }

    #[test]
    fn the_score_line_rises_with_the_score_and_is_always_as_wide() {
        assert_eq!(score_line(&[0, 10, 80], 80).trim_end(), " ▁█");
        assert_eq!(score_line(&[1; 64], 1).chars().count(), LINE);
        assert_eq!(score_line(&[], 0).chars().count(), LINE);
    }
}
