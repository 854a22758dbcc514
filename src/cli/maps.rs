//! `maps:` and `secret_key:` of `sigmabus.yml`: which device maps there are, and for which devices.

use super::map_file;
use super::node::{Fields, elements, range, text, wrong_type, wrong_value};
use super::outcome::reason;
use crate::record::maps::{Applies, MAX_TEXTS, Map, Maps, SecretKey};
use crate::sigma::diagnostic::{Diagnostic, Problem, Problems, Refusal, short};
use crate::sigma::yaml::{self, Kind, Node};
use crate::sigma::{MAX_FILE_BYTES, render};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The keys of an entry of `maps`.
const KEYS: [&str; 4] = ["file", "server", "unit", "identification"];

/// The most bytes of a key's file that are read.
const MAX_KEY: u64 = 4_096;

/// What was read, or what is wrong, drawn.
pub(super) struct Understood {
    /// The maps.
    pub(super) maps: Vec<Map>,
    /// The key, where one is configured.
    pub(super) key: Option<SecretKey>,
    /// Every problem as it is shown.
    pub(super) problems: Vec<String>,
}

/// Reads the maps that a configuration names, relative to its folder.
pub(super) fn read(path: &Path, source: &str, colour: bool) -> Understood {
    let mut reader = Reader {
        folder: path.parent().unwrap_or(Path::new("")),
        problems: Problems::default(),
        told: Vec::new(),
        colour,
    };
    let (maps, key) = reader.configuration(source);
    let Reader { problems, told, .. } = reader;
    let name: Arc<str> = path.display().to_string().into();
    let own = problems.locate(&name, source);
    let problems = own.iter().map(|found| render(found, source, colour)).chain(told).collect();
    Understood { maps, key, problems }
}

/// The maps of these files, each for any device, or every problem as it is shown.
pub(super) fn of_files(paths: &[PathBuf]) -> Result<Maps, String> {
    /// Marks of tests are of no use elsewhere, and the same each time.
    const KEY: &str = "test";
    let mut maps = Vec::with_capacity(paths.len());
    for path in paths {
        let name: Arc<str> = path.display().to_string().into();
        let mut source = String::new();
        let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES as u64).read_to_string(&mut source));
        read.map_err(|error| format!("cannot read {name}: {}", reason(&error)))?;
        let drawn = |found: &Diagnostic| render(found, &source, false);
        maps.push(map_file::read(&name, &source).map_err(|found| found.iter().map(drawn).collect::<String>())?);
    }
    Ok(Maps::new(maps, SecretKey::new(KEY)))
}

/// All maps with their key; secrets without a configured key get one that nobody knows.
pub(super) fn assemble(maps: Vec<Map>, key: Option<SecretKey>) -> Maps {
    Maps::new(maps, key.unwrap_or_else(random_key))
}

/// The standard library seeds each hasher from the system's random numbers.
fn random_key() -> SecretKey {
    let random = || RandomState::new().hash_one(()).to_ne_bytes();
    SecretKey::new([random(), random(), random(), random()].concat())
}

struct Reader<'a> {
    folder: &'a Path,
    problems: Problems,
    /// What is wrong in the maps' own files, drawn.
    told: Vec<String>,
    colour: bool,
}

