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

const SHIPPED: [Shipped; 8] = [
    Shipped {
        name: "ecs",
        summary: "events of Windows (Winlogbeat), processes, networks, DNS and web servers in the Elastic Common Schema",
        text: include_str!("../../../mappings/ecs.yml"),
    },
    Shipped {
        name: "icsnpp",
        summary: "Modbus rules on modbus_detailed.log of Zeek with ICSNPP",
        text: include_str!("../../../mappings/icsnpp.yml"),
    },
    Shipped {
        name: "nxlog",
        summary: "Modbus rules on what im_pcap of NXLog writes",
        text: include_str!("../../../mappings/nxlog.yml"),
    },
    Shipped {
        name: "suricata",
        summary: "Modbus rules on modbus events of Suricata (eve.json)",
        text: include_str!("../../../mappings/suricata.yml"),
    },
    Shipped {
        name: "sysmon",
        summary: "rules for Windows on events of Sysmon: categories are numbers of events",
        text: include_str!("../../../mappings/sysmon.yml"),
    },
    Shipped {
        name: "windows-security",
        summary: "rules for Windows on its own event logs: 4688 for processes, channels for services",
        text: include_str!("../../../mappings/windows-security.yml"),
    },
    Shipped {
        name: "wireshark",
        summary: "Modbus rules on what tshark -T ek prints",
        text: include_str!("../../../mappings/wireshark.yml"),
    },
    Shipped {
        name: "zeek",
        summary: "Modbus rules on modbus.log of Zeek",
        text: include_str!("../../../mappings/zeek.yml"),
    },
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
