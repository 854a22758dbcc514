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
use std::process::{Command, Stdio};
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

#[test]
fn a_bad_login_is_an_alert_as_it_happens_and_the_end_is_clean() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sigmabus"))
        .args(["watch", "lo", "--format", "json", "--port", &port])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
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
        return;
    }
    let (to_test, alerts) = mpsc::channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(to_test.send(line))));

    refused_login(&listener);
    let line = alerts.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no alert within {PATIENCE:?}"));
    let alert: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(alert["title"], "Bad login on passphrase register");
    assert_eq!(alert["source"]["input"], "lo");
    assert!(!line.contains("[97,98,99") && !line.contains("abcdef"), "{line}");

    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let status = child.wait().unwrap();
    let mut summary = String::new();
    errors.read_to_string(&mut summary).unwrap();
    reader.join().unwrap();
    assert_eq!(status.code(), Some(0), "{summary}");
    assert!(summary.contains("1 query, 1 exception"), "{summary}");
    assert!(summary.contains(" received, 0 dropped by the kernel"), "{summary}");
    assert!(summary.contains("0 dropped by sigmabus"), "{summary}");
}

#[test]
fn an_interface_that_is_not_there_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_sigmabus")).args(["watch", "nosuch0"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("no interface `nosuch0`") || told.contains("CAP_NET_RAW"), "{told}");
}
