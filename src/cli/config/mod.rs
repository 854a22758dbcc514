//! `sigmabus.yml`: what an installation says once.
//!
//! A file is read once into a tree whose every node knows its place ([`file`]). Each section has a page here, whose
//! `read` turns the section's node into plain values of the room that uses them and tells the [`Reader`] every mistake;
//! one line in [`SECTIONS`] makes it known. What is wrong is told all at once, each mistake drawn in its place
//! (`config check`, and every command that reads a configuration); what is right can be looked at with its defaults filled
//! in ([`show`]).

mod assets;
mod baseline;
mod check;
mod file;
mod incidents;
mod mappings;
mod maps;
mod placeholders;
mod policies;
mod ports;
mod reader;
mod routes;
mod scoreboards;
mod scores;
mod secret_key;
mod show;
mod sinks;
#[cfg(test)]
mod testing;
mod timestamp_fields;
mod when;
mod zones;

use super::args::ConfigCommand;
use super::baseline::Settings;
use super::outcome::{Failure, Outcome};
use super::report::counted;
use crate::alert::Alerting;
use crate::record::assets::{Asset, Assets, Zone};
use crate::record::maps::Maps;
use crate::score::{Points, Scoreboard};
use crate::sigma::Mappings;
use crate::sigma::scalar::is_null;
use crate::sigma::yaml::Node;
use crate::sink::{Delivery, Secret};
use file::File;
pub(super) use maps::of_files as maps_of_files;
use reader::Reader;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is read from the working directory when none is named.
const DEFAULT_NAME: &str = "sigmabus.yml";

/// The configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Ports that Modbus servers listen on.
    pub ports: Vec<u16>,
    /// What findings are worth.
    pub points: Points,
    /// Where they add up.
    pub scoreboards: Vec<Scoreboard>,
    /// Which findings are alerts, and which alerts belong together.
    pub alerting: Alerting,
    /// Values for the placeholders of rules (`expand`), by name.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// The mappings that rules go through, where the command line names none.
    pub mappings: Mappings,
    /// Fields that tell the time of log lines, before those of the usual names.
    pub times: Vec<Arc<str>>,
    /// What secret registers are marked with.
    pub secret_key: Option<Secret>,
    /// What the registers of devices mean.
    pub maps: Arc<Maps>,
    /// Where everything goes.
    pub delivery: Delivery,
    /// Where the baseline is kept, and what is done with it.
    pub baseline: Option<Settings>,
    /// The parts of the plant.
    pub zones: Vec<Zone>,
    /// What has a name in it.
    pub assets: Vec<Asset>,
    /// The file it was read from.
    pub origin: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ports: crate::net::SERVER_PORTS.to_vec(),
            points: Points::default(),
            scoreboards: Scoreboard::shipped(),
            alerting: Alerting::default(),
            placeholders: BTreeMap::new(),
            mappings: Mappings::default(),
            times: Vec::new(),
            secret_key: None,
            maps: Arc::default(),
            delivery: Delivery::default(),
            baseline: None,
            zones: Vec::new(),
            assets: Vec::new(),
            origin: None,
        }
    }
}

/// A key of the file's first level.
struct Section {
    key: &'static str,
    /// What one element of it is called, for counting them.
    noun: &'static str,
    /// What holds where it is not written, as it would be written; empty where nothing does.
    default: &'static str,
    /// Takes what is written into the configuration.
    read: Read,
}

type Read = fn(&mut Config, &Node<'_>, &mut Reader<'_>);

const fn section(key: &'static str, noun: &'static str, default: &'static str, read: Read) -> Section {
    Section { key, noun, default, read }
}

/// Every section, in the order in which they are read and shown: one that names what another holds comes after it.
const SECTIONS: &[Section] = &[
    section("ports", "port", "[502, 802]", |config, node, reader| config.ports = ports::read(node, reader)),
    section("timestamp_fields", "timestamp field", "[]", |config, node, reader| {
        config.times = timestamp_fields::read(node, reader);
    }),
    section("placeholders", "placeholder", "{}", |config, node, reader| {
        config.placeholders = placeholders::read(node, reader);
    }),
    section("mappings", "mapping", "[]", |config, node, reader| config.mappings = mappings::read(node, reader)),
    section("secret_key", "secret key", "", |config, node, reader| config.secret_key = secret_key::read(node, reader)),
    section("maps", "map", "[]", |config, node, reader| {
        config.maps = Arc::new(maps::read(node, config.secret_key.as_ref(), reader));
    }),
    section("baseline", "setting of the baseline", "", |config, node, reader| {
        config.baseline = baseline::read(node, reader);
    }),
    section("zones", "zone", "{}", |config, node, reader| config.zones = zones::read(node, reader)),
    section("assets", "asset", "[]", |config, node, reader| {
        config.assets = assets::read(node, &config.zones, reader);
    }),
    section("scores", "kind of score", scores::DEFAULT, |config, node, reader| {
        config.points = scores::read(node, reader);
    }),
    section("scoreboards", "scoreboard", scoreboards::DEFAULT, |config, node, reader| {
        config.scoreboards = scoreboards::read(node, reader);
    }),
    section("policies", "policy", "[]", |config, node, reader| {
        config.alerting.policies = policies::read(node, config, reader);
    }),
    section("incidents", "incident setting", incidents::DEFAULT, |config, node, reader| {
        config.alerting.incidents = incidents::read(node, config.maps.tags(), reader);
    }),
    section("sinks", "sink", "[]", |config, node, reader| sinks::read(node, &mut config.delivery, reader)),
    section("routes", "route", "", |config, node, reader| {
        routes::read(node, &config.placeholders, &mut config.delivery, reader);
    }),
    section("deliver_within", "time to deliver", "30s", |config, node, reader| {
        config.delivery.patience =
            sinks::duration(node, "`deliver_within`", reader).unwrap_or(config.delivery.patience);
    }),
];

