//! What a reader must know beside the figures: when, on what machine, which versions.

use super::peer::Peers;
use std::fs;
use std::process::Command;

/// A heading, and what the figures below it depend on.
#[must_use]
pub fn describe(peers: &Peers) -> String {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: String, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).map(ToOwned::to_owned);
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_else(|| "unknown".to_owned())
    };
    let said = |program: &str, args: &[&str]| {
        let said = Command::new(program).args(args).output().ok();
        said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned()).unwrap_or_default()
    };
    let processor = after(file("/proc/cpuinfo"), "model name");
    let memory = after(file("/proc/meminfo"), "MemTotal");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (kernel, rustc) = (said("uname", &["-sr"]), said("rustc", &["--version"]));
    let busy = file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let (version, commit) = (env!("CARGO_PKG_VERSION"), said("git", &["rev-parse", "--short", "HEAD"]));
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let peers: String = peers.all().map(|peer| format!("- {}: {}\n", peer.name, peer.version)).concat();
    format!(
        "## {now}\n\n- sigmabus {version} ({commit}), {rustc}\n- {processor}, {cores} cores, {memory}, {kernel}, load {busy} at the \
         beginning\n{peers}\nMedians of runs in turn; processor time is that of the user and the system together; \"beside\" is the cost \
         of one beside the first of its table.\n\n"
    )
}
