//! Writes captures of Modbus traffic: whole plants by seed, with attacks at known places, and the project's fixtures.

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use generator::attack::{self, Attack, CATALOGUE};
use generator::file::{Container, Endian, Format, Resolution};
use generator::hostile::{self, Scale};
use generator::packet::Link;
use generator::plan::{self, Addressing, Options};
use generator::schedule::Network;
use generator::{fixture, truth::Truth};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "traffic/generator.rs"]
pub mod generator;

const EXAMPLES: &str = "\
Examples (`traffic` stands for `cargo run --release --example traffic --`):
  A quiet plant, a minute long:
    traffic plant.pcap --transactions 12000
  Attacks of all kinds, and where they are:
    traffic attacked.pcap --attacks all --truth
  A hostile network and a large plant, for measuring:
    traffic big.pcap --transactions 500000 --connections 200 --rate 5000 --cut 0.1 --reorder 0.3 --retransmit 0.02
  Nanosecond pcapng in IPv6 with a VLAN tag:
    traffic v6.pcapng --container pcapng --nanoseconds --ipv6 --vlan 120
  The catalogue of attacks, and a fixture:
    traffic attacks
    traffic fixture badlogin fixtures/badlogin/capture.pcap";

/// Writes captures of Modbus traffic with known truth.
#[derive(Debug, Parser)]
#[command(name = "traffic", after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    plant: PlantArgs,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// List the attacks.
    Attacks,
    /// Write a capture that fills every table of a reader.
    Hostile {
        /// The file to write.
        out: PathBuf,
    },
    /// Write one of the project's fixtures.
    Fixture {
        /// Its name; no such name lists them.
        name: String,
        /// The file to write.
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
struct PlantArgs {
    /// The capture to write.
    #[arg(required = true)]
    out: Option<PathBuf>,
    /// Same seed and options, same bytes.
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
    /// Transactions of normal traffic; attacks come on top.
    #[arg(long, default_value_t = Options::default().transactions)]
    transactions: u64,
    /// Stations, each on a connection of its own.
    #[arg(long, default_value_t = Options::default().connections)]
    connections: u32,
    /// Transactions before a station reconnects.
    #[arg(long, default_value_t = Options::default().lifetime)]
    lifetime: u32,
    /// Transactions for each second of capture time.
    #[arg(long, default_value_t = Options::default().rate)]
    rate: f64,
    /// When the capture begins, RFC 3339.
    #[arg(long, default_value = "2023-11-14T22:13:20Z")]
    start: jiff::Timestamp,
    /// Write OUT.truth.json beside the capture.
    #[arg(long)]
    truth: bool,
    /// Attacks to mix in, by name, or `all`.
    #[arg(long, value_delimiter = ',')]
    attacks: Vec<String>,
    #[command(flatten)]
    shares: ShareArgs,
    #[command(flatten)]
    file: FileArgs,
}

/// Shares from 0 to 1.
#[derive(Debug, Args)]
struct ShareArgs {
    /// Share of transactions that begin a write of several requests.
    #[arg(long, value_parser = share, default_value_t = Options::default().pipeline)]
    pipeline: f64,
    /// Share of requests without answer.
    #[arg(long, value_parser = share, default_value_t = Options::default().unanswered)]
    unanswered: f64,
    /// Share of requests answered by an exception.
    #[arg(long, value_parser = share, default_value_t = Options::default().exceptions)]
    exceptions: f64,
    /// Share of stations that are gateways to several units.
    #[arg(long, value_parser = share, default_value_t = Options::default().gateways)]
    gateways: f64,
    /// Share of writes cut into two segments, at any byte.
    #[arg(long, value_parser = share, default_value_t = Options::default().network.cut)]
    cut: f64,
    /// Share of cut writes whose second segment comes first.
    #[arg(long, value_parser = share, default_value_t = Options::default().network.reorder)]
    reorder: f64,
    /// Share of writes sent again later.
    #[arg(long, value_parser = share, default_value_t = Options::default().network.retransmit)]
    retransmit: f64,
    /// Share of writes acknowledged by a segment of its own.
    #[arg(long, value_parser = share, default_value_t = Options::default().network.acknowledge)]
    acknowledge: f64,
}

#[derive(Debug, Args)]
struct FileArgs {
    /// File format.
    #[arg(long, value_enum, default_value = "pcap")]
    container: ContainerArg,
    /// Link type.
    #[arg(long, value_enum, default_value = "ethernet")]
    link: LinkArg,
    /// Time stamps in nanoseconds.
    #[arg(long)]
    nanoseconds: bool,
    /// Most significant byte first.
    #[arg(long)]
    big_endian: bool,
    /// IPv6 instead of IPv4.
    #[arg(long)]
    ipv6: bool,
    /// Tag frames with this VLAN.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..4095))]
    vlan: Option<u16>,
    /// Cut frames to so many bytes.
    #[arg(long, default_value_t = Format::default().snap_len)]
    snap_len: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ContainerArg {
    /// Classic pcap.
    Pcap,
    /// pcapng.
    Pcapng,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LinkArg {
    /// Ethernet.
    Ethernet,
    /// Linux cooked capture.
    Sll,
    /// IP without a link header.
    Raw,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.other {
        Some(Other::Attacks) => list_attacks().context("cannot list the attacks"),
        Some(Other::Hostile { out }) => write_hostile(&out),
        Some(Other::Fixture { name, out }) => write_fixture(&name, &out),
        None => write_plant(&cli.plant),
    }
}

fn write_plant(args: &PlantArgs) -> anyhow::Result<()> {
    let Some(out) = &args.out else { bail!("no capture to write") };
    let options = args.options()?;
    let file = File::create(out).with_context(|| format!("cannot create {}", out.display()))?;
    let writer = BufWriter::with_capacity(1 << 18, file);
    let (_, truth) = plan::generate(writer, &options).with_context(|| format!("cannot write {}", out.display()))?;
    if args.truth { write_truth(out, &truth) } else { Ok(()) }
}

fn write_hostile(out: &Path) -> anyhow::Result<()> {
    let file = File::create(out).with_context(|| format!("cannot create {}", out.display()))?;
    let written = hostile::write(BufWriter::with_capacity(1 << 18, file), Scale::FULL);
    written.map(drop).with_context(|| format!("cannot write {}", out.display()))
}

/// Writes the truth beside the capture: `plant.pcap` to `plant.truth.json`.
fn write_truth(capture: &Path, truth: &Truth) -> anyhow::Result<()> {
    let path = capture.with_extension("truth.json");
    let text = serde_json::to_string_pretty(truth)?;
    fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

fn write_fixture(name: &str, out: &Path) -> anyhow::Result<()> {
    let Some(fixture) = fixture::find(name) else {
        let names: Vec<&str> = fixture::ALL.iter().map(|fixture| fixture.name).collect();
        bail!("no fixture `{name}`; there are {}", names.join(", "));
    };
    let bytes = (fixture.build)().with_context(|| format!("cannot build {name}"))?;
    fs::write(out, bytes).with_context(|| format!("cannot write {}", out.display()))
}

fn list_attacks() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = CATALOGUE.iter().map(|attack| attack.name.len()).max().unwrap_or(0);
    CATALOGUE.iter().try_for_each(|attack| writeln!(out, "{:width$}  {}", attack.name, attack.about))
}

impl PlantArgs {
    fn options(&self) -> anyhow::Result<Options> {
        Ok(Options {
            seed: self.seed,
            transactions: self.transactions,
            connections: self.connections,
            lifetime: self.lifetime,
            rate: self.rate,
            start: Duration::try_from(self.start.duration_since(jiff::Timestamp::UNIX_EPOCH))
                .context("the capture cannot begin before 1970")?,
            pipeline: self.shares.pipeline,
            unanswered: self.shares.unanswered,
            exceptions: self.shares.exceptions,
            gateways: self.shares.gateways,
            network: Network {
                cut: self.shares.cut,
                reorder: self.shares.reorder,
                retransmit: self.shares.retransmit,
                acknowledge: self.shares.acknowledge,
            },
            attacks: chosen(&self.attacks)?,
            addressing: if self.file.ipv6 { Addressing::V6 } else { Addressing::V4 },
            vlan: self.file.vlan,
            format: self.file.format(),
        })
    }
}

impl FileArgs {
    fn format(&self) -> Format {
        Format {
            container: match self.container {
                ContainerArg::Pcap => Container::Pcap,
                ContainerArg::Pcapng => Container::PcapNg,
            },
            resolution: if self.nanoseconds { Resolution::Nano } else { Resolution::Micro },
            endian: if self.big_endian { Endian::Big } else { Endian::Little },
            links: vec![match self.link {
                LinkArg::Ethernet => Link::Ethernet,
                LinkArg::Sll => Link::Sll,
                LinkArg::Raw => Link::Raw,
            }],
            snap_len: self.snap_len,
        }
    }
}

/// A share: a number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

/// The attacks named, in that order; `all` is the whole catalogue.
fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Attack>> {
    let mut attacks = Vec::new();
    for name in names {
        if name == "all" {
            attacks.extend(CATALOGUE);
        } else if let Some(attack) = attack::find(name) {
            attacks.push(attack);
        } else {
            bail!("no attack `{name}`; `traffic attacks` lists them");
        }
    }
    Ok(attacks)
}
