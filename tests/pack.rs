//! The rule pack: quiet on good traffic, awake on bad.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;
#[path = "../examples/traffic/generator.rs"]
pub mod generator;

use common::{Ask, example_placeholders, shared, values};
use generator::attack;
use generator::plan::{Options, generate};
use generator::truth::Truth;
use serde_json::Value;
use sigmabus::cli::config::Config;
use sigmabus::cli::rule_files;
use sigmabus::pipeline::Usual;
use sigmabus::record::baseline::{Bounds, Mode};
use sigmabus::sigma::{self, SchemaFields, site_placeholders};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Captures of normal traffic.
const GOOD: [&str; 5] = [
    "plant1_first50_shark2pit.pcap",
    "ndpi_modbus_2008.pcap",
    "lemay_moving_two_files.pcap",
    "iti_modbus_test.pcap",
    "zeek_modbusSmall.pcap",
];

/// What the attacks of the generator's catalogue are found by.
const ATTACKS: &[(&str, &[&str])] = &[
    (
        "device_identification_sweep",
        &["Device identification", "Device identification sweep", "Private objects requested"],
    ),
    ("points_list_scan", &["Points list scan", "Points probed by a new client", "Address walk"]),
    ("function_code_scan", &["Function code scan", "User-defined or unassigned function"]),
    ("unit_id_scan", &["Unit id scan", "Gateway targets missing"]),
    ("metasploit_find_unit_id", &["Metasploit Modbus probe", "Unit id scan", "Gateway targets missing"]),
    ("canopen_tunnel", &["CANopen tunnel"]),
    ("two_masters", &["Two masters write one address"]),
    ("arp_spoofing", &["Hardware address of a server changed"]),
    ("port_scan", &["Horizontal scan for Modbus"]),
    ("register_dump", &["Bulk register dump"]),
    (
        "bad_logins",
        &[
            "Bad login on passphrase register",
            "Passphrase brute force",
            "Login after bad logins",
            "Threshold change after a bad login",
        ],
    ),
    ("register_zeroing", &["Registers zeroed", "All coils at once"]),
    ("listen_only_restart", &["Restart communications and clear event log", "Force listen only mode"]),
    ("clear_counters", &["Diagnostic counters cleared", "ASCII delimiter changed"]),
    ("umas_stop_start", &["PLC start or stop by UMAS"]),
    ("umas_download", &["Program download by UMAS"]),
    ("umas_upload", &["Program upload by UMAS"]),
    ("legacy_program_functions", &["Firmware or legacy program function"]),
    ("file_transfer", &["File record written"]),
    ("covert_text", &["Text written into registers"]),
    ("coil_flood", &["Coil write flood"]),
    ("setpoint_toggle", &["Setpoint toggled"]),
    ("request_flood", &["Request flood", "Flood of unanswered requests"]),
    ("busy_burst", &["Busy or acknowledge burst", "Device failure"]),
    ("malformed_requests", &["Malformed message"]),
    ("conflicting_retransmission", &["Conflicting retransmission"]),
    ("unsolicited_answers", &["Unsolicited or duplicate answers"]),
    ("delayed_answers", &["Latency jump"]),
    ("changed_writes", &["Answer contradicts request"]),
    ("foreign_protocol", &["Foreign protocol on the Modbus port"]),
    ("rogue_device", &["Device acts as master"]),
    ("internet_client", &["Modbus from the internet", "Modbus port open to the internet"]),
];

/// What is found only where a frozen baseline says what is usual.
const UNUSUAL: &[(&str, &[&str])] = &[
    ("new_master", &["New master"]),
    ("file_read", &["File record read"]),
    ("file_transfer", &["New master", "File record read"]),
    ("umas_reservation", &["New master", "Reservation taken by a new client"]),
    ("umas_stop_start", &["New master", "Reservation taken by a new client"]),
];

/// What was printed for a capture: findings and alerts.
fn verdicts(path: &Path) -> Vec<Value> {
    values(&Ask::verdicts().run(&[path]).0)
}

fn is_alarming(alert: &Value) -> bool {
    alert["type"] == "alert" && ["high", "critical"].contains(&alert["level"].as_str().unwrap())
}

fn title(finding: &Value) -> &str {
    finding["rule"]["title"].as_str().unwrap()
}

