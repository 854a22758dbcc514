//! `maps:` which device maps there are, and for which devices.

use super::super::map_file;
use super::super::node::{list, range, text, wrong_value};
use super::super::outcome::reason;
use super::Reader;
use crate::record::maps::{Applies, MAX_TEXTS, Map, Maps, SecretKey};
use crate::sigma::diagnostic::{Diagnostic, Refusal, short};
use crate::sigma::yaml::Node;
use crate::sigma::{MAX_FILE_BYTES, render};
use crate::sink::Secret;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

/// The keys of an entry.
const KEYS: [&str; 4] = ["file", "server", "unit", "identification"];

/// The maps with the key for their secrets; without a configured one they get one that nobody knows.
pub(super) fn read(node: &Node<'_>, key: Option<&Secret>, reader: &mut Reader<'_>) -> Maps {
    let items = reader.keep(list(node, "`maps`")).unwrap_or_default();
    let maps: Vec<Map> = items.iter().filter_map(|item| map(item, reader)).collect();
    refuse_too_many(node, &maps, reader);
    Maps::new(maps, key.map_or_else(random_key, |key| SecretKey::new(key.bytes())))
}

/// The maps of these files, each for any device, or every problem as it is shown.
pub(in crate::cli) fn of_files(paths: &[PathBuf]) -> Result<Maps, String> {
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

/// The standard library seeds each hasher from the system's random numbers.
fn random_key() -> SecretKey {
    let random = || RandomState::new().hash_one(()).to_ne_bytes();
    SecretKey::new([random(), random(), random(), random()].concat())
}

fn refuse_too_many(node: &Node<'_>, maps: &[Map], reader: &mut Reader<'_>) {
    let texts = maps.iter().flat_map(|map| &map.applies.identification);
    let texts = texts.map(|text| text.to_ascii_lowercase()).collect::<BTreeSet<_>>().len();
    if texts > MAX_TEXTS {
        let message = format!("{texts} texts of identification are more than the {MAX_TEXTS} there can be");
        reader.problems.push(wrong_value(node, message));
    }
    let names = maps.iter().flat_map(|map| &map.registers).map(|register| &register.name);
    let names = names.collect::<BTreeSet<_>>().len();
    if names > usize::from(u16::MAX) {
        let message = format!("{names} tags are more than the {} there can be", u16::MAX);
        reader.problems.push(wrong_value(node, message));
    }
}

fn map(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Map> {
    let fields = reader.fields(node, &KEYS, "an entry of `maps`")?;
    let servers = reader.several(fields.get("server"), "an address or a network", network);
    let units = reader.several(fields.get("unit"), "a unit", units);
    let identification = reader
        .several(fields.get("identification"), "a text", |node| text(node, "what a device says").map(str::to_owned));
    let file = reader.keep(fields.need("file", "an entry of `maps`"))?;
    let map = written(file, reader)?;
    Some(Map { applies: Applies { servers: servers?, units: units?, identification: identification? }, ..map })
}

/// What a map's file tells.
fn written(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Map> {
    let name = reader.keep(text(node, "the name of a file"))?;
    let source = reader.file(name, node)?;
    match map_file::read(&source.name, &source.lossy()) {
        Ok(map) => Some(map),
        Err(found) => {
            reader.elsewhere.push((source, found));
            None
        }
    }
}

/// An address, or a network in CIDR notation.
pub(super) fn network(node: &Node<'_>) -> Result<IpNet, Refusal> {
    let written = text(node, "an address or a network")?;
    let net = written.parse::<IpAddr>().map(IpNet::from).or_else(|_| written.parse::<IpNet>());
    net.map(|net| net.trunc()).map_err(|_| {
        let message = format!("`{}` is neither an address nor a network", short(written));
        wrong_value(node, message).hint("such as 10.0.2.24 or 10.0.2.0/24")
    })
}

/// A unit, or a range of units: `1-8`.
pub(super) fn units(node: &Node<'_>) -> Result<RangeInclusive<u8>, Refusal> {
    let units = range(node, "unit", u8::MAX.into())?;
    Ok(*units.start() as u8..=*units.end() as u8)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};

    #[test]
    fn maps_apply_by_server_unit_and_identification() {
        let folder = folder();
        let source = "maps:\n- {file: a.yml}\n- file: a.yml\n  server: [10.0.2.24, 10.1.0.7/16, '2001:db8::/32']\n  \
                      unit: [1, 3-5]\n  identification: [ACME, TM-4]\nsecret_key: file:key\n";
        insta::assert_debug_snapshot!(right(&folder, source).maps);
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let folder = folder();
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
        ];
        insta::assert_snapshot!(told(&folder, &all));
    }
}
