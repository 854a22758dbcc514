//! A baseline file as it is written: read with places, refused whole if any of it is wrong.

use super::super::node::{Fields, entries, integer, list, text, word, wrong_value};
use super::page::{END, SECTIONS, UNITS, VERSION};
use crate::modbus::Table;
use crate::record::baseline::{
    Approval, Baseline, Bounds, Device, Entry, Extent, Kind, MOST_ENTRIES, MOST_RANGES, Mac, Number, Pair, Period,
    Query, Region, Seen, Thing, Touch, WORDS_PER_TAG, mac_of,
};
use crate::sigma::diagnostic::{Diagnostic, Problem, Problems, Refusal, Span as Place, short};
use crate::sigma::ir;
use crate::sigma::scalar::{Value, resolve};
use crate::sigma::yaml::{self, Kind as NodeKind, Node};
use crate::time::{Span, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// The most bytes of a file.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// The most values of a file: what the most entries of all kinds can have.
const MAX_NODES: usize = MOST_ENTRIES * Kind::ALL.len() * (24 + WORDS_PER_TAG);

/// The longest name of who approved something.
pub(super) const LONGEST_NAME: usize = 100;

const WHAT: &str = "a baseline";

/// What an entry of each kind has besides `first`, `last`, `count` and `approved`.
const fn keys(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Pair => &["client", "server", "first", "last", "count", "approved"],
        Kind::Function => &["client", "server", "unit", "function", "first", "last", "count", "approved"],
        Kind::Address => &["server", "unit", "table", "access", "addresses", "first", "last", "count", "approved"],
        Kind::Value => &["server", "unit", "tag", "min", "max", "words", "first", "last", "count", "approved"],
        Kind::Period => &[
            "client", "server", "unit", "function", "address", "quantity", "least", "greatest", "first", "last",
            "count", "approved",
        ],
        Kind::Mac => &["host", "mac", "first", "last", "count", "approved"],
    }
}

/// What a file may hold: all that can be configured.
pub(super) const ALL: Bounds = Bounds { entries: MOST_ENTRIES, ranges: MOST_RANGES };

/// Reads a baseline.
///
/// # Errors
/// When any of it is wrong.
pub(super) fn read(name: &Arc<str>, source: &str) -> Result<Baseline, Vec<Diagnostic>> {
    let mut problems = Problems::default();
    let baseline = problems.keep(whole(source)).and_then(|()| {
        let documents = yaml::parse_up_to(MAX_NODES, source, &mut problems);
        document(&documents, source, &mut problems)
    });
    match baseline {
        Some(baseline) if problems.errors() == 0 => Ok(baseline),
        _ => Err(problems.locate(name, source)),
    }
}

/// Refuses a file without its last line: whatever else is wrong with it comes of that.
fn whole(source: &str) -> Result<(), Refusal> {
    if source.trim_end().lines().next_back() == Some(END) {
        return Ok(());
    }
    let problem = Problem::error("cut-file", end(source), format!("the file does not end with a line of `{END}`"));
    Err(problem
        .hint(format!("it was cut: take a whole copy; if it was changed by hand, write `{END}` as its last line")))
}

fn end(source: &str) -> Place {
    Place::new(source.trim_end().len(), source.trim_end().len())
}

