//! Names of assets and zones in records that were stored where nobody knew them.

use crate::record::assets::Lookup;
use memchr::memmem;
use serde::Deserialize;
use std::net::IpAddr;

/// What a stored record of ours says of its parties.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "modbus.client")]
    client: IpAddr,
    #[serde(rename = "modbus.server")]
    server: IpAddr,
    #[serde(rename = "modbus.unit_id")]
    unit: Option<u8>,
}

/// A stored record of ours with the names for its client and server, if it has none and there are some.
#[must_use]
pub fn name_parties(line: &[u8], lookup: &mut Lookup) -> Option<Vec<u8>> {
    memmem::find(line, b"\"modbus.server\"")?;
    let named = [&b"\"asset."[..], b"\"zone."].iter().any(|key| memmem::find(line, key).is_some());
    if named {
        return None;
    }
    let stored: Stored = serde_json::from_slice(line).ok()?;
    let parties = lookup.between(stored.client, stored.server, stored.unit);
    if parties.is_empty() {
        return None;
    }
    let mut whole = line.trim_ascii_end().strip_suffix(b"}")?.to_vec();
    parties.write(&mut whole);
    whole.push(b'}');
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::assets::{Asset, Assets, Weight};
    use crate::record::json::write_json;
    use crate::record::samples::SAMPLES;
    use crate::record::{Record, Slots};
    use bumpalo::Bump;
    use serde_json::Value;

    fn lookup() -> Lookup {
        let plc = Asset {
            name: "plc".into(),
            networks: vec!["10.0.2.24/32".parse().unwrap()],
            units: Vec::new(),
            zone: None,
            weight: Weight::ONE,
        };
        Lookup::new(&Assets::new(&[], &[plc]).into()).unwrap()
    }

    #[test]
    fn a_stored_record_gets_the_names_that_it_would_have_been_stored_with() {
        let (slots, arena, mut lookup) = (Slots::new(), Bump::new(), lookup());
        for sample in SAMPLES {
            sample.with(|message| {
                let (mut named, mut plain) = (Vec::new(), Vec::new());
                let record = Record::new(message, &slots, &arena);
                write_json(&record, &mut plain);
                write_json(&record.between(Some(&lookup.of(message))), &mut named);
                let value = |line: &[u8]| serde_json::from_slice::<Value>(line).unwrap();
                let whole = name_parties(&plain, &mut lookup).unwrap();
                assert_eq!(value(&whole), value(&named), "{}", sample.name);
                assert_eq!(value(&whole)["asset.server"], "plc");
                assert_eq!(name_parties(&whole, &mut lookup), None);
            });
        }
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for line in [
            "",
            "{}",
            r#"{"modbus.server":"10.0.2.24"}"#,
            r#"{"modbus.server":"10.0.2.9","modbus.client":"10.0.2.8"}"#,
            r#"{"modbus.server":"plc","modbus.client":"10.0.2.8"}"#,
            r#"{"modbus.server":"10.0.2.24","modbus.client":"10.0.2.8","asset.server":"old"}"#,
            r#"{"modbus.server":"10.0.2.24","modbus.client":"10.0.2.8","modbus.server":"10.0.2.24"}"#,
            r#"{"modbus.server":"10.0.2.24","modbus.client":"10.0.2.8""#,
        ] {
            assert_eq!(name_parties(line.as_bytes(), &mut lookup()), None, "{line}");
        }
    }
}
