//! Writes Sigma rules on numbers: function, unit, range of addresses, network, exception. As many as asked for, the same ones
//! each time, to see what many rules cost a message.

use anyhow::Context;
use clap::Parser;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

const EXAMPLE: &str = "\
Example (`rules` stands for `cargo run --example rules --`):
  rules 5000 /tmp/rules && sigmabus scan --rules /tmp/rules big.pcap";

/// Rules of one file: far fewer than a file may have.
const IN_A_FILE: u32 = 500;
/// The public functions of registers, coils and diagnostics.
const FUNCTIONS: [u32; 12] = [1, 2, 3, 4, 5, 6, 8, 15, 16, 22, 23, 43];

/// Writes Sigma rules on numbers of Modbus messages.
#[derive(Debug, Parser)]
#[command(name = "rules", after_help = EXAMPLE)]
struct Args {
    /// How many.
    count: u32,
    /// The folder to write them to.
    folder: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let Args { count, folder } = Args::parse();
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for first in (0..count).step_by(IN_A_FILE as usize) {
        let mut text = String::new();
        for number in first..count.min(first + IN_A_FILE) {
            rule(number, &mut text)?;
        }
        let path = folder.join(format!("{first:06}.yml"));
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn rule(number: u32, text: &mut String) -> std::fmt::Result {
    let function = FUNCTIONS[number as usize % FUNCTIONS.len()];
    let (unit, low) = (number % 247, number * 61 % 60_000);
    let (site, cell) = (number % 7, number % 250);
    writeln!(
        text,
        "---
title: Generated rule {number}
logsource:
  product: modbus
detection:
  seen:
    modbus.function: {function}
    modbus.unit_id: {unit}
    modbus.address|gte: {low}
    modbus.address|lt: {}
    modbus.client|cidr: 10.{site}.{cell}.0/24
  refused:
    modbus.exc_code|exists: true
  condition: seen and not refused
level: low",
        low + 200
    )
}
