//! Live traffic: that of a wire of our own says what its file says, as soon as it is known. And on this machine's own
//! loopback interface; skipped, saying so, where capturing is not allowed.
#![cfg(feature = "live")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;
#[path = "../examples/traffic/generator.rs"]
pub mod generator;

use common::builtin_configured;
use generator::attack::CATALOGUE;
use generator::plan::{Options, generate};
use proptest::prelude::*;
use serde_json::Value;
use sigmabus::capture::{self, Batch, CaptureError, Cut, LinkType, Opened, Source};
use sigmabus::cli::config::Config;
use sigmabus::detect::{Input, Unit};
use sigmabus::pipeline::live::{Came, Wire, analyse};
use sigmabus::pipeline::{Emits, Engine, Plan, Run, Summary, Wanted};
use sigmabus::sink::{JsonLines, Sink};
use sigmabus::time::{Span, Timestamp};
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A refused login as the article has it: the query, and the exception that answers it.
const QUERY: &[u8] = b"\x00\x07\x00\x00\x00\x13\x0a\x10\x00\x1f\x00\x06\x0c\x00a\x00b\x00c\x00d\x00e\x00f";
const ANSWER: &[u8] = b"\x00\x07\x00\x00\x00\x03\x0a\x90\x02";

fn refused_login(listener: &TcpListener) {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut got = vec![0; QUERY.len()];
    client.write_all(QUERY).unwrap();
    server.read_exact(&mut got).unwrap();
    server.write_all(ANSWER).unwrap();
    client.read_exact(&mut got[..ANSWER.len()]).unwrap();
}

/// A run on the loopback interface that has begun.
struct Watching {
    child: Child,
    errors: BufReader<ChildStderr>,
    alerts: mpsc::Receiver<String>,
    reader: thread::JoinHandle<()>,
}

impl Watching {
    /// `None`, said aloud, where capturing is not allowed.
    fn begin(folder: &Path, port: u16) -> Option<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sigmabus"))
            .args(["watch", "lo", "--format", "json", "--port", &port.to_string()])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        errors.read_line(&mut first).unwrap();
        if !first.contains("watching lo") {
            assert!(first.contains("CAP_NET_RAW") || first.contains("no interface"), "{first}");
            eprintln!("skipped: {first}");
            child.wait().unwrap();
            return None;
        }
        let (to_test, alerts) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(to_test.send(line))));
        Some(Self { child, errors, alerts, reader })
    }

    fn alert(&self) -> String {
        self.alerts.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no alert within {PATIENCE:?}"))
    }

    /// Ends it as an operator would; gives the summary.
    fn end(mut self) -> String {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        let status = self.child.wait().unwrap();
        let mut summary = String::new();
        self.errors.read_to_string(&mut summary).unwrap();
        self.reader.join().unwrap();
        assert_eq!(status.code(), Some(0), "{summary}");
        summary
    }
}

#[test]
fn a_bad_login_is_an_alert_as_it_happens_and_the_end_is_clean() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(watching) = Watching::begin(folder, listener.local_addr().unwrap().port()) else { return };
    refused_login(&listener);
    let line = watching.alert();
    let alert: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(alert["title"], "Bad login on passphrase register");
    assert_eq!(alert["source"]["input"], "lo");
    assert!(!line.contains("[97,98,99") && !line.contains("abcdef"), "{line}");

    let summary = watching.end();
    assert!(summary.contains("1 query, 1 exception"), "{summary}");
    assert!(summary.contains(" received, 0 dropped by the kernel"), "{summary}");
    assert!(summary.contains("0 dropped by sigmabus"), "{summary}");
}

#[test]
fn what_was_learned_live_is_written_at_the_end() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = "baseline: {file: b.yml, mode: continue}\n";
    std::fs::write(folder.path().join("sigmabus.yml"), config).unwrap();
    let Some(watching) = Watching::begin(folder.path(), listener.local_addr().unwrap().port()) else { return };
    refused_login(&listener);
    let alert: Value = serde_json::from_str(&watching.alert()).unwrap();
    assert!(alert["findings"][0]["record"].get("baseline.new").is_none(), "the refusal itself is nothing new: {alert}");
    watching.end();
    let text = std::fs::read_to_string(folder.path().join("b.yml")).unwrap();
    let written = "- {server: 127.0.0.1, unit: 10, table: holding_registers, access: write, addresses: 31-36, ";
    assert!(text.contains(written), "{text}");
}