fn document(documents: &[Node<'_>], source: &str, problems: &mut Problems) -> Option<Baseline> {
    let root = match documents {
        [root] => root,
        [_, second, ..] => {
            problems.push(Problem::error("too-many-documents", second.span, "a baseline is one document"));
            return None;
        }
        [] => {
            if problems.errors() == 0 {
                problems.push(Problem::error("missing-key", end(source), "a baseline needs `version`"));
            }
            return None;
        }
    };
    version(root, problems)?;
    let mut known = vec!["version", "since", "frozen"];
    known.extend(SECTIONS.map(|(_, section)| section));
    let fields = Fields::of(root, &known, WHAT, problems)?;
    let mut baseline = Baseline::default();
    let mut time = |key| fields.get(key).and_then(|node| problems.keep(moment(node, key)));
    (baseline.since, baseline.frozen) = (time("since"), time("frozen"));
    for (kind, section) in SECTIONS {
        let items = fields.get(section).and_then(|node| problems.keep(list(node, &format!("`{section}`"))));
        for item in items.unwrap_or_default() {
            if let Some(entry) = entry(kind, item, problems) {
                add(&mut baseline, &entry, item, problems);
            }
            if problems.is_full() {
                return None;
            }
        }
    }
    Some(baseline)
}

/// Of a newer version nothing else is looked at: what it says may mean something else.
fn version(root: &Node<'_>, problems: &mut Problems) -> Option<()> {
    let all = problems.keep(entries(root, WHAT))?;
    let Some(entry) = all.iter().find(|entry| entry.key.text == "version") else {
        problems.push(
            Problem::error("missing-key", root.span, "a baseline needs `version`")
                .hint(format!("this sigmabus reads version {VERSION}; is this file a baseline?")),
        );
        return None;
    };
    let version = problems.keep(integer(&entry.value, "the version", 1..=i64::MAX))?;
    if version > VERSION {
        let message = format!("a baseline of version {version}, and this sigmabus reads version {VERSION}");
        problems.push(
            Problem::error("newer-version", entry.value.span, message)
                .hint("use the sigmabus that wrote it, or a newer one"),
        );
        return None;
    }
    Some(())
}

/// Adds an entry that must be one of its own.
fn add(baseline: &mut Baseline, entry: &Entry, node: &Node<'_>, problems: &mut Problems) {
    let kind = entry.thing.kind();
    let before = baseline.count(kind);
    if !baseline.add(entry, ALL) {
        let message = format!("more than the {MOST_ENTRIES} entries of a kind that there can be");
        problems.push(Problem::error("too-large", node.span, message));
    } else if baseline.count(kind) != before + 1 {
        let problem = match kind {
            Kind::Address => Problem::error("duplicate", node.span, "these addresses overlap or touch others above")
                .hint("write them as one range, or take one of the two lines out"),
            _ => Problem::error("duplicate", node.span, "the same stands above already")
                .hint("take one of the two lines out"),
        };
        problems.push(problem);
    }
}

fn entry(kind: Kind, node: &Node<'_>, problems: &mut Problems) -> Option<Entry> {
    let what = format!("an entry of `{}`", SECTIONS.iter().find(|(of, _)| *of == kind)?.1);
    let fields = Fields::of(node, keys(kind), &what, problems)?;
    let mut line = Line { fields, what: &what, problems };
    let thing = line.thing(kind);
    let seen = line.seen();
    let approved = match line.fields.get("approved") {
        Some(node) => Some(line.approval(node)?),
        None => None,
    };
    Some(Entry { thing: thing?, seen: seen?, approved })
}

/// One line, whose mistakes are all told.
struct Line<'n, 'p> {
    fields: Fields<'n>,
    what: &'p str,
    problems: &'p mut Problems,
}

impl<'n> Line<'n, '_> {
    fn need<T>(&mut self, key: &str, read: impl FnOnce(&'n Node<'n>) -> Result<T, Refusal>) -> Option<T> {
        let node = self.fields.need(key, self.what);
        self.problems.keep(node.and_then(read))
    }

    fn thing(&mut self, kind: Kind) -> Option<Thing> {
        match kind {
            Kind::Pair => self.pair().map(Thing::Pair),
            Kind::Function => {
                let (pair, unit, function) = (self.pair(), self.unit(), self.function());
                Some(Thing::Function(pair?, unit?, function?))
            }
            Kind::Address => {
                let device = self.device();
                let table = self.need("table", |node| word(node, "table", &tables()));
                let touch =
                    self.need("access", |node| word(node, "access", &Touch::ALL.map(|(touch, word)| (word, touch))));
                let (first, last) = self.need("addresses", addresses)?;
                Some(Thing::Address(Region { device: device?, table: table?, touch: touch? }, first, last))
            }
            Kind::Value => {
                let device = self.device();
                let tag = self.need("tag", |node| text(node, "a tag").map(Arc::from));
                let extent = self.extent();
                Some(Thing::Value(device?, tag?, extent?))
            }
            Kind::Period => {
                let (pair, query) = (self.pair(), self.query());
                let least = self.need("least", |node| span(node, "a length of time"));
                let greatest = self.need("greatest", |node| span(node, "a length of time"));
                let (least, greatest) = (least?, greatest?);
                self.in_order(least <= greatest, "least", "greatest")?;
                Some(Thing::Period(pair?, query?, Period { least, greatest }))
            }
            Kind::Mac => {
                let host = self.need("host", host);
                let mac = self.need("mac", mac);
                Some(Thing::Mac(host?, mac?))
            }
        }
    }

    fn pair(&mut self) -> Option<Pair> {
        let (client, server) = (self.need("client", host), self.need("server", host));
        Some(Pair { client: client?, server: server? })
    }

    fn device(&mut self) -> Option<Device> {
        let (server, unit) = (self.need("server", host), self.unit());
        Some(Device { server: server?, unit: unit? })
    }

    fn unit(&mut self) -> Option<u8> {
        self.need("unit", |node| integer(node, "a unit", 0..=255).map(|unit| unit as u8))
    }

    fn function(&mut self) -> Option<u8> {
        self.need("function", |node| integer(node, "a function code", 0..=127).map(|code| code as u8))
    }

    fn query(&mut self) -> Option<Query> {
        let (unit, function) = (self.unit(), self.function());
        let number = |node| integer(node, "a number", 0..=65_535).map(|number| number as u16);
        let place = match (self.fields.get("address"), self.fields.get("quantity")) {
            (None, None) => None,
            _ => {
                let (address, quantity) = (self.need("address", number), self.need("quantity", number));
                Some((address?, quantity?))
            }
        };
        Some(Query { unit: unit?, function: function?, place })
    }

    fn extent(&mut self) -> Option<Extent> {
        let numbers = match (self.fields.get("min"), self.fields.get("max")) {
            (None, None) => None,
            _ => {
                let (min, max) = (self.need("min", number), self.need("max", number));
                let (min, max) = (min?, max?);
                self.in_order(min <= max, "min", "max")?;
                Some((min, max))
            }
        };
        let words = match self.fields.get("words") {
            Some(node) => {
                let items = self.problems.keep(list(node, "`words`"))?;
                if items.len() > WORDS_PER_TAG {
                    let message = format!("{} words are more than the {WORDS_PER_TAG} of a tag", items.len());
                    self.problems.push(wrong_value(node, message));
                }
                let words = items.iter().map(|item| self.problems.keep(any_text(item)));
                words.collect::<Option<_>>()?
            }
            None => Default::default(),
        };
        if numbers.is_none() && self.fields.get("words").is_none() {
            let message = format!("{} needs `min` and `max`, or `words`", self.what);
            self.problems.push(Problem::error("missing-key", self.fields.span, message));
            return None;
        }
        Some(Extent { numbers, words })
    }

    fn seen(&mut self) -> Option<Seen> {
        let first = self.need("first", |node| moment(node, "first"));
        let last = self.need("last", |node| moment(node, "last"));
        let count = self.need("count", |node| integer(node, "a count", 0..=i64::MAX));
        let (first, last) = (first?, last?);
        self.in_order(first <= last, "first", "last")?;
        Some(Seen { first, last, count: count?.unsigned_abs() })
    }

    fn approval(&mut self, node: &'n Node<'n>) -> Option<Approval> {
        let fields = Fields::of(node, &["by", "at"], "`approved`", self.problems)?;
        let mut line = Line { fields, what: "`approved`", problems: self.problems };
        let by = line.need("by", |node| {
            let by = text(node, "who approved it")?;
            if by.chars().count() > LONGEST_NAME {
                return Err(wrong_value(node, format!("a name of more than {LONGEST_NAME} characters")));
            }
            Ok(Arc::from(by))
        });
        let at = line.need("at", |node| moment(node, "at"));
        Some(Approval { at: at?, by: by? })
    }

    /// Refuses ends of a range that are the wrong way round.
    fn in_order(&mut self, right: bool, first: &str, last: &str) -> Option<()> {
        if !right && let Some(node) = self.fields.get(last) {
            let problem = wrong_value(node, format!("`{last}` is less than `{first}`"));
            self.problems.push(problem.hint("swap them, or correct the one that is wrong"));
        }
        right.then_some(())
    }
}

