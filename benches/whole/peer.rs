//! Who else does this work: where a peer is, how it is run at its best, and how to read what it says.

use super::measure::Job;
use serde::Deserialize;
use std::borrow::Cow;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that does some of what sigmabus does.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it calls itself.
    pub name: &'static str,
    /// Where it is; `None` where it is not installed.
    pub program: Option<PathBuf>,
    /// What it says of its version.
    pub version: String,
}

impl Peer {
    /// The peer at `variable` of the environment, or as `program` on the path.
    #[must_use]
    pub fn find(name: &'static str, variable: &str, program: &str, version: &str) -> Self {
        let found = env::var_os(variable).map(PathBuf::from).or_else(|| {
            let path = env::var_os("PATH")?;
            env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
        });
        // One that does not answer is not installed.
        let said = found.as_ref().and_then(|program| Command::new(program).arg(version).output().ok());
        let Some(said) = said else { return Self { name, program: None, version: "not installed".to_owned() } };
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        Self { name, program: found, version: said.lines().next().unwrap_or_default().trim().to_owned() }
    }

    fn job(&self, folder: &Path, args: &[&str]) -> Option<Job> {
        self.program.as_ref().map(|program| Job::new(folder, program, args))
    }
}

/// The peers that are known.
#[derive(Clone, Debug)]
pub struct Peers {
    /// Decodes.
    pub tshark: Peer,
    /// Matches its own rules on requests.
    pub suricata: Peer,
    /// Matches Sigma rules on JSON lines.
    pub rsigma: Peer,
}

impl Peers {
    /// Looks for all of them.
    #[must_use]
    pub fn find() -> Self {
        Self {
            tshark: Peer::find("tshark", "SIGMABUS_BENCH_TSHARK", "tshark", "--version"),
            suricata: Peer::find("Suricata", "SIGMABUS_BENCH_SURICATA", "suricata", "-V"),
            rsigma: Peer::find("rsigma", "SIGMABUS_BENCH_RSIGMA", "rsigma", "--version"),
        }
    }

    /// All of them.
    #[must_use]
    pub const fn all(&self) -> [&Peer; 3] {
        [&self.tshark, &self.suricata, &self.rsigma]
    }

    /// tshark, as it decodes a capture: a line for each frame with Modbus, with [`transactions`] on it.
    #[must_use]
    pub fn decodes(&self, folder: &Path, capture: &str) -> Option<Job> {
        let decodes = ["-d", "tcp.port==502,mbtcp", "-Y", "mbtcp", "-T", "fields", "-e", "mbtcp.trans_id"];
        self.tshark.job(folder, &[&["-n", "-r", capture], &decodes[..]].concat())
    }

    /// Suricata, as it tells the alerts of `rules` on a capture: one line each, with [`signatures`] on it.
    #[must_use]
    pub fn alerts(&self, folder: &Path, config: &str, rules: &str, capture: &str) -> Option<Job> {
        let log = folder.to_str()?;
        self.suricata
            .job(folder, &["-c", config, "-S", rules, "-r", capture, "-l", log, "--runmode", "single", "-k", "none"])
    }

    /// rsigma, as it tells what rules find in JSON lines: one line each, with [`rules`] on it.
    #[must_use]
    pub fn finds(&self, folder: &Path, rules: &str, routed: bool) -> Option<Job> {
        let routing: &[&str] = if routed { &["--logsource-routing"] } else { &[] };
        let args = ["engine", "eval", "-r", rules, "--input-format", "json", "--quiet", "--output-format", "ndjson"];
        self.rsigma.job(folder, &[&args, routing].concat())
    }
}

/// The transactions on a line of tshark's: the ids of all PDUs of a frame, separated by commas.
pub fn transactions(line: &[u8], found: &mut dyn FnMut(&str)) {
    line.split(|byte| *byte == b',').filter(|id| !id.is_empty()).for_each(|_| found("PDU"));
}

/// The number of the signature on a line of Suricata's EVE log.
pub fn signatures(line: &[u8], found: &mut dyn FnMut(&str)) {
    #[derive(Deserialize)]
    struct Line {
        alert: Option<Alert>,
    }
    #[derive(Deserialize)]
    struct Alert {
        signature_id: u32,
    }
    if let Ok(Line { alert: Some(alert) }) = serde_json::from_slice(line) {
        found(&format!("signature {}", alert.signature_id));
    }
}

/// The title of the rule on a line of rsigma's.
pub fn rules(line: &[u8], found: &mut dyn FnMut(&str)) {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        rule_title: Cow<'a, str>,
    }
    if let Ok(line) = serde_json::from_slice::<Line<'_>>(line) {
        found(&line.rule_title);
    }
}
