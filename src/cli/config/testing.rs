//! What the tests of the sections share.

use super::Config;
use super::file::File;
use std::path::Path;
use tempfile::TempDir;

/// A folder with files that a configuration may name.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    file("a.yml", b"registers:\n- {name: a, address: 5, secret: true}\n");
    file("wrong.yml", b"registers:\n- {name: a}\n");
    file("latin.yml", b"registers: [] # \xB0C\n");
    file("mapping.yml", b"name: x\ntransformations:\n- {type: field_name_mapping, mapping: {a: b}}\n");
    file("wrong-mapping.yml", b"name: x\ntransformations:\n- {type: field_name_maping, mapping: {a: b}}\n");
    file("key", b" k\r\n");
    file("empty", b"\n");
    file("long", &[b'x'; 4_097]);
    folder
}

/// What a configuration in the folder says.
pub(super) fn right(folder: &TempDir, source: &str) -> Config {
    File::new(&folder.path().join("sigmabus.yml"), source.as_bytes()).config().unwrap()
}

/// What is said of wrong configurations in the folder.
pub(super) fn told(folder: &TempDir, sources: &[&str]) -> String {
    let told: Vec<String> = sources.iter().map(|source| told_of(folder.path(), source.as_bytes())).collect();
    told.join("\n")
}

/// The same of one.
pub(super) fn told_of(folder: &Path, source: &[u8]) -> String {
    let (errors, told) = checked(folder, source);
    assert!(errors > 0, "nothing is wrong with {}", String::from_utf8_lossy(source));
    told
}

/// What is said of a configuration without errors.
pub(super) fn warned(folder: &TempDir, source: &str) -> String {
    let (errors, told) = checked(folder.path(), source.as_bytes());
    assert_eq!(errors, 0, "{told}");
    told
}

/// How many errors a configuration has, and all that is said of it.
fn checked(folder: &Path, source: &[u8]) -> (usize, String) {
    let file = File::new(&folder.join("sigmabus.yml"), source);
    let understood = file.understand();
    (understood.errors(), understood.told.render(false).replace(&folder.display().to_string(), "FOLDER"))
}
