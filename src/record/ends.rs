//! Who talks?

use super::schema::Native;
use crate::modbus::{Kind, Message};
use std::net::IpAddr;

/// Client, server and unit, where these are IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    hosts: u64,
    /// One more than the unit, if there is one.
    unit: u16,
}

impl Ends {
    /// The fields that follow from them.
    pub(super) const FIELDS: [Native; 3] = [Native::Client, Native::Server, Native::UnitId];

    /// Those two, about this unit.
    #[must_use]
    #[inline]
    pub fn between(client: IpAddr, server: IpAddr, unit: Option<u8>) -> Option<Self> {
        let (IpAddr::V4(client), IpAddr::V4(server)) = (client, server) else { return None };
        let hosts = u64::from(client.to_bits()) << 32 | u64::from(server.to_bits());
        Some(Self { hosts, unit: unit.map_or(0, |unit| u16::from(unit) + 1) })
    }

    /// Who talks in a message that tells of itself.
    #[inline]
    pub(super) fn of(message: &Message<'_>) -> Option<Self> {
        let unit = (message.kind != Kind::Status).then_some(message.mbap.unit_id);
        Self::between(message.flow.client.ip, message.flow.server.ip, unit)
    }

    /// A number that is most likely another for other ends, or with another number.
    #[must_use]
    #[inline]
    pub fn mixed(self, with: u32) -> u64 {
        /// The odd number next to 2^64 divided by the golden ratio: its products spread well in the upper bits.
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let more = u64::from(with) << 16 | u64::from(self.unit);
        ((self.hosts ^ more.wrapping_mul(SPREAD)).wrapping_mul(SPREAD)) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::SAMPLES;
    use crate::record::{Fact, Facts, Record, Slots};
    use bumpalo::Bump;

    #[test]
    fn what_hangs_on_the_ends_follows_from_them() {
        let mut slots = Slots::new();
        let names = ["modbus.client", "modbus.server", "modbus.unit_id", "source.port", "modbus.address", "other"];
        let wanted: Vec<_> = names.iter().map(|name| slots.want(name).unwrap()).collect();
        let hangs: Vec<bool> = wanted.iter().map(|slot| slots.hangs_on_ends(*slot)).collect();
        assert_eq!(hangs, [true, true, true, false, false, false]);
        let mut told: Vec<(Ends, [String; 3])> = Vec::new();
        for sample in SAMPLES {
            sample.with(|message| {
                let arena = Bump::new();
                let record = Record::new(message, &slots, &arena);
                let facts = [0, 1, 2].map(|at| format!("{:?}", record.fact(wanted[at])));
                told.push((record.ends().unwrap(), facts));
                assert_eq!(record.fact(wanted[2]) == Fact::Absent, message.kind == Kind::Status);
            });
        }
        for (ends, facts) in &told {
            assert!(told.iter().all(|(other, also)| ends != other || facts == also));
        }
        let v6 = "fe80::1".parse().unwrap();
        assert_eq!(Ends::between(v6, [10, 0, 0, 1].into(), None), None);
    }
}
