//! What must hold for a rule to hold, and what of that is the rarest?
//!
//! A witness of a condition is a set of predicates of which one holds whenever the condition does. Any part of an `All`
//! has one for the whole; an `Any` needs one for each part. A record is not known when rules are compiled, so rarity is
//! guessed: from the weight of a set in its field's domain (small numbers are common), from the length of a text, and
//! from the other rules (what many rules look for is likely common). A bad guess costs time, never an answer.

use super::ask::Ask;
use super::pattern::Shape;
use super::predicate::{Predicate, PredicateIx};
use super::program::Node;
use super::set::Ints;
use crate::record::{Domain, Slot};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// How many values are taken from the rules of a field as a sample of its traffic.
const SAMPLE: usize = 64;

/// The chance of a predicate that cannot be told.
const UNKNOWN: f64 = 0.5;

/// What is left of the weight of a public network: traffic is mostly between private addresses.
const FOREIGN: f64 = 0.01;

/// Bits of the widest private network, and what each more leaves of its weight.
const WIDE: i32 = 8;
const NARROWER: f64 = 0.8;

/// What is left of the weight above a threshold: rules set them where ordinary values stay below.
const ABOVE: f64 = 0.3;

/// What the sample of a field leaves open: so many values of which no rule speaks.
const UNSAMPLED: f64 = 8.0;

/// What one more field to look at costs against a chance of a rule to look at, divided by the rules that use the field.
const FIELD: f64 = 0.1;

/// The witnesses of rules, in order; `None` for a rule that must always be looked at.
pub(super) fn choose(rules: &[Node], predicates: &[Predicate], chances: &[f64]) -> Vec<Option<Vec<PredicateIx>>> {
    let first: Vec<_> = rules.iter().map(|rule| witness(rule, chances)).collect();
    let mut users: FxHashMap<Option<Slot>, f64> = FxHashMap::default();
    for (_, witness) in first.iter().flatten() {
        for predicate in witness {
            *users.entry(predicates[*predicate as usize].slot).or_default() += 1.0;
        }
    }
    let with_fields: Vec<f64> = chances
        .iter()
        .zip(predicates)
        .map(|(chance, predicate)| chance + FIELD / users.get(&predicate.slot).map_or(1.0, |users| users + 1.0))
        .collect();
    rules.iter().map(|rule| witness(rule, &with_fields).map(|(_, witness)| witness)).collect()
}

fn witness(node: &Node, chances: &[f64]) -> Option<(f64, Vec<PredicateIx>)> {
    match node {
        Node::Is(predicate) => {
            let chance = chances[*predicate as usize];
            chance.is_finite().then(|| (chance, vec![*predicate]))
        }
        Node::Not(_) => None,
        Node::All { parts, joint } => {
            let joint = joint.iter().map(|predicate| (chances[*predicate as usize], vec![*predicate]));
            let parts = parts.iter().filter_map(|part| witness(part, chances));
            parts.chain(joint).min_by(|a, b| a.0.total_cmp(&b.0))
        }
        Node::Any(parts) => {
            let mut sum = 0.0;
            let mut all = Vec::new();
            for part in parts {
                let (chance, witness) = witness(part, chances)?;
                sum += chance;
                all.extend(witness);
            }
            all.sort_unstable();
            all.dedup();
            Some((sum, all))
        }
    }
}

/// How likely each predicate is to hold; infinite where it holds without a value and so cannot be found by one.
pub(super) fn chances(rules: &[Node], predicates: &[Predicate]) -> Vec<f64> {
    let mut uses = vec![0_usize; predicates.len()];
    rules.iter().for_each(|rule| count(rule, &mut uses));
    let mut fields: FxHashMap<Option<Slot>, Vec<usize>> = FxHashMap::default();
    for (ix, predicate) in predicates.iter().enumerate() {
        fields.entry(predicate.slot).or_default().push(ix);
    }
    let mut chances = vec![f64::INFINITY; predicates.len()];
    for members in fields.values() {
        let total: usize = members.iter().map(|ix| uses[*ix]).sum();
        let closed = members.iter().map(|ix| &predicates[*ix]).filter(|predicate| !is_threshold(predicate));
        let sample = sample(closed.map(|predicate| &predicate.ints));
        for ix in members {
            let predicate = &predicates[*ix];
            if predicate.bare.absent {
                continue;
            }
            if is_threshold(predicate) {
                let above = predicate.ints.contains(i64::MAX) && predicate.domain != Some(Domain::U16List);
                chances[*ix] = own(predicate).min(1.0) * if above { ABOVE } else { 1.0 };
            } else {
                let hits = sample.iter().filter(|value| predicate.ints.contains(**value)).count();
                let sampled = hits as f64 / (sample.len() as f64 + UNSAMPLED);
                let popular = uses[*ix] as f64 / total.max(1) as f64;
                chances[*ix] = own(predicate).min(1.0) + if sample.is_empty() { popular } else { sampled };
            }
        }
    }
    chances
}

