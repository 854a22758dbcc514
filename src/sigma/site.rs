//! What the built-in rules must be told of a site: placeholders that have a value before anybody gives them one.
//!
//! Each default keeps the rules that ask for it quiet, or as they are useful everywhere; what is configured replaces it.

use std::fmt::Write as _;
use std::sync::LazyLock;

/// A placeholder of the built-in rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePlaceholder {
    /// Its name, without the percent signs.
    pub name: &'static str,
    /// What its values are.
    pub meaning: &'static str,
    /// Its values where none are configured.
    pub default: Vec<String>,
    /// Values as somebody may configure them, in YAML.
    pub example: &'static str,
}

/// Name, meaning, defaults, example.
type Row = (&'static str, &'static str, &'static [&'static str], &'static str);

const TABLE: [Row; 17] = [
    ("modbus_writers", "clients that may write", &["*"], "[192.0.2.10, 192.0.2.16/28]"),
    ("modbus_readers", "clients that may read", &["*"], "[192.0.2.0/24]"),
    ("engineering_stations", "clients that may use diagnostics and programming functions", &["*"], "[192.0.2.30]"),
    ("asset_scanners", "clients that may ask devices who they are", &[], "[192.0.2.5]"),
    ("modbus_masters", "clients that connect to many servers at once", &[], "[192.0.2.10]"),
    ("modbus_concentrators", "devices that are server and client", &[], "[192.0.2.40]"),
    ("modbus_gateways", "servers with many units behind them", &[], "[192.0.2.50]"),
    ("block_writers", "clients that write blocks of equal coils or zeros as a matter of course", &[], "[192.0.2.10]"),
    ("site_networks", "public addresses that are the site's own", &[], "[198.51.100.0/24]"),
    ("protected_servers", "servers of the two below", &["*"], "[192.0.2.20]"),
    ("protected_registers", "holding registers that nobody writes in normal operation", &[], "[100-109, 4000]"),
    ("protected_coils", "coils that nobody writes in normal operation", &[], "[0-15]"),
    ("alarm_servers", "servers of the one below", &["*"], "[192.0.2.20]"),
    ("alarm_registers", "holding registers with limits of alarms", &[], "[200-207]"),
    ("limited_servers", "servers of the two below", &["*"], "[192.0.2.20]"),
    ("limited_registers", "holding registers for which only the safe values are safe", &[], "[102]"),
    ("safe_values", "what may be written into them", &["*"], "[350-420]"),
];

static KNOWN: LazyLock<Vec<SitePlaceholder>> = LazyLock::new(|| {
    let known = TABLE.iter().map(|&(name, meaning, default, example)| SitePlaceholder {
        name,
        meaning,
        default: default.iter().map(|value| (*value).to_owned()).collect(),
        example,
    });
    known.collect()
});

/// The placeholders of the built-in rules, in the order of the manual.
#[must_use]
pub fn site_placeholders() -> &'static [SitePlaceholder] {
    &KNOWN
}

/// The values of one of them where none are configured.
pub(super) fn default(name: &str) -> Option<&'static [String]> {
    KNOWN.iter().find(|known| known.name == name).map(|known| &*known.default)
}

/// The table of the manual.
#[must_use]
pub fn site_placeholders_markdown() -> String {
    let mut out = String::from("| placeholder | what it holds | default | for example |\n|---|---|---|---|\n");
    for SitePlaceholder { name, meaning, default, example } in site_placeholders() {
        let default = match default.as_slice() {
            [] => "nothing".to_owned(),
            [any] if any == "*" => "any".to_owned(),
            values => format!("`{}`", values.join(", ")),
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "| `%{name}%` | {meaning} | {default} | `{example}` |");
    }
    out
}
