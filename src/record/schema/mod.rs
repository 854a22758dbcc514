//! The one table of fields, and every name that leads to one.

mod names;
mod table;

use super::Domain;
use rustc_hash::FxHashMap;
use std::fmt::Write;
use std::sync::LazyLock;

pub use table::Group;

pub(super) use names::{Guard, Side, Wording};
use table::TABLE;
pub(super) use table::{Key, Native, Visitor};

/// A field of the schema: one of our own, or an NXLog name for one, which only some messages have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    pub(super) native: Native,
    pub(super) guard: Option<Guard>,
}

/// Groups of names that other tools' logs have, too, with more fields than ours.
const SHARED: [&str; 9] = ["destination", "eth", "frame", "ipv4", "ipv6", "source", "tcp", "udp", "vlan"];

/// Every name with its field.
struct Index {
    by_name: FxHashMap<&'static str, Field>,
    /// The NXLog names in order.
    nxlog: Vec<(&'static str, Field)>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let nxlog: Vec<(&'static str, Field)> =
        names::all().map(|(name, native, guard)| (&*name.leak(), Field { native, guard: Some(guard) })).collect();
    let mut by_name: FxHashMap<&'static str, Field> = nxlog.iter().copied().collect();
    for row in TABLE {
        let field = Field { native: row.native, guard: None };
        by_name.extend(row.aliases.iter().chain([&row.name]).map(|name| (*name, field)));
    }
    Index { by_name, nxlog }
});

/// The field of this name or alias.
#[must_use]
pub fn find(name: &str) -> Option<Field> {
    INDEX.by_name.get(name).copied()
}

/// Whether a name is in a group, such as `modbus.`, that only our own records have: it must name one of our fields.
#[must_use]
pub fn is_own(name: &str) -> bool {
    group_of(name).is_some_and(|group| !SHARED.contains(&group))
}

/// The field of ours that a name is a slip of the pen for, where other tools' logs have fields in its group as well.
#[must_use]
pub fn slip(name: &str) -> Option<&'static str> {
    /// No name of ours is nearly as long.
    const LENGTH: usize = 64;
    let may_be = group_of(name).is_some_and(|group| SHARED.contains(&group));
    if !may_be || name.len() > LENGTH || find(name).is_some() {
        return None;
    }
    // One letter: what differs by more is another field of another log.
    names().find(|known| strsim::damerau_levenshtein(name, known) == 1)
}

/// What stands before the first dot of a name, if names of ours begin so.
fn group_of(name: &str) -> Option<&str> {
    let (group, _) = name.split_once('.')?;
    names().any(|known| known.split_once('.').is_some_and(|(known, _)| known == group)).then_some(group)
}

/// Names and aliases of our own.
fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|row| row.aliases.iter().chain([&row.name]).copied())
}

/// Every field of our own records in the order of their JSON, NXLog's names not included.
pub fn all() -> impl Iterator<Item = Field> {
    TABLE.iter().map(|row| Field { native: row.native, guard: None })
}

/// The field of this number.
pub(super) fn at(number: usize) -> Option<Native> {
    TABLE.get(number).map(|row| row.native)
}

/// Every NXLog name with the field it stands for.
pub fn nxlog_names() -> impl Iterator<Item = (&'static str, Field)> {
    INDEX.nxlog.iter().copied()
}

/// The name, of any kind, that was most likely meant by `name`; `None` if none is near.
#[must_use]
pub fn suggest(name: &str) -> Option<&'static str> {
    /// Below this likeness a suggestion confuses more than it helps.
    const NEAR: f64 = 0.85;
    let lower = name.to_ascii_lowercase();
    let names = INDEX.by_name.keys().copied();
    let scored = names.map(|known| (likeness(&lower, &known.to_ascii_lowercase()), known));
    let near = scored.filter(|(score, _)| *score >= NEAR);
    // Equal scores: the shorter name, then the alphabet, so that the answer never depends on the hash map's order.
    near.max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| (y.len(), y).cmp(&(x.len(), x)))).map(|(_, known)| known)
}

/// How alike two names are, 0 to 1: dotted word by dotted word, lest a shared `modbus.` make all our names alike.
fn likeness(a: &str, b: &str) -> f64 {
    if a.split('.').count() != b.split('.').count() {
        return strsim::jaro_winkler(a, b);
    }
    a.split('.').zip(b.split('.')).map(|(a, b)| strsim::jaro_winkler(a, b)).product()
}

/// The table as Markdown, for the manual.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from("| field | values | example | meaning |\n|---|---|---|---|\n");
    for field in all() {
        let row = field.native.row();
        let also: String = row.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
        let unit = row.unit.map(|unit| format!(" ({unit})")).unwrap_or_default();
        let (name, example, meaning) = (row.name, row.example, row.meaning);
        // Writing into a string cannot fail.
        let _ = writeln!(out, "| `{name}`{also} | {}{unit} | `{example}` | {meaning} |", kind(field.domain()));
    }
    out
}