fn tables() -> Vec<(&'static str, Table)> {
    Table::ALL.iter().filter(|(table, _)| *table != Table::None).map(|(table, word)| (*word, *table)).collect()
}

fn host(node: &Node<'_>) -> Result<IpAddr, Refusal> {
    let written = text(node, "an IP address")?;
    written.parse().map_err(|_| wrong_value(node, format!("no IP address: `{}`", short(written))))
}

fn mac(node: &Node<'_>) -> Result<Mac, Refusal> {
    let written = text(node, "a MAC address")?;
    mac_of(written).ok_or_else(|| {
        wrong_value(node, format!("no MAC address: `{}`", short(written))).hint("such as \"08:00:27:bb:18:24\"")
    })
}

/// `31-46`, or one address.
fn addresses(node: &Node<'_>) -> Result<(u16, u16), Refusal> {
    let written = text(node, "addresses")?;
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let range = match written.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)),
        None => number(written).map(|one| (one, one)),
    };
    match range {
        Some((first, last)) if first <= last => Ok((first, last)),
        Some(_) => Err(wrong_value(node, format!("the range `{}` is upside down", short(written)))
            .hint("the first address comes first")),
        None => Err(wrong_value(node, format!("no range of addresses from 0 to 65535: `{}`", short(written)))
            .hint("such as 31-46, or 31")),
    }
}

