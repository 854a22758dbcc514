//! What can be typed: one definition from which parser, help, completions and man page come.

use crate::record::baseline::{Kind, Pair};
use crate::sigma::ir::{Level, LogSource};
use crate::time::{Offset, Timestamp};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::sync::Arc;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  --fail-on was met, or a test of a rule failed
  2  wrong usage
  3  rules or configuration are wrong
  4  input or output failed

Data goes to standard output, everything else to standard error.";

/// Watches Modbus traffic, evaluates Sigma rules on it and adds up threat scores.
#[derive(Debug, Parser)]
#[command(name = "sigmabus", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Score captures and stored logs
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(ScanArgs),
    /// Print one JSON record per Modbus message
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArgs),
    /// Score the traffic of a live interface as it happens
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(WatchArgs),
    /// List the interfaces that can be watched
    Interfaces(FormatArgs),
    /// Look at rules, and test them: check, explain, test, new, list, coverage, fields, mappings
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Look at the configuration: check, show
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Try the sinks of the configuration: test
    #[command(subcommand)]
    Sinks(SinksCommand),
    /// Learn what is usual, look at it, compare, approve, merge: learn, show, diff, approve, export, import
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  sigmabus completions bash > /etc/bash_completion.d/sigmabus")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    #[command(
        after_help = "Examples:\n  sigmabus man | man -l -\n  sigmabus man scan | man -l -\n  sigmabus man rules check > sigmabus-rules-check.1"
    )]
    Man {
        /// The command it is about [default: all of sigmabus]
        #[arg(value_name = "COMMAND")]
        words: Vec<String>,
    },
}

const SCAN_EXAMPLES: &str = "\
Examples:
  sigmabus scan capture.pcap                        a report, by the built-in rules
  sigmabus scan -r my-rules/ --builtin *.pcap.zst   your rules beside the built-in ones
  sigmabus scan --format json capture.pcap | jq .   alerts as JSON lines
  sigmabus scan --emit findings,alerts nxlog.json   a stored log
  sigmabus scan --fail-on high capture.pcap         exit code 1 if there was such an alert
  tcpdump -w - -i eth0 port 502 | sigmabus scan -   standard input";

const DECODE_EXAMPLES: &str = "\
Examples:
  sigmabus decode capture.pcap | jq 'select(.\"modbus.access\" == \"write\")'
  sigmabus decode --naming nxlog --utc-offset +03:00 capture.pcap > records.ndjson";

const WATCH_EXAMPLES: &str = "\
Examples:
  sigmabus watch eth0                              alerts as they happen; Ctrl-C ends with a summary
  sigmabus watch eth0 --format json --output alerts.ndjson
  sudo setcap cap_net_raw,cap_net_admin=eip $(command -v sigmabus)   watch without being root";

const CHECK_EXAMPLES: &str = "\
Examples:
  sigmabus rules check my-rules/                               with the lines they are in
  sigmabus rules check --fail-on warning my-rules/             exit code 1 on warnings
  sigmabus rules check --cost my-rules/                        what each costs, the dearest first
  sigmabus rules check --format sarif my-rules/ > check.sarif  for code hosts and editors";