#[test]
fn an_interface_that_is_not_there_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_sigmabus")).args(["watch", "nosuch0"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("no interface `nosuch0`") || told.contains("CAP_NET_RAW"), "{told}");
}

/// Policies that count, group and hold back; incidents that end soon and begin again.
const POLICIES: &str = "
policies:
- {when: {rule.level: informational}, do: score}
- {when: {rule.title|contains: scan}, do: group}
- {when: {rule.level: [low, medium]}, do: raise, after: 2, window: 40s, by: [rule.id, modbus.client]}
- {do: raise, repeat: 15s}
incidents: {by: [modbus.client], window: 20s, reopen: 2m}
";

/// All built-in rules, those that tell what did not happen among them.
fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    let compile = || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sigmabus.yml");
        std::fs::write(&path, POLICIES).unwrap();
        let Config { alerting, scoreboards, .. } = Config::load(Some(&path)).unwrap();
        let wanted = Wanted { alerting, scoreboards, findings: true, ..Wanted::default() };
        Arc::new(Plan::compile(builtin_configured(), wanted).unwrap())
    };
    Arc::clone(PLAN.get_or_init(compile))
}

/// A frame, and when it comes: its own time, unless that is wrong.
struct Coming {
    comes: Timestamp,
    time: Timestamp,
    link: LinkType,
    wire_len: u32,
    bytes: Vec<u8>,
}

fn frames(options: &Options) -> Vec<Coming> {
    let bytes = generate(Vec::new(), options).unwrap().0;
    let Ok(Opened::Capture(mut source)) = capture::open(Box::new(Cursor::new(bytes))) else { unreachable!() };
    let (mut frames, mut batch) = (Vec::new(), Batch::new());
    loop {
        source.fill(&mut batch).unwrap();
        if batch.is_empty() {
            return frames;
        }
        frames.extend(batch.frames().map(|frame| Coming {
            comes: frame.time,
            time: frame.time,
            link: frame.link,
            wire_len: frame.wire_len,
            bytes: frame.bytes.to_vec(),
        }));
    }
}

/// Puts `count` frames from `from` on into a batch.
fn fill(batch: &mut Batch, frames: &[Coming], from: usize, count: usize) {
    batch.restart(from as u64 + 1);
    for frame in frames.iter().skip(from).take(count) {
        batch.push(frame.time, frame.link, frame.wire_len, &frame.bytes);
    }
}

/// The frames as a file has them.
struct Stored {
    frames: Arc<Vec<Coming>>,
    next: usize,
}

impl Source for Stored {
    fn fill(&mut self, batch: &mut Batch) -> Result<(), CaptureError> {
        fill(batch, &self.frames, self.next, 2_048);
        self.next += 2_048;
        Ok(())
    }

    fn cut(&self) -> Option<Cut> {
        None
    }
}

/// The frames as they come: few at a time, some late, with silence between them that the clock on the wall measures. That
/// clock is not the adapter's.
struct Paced<'a> {
    frames: &'a [Coming],
    next: usize,
    wall: Timestamp,
    random: u64,
    ticks: u64,
}

impl Paced<'_> {
    const AHEAD: Span = Span::from_secs(77);
    const IDLE: Span = Span::from_nanos(500_000_000);

    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }
}

impl Wire for Paced<'_> {
    fn next(&mut self) -> Option<Came> {
        let comes = self.frames.get(self.next)?.comes.plus(Self::AHEAD);
        if self.wall.plus(Self::IDLE) < comes {
            self.wall = self.wall.plus(Self::IDLE);
            self.ticks += 1;
            return Some(Came::Nothing(self.wall));
        }
        let late = Span::from_nanos(self.random(300) as i64 * 1_000_000);
        self.wall = self.wall.max(comes.plus(late));
        let at_most = 1 + self.random(5) as usize;
        let there = self.frames.iter().skip(self.next).take(at_most);
        let count = there.take_while(|frame| frame.comes.plus(Self::AHEAD) <= self.wall).count();
        let mut batch = Batch::new();
        fill(&mut batch, self.frames, self.next, count);
        self.next += count;
        Some(Came::Frames(batch, self.wall))
    }
}