fn number(node: &Node<'_>) -> Result<Number, Refusal> {
    let number = match &node.kind {
        NodeKind::Scalar(scalar) => match resolve(scalar) {
            Value::Number(ir::Number::Int(number)) => Some(Number::Int(number)),
            Value::Number(ir::Number::Float(number)) => Some(Number::Float(number)),
            _ => None,
        },
        _ => None,
    };
    number.ok_or_else(|| wrong_value(node, "expected a number"))
}

/// A text that may be empty.
fn any_text(node: &Node<'_>) -> Result<Arc<str>, Refusal> {
    match &node.kind {
        NodeKind::Scalar(scalar) => Ok(Arc::from(&*scalar.text)),
        _ => Err(wrong_value(node, "expected a text")),
    }
}

fn moment(node: &Node<'_>, what: &str) -> Result<Timestamp, Refusal> {
    let written = text(node, what)?;
    Timestamp::parse_rfc3339(written)
        .ok_or_else(|| wrong_value(node, format!("no time: `{}`", short(written))).hint("such as 2020-09-23T08:55:39Z"))
}

/// A whole number and a unit: `250ms`.
fn span(node: &Node<'_>, what: &str) -> Result<Span, Refusal> {
    let written = text(node, what)?;
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = written.split_at(digits);
    let size = UNITS.iter().find(|(word, _)| *word == unit).map(|(_, size)| *size);
    let nanos = number.parse::<i64>().ok().zip(size).and_then(|(number, size)| number.checked_mul(size));
    nanos.map(Span::from_nanos).ok_or_else(|| {
        wrong_value(node, format!("no length of time: `{}`", short(written))).hint("such as 250ms, 1s or 10m")
    })
}