/// The keys of all sections, in the order in which they are shown.
pub fn keys() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|section| section.key)
}

impl Config {
    /// Reads the named file, or `sigmabus.yml` here if there is one, or nothing. What is wrong with it is told on standard
    /// error.
    ///
    /// # Errors
    /// When the file cannot be read or says something wrong.
    pub fn load(named: Option<&Path>) -> Result<Self, Failure> {
        match path(named) {
            Some(path) => File::read(path)?.config(),
            None => Ok(Self::default()),
        }
    }

    /// Its assets and zones, ready to be asked.
    #[must_use]
    pub fn assets(&self) -> Arc<Assets> {
        Arc::new(Assets::new(&self.zones, &self.assets))
    }

    /// The sections below `root`, as far as they are right.
    fn read(root: &Node<'_>, reader: &mut Reader<'_>) -> Self {
        let mut config = Self::default();
        let keys: Vec<&str> = keys().collect();
        let Some(fields) = reader.fields(root, &keys, "the configuration") else { return config };
        for section in SECTIONS {
            // A key without a value, as when all its entries are commented out, is as good as none.
            if let Some(node) = fields.get(section.key).filter(|node| !is_null(node)) {
                (section.read)(&mut config, node, reader);
            }
        }
        config
    }
}

/// The file that is meant, if there is one.
fn path(named: Option<&Path>) -> Option<&Path> {
    let here = Path::new(DEFAULT_NAME);
    named.or_else(|| here.is_file().then_some(here))
}

/// Runs `sigmabus config ...`.
pub(super) fn run(command: ConfigCommand) -> Result<Outcome, Failure> {
    match command {
        ConfigCommand::Check { files, format } => check::run(&files, format),
        ConfigCommand::Show { file } => show::run(file.as_deref()),
    }
}

/// How a command ends that needs a configuration with so many errors.
fn refused(errors: usize) -> Failure {
    let them = if errors == 1 { "it" } else { "them" };
    Failure::rules(format!("{} in the configuration; correct {them}", counted(errors, "error")))
}

#[cfg(test)]
mod tests {
    use super::show::shown;
    use super::testing::{folder, right, told, told_of};
    use super::*;

    #[test]
    fn a_file_that_says_nothing_and_the_defaults_that_are_shown_are_the_default() {
        let default = |config: Config| format!("{:?}", Config { origin: None, ..config });
        let expected = default(Config::default());
        for source in ["", "# only a comment\n\n", "ports:\nscoreboards:\n", &shown(None)] {
            assert_eq!(default(right(&folder(), source)), expected, "{source}");
        }
    }

    #[test]
    fn every_mistake_of_a_file_is_told_at_once() {
        let source = "prots: [502]\nports: [0]\nscores: {levels: {hihg: 5}}\nmaps: [{file: wrong.yml}]\n\
                      secret_key: file:nokey\nscoreboards:\n- {name: a, entity: x, window: 1m}\n";
        insta::assert_snapshot!(told(&folder(), &[source]));
    }

    #[test]
    fn what_is_no_configuration_is_refused_in_its_place() {
        let folder = folder();
        let all = ["just text", "- ports", "ports: [502]\n---\nports: [503]\n", "ports: 1\nports: 2\n", "a: \"\n", "}"];
        let latin = told_of(folder.path(), b"ports: [502]\n# 20 \xB0C\n");
        insta::assert_snapshot!(format!("{}\n{latin}", told(&folder, &all)));
    }

    #[test]
    fn what_is_shown_has_its_defaults_and_no_secret_and_says_the_same() {
        let folder = folder();
        let source = "scoreboards:\n- {name: a, entity: x, window: 90s, gte: 5}\nscores:\n  levels: {low: 0x10}\n\
                      placeholders: {a: [1, '1', 0x10, 'yes', \"\\t\"], 'b c': []}\nsecret_key: file:key\nmappings:\n- zeek\n\
                      maps: [{file: a.yml, server: 10.0.2.24}]\n";
        let file = File::new(&folder.path().join("sigmabus.yml"), source.as_bytes());
        let text = shown(Some(&file.understand()));
        insta::assert_snapshot!(text.replace(&folder.path().display().to_string(), "FOLDER"));
        let again = format!("{:?}", right(&folder, &text.replace("\"***\"", "file:key")));
        assert_eq!(again, format!("{:?}", right(&folder, source)));
    }

    #[test]
    fn the_manual_tells_of_every_section() {
        let page = include_str!("../../../docs/configuration.md");
        for key in keys() {
            assert!(page.lines().any(|line| line.starts_with(&format!("{key}:"))), "{key}");
        }
    }
}
