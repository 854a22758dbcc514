//! Which techniques of MITRE ATT&CK rules are about.

use super::attack::{self, Object, SINCE_19, Standing, TECHNIQUES};
use super::ir::{Meta, Ruleset};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the matrix that is looked at.
pub const MATRIX_VERSION: &str = "19";

/// What begins the tags that name techniques.
const NAMESPACE: &str = "attack.";

/// A technique, and the rules that are about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage<'r> {
    /// `T0843`, `T1691.001`.
    pub id: String,
    /// Its name; `None` for one that is not of the ICS matrix.
    pub name: Option<&'static str>,
    /// What it is used for.
    pub tactics: &'static [&'static str],
    /// What the rules say of themselves, in the order of the rule set; empty where none names it.
    pub rules: Vec<&'r Meta>,
}

/// The techniques that rules name, and those of the ICS matrix that none names, by id.
///
/// Ids that are no more count as what took their place. A technique of which a part is named is not among those that
/// none names; neither are parts, since a rule on the whole may be about any of them.
#[must_use]
pub fn coverage(ruleset: &Ruleset) -> Vec<Coverage<'_>> {
    let rules = ruleset.rules.iter().map(|rule| &rule.meta);
    let all = rules.chain(ruleset.correlations.iter().map(|rule| &rule.meta));
    let mut named: BTreeMap<String, Vec<&Meta>> = BTreeMap::new();
    for meta in all {
        let ids: BTreeSet<String> = meta.tags.iter().filter_map(|tag| technique(tag)).collect();
        ids.into_iter().for_each(|id| named.entry(id).or_default().push(meta));
    }
    let wholes: BTreeSet<String> = named.keys().map(|id| whole(id).to_owned()).collect();
    for id in matrix().filter(|id| !wholes.contains(id)) {
        named.insert(id, Vec::new());
    }
    let rows = named.into_iter().map(|(id, rules)| {
        let (name, tactics) = attack::named(&id).map_or((None, &[][..]), |(name, tactics)| (Some(name), tactics));
        Coverage { id, name, tactics, rules }
    });
    rows.collect()
}

/// The techniques of the ICS matrix that are in use, without their parts.
fn matrix() -> impl Iterator<Item = String> {
    let lasting = TECHNIQUES.iter().filter(|technique| technique.standing == Standing::Current);
    let newer = SINCE_19.iter().map(|(id, ..)| *id).filter(|id| whole(id) == *id);
    lasting.map(|technique| format!("T{:04}", technique.number)).chain(newer.map(str::to_owned))
}

/// The technique that an id is of, or of a part of which.
fn whole(id: &str) -> &str {
    id.split_once('.').map_or(id, |(whole, _)| whole)
}

/// The id of the technique that a tag names, as it is now.
fn technique(tag: &str) -> Option<String> {
    let tag = tag.to_ascii_lowercase();
    let name = tag.strip_prefix(NAMESPACE)?;
    let Object::Technique(number) = attack::object(name)? else { return None };
    Some(match attack::standing(number) {
        Standing::Moved(to) => to.to_owned(),
        Standing::Retired(Some(heir)) => format!("T{heir:04}"),
        Standing::Current | Standing::Retired(None) | Standing::Unknown => name.to_ascii_uppercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::{Options, SourceText, load};

    fn ruleset(tags: &[&str]) -> Ruleset {
        let rules = tags.iter().enumerate().map(|(number, tags)| {
            format!(
                "title: r{number}\nlogsource: {{product: modbus}}\ntags: [{tags}]\n\
                 detection: {{s: {{modbus.function: {number}}}, condition: s}}\n"
            )
        });
        let text = rules.collect::<Vec<_>>().join("---\n");
        load(vec![SourceText::new("rules.yml", text.into_bytes())], &Options::default()).ruleset
    }

    /// The techniques that are named, with the titles of their rules.
    fn named(ruleset: &Ruleset) -> Vec<(String, String)> {
        let covered = coverage(ruleset).into_iter().filter(|row| !row.rules.is_empty());
        let titles = |rules: Vec<&Meta>| rules.iter().map(|meta| &*meta.title).collect::<Vec<_>>().join(" ");
        covered.map(|row| (row.id, titles(row.rules))).collect()
    }

    #[test]
    fn techniques_are_told_by_their_present_ids_each_rule_once() {
        let ruleset = ruleset(&[
            "attack.t0843, attack.T0843, attack.lateral-movement, attack.g0034",
            "attack.t0855, attack.t1692.001, cve.2022-1",
            "attack.t0841, attack.t1110.001",
        ]);
        let expected = [("T0843", "r0"), ("T0846", "r2"), ("T1110.001", "r2"), ("T1692.001", "r1")];
        assert_eq!(named(&ruleset), expected.map(|(id, rules)| (id.to_owned(), rules.to_owned())));
    }

    #[test]
    fn what_nobody_names_is_whole_current_and_of_which_no_part_is_named() {
        let ruleset = ruleset(&["attack.t1692.001", "attack.t0846"]);
        let rows = coverage(&ruleset);
        let missing: BTreeSet<&str> =
            rows.iter().filter(|row| row.rules.is_empty()).map(|row| row.id.as_str()).collect();
        assert!(["T0801", "T0843", "T1691"].iter().all(|id| missing.contains(id)), "{missing:?}");
        // Named in whole or in part; parts; moved; retired.
        let others = ["T0846", "T1692", "T0846.001", "T1691.001", "T0855", "T0841", "T0810"];
        assert!(others.iter().all(|id| !missing.contains(id)), "{missing:?}");
        assert!(rows.iter().all(|row| row.name.is_some() && !row.tactics.is_empty()));
        assert!(rows.is_sorted_by(|a, b| a.id < b.id));
    }
}
