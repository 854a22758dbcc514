//! Live traffic on this machine's own loopback interface; skipped, saying so, where capturing is not allowed.
#![cfg(feature = "live")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop"
)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
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
