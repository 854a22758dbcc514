//! `sigmabus.yml`: what an installation says once.

use super::maps;
use super::report::counted;
use crate::record::maps::Maps;
use crate::record::schema;
use crate::score::{Points, Scoreboard, Threshold};
use crate::sigma::ir::Level;
use crate::time::Span;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is read from the working directory when none is named.
const DEFAULT_NAME: &str = "sigmabus.yml";

/// The largest configuration that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Ports that Modbus servers listen on.
    pub ports: Vec<u16>,
    /// What findings are worth.
    pub points: Points,
    /// Where they add up.
    pub scoreboards: Vec<Scoreboard>,
    /// Values for the placeholders of rules (`expand`), by name.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// The mappings that rules go through, where the command line names none: names of shipped ones, or files.
    pub mappings: Vec<String>,
    /// Fields that tell the time of log lines, before those of the usual names.
    pub times: Vec<Arc<str>>,
    /// What the registers of devices mean.
    pub maps: Arc<Maps>,
    /// The file it was read from.
    pub origin: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ports: crate::net::SERVER_PORTS.to_vec(),
            points: Points::default(),
            scoreboards: vec![Scoreboard::default()],
            placeholders: BTreeMap::new(),
            mappings: Vec::new(),
            times: Vec::new(),
            maps: Arc::default(),
            origin: None,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// It says something wrong; `at` is `line:column`, where that is known, and `key` the way to the value.
    #[error("{}{at}: {problem}{}", path.display(), in_key(key))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// `:LINE:COLUMN` or nothing.
        at: String,
        /// `scoreboards[0].window`
        key: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// Its device maps, or what it says of them, are wrong; each problem was told.
    #[error("{} in the device maps; correct {}", counted(*.0, "error"), if *.0 == 1 { "it" } else { "them" })]
    Maps(usize),
}

fn in_key(key: &str) -> String {
    if key.is_empty() || key == "." { String::new() } else { format!(" (in `{key}`)") }
}

impl Config {
    /// Reads the named file, or `sigmabus.yml` here if there is one, or nothing.
    ///
    /// # Errors
    /// When the file cannot be read or says something wrong.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let default = Path::new(DEFAULT_NAME);
        let path = match named {
            Some(path) => path,
            None if default.is_file() => default,
            None => return Ok(Self::default()),
        };
        let read = |reason| ConfigError::Read { path: path.to_owned(), reason };
        let size = std::fs::metadata(path).map_err(read)?.len();
        if size > MAX_BYTES {
            let reason =
                std::io::Error::other(format!("{size} bytes are more than the {MAX_BYTES} a configuration may have"));
            return Err(read(reason));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let (mut config, has_maps) = Self::parse(&text, path)?;
        if has_maps {
            config.maps = Arc::new(Self::load_maps(path, &text)?);
        }
        Ok(Self { origin: Some(path.to_owned()), ..config })
    }

    fn load_maps(path: &Path, text: &str) -> Result<Maps, ConfigError> {
        let maps::Understood { maps, key, problems } = maps::read(path, text, super::colour_on_stderr());
        if !problems.is_empty() {
            problems.iter().for_each(|problem| super::note(&format!("{}\n", problem.trim_end())));
            return Err(ConfigError::Maps(problems.len()));
        }
        let without_key = key.is_none();
        let maps = maps::assemble(maps, key);
        if without_key && maps.has_secrets() {
            super::note(
                "sigmabus: note: no `secret_key` is configured, so the marks of secret registers are of this run only",
            );
        }
        Ok(maps)
    }