fn findings(lines: &[Value]) -> impl Iterator<Item = &Value> {
    lines.iter().filter(|line| line["type"] == "finding")
}

/// How often each rule found something.
fn found(lines: &[Value]) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for finding in findings(lines) {
        *found.entry(title(finding)).or_insert(0) += 1;
    }
    found
}

/// What the generator makes of these options, written to a file of a folder that lives as long as the answer.
fn generated(options: &Options) -> (tempfile::TempDir, PathBuf, Truth) {
    let (bytes, truth) = generate(Vec::new(), options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcap");
    fs::write(&path, bytes).unwrap();
    (folder, path, truth)
}

/// A small plant.
fn plant(seed: u64) -> Options {
    Options { seed, transactions: 40, connections: 4, rate: 20.0, ..Options::default() }
}

/// A small plant under one attack of the catalogue.
fn attacked(name: &str, seed: u64) -> (tempfile::TempDir, PathBuf, Truth) {
    let attacks = vec![attack::find(name).expect("no such attack")];
    generated(&Options { attacks, ..plant(seed) })
}

/// Whom a finding is about, as text that holds the addresses.
fn tied(finding: &Value) -> String {
    finding["group"].to_string() + &finding["record"]["modbus.client"].to_string()
}

#[test]
fn good_captures_raise_no_alarm() {
    let Some(captures) = shared("captures") else { return };
    for name in GOOD {
        let lines = verdicts(&captures.join(name));
        let alarms: Vec<_> = lines.iter().filter(|line| is_alarming(line)).collect();
        assert!(alarms.is_empty(), "{name}: {alarms:#?}");
        let mut others = found(&lines);
        // The last four answers of one have transactions that nobody asked for; a serial line of another slows down.
        for (capture, rule) in [("ndpi", "Unsolicited or duplicate answers"), ("iti", "Latency jump")] {
            assert_eq!(others.remove(rule).is_some(), name.starts_with(capture), "{name}");
        }
        assert_eq!(others, BTreeMap::new(), "{name}");
    }
}

#[test]
fn an_hour_of_a_normal_plant_raises_no_alarm() {
    for (seed, connections) in [(7, 20), (8, 3), (9, 60)] {
        let options =
            Options { seed, connections, rate: 12.0, transactions: 43_200, lifetime: 300, ..Options::default() };
        let (_folder, path, truth) = generated(&options);
        assert!(truth.queries >= 43_200 && truth.connections > 60);
        let lines = verdicts(&path);
        let alarms: Vec<_> = lines.iter().filter(|line| is_alarming(line)).collect();
        assert!(alarms.is_empty(), "seed {seed}: {alarms:#?}");
    }
}

#[test]
fn every_attack_of_the_catalogue_is_found_by_its_rules_and_tied_to_the_attacker() {
    for &(name, expected) in ATTACKS {
        for seed in [7, 8, 9] {
            let (_folder, path, truth) = attacked(name, seed);
            let lines = verdicts(&path);
            let titles: BTreeSet<&str> = findings(&lines).map(title).collect();
            for rule in expected {
                assert!(titles.contains(rule), "{name}, seed {seed}: {rule} is not among {titles:?}");
            }
            let attacker = truth.attacks[0].client.as_str();
            for finding in findings(&lines).filter(|finding| expected.contains(&title(finding))) {
                let tied = tied(finding);
                let server = title(finding) == "Passphrase brute force";
                assert!(
                    server || tied.contains(attacker),
                    "{name}: {} is not about {attacker}: {tied}",
                    title(finding)
                );
            }
        }
    }
}

#[test]
fn what_is_unusual_is_found_where_the_normal_plant_was_learned() {
    let rules: BTreeSet<&str> = UNUSUAL.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    for seed in [7, 8, 9] {
        let (_folder, path, _) = generated(&plant(seed));
        let usual = |known, mode| Some(Usual { known, mode, bounds: Bounds::default() });
        let learning = Ask { usual: usual(Arc::default(), Mode::Learn(None)), ..Ask::verdicts() };
        let known = Arc::new(learning.run(&[&path]).1.learned.unwrap().baseline.unwrap());
        for &(name, expected) in UNUSUAL {
            let (_folder, path, truth) = attacked(name, seed);
            let found = |usual| -> Vec<Value> {
                let lines = values(&Ask { usual, ..Ask::verdicts() }.run(&[&path]).0);
                findings(&lines).filter(|finding| rules.contains(title(finding))).cloned().collect()
            };
            assert!(found(None).is_empty(), "{name}, seed {seed}: without a baseline");
            let unusual = found(usual(Arc::clone(&known), Mode::Freeze));
            let titles: BTreeSet<&str> = unusual.iter().map(title).collect();
            assert_eq!(titles, expected.iter().copied().collect(), "{name}, seed {seed}");
            let attacker = truth.attacks[0].client.as_str();
            assert!(unusual.iter().all(|finding| tied(finding).contains(attacker)), "{name}, seed {seed}");
        }
    }
}

#[test]
fn a_session_of_a_stranger_is_found_where_others_use_the_server() {
    for seed in [7, 8, 9] {
        let attacks = vec![attack::find("frostygoop").expect("no such attack")];
        let (_folder, path, truth) =
            generated(&Options { seed, attacks, transactions: 1_200, connections: 4, rate: 4.0, ..Options::default() });
        let lines = verdicts(&path);
        let sessions: Vec<_> = findings(&lines).filter(|it| title(it) == "Session as FrostyGoop has it").collect();
        let [session] = sessions[..] else { panic!("seed {seed}: {sessions:#?}") };
        assert_eq!(session["group"]["modbus.client"], truth.attacks[0].client.as_str());
    }
}

#[test]
fn writes_of_strangers_are_found_where_the_writers_are_known() {
    let mut config = Config::default();
    let mut tell = |name: &str, value: &str| config.placeholders.insert(name.to_owned(), vec![value.to_owned()]);
    tell("modbus_writers", "10.10.10.0/24");
    tell("alarm_registers", "0-1");
    tell("passphrase_servers", "*");
    let ruleset = rule_files::understand(rule_files::builtin(), &config).ruleset;
    for (name, expected) in [
        ("frostygoop", &["Unauthorised write"][..]),
        ("mask_write", &["Unauthorised write", "Mask write"]),
        ("write_without_login", &["Unauthorised write", "Alarm threshold written", "Write without login"]),
    ] {
        let (_folder, path, truth) = attacked(name, 7);
        let lines = values(&Ask { ruleset: ruleset.clone(), ..Ask::verdicts() }.run(&[&path]).0);
        let attacker = truth.attacks[0].client.as_str();
        let is_by = |finding: &Value| {
            [&finding["record"], &finding["group"]].iter().any(|told| told["modbus.client"] == attacker)
        };
        let by_attacker = findings(&lines).filter(|finding| is_by(finding));
        let titles: BTreeSet<&str> = by_attacker.map(title).collect();
        assert!(expected.iter().all(|rule| titles.contains(rule)), "{name}: {titles:?}");
        let strangers: Vec<_> = findings(&lines).filter(|finding| title(finding) == "Unauthorised write").collect();
        assert!(strangers.len() > 2, "{name}");
        assert!(strangers.iter().all(|finding| finding["record"]["modbus.client"] == attacker), "{name}");
    }
}

#[test]
fn what_a_site_has_told_of_itself_is_used() {
    let mut config = Config::default();
    let mut tell = |name: &str, value: &str| config.placeholders.insert(name.to_owned(), vec![value.to_owned()]);
    tell("engineering_stations", "10.10.10.0/24");
    tell("modbus_gateways", "*");
    tell("known_functions", "0-127");
    let ruleset = rule_files::understand(rule_files::builtin(), &config).ruleset;
    for (name, expected, silent) in [
        ("umas_stop_start", Some("UMAS by a stranger"), None),
        ("broadcast_write", Some("Broadcast write"), None),
        ("function_code_scan", None, Some("User-defined or unassigned function")),
    ] {
        let (_folder, path, truth) = attacked(name, 7);
        let lines = values(&Ask { ruleset: ruleset.clone(), ..Ask::verdicts() }.run(&[&path]).0);
        let attacker = truth.attacks[0].client.as_str();
        let by_attacker = findings(&lines).filter(|finding| finding["record"]["modbus.client"] == attacker);
        let titles: BTreeSet<&str> = by_attacker.map(title).collect();
        assert!(expected.is_none_or(|rule| titles.contains(rule)), "{name}: {titles:?}");
        assert!(silent.is_none_or(|rule| !titles.contains(rule)), "{name}: {titles:?}");
    }
}

#[test]
fn a_false_picture_is_found_where_registers_keep_their_values() {
    let mut config = Config::default();
    config.placeholders.insert("kept_registers".to_owned(), vec!["7200-7209".to_owned()]);
    let ruleset = rule_files::understand(rule_files::builtin(), &config).ruleset;
    for seed in [7, 8, 9] {
        let (_folder, path, truth) = attacked("false_picture", seed);
        let found = |register_changes| -> Vec<Value> {
            let ask = Ask { ruleset: ruleset.clone(), register_changes, ..Ask::verdicts() };
            let lines = values(&ask.run(&[&path]).0);
            findings(&lines).filter(|finding| title(finding) == "Read-back differs from write").cloned().collect()
        };
        let pictures = found(true);
        assert_eq!(pictures.len(), 3, "seed {seed}: one for each register");
        assert!(pictures.iter().all(|finding| tied(finding).contains(&truth.attacks[0].client)), "seed {seed}");
        assert!(found(false).is_empty(), "seed {seed}: without changes of registers");
    }
}

#[test]
fn the_scan_of_the_labelled_capture_is_found_within_its_first_20_packets() {
    let Some(captures) = shared("captures") else { return };
    let labels =
        fs::read_to_string(captures.join("labels/characterization_modbus_6RTU_with_operate_labeled.csv")).unwrap();
    let attack: Vec<u64> = labels.lines().filter_map(|line| line.strip_suffix(";1")?.parse().ok()).collect();
    let lines = verdicts(&captures.join("lemay_characterization.pcap"));
    let first = lines.iter().find(|line| is_alarming(line)).expect("no alarm");
    assert_eq!(first["entity"]["modbus.client"], "192.168.1.101");
    let frame = first["source"]["frame"].as_u64().unwrap();
    let place = attack.iter().position(|labelled| *labelled == frame);
    assert!(place.is_some_and(|place| place < 20), "frame {frame} is packet {place:?} of the attack");
    let found = found(&lines);
    for rule in ["Points list scan", "Address walk", "Device acts as master"] {
        assert!(found.contains_key(rule), "{rule}: {found:?}");
    }
    // Nobody else is blamed.
    assert!(
        lines.iter().filter(|line| is_alarming(line)).all(|line| line["entity"]["modbus.client"] == "192.168.1.101")
    );
}

#[test]
fn bad_captures_give_what_they_hold() {
    let Some(captures) = shared("captures") else { return };
    for (name, expected) in [
        ("badlogin", &[("Bad login on passphrase register", 1)][..]),
        ("emreekin_IllegalFunction", &[("Function code scan", 1)]),
        (
            "quickdraw_modbus_test_data_part1",
            &[
                ("Force listen only mode", 3),
                ("Restart communications", 3),
                ("Diagnostic counters cleared", 2),
                ("Device identification", 2),
                ("Busy or acknowledge burst", 1),
                ("Unsolicited or duplicate answers", 1),
                ("Foreign protocol on the Modbus port", 1),
            ],
        ),
        (
            "zeek_modbus-and-non-modbus-p502",
            &[("Modbus port open to the internet", 6), ("Foreign protocol on the Modbus port", 5)],
        ),
        (
            "icsnpp_modbus_example",
            &[
                ("Device identification", 1),
                ("Modbus to the internet", 1),
                ("File record written", 1),
                ("Mask write", 1),
            ],
        ),
        ("malmod_modbus", &[("Device identification", 1)]),
    ] {
        let file = if name.starts_with("malmod") { format!("{name}.pcapng") } else { format!("{name}.pcap") };
        let lines = verdicts(&captures.join(file));
        let found = found(&lines);
        for (rule, count) in expected {
            assert_eq!(found.get(rule), Some(count), "{name}: {rule} among {found:?}");
        }
    }
}

#[test]
fn the_pack_is_without_a_problem_configured_or_not() {
    for placeholders in [BTreeMap::new(), example_placeholders()] {
        let options =
            sigma::Options { placeholders, fields: Some(Arc::new(SchemaFields)), ..sigma::Options::default() };
        let checked = sigma::check(rule_files::builtin(), &options);
        assert!(checked.diagnostics.is_empty(), "{}", checked.render(false));
    }
}

#[test]
fn every_placeholder_of_the_pack_is_known_and_every_known_one_is_asked_for() {
    let mut asked = BTreeSet::new();
    for file in rule_files::builtin() {
        let text = file.lossy().into_owned();
        let lines = text.lines().filter(|line| line.contains("|expand"));
        asked.extend(lines.filter_map(|line| Some(line.split('%').nth(1)?.to_owned())));
    }
    let known: BTreeSet<String> = site_placeholders().iter().map(|known| known.name.to_owned()).collect();
    assert_eq!(asked, known);
}

#[test]
fn the_manual_names_what_finds_each_attack() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/attacks.md")).unwrap();
    for &(name, rules) in ATTACKS.iter().chain(UNUSUAL) {
        let rows: String = page.lines().filter(|line| line.contains(&format!("`{name}`"))).collect();
        for rule in rules {
            assert!(rows.contains(rule), "docs/attacks.md does not say that {rule} finds {name}");
        }
    }
}

