//! What was measured, as Markdown that can be kept in `benches/record/`.

use super::measure::Cost;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// One kind of work, and all who did it.
#[derive(Clone, Debug)]
pub struct Section {
    /// What the work is.
    pub work: String,
    /// What is counted, in the singular.
    pub unit: &'static str,
    /// Who did it, the one that the others stand beside first.
    pub entries: Vec<Entry>,
    /// What the reader should know.
    pub remarks: Vec<String>,
}

/// One who did the work.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who, and how.
    pub who: String,
    /// The peer's name, where it is one.
    pub peer: Option<&'static str>,
    /// How much work it was.
    pub items: u64,
    /// What came of it.
    pub found: String,
    /// What it cost; `None` where the peer is not installed or failed.
    pub cost: Option<Cost>,
    /// Processor time of a run on nothing, which the costs of an item do not contain.
    pub load: Duration,
}

impl Entry {
    /// Processor time of an item, in nanoseconds; `None` where the peer is not installed or failed.
    #[must_use]
    pub fn each(&self) -> Option<f64> {
        let spent = self.cost?.processor.saturating_sub(self.load);
        Some(spent.as_nanos() as f64 / self.items.max(1) as f64)
    }
}

/// A quantity with three figures and a unit that suits it.
#[must_use]
pub fn short(value: f64, units: &[(f64, &str)]) -> String {
    let fits = units.iter().find(|(size, _)| value >= *size).or(units.last());
    let (value, unit) = fits.map_or((value, ""), |(size, unit)| (value / size, *unit));
    let digits = match value {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{unit}")
}

const TIMES: &[(f64, &str)] = &[(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1.0, " ns")];
const RATES: &[(f64, &str)] = &[(1e6, " M"), (1e3, " k"), (1.0, "")];
const SIZES: &[(f64, &str)] = &[((1 << 30) as f64, " GiB"), ((1 << 20) as f64, " MiB"), (1024.0, " KiB")];

fn time(time: Duration) -> String {
    short(time.as_nanos() as f64, TIMES)
}

/// A number with commas between thousands.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Display for Section {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { work, unit, entries, remarks } = self;
        writeln!(out, "### {work}\n")?;
        writeln!(out, "| who | {unit}s | found | processor | wall | most memory | each | {unit}s/s | beside |")?;
        writeln!(out, "|---|---:|---|---:|---:|---:|---:|---:|---:|")?;
        let first = entries.first().and_then(Entry::each);
        for entry in entries {
            let Entry { who, items, found, cost: Some(cost), .. } = entry else {
                writeln!(out, "| {} | | {} | | | | | | |", entry.who, entry.found)?;
                continue;
            };
            let each = entry.each().unwrap_or_default();
            let beside = first.map_or(0.0, |first| each / first);
            let (items, peak) = (grouped(*items), short(cost.peak as f64, SIZES));
            let (processor, wall) = (time(cost.processor), time(cost.wall));
            let (told, rate) = (short(each, TIMES), short(1e9 / each, RATES));
            let loaded = if entry.load.is_zero() { String::new() } else { format!(", {} to load", time(entry.load)) };
            writeln!(
                out,
                "| {who} | {items} | {found} | {processor}{loaded} | {wall} | {peak} | {told} | {rate} | {beside:.2} |"
            )?;
        }
        writeln!(out)?;
        remarks.iter().try_for_each(|remark| writeln!(out, "- {remark}"))?;
        if remarks.is_empty() { Ok(()) } else { writeln!(out) }
    }
}

/// Peers beside us: a line for each who did the same work as the first of its section.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a>(pub &'a [Section]);

impl Display for Beside<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "| work | sigmabus | peer | its cost | sigmabus is | and takes of its memory |")?;
        writeln!(out, "|---|---:|---|---:|---:|---:|")?;
        for section in self.0 {
            let mut ours: Option<&Entry> = None;
            for entry in &section.entries {
                // A peer stands beside the last of ours before it.
                let Some(peer) = entry.peer else {
                    ours = Some(entry);
                    continue;
                };
                let Some((ours, each)) = ours.and_then(|ours| Some((ours, ours.each()?))) else { continue };
                let (work, told) = (&section.work, short(each, TIMES));
                match (entry.each(), entry.cost.zip(ours.cost)) {
                    (Some(theirs), Some((their, our))) => {
                        let (times, memory) = (theirs / each, their.peak as f64 / our.peak.max(1) as f64);
                        let (who, theirs) = (&entry.who, short(theirs, TIMES));
                        writeln!(
                            out,
                            "| {work} | {told} | {who} | {theirs} | {times:.1} times as fast | 1/{memory:.1} |"
                        )?;
                    }
                    _ => writeln!(out, "| {work} | {told} | {peer} | {} | | |", entry.found)?,
                }
            }
        }
        Ok(())
    }
}