const CONFIG_CHECK_EXAMPLES: &str = "\
Examples:
  sigmabus config check                                        sigmabus.yml here
  sigmabus config check plants/*.yml                           several, each for itself
  sigmabus config check --format sarif site.yml > check.sarif  for code hosts and editors

Exit codes:
  0  everything is right
  3  something is wrong
  4  a file cannot be read";

const CONFIG_SHOW_EXAMPLES: &str = "\
Examples:
  sigmabus config show                        what is in force here, section by section
  sigmabus config show site.yml > full.yml    written out; secrets stay masked";

const COVERAGE_EXAMPLES: &str = "\
Examples:
  sigmabus rules coverage                              what the built-in rules are about
  sigmabus rules coverage my-rules/                    what your own are about
  sigmabus rules coverage --navigator layer.json       a layer to open in the ATT&CK Navigator
  sigmabus rules coverage --navigator - > layer.json   the same, and nothing else";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  sigmabus rules explain my-rule.yml                                  what it means, as a tree
  sigmabus rules explain my-rule.yml event.json                       why it did or did not match this event
  sigmabus rules explain my-rule.yml --capture plant.pcap --frame 17  or the message in this frame
  sigmabus rules explain \"Force listen only mode\"                   a built-in rule";

const MAPPINGS_EXAMPLES: &str = "\
Examples:
  sigmabus rules mappings                          a line each
  sigmabus rules mappings zeek > my-zeek.yml       one to change
  sigmabus scan --mapping zeek modbus.log.json     the built-in rules on a log of Zeek";

/// `sigmabus rules explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A rule file, or the id, name or title of a built-in rule
    pub rule: PathBuf,
    /// A file that holds one event as a JSON object, or - for standard input
    pub event: Option<PathBuf>,
    /// Mappings
    #[command(flatten)]
    pub mappings: MappingArgs,
    /// Configuration
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Take the event from this capture
    #[arg(long, value_name = "FILE", requires = "frame", conflicts_with = "event")]
    pub capture: Option<PathBuf>,
    /// The frame that the message ends in, counted from 1
    #[arg(long, value_name = "N", requires = "capture", value_parser = clap::value_parser!(u64).range(1..))]
    pub frame: Option<u64>,
    /// Ports that Modbus servers listen on, separated by commas [default: 502,802]
    #[arg(long = "port", value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

const TEST_EXAMPLES: &str = "\
Examples:
  sigmabus rules test my-tests/                            what failed, and which rules no case tries
  sigmabus rules test --format junit my-tests/ > junit.xml

Exit codes:
  0  every case passed
  1  a case failed
  3  rules of a test are wrong
  4  a file cannot be read, or is no test";

/// Which rules to use.
#[derive(Debug, Clone, Default, Args)]
pub struct RuleArgs {
    /// A Sigma rule file or a directory of them, in place of the built-in rules; may be given several times
    #[arg(short, long = "rules", value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Use the built-in rules beside those of --rules
    #[arg(long)]
    pub builtin: bool,
    /// Leave rules with errors out instead of stopping
    #[arg(long)]
    pub skip_bad_rules: bool,
    /// Mappings
    #[command(flatten)]
    pub mappings: MappingArgs,
    /// Scores, scoreboards, device maps and ports [default: sigmabus.yml here, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What rules may rely on beside themselves.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Its device maps, placeholders and mappings count [default: sigmabus.yml here, if there is one]
    #[arg(long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Which mappings rules go through.
#[derive(Debug, Clone, Default, Args)]
pub struct MappingArgs {
    /// Change rules for another kind of log: a shipped mapping (see `sigmabus rules mappings`) or the file of one; may
    /// be given several times [default: those of the configuration]
    #[arg(long = "mapping", value_name = "NAME|FILE")]
    pub mappings: Vec<String>,
}

/// What is Modbus in a capture.
#[derive(Debug, Clone, Default, Args)]
pub struct TrafficArgs {
    /// Only frames that this capture filter lets through (see pcap-filter(7))
    #[arg(long, value_name = "EXPR")]
    pub bpf: Option<String>,
    /// Ports that Modbus servers listen on, separated by commas [default: 502,802]
    #[arg(long = "port", value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// Print no records of state events (modbus.kind: status); rules see them all the same
    #[arg(long)]
    pub no_status: bool,
    /// Tell every change of a coil, input or register, seen in reads or writes, as a record of its own
    #[arg(long)]
    pub register_changes: bool,
}

/// What to print and where.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// What to print, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "alerts")]
    pub emit: Vec<Emit>,
    /// How to print it [default: text on a terminal, json otherwise]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Exit with 1 when an alert of this level or above was raised
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub fail_on: Option<LevelArg>,
}

/// Where log lines come from, and when.
#[derive(Debug, Clone, Default, Args)]
pub struct SourceArgs {
    /// What all log lines come from: rules with a conflicting log source are not evaluated on them
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = log_source)]
    pub logsource: Option<LogSource>,
    /// Fields in which each log line tells its product, category and service [default when given alone:
    /// product,category,service]
    #[arg(
        long,
        value_name = "PRODUCT,CATEGORY,SERVICE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "product,category,service",
        value_parser = source_fields,
        conflicts_with = "logsource"
    )]
    pub logsource_fields: Option<SourceFields>,
    /// Fields that tell the time of a log line, separated by commas; looked at before EventTime, @timestamp and other usual
    /// names
    #[arg(
        long = "timestamp-field",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    pub timestamp_fields: Vec<String>,
}

/// The names of the fields for product, category and service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFields(pub [Arc<str>; 3]);

fn source_fields(text: &str) -> Result<SourceFields, String> {
    let names: Vec<Arc<str>> = text.split(',').map(|name| name.trim().into()).collect();
    let names = <[Arc<str>; 3]>::try_from(names).ok().filter(|names| names.iter().all(|name| !name.is_empty()));
    names.map(SourceFields).ok_or_else(|| "expected three field names, product,category,service".to_owned())
}

fn log_source(text: &str) -> Result<LogSource, String> {
    let mut source = LogSource::default();
    for part in text.split(',') {
        let place = match part.split_once('=') {
            Some(("product", _)) => &mut source.product,
            Some(("category", _)) => &mut source.category,
            Some(("service", _)) => &mut source.service,
            _ => return Err(format!("expected product=, category= or service= and a value, not `{part}`")),
        };
        *place =
            part.split_once('=').map(|(_, value)| value.trim().into()).filter(|value: &Arc<str>| !value.is_empty());
    }
    Ok(source)
}

/// `sigmabus scan`
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Captures (pcap, pcapng), logs (JSON lines), directories, or - for standard input; plain, .gz or .zst
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Rules
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Traffic
    #[command(flatten)]
    pub traffic: TrafficArgs,
    /// Log sources
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Output
    #[command(flatten)]
    pub output: OutputArgs,
    /// Worker threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// `sigmabus decode`
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// Captures or logs, directories, or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Field names and value forms
    #[arg(long, value_enum, default_value = "native")]
    pub naming: Naming,
    /// The zone of the times in NXLog's naming
    #[arg(long, value_name = "+HH:MM", default_value = "+00:00", allow_hyphen_values = true, value_parser = offset)]
    pub utc_offset: Offset,
    /// Device maps and ports [default: sigmabus.yml here, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Traffic
    #[command(flatten)]
    pub traffic: TrafficArgs,
    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

fn offset(text: &str) -> Result<Offset, String> {
    Offset::parse(text).ok_or_else(|| "expected a distance from UTC such as +03:00".to_owned())
}

/// `sigmabus watch`
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The interface, as `sigmabus interfaces` lists it
    pub interface: String,
    /// Rules
    #[command(flatten)]
    pub rules: RuleArgs,
    /// Traffic
    #[command(flatten)]
    pub traffic: TrafficArgs,
    /// Output
    #[command(flatten)]
    pub output: OutputArgs,
    /// Size of the kernel's capture buffer in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub buffer: u32,
    /// Do not switch the interface to promiscuous mode
    #[arg(long)]
    pub no_promiscuous: bool,
}

/// How to print a list.
#[derive(Debug, Args)]
pub struct FormatArgs {
    /// How to print it [default: text on a terminal, json otherwise]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// `sigmabus rules ...`
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Print every problem of every rule file; exit code 3 when there are errors
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// Rule files or directories [default: the built-in rules]
        paths: Vec<PathBuf>,
        /// Mappings
        #[command(flatten)]
        mappings: MappingArgs,
        /// Configuration
        #[command(flatten)]
        config: ConfigArgs,
        /// How to print them: text goes to standard error, the others to standard output
        #[arg(long, value_enum, default_value = "text")]
        format: CheckFormat,
        /// The least problem to fail on; hints are none
        #[arg(long, value_enum, value_name = "SEVERITY", default_value = "error")]
        fail_on: FailOn,
        /// Tell what each rule costs a record, estimated by its form, the dearest first (text or json)
        #[arg(long)]
        cost: bool,
    },
    /// Tell what a rule means, or why it did or did not match an event
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Run test files: which records must rules find, which must they not?
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// Test files or directories of them [default: sigma-tests here, if there is one]
        paths: Vec<PathBuf>,
        /// Mappings that all rules of all tests go through, before those that a test names
        #[command(flatten)]
        mappings: MappingArgs,
        /// How to print the results
        #[arg(long, value_enum, default_value = "text")]
        format: TestFormat,
    },
    /// Print a rule to begin with, explained by comments, with a fresh id
    #[command(after_help = "Example:\n  sigmabus rules new > my-rule.yml")]
    New {
        /// With a correlation that counts what the rule finds
        #[arg(long)]
        correlation: bool,
    },
    /// List rules: id, title, level, ATT&CK tags
    List {
        /// Rule files or directories [default: the built-in rules]
        paths: Vec<PathBuf>,
        /// Mappings
        #[command(flatten)]
        mappings: MappingArgs,
        /// Configuration
        #[command(flatten)]
        config: ConfigArgs,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Print which techniques of ATT&CK for ICS rules are about, and which none is about
    #[command(after_help = COVERAGE_EXAMPLES)]
    Coverage {
        /// Rule files or directories [default: the built-in rules]
        paths: Vec<PathBuf>,
        /// Mappings
        #[command(flatten)]
        mappings: MappingArgs,
        /// Configuration
        #[command(flatten)]
        config: ConfigArgs,
        /// Writes a layer for the ATT&CK Navigator to this file; with `-`, prints it in place of the list
        #[arg(long, value_name = "FILE")]
        navigator: Option<PathBuf>,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// List the mappings that sigmabus brings along, or print one
    #[command(after_help = MAPPINGS_EXAMPLES)]
    Mappings {
        /// The one to print
        name: Option<String>,
    },
    /// List what rules must be told of the site, and what they are told
    #[command(after_help = "Example:\n  sigmabus rules placeholders --config plant.yml")]
    Placeholders {
        /// Takes their values from this file [default: sigmabus.yml here, if there is one]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Print the fields that rules on Modbus records can use
    #[command(after_help = "Example:\n  sigmabus rules fields | less")]
    Fields {
        /// Lists the tags of its device maps, too [default: sigmabus.yml here, if there is one]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
}

/// `sigmabus config ...`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every mistake of a configuration, and of the files it names; exit code 3 when there are any
    #[command(after_help = CONFIG_CHECK_EXAMPLES)]
    Check {
        /// Configurations [default: sigmabus.yml here]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// How to print them: text goes to standard error, the others to standard output
        #[arg(long, value_enum, default_value = "text")]
        format: CheckFormat,
    },
    /// Print the configuration that is in force as YAML: defaults are filled in, secrets are masked
    #[command(after_help = CONFIG_SHOW_EXAMPLES)]
    Show {
        /// The configuration [default: sigmabus.yml here, if there is one]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

const SINKS_TEST_EXAMPLES: &str = "\
Examples:
  sigmabus sinks test                   one line to every sink of sigmabus.yml
  sigmabus sinks test siem archive      to these two

Exit codes:
  0  every sink took it
  3  the configuration is wrong
  4  a sink did not take it";

/// `sigmabus sinks ...`
#[derive(Debug, Subcommand)]
pub enum SinksCommand {
    /// Send one alert that is marked as a test to each sink, and tell what became of it
    #[command(after_help = SINKS_TEST_EXAMPLES)]
    Test {
        /// Sinks [default: all of them]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// The configuration [default: sigmabus.yml here]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// How to print what became of it [default: text on a terminal, json otherwise]
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
}

const BASELINE_LEARN_EXAMPLES: &str = "\
Examples:
  sigmabus baseline learn week1.pcap week2.pcap.zst -o baseline.yml
  sigmabus baseline learn modbus.log.json          what it would be, on standard output";

const BASELINE_DIFF_EXAMPLES: &str = "\
Examples:
  sigmabus baseline diff baseline.yml today.pcap   what today's traffic has that the baseline does not, and the other way
  sigmabus baseline diff --exit-code old.yml new.yml";

const BASELINE_APPROVE_EXAMPLES: &str = "\
Examples:
  sigmabus baseline approve --by ann --kind address,function
  sigmabus baseline approve --by ann --pair 192.0.2.10,192.0.2.24
  sigmabus baseline approve --by ann --all --from today.yml --baseline baseline.yml";

/// `sigmabus baseline ...`
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Learn from captures and logs
    #[command(after_help = BASELINE_LEARN_EXAMPLES)]
    Learn(LearnArgs),
    /// Print what is usual: who asks whom for what, and what is read and written where
    #[command(after_help = "Example:\n  sigmabus baseline show baseline.yml | less")]
    Show {
        /// The baseline [default: that of the configuration]
        file: Option<PathBuf>,
        /// The configuration that names it [default: sigmabus.yml here]
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Print what one baseline knows and the other does not; a file that does not end in .yml or .yaml is learned from
    #[command(after_help = BASELINE_DIFF_EXAMPLES)]
    Diff {
        /// The one
        old: PathBuf,
        /// The other
        new: PathBuf,
        /// How to learn from a capture or log
        #[command(flatten)]
        learn: LearnTraffic,
        /// Exit with 1 when there is any difference
        #[arg(long)]
        exit_code: bool,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Take what runs found new into the baseline, with who found it right and when
    #[command(after_help = BASELINE_APPROVE_EXAMPLES)]
    Approve(ApproveArgs),
    /// Print the baseline, checked and in order, or write it to a file
    #[command(after_help = "Example:\n  sigmabus baseline export -o sensor1.yml")]
    Export {
        /// Which
        #[command(flatten)]
        of: BaselineFile,
        /// Write here instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Merge baselines, of other sensors say, into the baseline; any order gives the same
    #[command(after_help = "Example:\n  sigmabus baseline import sensor1.yml sensor2.yml --baseline plant.yml")]
    Import {
        /// The baselines to merge into it
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Into which; it need not exist
        #[command(flatten)]
        into: BaselineFile,
    },
}

/// Which baseline.
#[derive(Debug, Clone, Default, Args)]
pub struct BaselineFile {
    /// The baseline [default: that of the configuration]
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// The configuration that names it [default: sigmabus.yml here]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `sigmabus baseline learn`
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Captures (pcap, pcapng), logs, directories, or - for standard input; plain, .gz or .zst
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Write here; what the file knows already stays [default: the baseline of the configuration, or else standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Traffic
    #[command(flatten)]
    pub traffic: LearnTraffic,
}

/// What is learned from of a capture.
#[derive(Debug, Clone, Default, Args)]
pub struct LearnTraffic {
    /// Device maps and ports [default: sigmabus.yml here, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only frames that this capture filter lets through (see pcap-filter(7))
    #[arg(long, value_name = "EXPR")]
    pub bpf: Option<String>,
    /// Ports that Modbus servers listen on, separated by commas [default: 502,802]
    #[arg(long = "port", value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
}

/// `sigmabus baseline approve`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["all", "kinds", "pairs"]))]
pub struct ApproveArgs {
    /// All of it
    #[arg(long, conflicts_with_all = ["kinds", "pairs"])]
    pub all: bool,
    /// Only these kinds of things, separated by commas
    #[arg(long = "kind", value_enum, value_name = "KIND", value_delimiter = ',')]
    pub kinds: Vec<KindArg>,
    /// Only what this client and server have to do with; may be given several times
    #[arg(long = "pair", value_name = "CLIENT,SERVER", value_parser = pair)]
    pub pairs: Vec<Pair>,
    /// Who found it right
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// When, in RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// What runs found new, or any other baseline [default: `news` of the configuration]
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Into which
    #[command(flatten)]
    pub into: BaselineFile,
}

fn pair(text: &str) -> Result<Pair, String> {
    let ends = text.split_once(',').and_then(|(client, server)| {
        Some(Pair { client: client.trim().parse().ok()?, server: server.trim().parse().ok()? })
    });
    ends.ok_or_else(|| "expected the addresses of a client and a server, CLIENT,SERVER".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "expected a time such as 2020-09-23T08:55:39Z".to_owned())
}

/// A kind of thing that is usual or new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KindArg {
    /// Who talks to whom
    Pair,
    /// Which functions are asked for
    Function,
    /// Which addresses are read and written
    Address,
    /// Which values tags have
    Value,
    /// How often a client asks
    Period,
    /// Which hardware addresses hosts have
    Mac,
}

impl KindArg {
    /// The kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Pair => Kind::Pair,
            Self::Function => Kind::Function,
            Self::Address => Kind::Address,
            Self::Value => Kind::Value,
            Self::Period => Kind::Period,
            Self::Mac => Kind::Mac,
        }
    }
}

/// What can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// What a person should know
    Alerts,
    /// Alerts of one entity together: that an incident begins, grows, is over
    Incidents,
    /// Every rule that a record or a group of records satisfied
    Findings,
    /// The score of an entity, each time a finding changes it
    Scores,
    /// Every record
    Records,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// How to print the problems of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
    /// SARIF 2.1.0, which code hosts and editors read
    Sarif,
}

/// Which problems of rules turn the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Errors: exit code 3
    Error,
    /// Warnings as well: exit code 1 when there are only these
    Warning,
}

/// How to print the results of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
    /// JUnit's XML, which CI systems read
    Junit,
}

/// Field names and value forms of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Naming {
    /// Our own names with typed values
    Native,
    /// NXLog's names, every value a string
    Nxlog,
}

/// A level on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelArg {
    /// Any alert
    Informational,
    /// Low or above
    Low,
    /// Medium or above
    Medium,
    /// High or above
    High,
    /// Critical
    Critical,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Informational => Self::Informational,
            LevelArg::Low => Self::Low,
            LevelArg::Medium => Self::Medium,
            LevelArg::High => Self::High,
            LevelArg::Critical => Self::Critical,
        }
    }
}