/// The rules that speak for themselves, without what only feeds correlations: title, level, techniques.
fn speaking() -> BTreeMap<String, String> {
    let ruleset = common::builtin();
    let rules = ruleset.rules.iter().map(|rule| &rule.meta);
    let all = rules.chain(ruleset.correlations.iter().map(|rule| &rule.meta));
    let speaking = all.filter(|meta| !meta.tags.is_empty()).map(|meta| {
        let tags = meta.tags.iter().filter_map(|tag| tag.strip_prefix("attack.t"));
        let numbers = tags.filter(|tag| tag.starts_with(|first: char| first.is_ascii_digit()));
        let techniques: Vec<String> = numbers.map(|number| format!("T{number}")).collect();
        let techniques: BTreeSet<&str> = techniques.iter().map(String::as_str).collect();
        (meta.title.to_string(), format!("{} {techniques:?}", meta.level.word()))
    });
    speaking.collect()
}

/// The cells of a column of a page's tables.
fn cells<'p>(page: &'p str, column: &'p str) -> impl Iterator<Item = &'p str> {
    let mut at = None;
    page.lines().filter_map(move |line| {
        let Some(row) = line.strip_prefix('|') else {
            at = None;
            return None;
        };
        let mut parts = row.split('|').map(str::trim);
        if let Some(place) = parts.clone().position(|part| part == column) {
            at = Some(place);
            return None;
        }
        parts.nth(at?).filter(|cell| !cell.starts_with("---"))
    })
}

