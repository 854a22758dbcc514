//! `assets:` what has a name in the plant, and how much it matters.

use super::super::node::{Fields, list, number, refuse_twice, text, word, wrong_value};
use super::Reader;
use super::maps::{network, units};
use super::zones::LONGEST_NAME;
use crate::record::assets::{Asset, MAX_ASSETS, Weight, Zone};
use crate::sigma::diagnostic::{Problem, Refusal, Span, nearest, short};
use crate::sigma::yaml::Node;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

const KEYS: [&str; 6] = ["name", "address", "unit", "zone", "criticality", "weight"];

const WHAT: &str = "an asset";

/// How much findings about an asset count, in words.
const CRITICALITIES: [(&str, Weight); 4] = [
    ("low", Weight::from_thousandths(500)),
    ("normal", Weight::ONE),
    ("high", Weight::from_thousandths(1_500)),
    ("critical", Weight::from_thousandths(2_000)),
];

/// An asset and where its parts are written.
struct Placed {
    asset: Asset,
    name: Span,
    networks: Vec<Span>,
}

pub(super) fn read(node: &Node<'_>, zones: &[Zone], reader: &mut Reader<'_>) -> Vec<Asset> {
    let items = reader.keep(list(node, "`assets`")).unwrap_or_default();
    if items.len() > MAX_ASSETS {
        let message = format!("{} assets are more than the {MAX_ASSETS} there can be", items.len());
        reader.problems.push(Problem::error("too-large", node.span, message));
    }
    let zones: BTreeMap<&str, &Zone> = zones.iter().map(|zone| (&*zone.name, zone)).collect();
    let placed: Vec<Placed> = items.iter().filter_map(|item| asset(item, &zones, reader)).collect();
    refuse_twice(placed.iter().map(|placed| (&*placed.asset.name, placed.name)), &mut reader.problems);
    refuse_shared(&placed, reader);
    placed.into_iter().map(|placed| placed.asset).collect()
}

fn asset(node: &Node<'_>, zones: &BTreeMap<&str, &Zone>, reader: &mut Reader<'_>) -> Option<Placed> {
    let fields = reader.fields(node, &KEYS, WHAT)?;
    let name = reader.need(&fields, "name", WHAT, |node| Ok((name(node)?, node.span)));
    let address = reader.keep(fields.need("address", WHAT));
    let placed = |node: &Node<'_>| Ok((network(node)?, node.span));
    let addresses = address.and_then(|node| reader.several(Some(node), "an address or a network", placed));
    let units = reader.several(fields.get("unit"), "a unit", units);
    let zone = match fields.get("zone") {
        Some(node) => Some(reader.keep(zone(node, zones))?),
        None => None,
    };
    let weight = weight(&fields, reader);
    let (name, place) = name?;
    let (networks, places) = addresses?.into_iter().unzip();
    let asset = Asset { name, networks, units: units?, zone, weight: weight? };
    Some(Placed { asset, name: place, networks: places })
}

fn zone(node: &Node<'_>, zones: &BTreeMap<&str, &Zone>) -> Result<Arc<str>, Refusal> {
    let name = text(node, "a zone")?;
    if let Some(zone) = zones.get(name) {
        return Ok(Arc::clone(&zone.name));
    }
    let problem = Problem::error("unknown-name", node.span, format!("there is no zone `{}`", short(name)));
    Err(match nearest(name, zones.keys().copied()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("write its networks into `zones`"),
    })
}

fn name(node: &Node<'_>) -> Result<Arc<str>, Refusal> {
    let name = text(node, "a name")?;
    if name.len() > LONGEST_NAME {
        return Err(wrong_value(node, format!("expected a name of {LONGEST_NAME} bytes at most")));
    }
    Ok(name.into())
}

fn weight(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<Weight> {
    let criticality = |node: &Node<'_>| word(node, "criticality", &CRITICALITIES);
    let weight = match (fields.get("criticality"), fields.get("weight")) {
        (Some(node), None) => criticality(node),
        (None, Some(node)) => factor(node),
        (Some(_), Some(node)) => Err(wrong_value(node, "expected one of `criticality` and `weight`, not both")),
        (None, None) => {
            reader.fill(fields, "criticality", "normal");
            Ok(Weight::ONE)
        }
    };
    reader.keep(weight)
}

/// A factor with three decimals at most, so that it is exact in thousandths.
fn factor(node: &Node<'_>) -> Result<Weight, Refusal> {
    let factor = number(node, "a weight")?;
    let most = f64::from(Weight::MAX.thousandths()) / 1_000.0;
    let thousandths = (factor * 1_000.0).round();
    let is_exact = (factor * 1_000.0 - thousandths).abs() < 1e-6;
    if !(0.0..=most).contains(&factor) || !is_exact {
        let message = format!("expected a weight from 0 to {most} with three decimals at most");
        return Err(Problem::error("out-of-range", node.span, message));
    }
    Ok(Weight::from_thousandths(thousandths as u32))
}

/// A claim on a network: for all of it that no unit claims, or for some units there.
struct Claim<'p> {
    network: IpNet,
    units: Option<&'p RangeInclusive<u8>>,
    asset: &'p str,
    place: Span,
}