/// Whether it asks for all values above or below a bound.
fn is_threshold(predicate: &Predicate) -> bool {
    matches!(&*predicate.asks, [Ask::Compare(bounds)] if bounds.len() == 1)
}

fn count(node: &Node, uses: &mut [usize]) {
    match node {
        Node::All { parts, joint } => {
            joint.iter().for_each(|predicate| uses[*predicate as usize] += 1);
            parts.iter().for_each(|part| count(part, uses));
        }
        Node::Any(parts) => parts.iter().for_each(|part| count(part, uses)),
        Node::Is(predicate) => uses[*predicate as usize] += 1,
        Node::Not(_) => {}
    }
}

/// Values that rules look for, evenly taken from all of their sets.
fn sample<'p>(sets: impl Iterator<Item = &'p Ints>) -> Vec<i64> {
    let wanted: Vec<i64> = sets.filter_map(|set| set.runs().first()).map(|run| run.0.max(0).min(run.1)).collect();
    wanted.iter().step_by(wanted.len().div_ceil(SAMPLE).max(1)).copied().collect()
}

/// The chance that a value satisfies the predicate, for all that is known of it alone.
fn own(predicate: &Predicate) -> f64 {
    match predicate.domain {
        Some(Domain::U8) => share(&predicate.ints, 255),
        Some(Domain::U16) => share(&predicate.ints, 65_535),
        // Any of many values may satisfy it.
        Some(Domain::U16List) => share(&predicate.ints, 65_535) * 16.0,
        Some(Domain::Word(vocabulary) | Domain::Words(vocabulary)) => match &predicate.words {
            Some((_, words)) => {
                let held: i64 = words.runs().iter().map(|(low, high)| high - low + 1).sum();
                held as f64 / vocabulary.words.len() as f64
            }
            None => 1.0,
        },
        _ => predicate.asks.iter().map(of_ask).sum(),
    }
}

/// The weight of a set of integers up to `highest` if every doubling is as likely as the one before: codes, addresses
/// and quantities are mostly small.
fn share(set: &Ints, highest: i64) -> f64 {
    let weight = |below: i64| (below.clamp(0, highest + 1) as f64 + 1.0).ln();
    let held: f64 = set.runs().iter().map(|(low, high)| weight(high.saturating_add(1)) - weight(*low)).sum();
    held / weight(highest + 1)
}

fn of_ask(ask: &Ask) -> f64 {
    match ask {
        Ask::Exists | Ask::Null | Ask::FieldRef { .. } => 1.0,
        Ask::Regex(regex) => regex.required().map_or(1.0, |text| 2.0 * rare(text)),
        Ask::Bool(_) | Ask::Compare(..) | Ask::TimePart(..) => UNKNOWN,
        Ask::Number(..) => 0.01,
        Ask::Cidr(network) if is_inner(network.addr()) => {
            UNKNOWN * NARROWER.powi(i32::from(network.prefix_len()).saturating_sub(WIDE).max(0))
        }
        Ask::Cidr(network) => FOREIGN / (1.0 + f64::from(network.prefix_len())),
        Ask::Text(matcher) => match &matcher.shape {
            Shape::Exact(_) => 0.005,
            Shape::Start(text) | Shape::End(text) => rare(text),
            Shape::Contains(text, _) => 2.0 * rare(text),
            Shape::Glob(glob) => glob.longest().map_or(1.0, |text| 2.0 * rare(text)),
            Shape::Anything => 1.0,
        },
    }
}

/// Whether an address is one of those that networks have inside.
fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local(),
    }
}

/// Longer texts are rarer.
fn rare(text: &str) -> f64 {
    0.5 * 0.8_f64.powf(text.len().min(40) as f64)
}
