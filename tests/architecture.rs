//! The picture in `lib.rs` and the code must not drift apart: a room names only rooms above it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room with the rooms it may name.
const ROOMS: [(&str, &[&str]); 12] = [
    ("time", &[]),
    ("capture", &["time"]),
    ("net", &["time", "capture"]),
    ("modbus", &["time", "net"]),
    ("record", &["time", "net", "modbus"]),
    ("sigma", &["time", "record"]),
    ("detect", &["time", "record", "sigma"]),
    ("score", &["time", "sigma", "detect"]),
    ("alert", &["time", "sigma", "detect", "score"]),
    ("sink", &["time", "record", "sigma", "detect", "score", "alert"]),
    ("pipeline", &["time", "capture", "net", "modbus", "record", "sigma", "detect", "score", "alert", "sink"]),
    ("cli", &["time", "capture", "net", "modbus", "record", "sigma", "detect", "score", "alert", "sink", "pipeline"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The rooms that a text names by `crate::room`, comments left out.
fn named(text: &str) -> BTreeSet<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let words: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or("").split(',').collect(),
            None => vec![rest],
        };
        for word in words {
            let name: String = word.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                rooms.insert(name);
            }
        }
    }
    rooms
}

#[test]
fn a_room_names_only_rooms_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (room, may) in ROOMS {
        for file in sources(&src.join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            for name in named(&text) {
                if name != room && !may.contains(&name.as_str()) {
                    wrong.push(format!("{} names `crate::{name}`", file.strip_prefix(&src).unwrap().display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point upward:\n{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_a_room_of_the_table() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders: BTreeSet<String> = fs::read_dir(src)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let table: BTreeSet<String> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(folders, table);
}

#[test]
fn the_reader_of_names_sees_what_it_should() {
    let text = "use crate::{net, modbus::Flow};\nuse crate::time::Span; // crate::cli\nlet x = crate::record::find(1);";
    let seen: Vec<String> = named(text).into_iter().collect();
    assert_eq!(seen, ["modbus", "net", "record", "time"]);
}
