//! What an operator sees of a configuration: `config check`, `config show`, and runs under it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod common;

use common::Ran;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The command in a folder, with a key in its environment.
fn sigmabus(folder: &TempDir, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigmabus"));
    command.current_dir(folder.path()).env("SIGMABUS_SECRET_KEY", "hunter2").env("NO_COLOR", "1").args(args);
    Ran::of(&command.output().unwrap())
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const WRONG: &str = "prots: [502]\nmaps: [{file: map.yml}]\nsecret_key: ${SIGMABUS_NO_SUCH_KEY}\n";

#[test]
fn a_right_configuration_is_told_what_it_holds() {
    let folder =
        folder(&[("sigmabus.yml", "placeholders: {a: 1, b: 2}\nmappings: [zeek]\nscoreboards: []\n"), ("e", "# x\n")]);
    let ran = sigmabus(&folder, &["config", "check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(ran.err, "sigmabus.yml is right: 2 placeholders, 1 mapping\n");
    assert_eq!(sigmabus(&folder, &["config", "check", "e"]).err, "e is right: it says nothing\n");
}

#[test]
fn every_mistake_of_every_file_is_told_and_an_unreadable_file_ends_with_4() {
    let folder =
        folder(&[("a.yml", WRONG), ("b.yml", "ports: 0\n"), ("map.yml", "registers: 5\n"), ("c.yml", "ports: 1\n")]);
    let ran = sigmabus(&folder, &["config", "check", "a.yml", "b.yml", "c.yml"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    insta::assert_snapshot!(ran.err);
    let ran = sigmabus(&folder, &["config", "check", "no.yml", "b.yml"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("cannot read no.yml: no such file") && ran.err.contains("b.yml:1:8"), "{}", ran.err);
    assert_eq!(sigmabus(&folder, &["config", "check"]).code, 4, "there is no sigmabus.yml here");
}

#[test]
fn mistakes_are_told_to_programs() {
    let folder = folder(&[("a.yml", WRONG), ("map.yml", "registers: 5\n")]);
    let ran = sigmabus(&folder, &["config", "check", "--format", "json", "a.yml"]);
    assert_eq!(ran.code, 3);
    let told: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> =
        told.iter().map(|one| (one["code"].as_str().unwrap(), one["file"].as_str().unwrap(), &one["line"])).collect();
    assert_eq!(
        places,
        [
            ("unknown-key", "a.yml", &1.into()),
            ("missing-variable", "a.yml", &3.into()),
            ("wrong-type", "map.yml", &1.into())
        ]
    );
    let ran = sigmabus(&folder, &["config", "check", "--format", "sarif", "a.yml"]);
    let sarif: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, sarif["runs"][0]["results"].as_array().map(Vec::len)), (3, Some(3)));
}

#[test]
fn what_is_in_force_is_shown_without_its_secrets() {
    let folder = folder(&[("site.yml", "secret_key: ${SIGMABUS_SECRET_KEY}\nports: [1502]\n"), ("wrong.yml", WRONG)]);
    let ran = sigmabus(&folder, &["config", "show", "site.yml"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out.contains("# site.yml:2\nports: [1502]\n") && ran.out.contains("secret_key: \"***\""),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("hunter2"));
    let ran = sigmabus(&folder, &["config", "show"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("# default\nports: [502, 802]\n"), "{}", ran.out);
    let ran = sigmabus(&folder, &["config", "show", "wrong.yml"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert_eq!(sigmabus(&folder, &["config", "show", "no.yml"]).code, 4);
}

#[test]
fn the_manual_s_example_is_right() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/configuration.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```\n").unwrap();
    let map = fs::read_to_string(Path::new(ROOT).join("examples/maps/thermometer.yml")).unwrap();
    let folder = folder(&[("sigmabus.yml", example), ("maps/thermometer.yml", &map)]);
    let ran = sigmabus(&folder, &["config", "check"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let shown = sigmabus(&folder, &["config", "show"]);
    assert!(!shown.out.contains("# default\nscore"), "the example tells every section\n{}", shown.out);
}