impl Claim<'_> {
    /// Claims of no unit stand after those of all units.
    fn ends(&self) -> (u16, u16) {
        self.units.map_or((u16::MAX, u16::MAX), |units| ((*units.start()).into(), (*units.end()).into()))
    }
}

/// Of one network and unit there is one asset.
fn refuse_shared(placed: &[Placed], reader: &mut Reader<'_>) {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    for Placed { asset, networks, .. } in placed {
        for (network, place) in asset.networks.iter().zip(networks) {
            let claim = |units| Claim { network: *network, units, asset: &asset.name, place: *place };
            if asset.units.is_empty() {
                claims.push(claim(None));
            } else {
                claims.extend(asset.units.iter().map(|units| claim(Some(units))));
            }
        }
    }
    claims.sort_by_key(|claim| (claim.network, claim.ends(), claim.place.start));
    let mut widest: Option<&Claim<'_>> = None;
    for claim in &claims {
        let before = widest.filter(|before| before.network == claim.network);
        if let Some(before) = before.filter(|before| before.ends().1 >= claim.ends().0) {
            let unit = claim.units.map_or_else(String::new, |units| format!(" with unit {}", units.start()));
            let message = format!("{}{unit} is the asset `{}` already", claim.network, short(before.asset));
            let problem = Problem::error("overlap", claim.place, message).label("again here");
            reader.problems.push(problem.related(before.place, "first here"));
        }
        if before.is_none_or(|before| before.ends().1 <= claim.ends().1) {
            widest = Some(claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use std::fmt::Write as _;

    #[test]
    fn assets_have_addresses_units_zones_and_weights() {
        let source = "assets:\n\
            - {name: plc, address: 10.1.0.5}\n\
            - {name: drive, address: [10.1.0.5, 10.1.1.0/24], unit: [3, 5-7], zone: it, criticality: high}\n\
            - {name: sis, address: '2001:db8::5', weight: 2.125}\n\
            zones: {it: 10.2.0.0/16, cell: [10.1.0.0/16, '2001:db8::/32']}\n";
        let config = right(&folder(), source);
        let assets = config.assets();
        let found = |address: &str, unit| {
            let address = address.parse().unwrap();
            let weight = assets.weight(address, unit).thousandths();
            format!("{:?} {:?} {weight}", assets.asset(address, unit), assets.zone(address, unit))
        };
        assert_eq!(found("10.1.0.5", None), r#"Some("plc") Some("cell") 1000"#);
        assert_eq!(found("10.1.0.5", Some(6)), r#"Some("drive") Some("it") 1500"#);
        assert_eq!(found("10.1.1.9", Some(4)), r#"None Some("cell") 1000"#);
        assert_eq!(found("2001:db8::5", Some(1)), r#"Some("sis") Some("cell") 2125"#);
    }

    #[test]
    fn one_more_than_there_can_be_is_refused() {
        let mut source = String::from("assets:\n");
        for number in 0..65_536 {
            writeln!(source, "- {{name: {number}, address: 10.0.{}.{}}}", number / 256, number % 256).unwrap();
        }
        let told = told(&folder(), &[&source]);
        assert!(told.contains("65536 assets are more than the 65535 there can be"), "{told}");
        assert_eq!(told.matches("error[").count(), 1, "{told}");
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "assets: plc",
            "assets: [plc]",
            "assets: [{}]",
            "assets: [{name: '', adress: 10.0.0.1}]",
            "assets: [{name: a, address: 10.0.0}]",
            "assets: [{name: a, address: []}]",
            "assets: [{name: a, address: 10.0.0.1, unit: 300}]",
            "assets: [{name: a, address: 10.0.0.1, zone: cel}]\nzones: {cell: 10.0.0.0/8}",
            "assets: [{name: a, address: 10.0.0.1, zone: cell}]",
            "assets: [{name: a, address: 10.0.0.1, criticality: hihg}]",
            "assets: [{name: a, address: 10.0.0.1, criticality: 5}]",
            "assets: [{name: a, address: 10.0.0.1, weight: -1}]",
            "assets: [{name: a, address: 10.0.0.1, weight: 101}]",
            "assets: [{name: a, address: 10.0.0.1, weight: 0.0005}]",
            "assets: [{name: a, address: 10.0.0.1, weight: high}]",
            "assets: [{name: a, address: 10.0.0.1, weight: 2, criticality: high}]",
            "assets:\n- {name: a, address: 10.0.0.1}\n- {name: a, address: 10.0.0.2}\n",
            "assets:\n- {name: a, address: 10.0.0.1}\n- {name: b, address: [10.0.0.2, 10.0.0.1]}\n",
            "assets:\n- {name: a, address: 10.0.0.1, unit: [1-9]}\n- {name: b, address: 10.0.0.1, unit: [20, 5]}\n- {name: c, address: 10.0.0.1}\n",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
