//! Whom is an alert about? Addresses, hosts, assets, units, zones, each with its part in what happened.

use super::attack::push_once;
use crate::detect::Named;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Somebody or something that an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its name, one JSON token.
    pub json: Box<str>,
    /// Its part: `client`, `server`, `source`, `destination`.
    pub role: Option<&'static str>,
}

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// An IP address.
    Ip,
    /// A computer by name.
    Host,
    /// An asset by the name that the configuration gives it.
    Asset,
    /// A Modbus unit of a server.
    Unit,
    /// A zone by the name that the configuration gives it.
    Zone,
}

impl EntityKind {
    /// Its word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Host => "host",
            Self::Asset => "asset",
            Self::Unit => "unit",
            Self::Zone => "zone",
        }
    }
}

type Field = (&'static str, EntityKind, Option<&'static str>);

/// The fields of Modbus records that name entities.
const PLANT: [Field; 7] = [
    ("modbus.client", EntityKind::Ip, Some("client")),
    ("modbus.server", EntityKind::Ip, Some("server")),
    ("modbus.unit_id", EntityKind::Unit, Some("server")),
    ("asset.client", EntityKind::Asset, Some("client")),
    ("asset.server", EntityKind::Asset, Some("server")),
    ("zone.client", EntityKind::Zone, Some("client")),
    ("zone.server", EntityKind::Zone, Some("server")),
];

/// The fields of other logs that do. In a Modbus record the sender is the client or the server, and that is said.
const OTHERS: [Field; 9] = [
    ("src_ip", EntityKind::Ip, Some("source")),
    ("dst_ip", EntityKind::Ip, Some("destination")),
    ("host", EntityKind::Host, None),
    ("host.name", EntityKind::Host, None),
    ("hostname", EntityKind::Host, None),
    ("Hostname", EntityKind::Host, None),
    ("Computer", EntityKind::Host, None),
    ("ComputerName", EntityKind::Host, None),
    ("MachineName", EntityKind::Host, None),
];

/// The entities that these fields name: whom the alert is about, what a correlation's events have in common.
pub(super) fn of_fields<'n>(fields: impl IntoIterator<Item = &'n Named>) -> Vec<Entity> {
    let mut found = Vec::new();
    for named in fields {
        let known = PLANT.iter().chain(&OTHERS).find(|(name, ..)| *name == &*named.name);
        if let Ok(value) = serde_json::from_str(&named.json) {
            add(&mut found, known.map(|(_, kind, role)| (*kind, *role)), &value);
        }
    }
    found
}

/// Adds those that the record names. The unit of a correlation's last record is left out: it is one of many, perhaps.
pub(super) fn add_of_record(found: &mut Vec<Entity>, record: &Map<String, Value>, correlated: bool) {
    let take = |fields: &[Field], found: &mut Vec<Entity>| {
        for (name, kind, role) in fields.iter().filter(|field| !(correlated && field.1 == EntityKind::Unit)) {
            record.get(*name).into_iter().for_each(|value| add(found, Some((*kind, *role)), value));
        }
    };
    take(&PLANT, found);
    if found.is_empty() {
        take(&OTHERS, found);
    }
}

fn add(found: &mut Vec<Entity>, known: Option<(EntityKind, Option<&'static str>)>, value: &Value) {
    if let Value::Array(values) = value {
        return values.iter().for_each(|value| add(found, known, value));
    }
    let is_address = value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok());
    let (kind, role) = match known {
        Some((EntityKind::Ip | EntityKind::Host, role)) if is_address => (EntityKind::Ip, role),
        Some((EntityKind::Ip, role)) => (EntityKind::Host, role),
        Some(known) => known,
        None if is_address => (EntityKind::Ip, None),
        None => return,
    };
    if matches!(value, Value::String(_) | Value::Number(_)) {
        push_once(found, Entity { kind, json: value.to_string().into(), role });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entities: &[Entity]) -> Vec<String> {
        let role = |entity: &Entity| entity.role.unwrap_or("-").to_owned();
        entities.iter().map(|entity| format!("{} {} {}", entity.kind.word(), entity.json, role(entity))).collect()
    }

    fn of_record(record: &str, correlated: bool) -> Vec<String> {
        let mut found = Vec::new();
        add_of_record(&mut found, &serde_json::from_str(record).unwrap(), correlated);
        told(&found)
    }

    #[test]
    fn a_modbus_record_names_both_ends_the_unit_and_what_the_plant_calls_them() {
        let record = r#"{"src_ip":"10.0.0.2","dst_ip":"10.0.0.1","modbus.client":"10.0.0.1","modbus.server":"10.0.0.2",
            "modbus.unit_id":10,"asset.server":"boiler 3","zone.client":"it","zone.server":["cell","plant"]}"#;
        let unit = r#"unit 10 server"#;
        let mut all = vec![r#"ip "10.0.0.1" client"#, r#"ip "10.0.0.2" server"#, unit, r#"asset "boiler 3" server"#];
        all.extend([r#"zone "it" client"#, r#"zone "cell" server"#, r#"zone "plant" server"#]);
        assert_eq!(of_record(record, false), all);
        all.retain(|entity| *entity != unit);
        assert_eq!(of_record(record, true), all);
    }

    #[test]
    fn a_record_of_another_log_names_addresses_and_hosts() {
        let record = r#"{"Computer":"ws7","src_ip":"2001:db8::1","modbus.client":"hmi-1","host":null}"#;
        assert_eq!(of_record(record, false), [r#"host "hmi-1" client"#]);
        let record = record.replace("modbus.client", "user");
        assert_eq!(of_record(&record, false), [r#"ip "2001:db8::1" source"#, r#"host "ws7" -"#]);
    }

    #[test]
    fn what_events_have_in_common_is_an_entity_if_it_is_an_address_or_has_a_known_name() {
        let named = |name: &str, json: &str| Named { name: name.into(), json: json.into() };
        let fields = [named("victim", r#""10.0.0.9""#), named("user", r#""eve""#), named("modbus.unit_id", "7")];
        assert_eq!(told(&of_fields(&fields)), [r#"ip "10.0.0.9" -"#, "unit 7 server"]);
    }
}