impl Reader<'_> {
    fn configuration(&mut self, source: &str) -> (Vec<Map>, Option<SecretKey>) {
        let documents = yaml::parse(source, &mut self.problems);
        let Some(Kind::Mapping(entries)) = documents.first().map(|root| &root.kind) else { return (Vec::new(), None) };
        let value = |key: &str| entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value);
        let key = value("secret_key").and_then(|node| {
            let key = self.secret_key(node);
            self.problems.keep(key)
        });
        let maps = value("maps").map_or(Vec::new(), |node| self.maps(node));
        (maps, key)
    }

    fn maps(&mut self, node: &Node<'_>) -> Vec<Map> {
        let Kind::Sequence(items) = &node.kind else {
            self.problems.push(wrong_type(node, "expected `maps` as a list"));
            return Vec::new();
        };
        let maps: Vec<Map> = items.iter().filter_map(|item| self.map(item)).collect();
        let texts = maps.iter().flat_map(|map| &map.applies.identification);
        let texts = texts.map(|text| text.to_ascii_lowercase()).collect::<BTreeSet<_>>().len();
        if texts > MAX_TEXTS {
            let message = format!("{texts} texts of identification are more than the {MAX_TEXTS} there can be");
            self.problems.push(wrong_value(node, message));
        }
        let names = maps.iter().flat_map(|map| &map.registers).map(|register| &register.name);
        let names = names.collect::<BTreeSet<_>>().len();
        if names > usize::from(u16::MAX) {
            self.problems.push(wrong_value(node, format!("{names} tags are more than the {} there can be", u16::MAX)));
        }
        maps
    }

    fn map(&mut self, node: &Node<'_>) -> Option<Map> {
        let fields = Fields::of(node, &KEYS, "an entry of `maps`", &mut self.problems)?;
        let servers = self.several(fields.get("server"), "an address or a network", server);
        let units = self.several(fields.get("unit"), "a unit", units);
        let identification = self.several(fields.get("identification"), "a text", |node| {
            text(node, "what a device says").map(str::to_owned)
        });
        let file = self.problems.keep(fields.need("file", "an entry of `maps`"))?;
        let map = self.file(file)?;
        Some(Map { applies: Applies { servers: servers?, units: units?, identification: identification? }, ..map })
    }

    /// The values of a key that has one or several; `None` if one of them is wrong.
    fn several<T>(
        &mut self,
        node: Option<&Node<'_>>,
        what: &str,
        read: impl Fn(&Node<'_>) -> Result<T, Refusal>,
    ) -> Option<Vec<T>> {
        let Some(node) = node else { return Some(Vec::new()) };
        let items = self.problems.keep(elements(node, what))?;
        if items.is_empty() {
            self.problems.push(wrong_value(node, format!("expected {what}, one or a list of them")));
            return None;
        }
        let values: Vec<Option<T>> = items.iter().map(|item| self.problems.keep(read(item))).collect();
        values.into_iter().collect()
    }

    fn file(&mut self, node: &Node<'_>) -> Option<Map> {
        let name = self.problems.keep(text(node, "the name of a file"))?;
        let path = self.folder.join(name);
        let mut bytes = Vec::new();
        let limit = MAX_FILE_BYTES as u64 + 1;
        let read = File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        if let Err(error) = read {
            let message = format!("cannot read {}: {}", path.display(), reason(&error));
            self.problems.push(Problem::error("unreadable-file", node.span, message));
            return None;
        }
        if bytes.len() > MAX_FILE_BYTES {
            let message = format!("{} has more than the {MAX_FILE_BYTES} bytes a map may have", path.display());
            self.problems.push(Problem::error("unreadable-file", node.span, message));
            return None;
        }
        let Ok(source) = String::from_utf8(bytes) else {
            let message = format!("{} is not UTF-8", path.display());
            self.problems.push(Problem::error("unreadable-file", node.span, message));
            return None;
        };
        let tell = |found: &Diagnostic| render(found, &source, self.colour);
        match map_file::read(&path.display().to_string().into(), &source) {
            Ok(map) => Some(map),
            Err(found) => {
                self.told.extend(found.iter().map(tell));
                None
            }
        }
    }

    /// The key from where it is kept: never from the configuration itself, which many may read.
    fn secret_key(&self, node: &Node<'_>) -> Result<SecretKey, Refusal> {
        let written = text(node, "`secret_key`")?;
        let empty = |from: &str| wrong_value(node, format!("the key from {from} is empty"));
        if let Some(name) = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            let name = short(name);
            let key = std::env::var(&*name)
                .map_err(|_| wrong_value(node, format!("there is no environment variable `{name}`")))?;
            return if key.is_empty() { Err(empty(&format!("`{name}`"))) } else { Ok(SecretKey::new(key)) };
        }
        let Some(name) = written.strip_prefix("file:") else {
            return Err(wrong_value(node, "expected where the key is kept, not the key")
                .hint("write `${NAME}` for an environment variable, or `file:PATH`"));
        };
        let path = self.folder.join(name.trim());
        let mut key = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_KEY).read_to_end(&mut key));
        read.map_err(|error| wrong_value(node, format!("cannot read {}: {}", path.display(), reason(&error))))?;
        // An editor's line end is no part of the key.
        let key = key.trim_ascii();
        if key.is_empty() { Err(empty(&path.display().to_string())) } else { Ok(SecretKey::new(key)) }
    }
}