const EMITS: Emits = Emits { alerts: true, findings: true, scores: true, incidents: true };

fn input() -> Input {
    Input { name: "wire".into(), unit: Unit::Frame }
}

/// What is said of frames that are stored.
fn stored(frames: &Arc<Vec<Coming>>) -> (String, Summary) {
    let mut out = Vec::new();
    let mut sink = JsonLines::new(&mut out);
    let mut run = Run::new(&plan(), 1, &(), EMITS);
    run.capture(input(), Box::new(Stored { frames: Arc::clone(frames), next: 0 }), None, &mut sink).unwrap();
    let summary = run.finish(&mut sink).unwrap();
    sink.flush().unwrap();
    drop(sink);
    (String::from_utf8(out).unwrap(), summary)
}

/// What is said of them as they come, and how often there was nothing.
fn live(frames: &[Coming], random: u64) -> (String, Summary, u64) {
    let mut out = Vec::new();
    let mut sink = JsonLines::new(&mut out);
    let mut engine = Engine::new(&plan(), EMITS);
    let number = engine.begin(input());
    let wall = frames.first().map_or(Timestamp::default(), |frame| frame.comes.plus(Paced::AHEAD));
    let mut wire = Paced { frames, next: 0, wall, random, ticks: 0 };
    analyse(&mut wire, number, &plan(), &mut engine, &mut sink, &()).unwrap();
    let summary = engine.finish(&mut sink).unwrap();
    sink.flush().unwrap();
    drop(sink);
    (String::from_utf8(out).unwrap(), summary, wire.ticks)
}

/// Lines of one kind, in their order.
fn of_kind<'a>(lines: &'a str, kind: &str) -> Vec<&'a str> {
    let head = format!("{{\"type\":\"{kind}\",");
    lines.lines().filter(|line| line.starts_with(&head)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// The law: live equals batch. Findings, scores, alerts and incidents are those of the same frames in a file, though
    /// the clock moves on between frames; and one frame whose time is wrong ends nothing, here and there.
    #[test]
    fn what_comes_live_says_what_its_file_says(
        seed in any::<u64>(),
        (rate, transactions) in prop::sample::select(&[(20.0, 300), (1.0, 150), (0.05, 40)][..]),
        attacks in prop::sample::subsequence((0..CATALOGUE.len()).collect::<Vec<_>>(), 1..4),
        unanswered in prop::sample::select(&[0.0, 0.1][..]),
        wrong in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let attacks = attacks.into_iter().filter_map(|place| CATALOGUE.get(place)).collect();
        let options =
            Options { seed, transactions, rate, connections: 5, unanswered, exceptions: 0.05, attacks, ..Options::default() };
        let mut frames = frames(&options);
        if let Some(wrong) = wrong {
            // One before a silence, where there is one: meanwhile nothing says that its time is wrong.
            let silent = |place: &usize| frames[place + 1].comes.since(frames[*place].comes) > Span::from_secs(3);
            let before: Vec<usize> = (0..frames.len() - 1).filter(silent).collect();
            let place = if before.is_empty() { wrong.index(frames.len()) } else { *wrong.get(&before) };
            frames[place].time = frames[place].time.plus(Span::from_secs(30 * 86_400));
        }
        let frames = Arc::new(frames);
        let (expected, summary) = stored(&frames);
        let (told, of_live, ticks) = live(&frames, seed);
        prop_assert!(rate > 10.0 || ticks > 10, "{}", ticks);
        for kind in ["finding", "score", "alert", "incident"] {
            prop_assert_eq!(of_kind(&told, kind), of_kind(&expected, kind));
        }
        prop_assert_eq!(told.lines().count(), expected.lines().count());
        let figures = |it: &Summary| (it.records.count, it.alerts, it.repeats, it.held, it.suppressed, it.incidents);
        prop_assert_eq!(figures(&of_live), figures(&summary));
    }
}
