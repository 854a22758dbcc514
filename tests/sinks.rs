//! What is sent arrives: files, log servers and web servers on this host, well and badly behaved.

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

use common::{Ran, command, fixture, folder, values};
use sigmabus::sigma::ir::Expr;
use sigmabus::sink::{
    Backoff, Bounds, Delivery, Drop as Oldest, Fan, Figures, FileSpec, JsonLines, Kind, Manner, Peer, Pressure,
    Printed, Route, Routed, Sink, SinkSpec, SyslogSpec, Target, Transport, WebhookSpec,
};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The longest that anything in here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a configuration.
fn configured(text: &str) -> TempDir {
    folder(&[("sigmabus.yml", text)])
}

fn sigmabus(folder: &TempDir, args: &[&str]) -> Ran {
    Ran::of(&command(folder.path(), args).env("HOOK_TOKEN", "hunter2").output().unwrap())
}

/// Scans the bundled capture.
fn scan(folder: &TempDir, args: &[&str]) -> Ran {
    let capture = fixture("demo/capture.pcap");
    sigmabus(folder, &[&["scan", "--format", "json", capture.to_str().unwrap()], args].concat())
}

/// What a run complains of: that it waits for another side is no complaint.
fn complaints(ran: &Ran) -> Vec<&str> {
    ran.err.lines().filter(|line| !line.contains("waiting up to")).collect()
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

#[test]
fn a_file_gets_the_alerts_that_are_printed() {
    let folder = configured("sinks:\n- {name: log, type: file, path: log.ndjson, sync: always}\n");
    let ran = scan(&folder, &[]);
    assert_eq!((ran.code, complaints(&ran)), (0, vec![]));
    assert!(ran.out.lines().count() > 3);
    assert_eq!(read(&folder, "log.ndjson"), ran.out);
    // A second run goes on behind the first.
    scan(&folder, &[]);
    assert_eq!(read(&folder, "log.ndjson"), ran.out.repeat(2));
}

#[test]
fn routes_divide_what_is_found_on_any_number_of_threads() {
    let text = "\
sinks:
- {name: bad, type: file, path: bad.ndjson}
- {name: rest, type: file, path: rest.ndjson}
- {name: reads, type: file, path: reads.ndjson}
- {name: findings, type: file, path: findings.ndjson}
- {name: incidents, type: file, path: incidents.ndjson}
routes:
- {from: alerts, when: {level: critical}, to: bad, stop: true}
- {from: alerts, to: rest}
- {from: records, when: {a: {modbus.access: read}, b: {modbus.kind: query}, condition: a and b}, to: reads}
- {from: findings, when: {rule.level: [low, medium]}, to: findings}
- {from: incidents, to: incidents}
";
    let names = ["bad", "rest", "reads", "findings", "incidents"].map(|name| format!("{name}.ndjson"));
    let runs = ["1", "4"].map(|threads| {
        let folder = configured(text);
        let ran = scan(&folder, &["--threads", threads]);
        assert_eq!((ran.code, complaints(&ran)), (0, vec![]));
        (names.each_ref().map(|name| read(&folder, name)), ran.out)
    });
    let [(files, out), other] = &runs;
    assert_eq!(runs[0], *other);
    let [bad, rest, reads, findings, incidents] = files.each_ref().map(|file| values(file));
    let levels =
        |lines: &[serde_json::Value]| lines.iter().map(|line| line["level"].to_string()).collect::<BTreeSet<_>>();
    assert_eq!(levels(&bad), BTreeSet::from(["\"critical\"".to_owned()]));
    assert!(!rest.is_empty() && !levels(&rest).contains("\"critical\""));
    assert_eq!(bad.len() + rest.len(), out.lines().count());
    let all = common::decode(&fixture("demo/capture.pcap"));
    let expected: Vec<_> =
        all.into_iter().filter(|line| line["modbus.access"] == "read" && line["modbus.kind"] == "query").collect();
    assert!(!expected.is_empty());
    assert_eq!(reads, expected);
    let rule_levels: BTreeSet<_> = findings.iter().map(|line| line["rule"]["level"].as_str().unwrap()).collect();
    assert!(rule_levels.iter().all(|level| ["low", "medium"].contains(level)) && !rule_levels.is_empty());
    assert!(incidents.iter().all(|line| line["type"] == "incident") && !incidents.is_empty());
}

#[test]
fn records_without_status_are_routed_without_it_and_to_the_last_of_a_log() {
    let folder = configured("sinks: [{name: log, type: file, path: log}]\nroutes: [{from: records, to: log}]\n");
    let all = common::decode(&fixture("demo/capture.pcap"));
    let expected: Vec<_> = all.into_iter().filter(|record| record["modbus.kind"] != "status").collect();
    scan(&folder, &["--no-status"]);
    assert_eq!(values(&read(&folder, "log")), expected);

    // A request that a log of NXLog leaves open is kept until its end.
    let capture = fixture("badlogin/capture.pcap");
    let lines = sigmabus(&folder, &["decode", "--naming", "nxlog", capture.to_str().unwrap()]).out;
    fs::write(folder.path().join("open.json"), lines.lines().next().unwrap()).unwrap();
    fs::remove_file(folder.path().join("log")).unwrap();
    let ran = sigmabus(&folder, &["scan", "--format", "json", "--emit", "records", "open.json"]);
    assert_eq!((ran.code, values(&ran.out).len()), (0, 1), "{}", ran.err);
    assert_eq!(read(&folder, "log"), ran.out);
}

#[test]
fn every_key_of_a_line_can_be_asked_for() {
    let folder = configured("");
    let printed = scan(&folder, &["--emit", "alerts,findings,incidents"]);
    let mut seen = BTreeSet::new();
    for line in values(&printed.out) {
        let kind = format!("{}s", line["type"].as_str().unwrap());
        seen.extend(line.as_object().unwrap().keys().map(|key| (kind.clone(), key.clone())));
    }
    assert!(seen.len() > 20, "{seen:?}");
    let routes = seen.iter().map(|(kind, key)| format!("- {{from: {kind}, when: {{{key}.x: 1}}, to: stdout}}\n"));
    for chunk in routes.collect::<Vec<_>>().chunks(60) {
        let folder = configured(&format!("routes:\n{}", chunk.concat()));
        let ran = sigmabus(&folder, &["config", "check"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}

#[test]
fn standard_output_can_be_a_sink_and_its_end_stops_no_other() {
    let folder = configured(
        "sinks:\n- {name: log, type: file, path: log}\nroutes:\n- {from: alerts, to: log}\n\
         - {from: alerts, when: {level: critical}, to: stdout}\n",
    );
    let ran = scan(&folder, &[]);
    let all = values(&read(&folder, "log"));
    let printed = values(&ran.out);
    let critical: Vec<_> = all.iter().filter(|alert| alert["level"] == "critical").cloned().collect();
    assert!(!critical.is_empty() && critical.len() < all.len());
    assert_eq!(printed, critical);

    // A reader that goes away at once, and more output than a pipe holds.
    let folder =
        configured("sinks:\n- {name: log, type: file, path: log}\nroutes:\n- {from: records, to: [log, stdout]}\n");
    let capture = fixture("demo/capture.pcap");
    let args = ["scan", "--format", "json", "--emit", "records", capture.to_str().unwrap()];
    let mut child = command(folder.path(), &args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    child.wait().unwrap();
    assert_eq!(values(&read(&folder, "log")).len(), common::decode(&capture).len());
}

/// Datagrams as texts, until none comes.
fn datagrams(socket: &UdpSocket) -> Vec<String> {
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut buffer = vec![0; 65_536];
    let mut all = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        all.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    all
}

/// The header of a message without its process, and its content.
fn parts(message: &str) -> (String, &str) {
    let (header, rest) = message.split_once(" [").unwrap();
    let (data, content) = rest.split_once("] ").unwrap();
    let mut fields: Vec<&str> = header.split(' ').collect();
    fields[4] = "PID";
    (format!("{} [{data}]", fields.join(" ")), content)
}

#[test]
fn syslog_over_udp_has_header_data_and_json() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = configured(&format!(
        "sinks:\n- {{name: siem, type: syslog, address: '{}', facility: auth, hostname: sensor, app_name: plant1}}\n",
        server.local_addr().unwrap()
    ));
    let ran = scan(&folder, &[]);
    assert_eq!((ran.code, complaints(&ran)), (0, vec![]));
    let messages = datagrams(&server);
    let contents: String = messages.iter().map(|message| format!("{}\n", parts(message).1)).collect();
    assert_eq!(contents, ran.out);
    let first = values(&ran.out).remove(0);
    let severity = if first["level"] == "critical" { 2 } else { 3 };
    let time = first["time"].as_str().unwrap();
    let header = format!(
        "<{}>1 {}Z sensor plant1 PID alert [sigmabus@32473 level={} rule={} id={}]",
        4 * 8 + severity,
        &time[..26],
        first["level"],
        first["title"],
        first["id"]
    );
    assert_eq!(parts(&messages[0]).0, header);
}

#[test]
fn syslog_can_be_cef() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = configured(&format!(
        "sinks:\n- {{name: siem, type: syslog, address: '{}', format: cef}}\n",
        server.local_addr().unwrap()
    ));
    let ran = scan(&folder, &[]);
    let messages = datagrams(&server);
    assert_eq!(messages.len(), ran.out.lines().count());
    for (message, alert) in messages.iter().zip(values(&ran.out)) {
        let cef = parts(message).1;
        assert!(cef.starts_with("CEF:0|sigmabus|sigmabus|"), "{cef}");
        assert!(cef.contains(&format!(" externalId={} ", alert["id"].as_str().unwrap())), "{cef}");
        assert!(cef.contains(&format!(" src={} ", alert["entity"]["modbus.client"].as_str().unwrap())), "{cef}");
    }
}

/// Reads messages with counted octets until the end, or so many of them.
fn counted(stream: impl Read, most: usize) -> Vec<String> {
    let mut reader = BufReader::new(stream);
    let mut all = Vec::new();
    while all.len() < most {
        let mut length = Vec::new();
        if reader.read_until(b' ', &mut length).unwrap_or(0) == 0 || length.pop() != Some(b' ') {
            break;
        }
        let mut message = vec![0; String::from_utf8(length).unwrap().parse().unwrap()];
        if reader.read_exact(&mut message).is_err() {
            break;
        }
        all.push(String::from_utf8(message).unwrap());
    }
    all
}

#[test]
fn syslog_over_tcp_counts_octets() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let messages = thread::spawn(move || counted(server.accept().unwrap().0, usize::MAX));
    let folder = configured(&format!("sinks:\n- {{name: siem, type: syslog, address: '{address}', transport: tcp}}\n"));
    let ran = scan(&folder, &[]);
    assert_eq!((ran.code, complaints(&ran)), (0, vec![]));
    let contents: String = messages.join().unwrap().iter().map(|message| format!("{}\n", parts(message).1)).collect();
    assert_eq!(contents, ran.out);
}

/// A server whose certificate is its own authority; its address, what it is told, and the certificate.
fn tls_server(name: &str) -> (SocketAddr, Receiver<String>, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    let config = Arc::new(config.unwrap());
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let (to_test, messages) = channel();
    thread::spawn(move || {
        for stream in server.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            for message in counted(StreamOwned::new(connection, stream.unwrap()), usize::MAX) {
                to_test.send(message).unwrap();
            }
        }
    });
    (address, messages, made.cert.pem())
}

#[test]
fn syslog_over_tls_trusts_the_named_authority_only() {
    let (address, messages, authority) = tls_server("siem.example");
    let other = rcgen::generate_simple_self_signed(["siem.example".to_owned()]).unwrap().cert.pem();
    let with = |tls: &str, more: &str| {
        let folder = configured(&format!(
            "sinks:\n- {{name: siem, type: syslog, address: '{address}', transport: tls, tls: {tls}}}\n{more}"
        ));
        fs::write(folder.path().join("ca.pem"), &authority).unwrap();
        fs::write(folder.path().join("other.pem"), &other).unwrap();
        folder
    };
    let ran = scan(&with("{ca: ca.pem, server_name: siem.example}", ""), &[]);
    assert_eq!((ran.code, complaints(&ran)), (0, vec![]));
    for line in ran.out.lines() {
        assert_eq!(parts(&messages.recv_timeout(PATIENCE).unwrap()).1, line);
    }
    // Another host than the certificate's, and an authority that it is not of.
    for tls in ["{ca: ca.pem}", "{ca: other.pem, server_name: siem.example}"] {
        let folder = with(tls, "deliver_within: 1s\n");
        // Why, says one try. A run may be over before its first handshake is.
        let tried = sigmabus(&folder, &["sinks", "test", "--format", "text"]);
        assert_eq!(tried.code, 4, "{tls}");
        assert!(tried.out.contains("failed: invalid peer certificate"), "{tls}: {}", tried.out);
        let ran = scan(&folder, &[]);
        assert_eq!(ran.code, 4, "{tls}");
        let told = format!("sink siem did not get {} lines", ran.out.lines().count());
        let line = ran.err.lines().find(|line| line.contains(&told)).unwrap_or_else(|| panic!("{tls}: {}", ran.err));
        assert!(line.ends_with(&told) || line.contains("lines: invalid peer certificate"), "{tls}: {line}");
    }
    assert!(messages.try_recv().is_err());
}

/// A request that a web server got.
#[derive(Debug)]
struct Request {
    head: String,
    body: String,
}

/// Answers requests by a script, then with 204; tells what it got.
fn web_server(mut script: Vec<&'static str>) -> (SocketAddr, Receiver<Request>) {
    web_server_that(move |_| if script.is_empty() { "204 No Content" } else { script.remove(0) })
}

/// Answers each request as `judge` says, with a further header behind `|`; tells what it got.
fn web_server_that(
    mut judge: impl FnMut(&Request) -> &'static str + Send + 'static,
) -> (SocketAddr, Receiver<Request>) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let (to_test, requests) = channel();
    thread::spawn(move || {
        for stream in server.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            while let Some(request) = request(&mut reader) {
                let answer = judge(&request);
                let (status, header) = answer.split_once('|').unwrap_or((answer, "X-None: 1"));
                let answer = format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\n\r\n");
                let _ = to_test.send(request);
                if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (address, requests)
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { head, body: String::from_utf8(body).unwrap() })
}

#[test]
fn a_webhook_is_posted_batches_until_it_takes_them() {
    let (address, requests) = web_server(vec!["500 Internal Server Error", "429 Too Many Requests|Retry-After: 1"]);
    let folder = configured(&format!(
        "sinks:\n- name: hook\n  type: webhook\n  url: http://{address}/in?site=1\n  bearer: ${{HOOK_TOKEN}}\n  \
         headers: {{X-Site: plant}}\n"
    ));
    let ran = scan(&folder, &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let all: Vec<Request> = requests.try_iter().collect();
    assert!(all.len() >= 3);
    for request in &all {
        let head = request.head.to_ascii_lowercase();
        assert!(head.starts_with("post /in?site=1 http/1.1\r\n"), "{head}");
        for line in ["authorization: bearer hunter2", "x-site: plant", "content-type: application/json"] {
            assert!(head.contains(&format!("{line}\r\n")), "{head}");
        }
    }
    assert_eq!((&all[0].body, &all[1].body), (&all[1].body, &all[2].body));
    let alerts: Vec<serde_json::Value> =
        all[2..].iter().flat_map(|request| serde_json::from_str::<Vec<_>>(&request.body).unwrap()).collect();
    assert_eq!(alerts, values(&ran.out));
    assert!(!sigmabus(&folder, &["config", "show"]).out.contains("hunter2"));
}

#[test]
fn what_a_webhook_rejects_is_counted_and_fails_the_run() {
    let (address, requests) = web_server(vec!["400 Bad Request"; 100]);
    let folder =
        configured(&format!("sinks:\n- {{name: hook, type: webhook, url: 'http://{address}/', format: lines}}\n"));
    let ran = scan(&folder, &[]);
    let lines = ran.out.lines().count();
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains(&format!("warning: sink hook did not get {lines} lines: 400 Bad Request")), "{}", ran.err);
    // Whatever came together was tried line by line.
    let alone: BTreeSet<String> = requests.try_iter().map(|request| request.body).collect();
    assert!(ran.out.lines().all(|line| alone.contains(&format!("{line}\n"))));
}

#[test]
fn one_item_that_a_webhook_does_not_like_takes_no_other_with_it() {
    // It is away for a moment behind the bad one, so that the rest of a batch is tried again.
    let mut after = vec!["503 Service Unavailable"];
    let (address, requests) = web_server_that(move |request| match request.body.as_str() {
        body if body.contains('2') => "422 Unprocessable",
        "[3]" => after.pop().unwrap_or("200 OK"),
        _ => "200 OK",
    });
    let hook = Target::Webhook(WebhookSpec::new(&format!("http://{address}/")).unwrap());
    let (figures, _) = deliver(&[("hook", hook)], &["1\n", "2\n", "3\n", "4\n"], PATIENCE);
    let figures = &figures[0];
    assert_eq!((figures.delivered, figures.rejected, figures.lost()), (3, 1, 1));
    let bodies: BTreeSet<String> = requests.try_iter().map(|request| request.body).collect();
    assert!(bodies.contains("[2]"), "{bodies:?}");
}

#[test]
fn a_sink_that_is_away_holds_up_no_other_and_fails_the_run() {
    // Nobody listens on a port that was just given up.
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // This one accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = configured(&format!(
        "sinks:\n- {{name: siem, type: syslog, address: '{refused}', transport: tcp}}\n\
         - {{name: hook, type: webhook, url: 'http://{}/', timeout: 60s}}\n\
         - {{name: log, type: file, path: log}}\ndeliver_within: 1s\n",
        silent.local_addr().unwrap()
    ));
    let began = Instant::now();
    let capture = fixture("demo/capture.pcap");
    let ran = sigmabus(&folder, &["scan", "--format", "text", capture.to_str().unwrap()]);
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(ran.code, 4);
    let lines = read(&folder, "log").lines().count();
    for expected in [
        format!("siem: 0 delivered, {lines} not delivered, after"),
        format!("hook: 0 delivered, {lines} not delivered"),
        format!("log: {lines} delivered\n"),
    ] {
        assert!(ran.out.contains(&expected), "{expected}: {}", ran.out);
    }
    assert!(ran.err.contains(&format!("sink siem did not get {lines} lines: connection refused")), "{}", ran.err);
}