#[test]
fn the_manual_names_proofs_that_exist_and_every_attack() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let proofs: BTreeSet<&str> =
        cells(&page, "proof").flat_map(|cell| cell.split(", ")).map(|proof| proof.trim_matches('`')).collect();
    for proof in &proofs {
        assert!(attack::find(proof).is_some() || root.join(proof).exists(), "docs/attacks.md: there is no {proof}");
    }
    for attack in attack::CATALOGUE {
        assert!(proofs.contains(attack.name), "docs/attacks.md does not name {}", attack.name);
    }
}

#[test]
fn the_manual_names_rules_that_exist_and_every_rule_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let (attacks, table) = (read("docs/attacks.md"), read("rules/README.md"));
    let speaking = speaking();
    for cell in cells(&attacks, "rules").filter(|cell| !cell.starts_with("those of ")) {
        for name in cell.split([',', ';']).map(|name| name.trim().trim_matches('*')) {
            assert!(speaking.contains_key(name), "docs/attacks.md: no rule is called `{name}`");
        }
    }
    let rows = cells(&table, "title").zip(cells(&table, "level")).zip(cells(&table, "technique"));
    let listed: BTreeMap<String, String> = rows
        .filter(|((title, _), _)| !title.is_empty())
        .map(|((title, level), techniques)| {
            let techniques: BTreeSet<&str> = techniques.split(", ").collect();
            (title.to_owned(), format!("{level} {techniques:?}"))
        })
        .collect();
    assert_eq!(listed, speaking, "rules/README.md");
    for file in cells(&table, "file in `modbus/`").filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`')) {
        assert!(root.join("rules/modbus").join(file).exists(), "rules/README.md: there is no {file}");
        assert!(root.join("sigma-tests/rules").join(file).exists(), "{file} has no test");
    }
}