/// An address, or a network in CIDR notation.
fn server(node: &Node<'_>) -> Result<IpNet, Refusal> {
    let written = text(node, "an address or a network")?;
    let net = written.parse::<IpAddr>().map(IpNet::from).or_else(|_| written.parse::<IpNet>());
    net.map(|net| net.trunc()).map_err(|_| {
        let message = format!("`{}` is neither an address nor a network", short(written));
        wrong_value(node, message).hint("such as 10.0.2.24 or 10.0.2.0/24")
    })
}

/// A unit, or a range of units: `1-8`.
fn units(node: &Node<'_>) -> Result<RangeInclusive<u8>, Refusal> {
    let units = range(node, "unit", u8::MAX.into())?;
    Ok(*units.start() as u8..=*units.end() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a configuration in a folder that holds an empty map and a few files beside it.
    fn told(source: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
        file("a.yml", b"registers:\n- {name: a, address: 5, secret: true}\n");
        file("wrong.yml", b"registers:\n- {name: a}\n");
        file("latin.yml", b"registers: [] # \xB0C\n");
        file("key", b"k\n");
        file("empty", b"\n");
        let read = read(&folder.path().join("sigmabus.yml"), source, false);
        let told = if read.problems.is_empty() {
            format!("{:?} {:?}", read.maps.iter().map(|map| &map.applies).collect::<Vec<_>>(), read.key)
        } else {
            read.problems.join("\n")
        };
        told.replace(&folder.path().display().to_string(), "FOLDER")
    }

    #[test]
    fn maps_apply_by_server_unit_and_identification() {
        let source = "maps:\n- {file: a.yml}\n- file: a.yml\n  server: [10.0.2.24, 10.1.0.7/16, '2001:db8::/32']\n  \
                      unit: [1, 3-5]\n  identification: [ACME, TM-4]\nsecret_key: file:key\n";
        insta::assert_snapshot!(told(source));
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "maps: a.yml",
            "maps: [a.yml]",
            "maps: [{}]",
            "maps: [{fiel: a.yml}]",
            "maps: [{file: b.yml}]",
            "maps: [{file: latin.yml}]",
            "maps: [{file: wrong.yml}]",
            "maps: [{file: a.yml, server: 10.0.2}]",
            "maps: [{file: a.yml, server: [10.0.2.0/33]}]",
            "maps: [{file: a.yml, server: {}}]",
            "maps: [{file: a.yml, unit: 256}]",
            "maps: [{file: a.yml, unit: [5-3]}]",
            "maps: [{file: a.yml, unit: []}]",
            "maps: [{file: a.yml, identification: [[]]}]",
            "secret_key: abcdef",
            "secret_key: ${SIGMABUS_NO_SUCH_KEY}",
            "secret_key: file:nokey",
            "secret_key: file:empty",
        ];
        let told: Vec<String> = all.iter().map(|source| told(source)).collect();
        assert!(told.iter().all(|told| told.starts_with("error[")), "{told:?}");
        insta::assert_snapshot!(told.join("\n"));
    }
}
