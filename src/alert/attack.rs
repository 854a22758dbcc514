//! What a rule's tags say of MITRE ATT&CK, with names.

use crate::sigma::attack::{Object, Standing, TACTICS, named, object, standing};
use std::sync::Arc;

/// Techniques and tactics, each once, in the order of the tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attack {
    /// What was done.
    pub techniques: Vec<Technique>,
    /// What for: `lateral-movement`. Where no tag says it, all that the techniques are used for.
    pub tactics: Vec<&'static str>,
}

/// A technique that a tag names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `T0859`, as the tag has it, also when it is no more.
    pub id: String,
    /// Its name, for one of the ICS matrix.
    pub name: Option<&'static str>,
    /// What took its place, or where version 19 has it.
    pub successor: Option<String>,
}

impl Attack {
    /// What these tags say.
    pub fn of<'t>(tags: impl IntoIterator<Item = &'t Arc<str>>) -> Self {
        let mut attack = Self::default();
        let mut implied: Vec<&'static str> = Vec::new();
        for tag in tags {
            let tag = tag.to_ascii_lowercase();
            let Some(name) = tag.strip_prefix("attack.") else { continue };
            if let Some(tactic) = TACTICS.iter().find(|tactic| **tactic == name) {
                push_once(&mut attack.tactics, *tactic);
            } else if let Some(Object::Technique(number)) = object(name) {
                let id = name.to_ascii_uppercase();
                let (name, tactics) = named(&id).map_or((None, &[][..]), |(name, tactics)| (Some(name), tactics));
                implied.extend(tactics);
                let successor = match standing(number) {
                    Standing::Moved(to) => Some(to.to_owned()),
                    Standing::Retired(heir) => heir.map(|heir| format!("T{heir:04}")),
                    Standing::Current | Standing::Unknown => None,
                };
                push_once(&mut attack.techniques, Technique { id, name, successor });
            }
        }
        if attack.tactics.is_empty() {
            implied.into_iter().for_each(|tactic| push_once(&mut attack.tactics, tactic));
        }
        attack
    }
}

pub(super) fn push_once<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tags: &[&str]) -> (Vec<String>, Vec<&'static str>) {
        let tags: Vec<Arc<str>> = tags.iter().map(|tag| (*tag).into()).collect();
        let Attack { techniques, tactics } = Attack::of(&tags);
        let techniques = techniques.into_iter().map(|Technique { id, name, successor }| {
            format!("{id} {} {}", name.unwrap_or("-"), successor.as_deref().unwrap_or("-"))
        });
        (techniques.collect(), tactics)
    }

    #[test]
    fn techniques_have_names_and_successors_and_other_tags_say_nothing() {
        let (techniques, tactics) = told(&[
            "attack.t0859",
            "attack.persistence",
            "attack.T0841",
            "attack.t0855",
            "attack.t1059.001",
            "attack.t1691.001",
            "attack.t0859",
            "attack.g0034",
            "cve.2021-44228",
        ]);
        let expected = [
            "T0859 Valid Accounts -",
            "T0841 Network Service Scanning T0846",
            "T0855 Unauthorized Command Message T1692.001",
            "T1059.001 - -",
            "T1691.001 Block Operational Technology Message: Command Message -",
        ];
        assert_eq!((&*techniques, &*tactics), (&expected.map(String::from)[..], &["persistence"][..]));
    }

    #[test]
    fn without_a_tactic_it_is_those_of_the_techniques() {
        assert_eq!(
            told(&["attack.t0858", "attack.t0857"]).1,
            ["execution", "evasion", "persistence", "inhibit-response-function"]
        );
    }
}