    /// The configuration without its maps, and whether it has any.
    fn parse(text: &str, path: &Path) -> Result<(Self, bool), ConfigError> {
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok((Self::default(), false));
        }
        let deserializer = serde_yaml::Deserializer::from_str(text);
        let written: Written = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let key = error.path().to_string();
            let inner = error.into_inner();
            let at = inner.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
            let full = inner.to_string();
            let problem = full.split(" at line ").next().unwrap_or(&full);
            let problem = problem.strip_prefix(&format!("{key}: ")).unwrap_or(problem).to_owned();
            ConfigError::Wrong { path: path.to_owned(), at, key, problem }
        })?;
        let has_maps = written.maps.is_some() || written.secret_key.is_some();
        let config = written.check().map_err(|(key, problem)| ConfigError::Wrong {
            path: path.to_owned(),
            at: String::new(),
            key,
            problem,
        })?;
        Ok((config, has_maps))
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map")]
struct Written {
    ports: Option<Vec<u16>>,
    #[serde(default)]
    timestamp_fields: Vec<String>,
    #[serde(default)]
    placeholders: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    mappings: Vec<String>,
    #[serde(default)]
    scores: WrittenScores,
    scoreboards: Option<Vec<WrittenScoreboard>>,
    /// Read by [`maps`], which knows places.
    maps: Option<IgnoredAny>,
    /// As well.
    secret_key: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a map of levels, rules and tags")]
struct WrittenScores {
    levels: WrittenLevels,
    rules: BTreeMap<String, u32>,
    tags: BTreeMap<String, u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a map of levels")]
struct WrittenLevels {
    informational: Option<u32>,
    low: Option<u32>,
    medium: Option<u32>,
    high: Option<u32>,
    critical: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map with name, entity, window and gt or gte")]
struct WrittenScoreboard {
    name: String,
    entity: Vec<String>,
    window: String,
    gt: Option<i64>,
    gte: Option<i64>,
    cool_down: Option<String>,
}

fn shared(written: BTreeMap<String, u32>) -> FxHashMap<Arc<str>, u32> {
    written.into_iter().map(|(key, points)| (key.into(), points)).collect()
}

/// The way to a value and what is wrong with it.
type Problem = (String, String);

/// The most points a finding can be worth, so that sums stay far from the end of their range.
const MAX_POINTS: u32 = 1_000_000;

impl Written {
    fn check(self) -> Result<Config, Problem> {
        let mut config = Config::default();
        if let Some(ports) = self.ports {
            if ports.is_empty() || ports.contains(&0) {
                return Err(("ports".into(), "expected at least one port from 1 to 65535".into()));
            }
            config.ports = ports;
        }
        config.placeholders = self.placeholders;
        config.mappings = self.mappings;
        if self.timestamp_fields.iter().any(String::is_empty) {
            return Err(("timestamp_fields".into(), "expected names of fields, not an empty one".into()));
        }
        config.times = self.timestamp_fields.into_iter().map(Arc::from).collect();
        config.points = self.scores.check()?;
        if let Some(boards) = self.scoreboards {
            config.scoreboards =
                boards.into_iter().enumerate().map(|(index, board)| board.check(index)).collect::<Result<_, _>>()?;
            for (index, board) in config.scoreboards.iter().enumerate() {
                if config.scoreboards.iter().take(index).any(|other| other.name == board.name) {
                    let problem = format!("there is a scoreboard `{}` already", board.name);
                    return Err((format!("scoreboards[{index}].name"), problem));
                }
            }
        }
        Ok(config)
    }
}

impl WrittenScores {
    fn check(self) -> Result<Points, Problem> {
        let mut points = Points::default();
        let WrittenLevels { informational, low, medium, high, critical } = self.levels;
        for (place, written) in points.levels.iter_mut().zip([informational, low, medium, high, critical]) {
            *place = written.unwrap_or(*place);
        }
        points.rules = shared(self.rules);
        points.tags = shared(self.tags);
        let rules = points.rules.iter().map(|(key, points)| (format!("rules.{key}"), *points));
        let tags = points.tags.iter().map(|(key, points)| (format!("tags.{key}"), *points));
        let levels =
            Level::ALL.iter().zip(points.levels).map(|(level, points)| (format!("levels.{}", level.word()), points));
        if let Some((key, given)) = rules.chain(tags).chain(levels).find(|(_, given)| *given > MAX_POINTS) {
            return Err((format!("scores.{key}"), format!("{given} points are more than the {MAX_POINTS} allowed")));
        }
        Ok(points)
    }
}

impl WrittenScoreboard {
    fn check(self, index: usize) -> Result<Scoreboard, Problem> {
        let key = |name: &str| format!("scoreboards[{index}].{name}");
        let span = |name: &str, text: &str| {
            Span::parse(text)
                .ok_or_else(|| (key(name), format!("expected a number and one of s m h d w, not `{text}`")))
        };
        let threshold = match (self.gt, self.gte) {
            (Some(bound), None) => Threshold::Gt(bound),
            (None, Some(bound)) => Threshold::Gte(bound),
            _ => return Err((key("gt"), "expected exactly one of `gt` and `gte`".into())),
        };
        if self.entity.is_empty() {
            return Err((key("entity"), "expected at least one field".into()));
        }
        let known = |field: &&String| !field.starts_with("modbus.") || schema::find(field).is_some();
        if let Some(field) = self.entity.iter().find(|field| !known(field)) {
            let meant = schema::suggest(field).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            return Err((key("entity"), format!("no field `{field}`{meant}")));
        }
        let window = span("window", &self.window)?;
        let cool_down = self.cool_down.map_or(Ok(window), |text| span("cool_down", &text))?;
        let entity = self.entity.into_iter().map(Arc::from).collect();
        Ok(Scoreboard { name: self.name.into(), entity, window, threshold, cool_down })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let (config, _) = Config::parse(text, Path::new("sigmabus.yml")).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn nothing_written_is_the_default() {
        let config = parse("# only a comment\n\n").unwrap();
        assert_eq!((config.ports, config.points, config.scoreboards), {
            let Config { ports, points, scoreboards, .. } = Config::default();
            (ports, points, scoreboards)
        });
    }

    #[test]
    fn what_is_written_replaces_the_default() {
        let config = parse(
            "ports: [502, 1502]\ntimestamp_fields: [when]\n\
             scores:\n  levels: {low: 1}\n  rules: {r1: 40}\n  tags: {attack.t0846: 7}\n\
             scoreboards:\n- {name: pair, entity: [modbus.client, modbus.server], window: 5m, gte: 50, cool_down: 1h}\n",
        )
        .unwrap();
        assert_eq!(config.ports, [502, 1502]);
        assert_eq!(config.times, ["when".into()]);
        assert_eq!(config.points.levels, [5, 1, 40, 70, 100]);
        assert_eq!(config.points.rules.get("r1"), Some(&40));
        let board = &config.scoreboards[0];
        assert_eq!((board.window, board.cool_down), (Span::from_secs(300), Span::from_secs(3_600)));
        assert_eq!(board.threshold, Threshold::Gte(50));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let all = [
            "ports: [0]",
            "ports: [http]",
            "prots: [502]",
            "scores: {rules: {r1: -4}}",
            "scores: {rules: {r1: 4000000}}",
            "scoreboards: [{name: a, entity: [modbus.client], window: 10 minutes, gt: 5}]",
            "scoreboards: [{name: a, entity: [modbus.client], window: 10m, gt: 5, gte: 6}]",
            "scoreboards: [{name: a, entity: [], window: 10m, gt: 5}]",
            "scoreboards: [{name: a, window: 10m, gt: 5}]",
            "scores: [",
            "scores: {levels: {high: 3000000}}",
            "scoreboards: [{name: a, entity: [modbus.klient], window: 10m, gt: 5}]",
            "scoreboards: [{name: a, entity: [x], window: 1m, gt: 5}, {name: a, entity: [y], window: 1m, gt: 5}]",
            "placeholders: {writers: 10.0.0.1}",
            "timestamp_fields: when",
            "timestamp_fields: ['']",
            "just text",
        ];
        let told: Vec<String> = all.iter().map(|text| format!("{text}\n  {}", parse(text).unwrap_err())).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
