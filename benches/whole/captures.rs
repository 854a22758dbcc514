//! Packets to alerts, packets to records.

use super::bench::{Bench, Runner};
use super::generated;
use super::generator::attack::CATALOGUE;
use super::generator::plan::{Options, generate};
use super::generator::schedule::Network;
use super::peer::{signatures, transactions};
use super::table::{Section, grouped};
use super::tally::{Names, Tally, findings, lines, messages};
use anyhow::Context;
use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

/// A capture and what is in it.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Where it is.
    pub path: String,
    /// Frames of all kinds.
    pub frames: u64,
    /// Messages on the wire.
    pub messages: Tally,
    /// All records: messages, and what is told of them and of connections.
    pub records: u64,
}

impl Capture {
    /// Writes a capture and counts what is in it.
    ///
    /// # Errors
    /// When it cannot be written or read.
    pub fn generated(bench: &Bench, name: &str, options: &Options) -> anyhow::Result<Self> {
        let path = bench.path(name);
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let (_, truth) = generate(BufWriter::with_capacity(1 << 18, file), options)?;
        Self::counted(bench, &path, truth.frames)
    }

    /// The capture of whoever runs this, or a generated plant of so many transactions.
    ///
    /// # Errors
    /// When it cannot be written or read.
    pub fn of_plant(bench: &Bench, name: &str, transactions: u64) -> anyhow::Result<Self> {
        match env::var_os("SIGMABUS_BENCH_CAPTURE") {
            Some(path) => {
                let path = Path::new(&path).canonicalize()?;
                let frames = frames(bench, &path)?;
                Self::counted(bench, &path, frames)
            }
            None => Self::generated(bench, name, &plant(transactions)),
        }
    }

    /// A capture of one transaction, on which loading is all there is to do.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn least(bench: &Bench) -> anyhow::Result<String> {
        let options = Options { transactions: 1, connections: 1, ..Options::default() };
        let (bytes, _) = generate(Vec::new(), &options)?;
        let path = bench.path("least.pcap");
        fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    }

    fn counted(bench: &Bench, path: &Path, frames: u64) -> anyhow::Result<Self> {
        let path = path.display().to_string();
        let decode = bench.sigmabus(&["decode", &path]);
        let messages = Tally::of(&decode, messages)?;
        Ok(Self { path, frames, records: messages.lines, messages })
    }
}

/// A plant of 200 stations with attacks, whose network cuts and repeats now and then.
#[must_use]
pub fn plant(transactions: u64) -> Options {
    let attacks = CATALOGUE.iter().take(10).collect();
    Options { transactions, connections: 200, rate: 5_000.0, exceptions: 0.004, attacks, ..Options::default() }
}

/// How many frames the report says were read.
fn frames(bench: &Bench, path: &Path) -> anyhow::Result<u64> {
    let report = bench.sigmabus(&["scan", "--format", "text", &path.display().to_string()]);
    let mut read = None;
    report.lines(|line| {
        let line = String::from_utf8_lossy(line);
        if let Some((count, _)) = line.strip_prefix("Read").and_then(|rest| rest.split_once(" frames")) {
            read = count.replace(',', "").trim().parse().ok();
        }
    })?;
    read.with_context(|| format!("{} is no capture", path.display()))
}

/// Packets to alerts: the built-in rules and scores, and with more and more rules beside them.
///
/// # Errors
/// When a run fails.
pub fn alerts(bench: &Bench, capture: &Capture) -> anyhow::Result<Section> {
    let never =
        "title: Never\nlogsource: {product: modbus}\ndetection:\n  a:\n    modbus.unit_id: 300\n  condition: a\n";
    let never = bench.write("never.yml", never)?;
    let thousand = bench.write_rules("numeric-1000", &generated::numeric_rules(1_000))?;
    let thousands = bench.write_rules("numeric-5000", &generated::numeric_rules(5_000))?;
    let least = Capture::least(bench)?;
    let runners = [
        ("built-in rules and scores", &["--builtin", "-r", &never][..]),
        ("the same and 1,000 numeric rules", &["--builtin", "-r", &thousand]),
        ("the same and 5,000 numeric rules", &["--builtin", "-r", &thousands]),
        ("one rule that never matches", &["-r", &never]),
    ];
    let runners = runners.into_iter().map(|(who, args)| {
        let findings = Tally::of(&bench.scan(&[args, &["--emit", "findings", &capture.path]].concat()), findings)?;
        let found = format!("{} findings", grouped(findings.total()));
        let scan = |path: &str| bench.scan(&[args, &[path]].concat());
        Ok(Runner::ours(who, capture.frames, found, scan(&capture.path)).beyond(Some(scan(&least))))
    });
    let entries = bench.race(runners.collect::<anyhow::Result<_>>()?)?;
    Ok(Section { work: "Packets to alerts, one thread".to_owned(), unit: "packet", entries, remarks: Vec::new() })
}

