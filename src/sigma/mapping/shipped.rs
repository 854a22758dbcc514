//! The mappings that sigmabus brings along.

use crate::sigma::SourceText;

/// A mapping that sigmabus brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// What `--mapping` calls it.
    pub name: &'static str,
    /// Which rules it makes fit which logs, in a line.
    pub summary: &'static str,
    /// The file.
    pub text: &'static str,
}

/// A mapping by its name and summary.
macro_rules! shipped {
    ($name:literal, $summary:literal) => {
        Shipped { name: $name, summary: $summary, text: include_str!(concat!("../../../mappings/", $name, ".yml")) }
    };
}

const SHIPPED: [Shipped; 8] = [
    shipped!(
        "ecs",
        "events of Windows (Winlogbeat), processes, networks, DNS and web servers in the Elastic Common Schema"
    ),
    shipped!("icsnpp", "Modbus rules on modbus_detailed.log of Zeek with ICSNPP"),
    shipped!("nxlog", "Modbus rules on what im_pcap of NXLog writes"),
    shipped!("suricata", "Modbus rules on modbus events of Suricata (eve.json)"),
    shipped!("sysmon", "rules for Windows on events of Sysmon: categories are numbers of events"),
    shipped!("windows-security", "rules for Windows on its own event logs: 4688 for processes, channels for services"),
    shipped!("wireshark", "Modbus rules on what tshark -T ek prints"),
    shipped!("zeek", "Modbus rules on modbus.log of Zeek"),
];

/// The mappings that sigmabus brings along.
pub fn shipped_mappings() -> impl Iterator<Item = Shipped> {
    SHIPPED.into_iter()
}

/// The file of the shipped mapping of this name.
#[must_use]
pub fn shipped_mapping(name: &str) -> Option<SourceText> {
    let found = shipped_mappings().find(|shipped| shipped.name == name)?;
    Some(SourceText::new(format!("builtin:mappings/{name}.yml"), found.text.as_bytes()))
}