#[test]
fn a_full_disk_fails_the_run() {
    if !Path::new("/dev/full").exists() {
        return eprintln!("skipped: no /dev/full here");
    }
    let folder = configured("sinks:\n- {name: log, type: file, path: /dev/full}\ndeliver_within: 1s\n");
    let ran = scan(&folder, &[]);
    assert_eq!(ran.code, 4);
    assert!(ran.out.lines().count() > 3, "what is printed does not suffer");
    assert!(ran.err.contains("/dev/full: no space left on device"), "{}", ran.err);
}

#[test]
fn a_file_that_cannot_be_made_is_told_before_anything_is_read() {
    let folder = configured("sinks:\n- {name: log, type: file, path: nowhere/log}\n");
    let ran = scan(&folder, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert!(ran.err.contains("sink `log`: cannot write nowhere/log: no such file or directory"), "{}", ran.err);
}

#[test]
fn sinks_can_be_tried() {
    let (address, requests) = web_server(vec![]);
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = configured(&format!(
        "sinks:\n- {{name: hook, type: webhook, url: 'http://{address}/'}}\n- {{name: log, type: file, path: log}}\n\
         - {{name: away, type: syslog, address: '{refused}', transport: tcp}}\n\
         - {{name: udp, type: syslog, address: '{}'}}\n",
        udp.local_addr().unwrap()
    ));
    let ran = sigmabus(&folder, &["sinks", "test", "--format", "text"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    hook                 delivered
    log                  delivered
    away                 failed: connection refused
    udp                  delivered: sent, and UDP does not tell whether it arrived
    ");
    let posted = values(&requests.recv_timeout(PATIENCE).unwrap().body);
    assert_eq!((posted[0][0]["test"].as_bool(), &posted[0][0]["title"]), (Some(true), &"Test of the sink hook".into()));
    assert_eq!(datagrams(&udp).len(), 1);
    assert_eq!(sigmabus(&folder, &["sinks", "test", "hook", "log"]).code, 0);
    let wrong = sigmabus(&folder, &["sinks", "test", "hok"]);
    assert_eq!((wrong.code, wrong.err.trim_end()), (2, "sigmabus: there is no sink `hok`; did you mean `hook`?"));
    assert_eq!(sigmabus(&configured(""), &["sinks", "test"]).code, 3);
}

/// Hands lines to sinks at once; what became of them, and how long that took.
fn deliver(sinks: &[(&str, Target)], lines: &[&str], patience: Duration) -> (Vec<Figures>, Duration) {
    let began = Instant::now();
    let mut fan = fan(sinks, patience);
    for line in lines {
        fan.routed(&Routed { line: line.as_bytes(), time: None, routes: 1 }).unwrap();
    }
    (fan.close(), began.elapsed())
}

/// Sinks that all get every record, with short pauses between tries.
fn fan(sinks: &[(&str, Target)], patience: Duration) -> Fan<JsonLines<Vec<u8>>> {
    let backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(20), jitter: false };
    let spec = |(name, target): &(&str, Target)| SinkSpec {
        name: (*name).into(),
        target: target.clone(),
        bounds: Bounds::default(),
        drop: Oldest::default(),
        manner: Manner { backoff, ..Manner::default() },
    };
    let sinks: Vec<SinkSpec> = sinks.iter().map(spec).collect();
    let to = (0..sinks.len()).collect();
    let routes = vec![Route { from: Kind::Record, when: Expr::All(Vec::new()), to, stop: false }];
    let delivery = Delivery { sinks, routes, patience };
    Fan::open(JsonLines::new(Vec::new()), Printed::default(), &delivery, Pressure::Wait, |_| ()).unwrap()
}

fn stream_to(address: SocketAddr) -> Target {
    let peer = Peer { host: address.ip().to_string(), port: address.port(), tls: None };
    Target::Syslog(SyslogSpec { timeout: Duration::from_secs(1), ..SyslogSpec::new(Transport::Stream, peer) })
}

#[test]
fn after_a_reset_in_mid_batch_no_line_is_missing_and_their_order_is_kept() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let got = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&got);
    thread::spawn(move || {
        // Three connections are broken with data unread, which resets them; then one is read to its end.
        for most in [3, 5, 0, usize::MAX] {
            let (stream, _) = server.accept().unwrap();
            kept.lock().unwrap().extend(counted(stream, most));
        }
    });
    let lines: Vec<String> =
        (0..2_000).map(|number| format!("{{\"number\":{number},\"pad\":\"{:500}\"}}\n", "")).collect();
    let mut fan = fan(&[("siem", stream_to(address))], PATIENCE);
    for chunk in lines.chunks(100) {
        for line in chunk {
            fan.routed(&Routed { line: line.as_bytes(), time: None, routes: 1 }).unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let figures = fan.close();
    assert_eq!((figures[0].delivered, figures[0].lost()), (2_000, 0), "{figures:?}");
    let numbers: Vec<u64> = got
        .lock()
        .unwrap()
        .iter()
        .map(|message| serde_json::from_str::<serde_json::Value>(parts(message).1).unwrap()["number"].as_u64().unwrap())
        .collect();
    let mut first_seen = Vec::new();
    for number in &numbers {
        if !first_seen.contains(number) {
            first_seen.push(*number);
        }
    }
    assert_eq!(first_seen, (0..2_000).collect::<Vec<_>>(), "some may come twice, none may be missing");
}

#[test]
fn a_reader_that_stops_reading_holds_up_no_other() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let stuck = stream_to(server.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    // More than the buffers of a connection hold.
    let line = format!("{{\"pad\":\"{}\"}}\n", "x".repeat(100_000));
    let lines = vec![line.as_str(); 150];
    let sinks = [("stuck", stuck), ("log", Target::File(FileSpec::new(&path)))];
    let (figures, took) = deliver(&sinks, &lines, Duration::from_secs(2));
    assert_eq!((figures[1].delivered, figures[1].lost()), (150, 0));
    assert_eq!(fs::metadata(&path).unwrap().len(), (line.len() * 150) as u64);
    assert!(figures[0].undelivered > 0, "{figures:?}");
    assert!(took < PATIENCE, "{took:?}");
}