/// Messages to records of JSON.
///
/// # Errors
/// When a run fails.
pub fn decode(bench: &Bench, capture: &Capture) -> anyhow::Result<Section> {
    let job = bench.sigmabus(&["decode", "--threads", "1", &capture.path]);
    let found = format!("{} records", grouped(capture.records));
    let entries = bench.race(vec![Runner::ours("decode", capture.messages.total(), found, job)])?;
    Ok(Section {
        work: "Messages to JSON records, one thread".to_owned(),
        unit: "message",
        entries,
        remarks: Vec::new(),
    })
}

/// The same beside tshark, on a capture that it gets through. No segment is cut: tshark loses a direction of a
/// connection at the first PDU whose first segment has fewer than 8 bytes.
///
/// # Errors
/// When a run fails.
pub fn beside_tshark(bench: &Bench) -> anyhow::Result<Section> {
    let plant = plant(bench.size(5_000, 50_000));
    let network = Network { cut: 0.0, ..plant.network };
    let capture = Capture::generated(bench, "whole.pcap", &Options { network, attacks: Vec::new(), ..plant })?;
    let total = capture.messages.total();
    let ours = bench.sigmabus(&["decode", "--threads", "1", &capture.path]);
    let theirs = bench.peers.decodes(bench.folder.path(), &capture.path);
    let pdus = Tally { counts: [("PDU".to_owned(), total)].into(), ..Tally::default() };
    let (theirs, remark) = Runner::peer("tshark", ", one field", total, theirs, ("PDUs", &pdus, transactions as Names));
    let ours = Runner::ours("decode, all fields as JSON", total, format!("{} PDUs", grouped(total)), ours);
    let entries = bench.race(vec![ours, theirs.once()])?;
    let remarks = remark.into_iter().collect();
    Ok(Section { work: "Decoding beside tshark".to_owned(), unit: "PDU", entries, remarks })
}

/// Four rules on requests in two languages, Suricata's and Sigma's.
const RULES: [(u32, &str, &str); 4] = [
    (1, "function 22", "modbus.function: 22"),
    (2, "function 8, subfunction 4", "modbus.function: 8\n    modbus.sub_function: 4"),
    (3, "unit 255, function 16", "modbus.unit_id: 255\n    modbus.function: 16"),
    (4, "access write coils", "modbus.function: [5, 15]"),
];

/// Packets to the alerts of four equal rules beside Suricata.
///
/// # Errors
/// When a run fails.
pub fn beside_suricata(bench: &Bench, capture: &Capture) -> anyhow::Result<Section> {
    let (mut sigma, mut suricata) = (String::new(), String::new());
    for (number, theirs, ours) in RULES {
        sigma += &format!(
            "---\ntitle: signature {number}\nlogsource: {{product: modbus}}\nlevel: low\ndetection:\n  a:\n    modbus.kind: query\n    \
             {ours}\n  condition: a\n"
        );
        suricata += &format!("alert modbus any any -> any any (msg:\"{number}\"; modbus: {theirs}; sid:{number};)\n");
    }
    let sigma = bench.write("four.yml", &sigma)?;
    let suricata = bench.write("four.rules", &suricata)?;
    let config = bench.write("suricata.yaml", SURICATA)?;
    let findings = Tally::of(&bench.scan(&["-r", &sigma, "--emit", "findings", &capture.path]), findings)?;
    let ours = bench.scan(&["-r", &sigma, &capture.path]);
    let theirs = bench.peers.alerts(bench.folder.path(), &config, &suricata, &capture.path);
    let compared = ("alerts", &findings, signatures as Names);
    let (theirs, remark) = Runner::peer("Suricata", ", the four rules", capture.frames, theirs, compared);
    let found = format!("{} findings", grouped(findings.total()));
    let ours = Runner::ours("the four rules and scores", capture.frames, found, ours);
    let entries = bench.race(vec![ours, theirs])?;
    let remarks = remark.into_iter().collect();
    Ok(Section { work: "Four equal rules beside Suricata".to_owned(), unit: "packet", entries, remarks })
}

/// As little as it can do: Modbus, and alerts.
const SURICATA: &str = "%YAML 1.1
---
vars: {address-groups: {HOME_NET: any, EXTERNAL_NET: any}, port-groups: {MODBUS_PORTS: 502}}
outputs:
  - eve-log: {enabled: yes, filetype: regular, filename: /dev/stdout, types: [{alert: {payload: no, packet: no, metadata: no}}]}
app-layer: {protocols: {modbus: {enabled: yes, detection-ports: {dp: 502}, stream-depth: 0}}}
stream: {memcap: 1gb, checksum-validation: no, midstream: true, reassembly: {memcap: 1gb, depth: 0}}
flow: {memcap: 1gb}
";

/// Two threads beside one, on a capture.
///
/// # Errors
/// When a run fails.
pub fn threads(bench: &Bench, capture: &Capture) -> anyhow::Result<Section> {
    let scan = |threads: &str, emit: &str| {
        bench.sigmabus(&["scan", "--format", "json", "--emit", emit, "--threads", threads, &capture.path])
    };
    let counted = |threads| Tally::of(&scan(threads, "findings,alerts,scores"), lines);
    let tallies = [counted("1")?, counted("2")?];
    let work = "Two threads, packets to alerts";
    bench.two_threads(work, "packet", capture.frames, &tallies, |threads| scan(threads, "alerts"))
}
