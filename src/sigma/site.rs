//! What the built-in rules must be told of a site: placeholders that have a value before anybody gives them one.
//!
//! Each default keeps the rules that ask for it quiet, or as they are useful everywhere; what is configured replaces it.

use super::limits::MAX_EXPANSIONS;
use super::value::number_range;
use ipnet::IpNet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::LazyLock;

/// What the values of a placeholder are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteValues {
    /// Addresses and networks.
    Hosts,
    /// Numbers of coils or registers, values of registers.
    Numbers,
}

/// A placeholder of the built-in rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePlaceholder {
    /// Its name, without the percent signs.
    pub name: &'static str,
    /// Which values make sense.
    pub values: SiteValues,
    /// What they say.
    pub meaning: &'static str,
    /// Its values where none are configured.
    pub default: Vec<String>,
    /// Values as somebody may configure them, in YAML.
    pub example: &'static str,
}

impl SitePlaceholder {
    /// Whether the built-in rules can make something of the value.
    #[must_use]
    pub fn takes(&self, value: &str) -> bool {
        if value.contains(['*', '?']) {
            return true;
        }
        match self.values {
            SiteValues::Hosts => value.parse::<IpAddr>().is_ok() || value.parse::<IpNet>().is_ok(),
            SiteValues::Numbers => {
                let is_short =
                    |first: u32, last: u32| last <= u32::from(u16::MAX) && last - first < MAX_EXPANSIONS as u32;
                value.parse::<u16>().is_ok()
                    || number_range(value).is_some_and(|range| is_short(*range.start(), *range.end()))
            }
        }
    }

    /// What a value should be.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        match self.values {
            SiteValues::Hosts => "an address such as 192.0.2.10, a network such as 192.0.2.0/28, or `*` for any",
            SiteValues::Numbers => "a number from 0 to 65535, a range of at most 1,000 such as 100-109, or `*` for any",
        }
    }
}

use SiteValues::{Hosts, Numbers};

/// Name, values, meaning, defaults, example.
type Row = (&'static str, SiteValues, &'static str, &'static [&'static str], &'static str);

const TABLE: [Row; 23] = [
    ("modbus_writers", Hosts, "clients that may write", &["*"], "[192.0.2.10, 192.0.2.16/28]"),
    ("modbus_readers", Hosts, "clients that may read", &["*"], "[192.0.2.0/24]"),
    ("engineering_stations", Hosts, "clients that may use diagnostics and load programs", &["*"], "[192.0.2.30]"),
    ("asset_scanners", Hosts, "clients that may ask devices who they are", &[], "[192.0.2.5]"),
    ("modbus_masters", Hosts, "clients that connect to many servers at once", &[], "[192.0.2.10]"),
    ("modbus_concentrators", Hosts, "devices that are server and client", &[], "[192.0.2.40]"),
    ("modbus_gateways", Hosts, "servers with many units behind them", &[], "[192.0.2.50]"),
    (
        "block_writers",
        Hosts,
        "clients that write coils over and over, or blocks of equal coils or of zeros",
        &[],
        "[192.0.2.10]",
    ),
    ("redundant_servers", Hosts, "servers whose address moves between devices or routers", &[], "[192.0.2.60]"),
    ("site_networks", Hosts, "public addresses that are the site's own", &[], "[198.51.100.0/24]"),
    ("passphrase_servers", Hosts, "devices that ask for a passphrase in register 31", &[], "[192.0.2.20]"),
    ("protected_servers", Hosts, "servers that the two below are about", &["*"], "[192.0.2.20]"),
    (
        "protected_registers",
        Numbers,
        "holding registers that nobody writes in normal operation",
        &[],
        "[100-109, 4000]",
    ),
    ("protected_coils", Numbers, "coils that nobody writes in normal operation", &[], "[0-15]"),
    ("alarm_servers", Hosts, "servers that the one below is about", &["*"], "[192.0.2.20]"),
    ("alarm_registers", Numbers, "holding registers with limits of alarms", &[], "[200-207]"),
    ("limited_servers", Hosts, "servers that the two below are about", &["*"], "[192.0.2.20]"),
    ("limited_registers", Numbers, "holding registers for which only the safe values are safe", &[], "[102]"),
    ("safe_values", Numbers, "what may be written into them", &["*"], "[350-420]"),
    ("kept_servers", Hosts, "servers that the one below is about", &["*"], "[192.0.2.20]"),
    ("kept_registers", Numbers, "holding registers that read as they were written", &[], "[100-109]"),
    ("text_registers", Numbers, "holding registers that hold text by design", &[], "[200-215]"),
    ("known_functions", Numbers, "function codes of the vendors' own that belong to the site", &[], "[65, 100-110]"),
];

static KNOWN: LazyLock<Vec<SitePlaceholder>> = LazyLock::new(|| {
    let known = TABLE.iter().map(|&(name, values, meaning, default, example)| SitePlaceholder {
        name,
        values,
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

/// The one of them that a name was most likely meant to be.
#[must_use]
pub fn misspelt_site_placeholder(name: &str) -> Option<&'static str> {
    /// Letters that somebody gets wrong; names of a site's own differ by more.
    const SLIPS: usize = 2;
    /// The longest name compared.
    const LENGTH: usize = 64;
    if name.len() > LENGTH || default(name).is_some() {
        return None;
    }
    let names = KNOWN.iter().map(|known| known.name);
    names.into_iter().find(|known| strsim::damerau_levenshtein(name, known) <= SLIPS)
}

/// The table of the manual.
#[must_use]
pub fn site_placeholders_markdown() -> String {
    let mut out = String::from("| placeholder | what it holds | default | for example |\n|---|---|---|---|\n");
    for SitePlaceholder { name, meaning, default, example, .. } in site_placeholders() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_the_rules_can_use() {
        let known = |name: &str| site_placeholders().iter().find(|known| known.name == name).unwrap();
        let (hosts, numbers) = (known("modbus_writers"), known("protected_registers"));
        for value in ["192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "192.0.2.*", "*"] {
            assert!(hosts.takes(value), "{value}");
        }
        for value in ["hmi-1", "192.0.2", "192.0.2.1-9", "", "192.0.2.1/33"] {
            assert!(!hosts.takes(value), "{value}");
        }
        for value in ["0", "65535", "100-109", "0-999", "7-7", "*"] {
            assert!(numbers.takes(value), "{value}");
        }
        for value in ["65536", "-1", "109-100", "0-1000", "65000-65536", "0x10", "", "4-5-6"] {
            assert!(!numbers.takes(value), "{value}");
        }
        for known in site_placeholders() {
            assert!(known.default.iter().all(|value| known.takes(value)), "{}", known.name);
        }
    }

    #[test]
    fn slips_are_seen_and_names_of_a_site_s_own_are_left_alone() {
        assert_eq!(misspelt_site_placeholder("modbus_writer"), Some("modbus_writers"));
        assert_eq!(misspelt_site_placeholder("asset_sacnners"), Some("asset_scanners"));
        for own in ["modbus_writers", "tank_registers", "my_servers", "admins", ""] {
            assert_eq!(misspelt_site_placeholder(own), None, "{own}");
        }
    }
}
