//! `zones:` the parts of the plant, by their networks.

use super::super::node::entries;
use super::Reader;
use super::maps::network;
use crate::record::assets::{MAX_ZONES, Zone};
use crate::sigma::diagnostic::{Problem, Refusal, Span, short};
use crate::sigma::yaml::{Node, Text};
use ipnet::IpNet;
use std::sync::Arc;

/// The longest name of a zone or an asset.
pub(super) const LONGEST_NAME: usize = 100;

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<Zone> {
    let entries = reader.keep(entries(node, "`zones`")).unwrap_or_default();
    if entries.len() > MAX_ZONES {
        let message = format!("{} zones are more than the {MAX_ZONES} there can be", entries.len());
        reader.problems.push(Problem::error("too-large", node.span, message));
    }
    let mut placed: Vec<(IpNet, &str, Span)> = Vec::new();
    let mut zones = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = name(&entry.key);
        let placed_network = |node: &Node<'_>| Ok((network(node)?, node.span));
        let networks = reader.several(Some(&entry.value), "an address or a network", placed_network);
        let (Some(name), Some(networks)) = (reader.keep(name), networks) else { continue };
        placed.extend(networks.iter().map(|(network, place)| (*network, &*entry.key.text, *place)));
        zones.push(Zone { name, networks: networks.into_iter().map(|(network, _)| network).collect() });
    }
    refuse_shared(placed, reader);
    zones
}

fn name(key: &Text<'_>) -> Result<Arc<str>, Refusal> {
    if key.text.trim().is_empty() || key.text.len() > LONGEST_NAME {
        let message = format!("expected the name of a zone, of {LONGEST_NAME} bytes at most");
        return Err(Problem::error("wrong-value", key.span, message));
    }
    Ok((&*key.text).into())
}

/// A network is in one zone; a part of it may be in another.
fn refuse_shared(mut placed: Vec<(IpNet, &str, Span)>, reader: &mut Reader<'_>) {
    placed.sort_by_key(|(network, _, place)| (*network, place.start));
    for same in placed.chunk_by(|(a, ..), (b, ..)| a == b) {
        let [(network, zone, first), others @ ..] = same else { continue };
        for (_, _, place) in others {
            let message = format!("{network} is in the zone `{}` already", short(zone));
            let problem = Problem::error("overlap", *place, message).label("again here");
            reader.problems.push(problem.related(*first, "first here"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, told};

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "zones: [it]",
            "zones: {it: }",
            "zones: {it: []}",
            "zones: {it: {a: b}}",
            "zones: {it: [10.0.0.0/33, lan]}",
            "zones: {'': 10.0.0.0/8}",
            "zones: {it: [10.0.0.0/8, 10.1.0.0/16], cell: [10.1.0.5/16, 10.2.0.0/16]}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
