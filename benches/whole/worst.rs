//! The worst that an input or a rule can do, beside the usual.

use super::bench::{Bench, Runner};
use super::captures::{Capture, plant};
use super::generator::plan::Options;
use super::table::{Entry, Section, grouped};
use super::tally::{Tally, findings};

/// A rule for every message, which everything below is built from.
const EVERY: &str = "title: Every message\nname: every\nlogsource: {product: modbus}\nlevel: low\ndetection:\n  a:\n    \
    modbus.kind: [query, response, exception]\n  condition: a\n";

/// All of them in one group, over a time that no capture here is longer than; almost as many as a window holds.
const ONE_GROUP: &str = "---\ntitle: One group\nlevel: low\ncorrelation:\n  type: event_count\n  rules: [every]\n  \
    group-by: [modbus.framing]\n  timespan: 1d\n  condition: {gte: 65000}\n";

/// Most events that a group of a correlation holds.
const EVENTS: u64 = 65_536;

/// The built-in rules on the usual plant and on what is worse, as cost of a record.
///
/// # Errors
/// When a run fails.
pub fn cases(bench: &Bench) -> anyhow::Result<Section> {
    let count = bench.size(20_000, 200_000);
    let usual = plant(count);
    let generated = |name: &str, options: &Options| Capture::generated(bench, &format!("{name}.pcap"), options);
    let normal = generated("usual", &usual)?;
    let single =
        generated("single", &Options { connections: 1, lifetime: u32::MAX, attacks: Vec::new(), ..usual.clone() })?;
    let connections = bench.size(10_000, 100_000);
    let many = generated("many", &Options { connections, ..usual.clone() })?;
    // Each waits for half a minute.
    let open = generated("open", &Options { unanswered: 1.0, rate: 340.0, ..usual })?;
    let every = bench.write("every.yml", EVERY)?;
    let group = bench.write("group.yml", &format!("{EVERY}{ONE_GROUP}"))?;
    let least = Capture::least(bench)?;
    let conversations = format!("{} conversations", grouped(connections.into()));
    let cases = [
        ("usual", &normal, None),
        ("one conversation only", &single, None),
        (&*conversations, &many, None),
        ("10,000 open requests", &open, None),
        ("every record matches a rule", &normal, Some(&every)),
        ("all keys of one group", &normal, Some(&group)),
    ];
    let runners = cases.into_iter().map(|(who, capture, rules)| {
        let rules = rules.map_or_else(Vec::new, |rules| vec!["--builtin", "-r", rules]);
        let scan = |path: &str| bench.scan(&[&rules[..], &[path]].concat());
        let findings =
            Tally::of(&bench.scan(&[&rules[..], &["--emit", "findings", &capture.path]].concat()), findings)?;
        let found = format!("{} findings", grouped(findings.total()));
        Ok(Runner::ours(who, capture.records, found, scan(&capture.path)).beyond(Some(scan(&least))))
    });
    let entries = bench.race(runners.collect::<anyhow::Result<_>>()?)?;
    let peak = |entry: Option<&Entry>| entry.and_then(|entry| entry.cost).map_or(0, |cost| cost.peak);
    let events = normal.messages.total().clamp(1, EVENTS);
    let event = peak(entries.last()).saturating_sub(peak(entries.first())) as f64 / events as f64;
    let remarks = vec![format!("memory of an event in a window: {event:.0} bytes (the last line beside the first)")];
    Ok(Section { work: "Worst cases, built-in rules, one thread".to_owned(), unit: "record", entries, remarks })
}