/// What values a domain has, in words.
fn kind(domain: Domain) -> String {
    match domain {
        Domain::Bool => "true or false".into(),
        Domain::U8 => "0 to 255".into(),
        Domain::U16 => "0 to 65535".into(),
        Domain::Int => "integer".into(),
        Domain::Float => "number".into(),
        Domain::Word(vocabulary) => format!("{}, {} words", vocabulary.name, vocabulary.words.len()),
        Domain::Words(vocabulary) => format!("list of {}s", vocabulary.name),
        Domain::U16List => "list of numbers".into(),
        Domain::Addr => "IP address".into(),
        Domain::Time => "time".into(),
        Domain::Text => "text".into(),
    }
}

impl Field {
    /// What values it can have, in words.
    #[must_use]
    pub fn values(self) -> String {
        kind(self.domain())
    }

    /// Its name; for an NXLog name, the name of the field it stands for.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.native.row().name
    }

    /// Other names that mean the same, NXLog's not included.
    #[must_use]
    pub fn aliases(self) -> &'static [&'static str] {
        self.native.row().aliases
    }

    /// What values it can have.
    #[must_use]
    pub fn domain(self) -> Domain {
        (self.native.row().domain)()
    }

    /// What its numbers count or measure.
    #[must_use]
    pub fn unit(self) -> Option<&'static str> {
        self.native.row().unit
    }

    /// What it says, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.native.row().meaning
    }

    /// A value as JSON.
    #[must_use]
    pub fn example(self) -> &'static str {
        self.native.row().example
    }

    /// Which part of a message it tells of.
    #[must_use]
    pub fn group(self) -> Group {
        self.native.row().group
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_leads_to_one_field() {
        let own = all().flat_map(|field| field.aliases().iter().copied().chain([field.name()]));
        let mut names: Vec<&str> = own.chain(nxlog_names().map(|(name, _)| name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(find("src_ip").map(Field::name), Some("src_ip"));
        assert_eq!(find("source.ip").map(Field::name), Some("src_ip"));
        assert_eq!(find("Modbus.Function"), None);
    }

    #[test]
    fn rows_stand_at_their_number_and_groups_stand_together() {
        let mut groups: Vec<Group> = Vec::new();
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.native as usize, at);
            if groups.last() != Some(&row.group) {
                assert!(!groups.contains(&row.group), "{}", row.name);
                groups.push(row.group);
            }
        }
    }

    #[test]
    fn every_group_of_names_is_our_own_or_known_to_be_shared() {
        let groups: BTreeSet<&str> =
            TABLE.iter().filter_map(|row| row.name.split_once('.')).map(|(group, _)| group).collect();
        let own: Vec<&str> = groups.iter().copied().filter(|group| is_own(&format!("{group}.x"))).collect();
        assert_eq!(own, ["asset", "baseline", "modbus", "write", "zone"]);
        assert!(SHARED.iter().all(|group| group_of(&format!("{group}.x")).is_some()));
        assert!(!is_own("modbus") && !is_own("http.method") && !is_own("src_ip"));
        assert_eq!(slip("eth.scr"), Some("eth.src"));
        assert_eq!(
            (slip("eth.src"), slip("eth.type"), slip("source.geo.name"), slip("htpp.eth")),
            (None, None, None, None)
        );
    }

    #[test]
    fn nxlog_names_stand_for_our_own() {
        for (name, own) in [
            ("modbus.query.write_multiple_registers.starting_address", "modbus.address"),
            ("modbus.query.write_multiple_registers.registers", "modbus.values"),
            ("modbus.response.write_multiple_registers.exc_code", "modbus.exc_code"),
            ("modbus.response.read_coils.coil_status", "modbus.values"),
            ("modbus.query.read_device_identification.object_id", "modbus.object_id"),
            ("modbus.response.function_66.data", "modbus.data"),
            ("modbus.query.umas.umas_function", "modbus.umas_function"),
        ] {
            assert_eq!(find(name).map(Field::name), Some(own), "{name}");
        }
        assert_eq!(find("modbus.resp.write_multiple_registers.exc_code"), None);
    }

    #[test]
    fn a_slip_of_the_pen_gets_the_name_that_was_meant() {
        for (wrong, meant) in [
            ("modbus.func", "modbus.function"),
            ("modbus.unitid", "modbus.unit_id"),
            ("srcip", "src_ip"),
            ("eventtime", "EventTime"),
            ("modbus.resp.write_multiple_registers.exc_code", "modbus.response.write_multiple_registers.exc_code"),
        ] {
            assert_eq!(suggest(wrong), Some(meant), "{wrong}");
        }
        assert_eq!(suggest("CommandLine"), None);
    }

    #[test]
    fn the_manual_has_a_line_for_every_field() {
        let page = markdown();
        assert_eq!(page.lines().count(), all().count() + 2);
        assert!(
            page.contains(
                "| `modbus.latency_ms` | number (milliseconds) | `0.513` | From the request to its answer. |\n"
            )
        );
        assert!(page.contains("| `src_ip`, `source.ip` | IP address | `\"10.0.2.15\"` | Sender. |\n"));
    }
}
