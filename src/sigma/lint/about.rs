//! What a rule says about itself: ids, levels, tags.

use super::super::ast::Map;
use super::super::attack::{Object, Standing, TACTICS, object, standing};
use super::super::diagnostic::{Problem, Span, nearest, short};
use super::super::scalar::scalar_text;
use super::super::yaml::{Kind, Node};
use super::Lint;

/// The namespaces of the Sigma specification's page on tags.
const NAMESPACES: [&str; 7] = ["attack", "car", "cve", "d3fend", "detection", "stp", "tlp"];

/// What is missing that others need.
pub(super) fn missing(lint: &mut Lint<'_>, map: Map<'_>, what: &str) {
    let Some(title) = map.entry("title") else { return };
    let mut miss = |key: &str, hint: &str| {
        if map.entry(key).is_none() {
            let message = format!("{what} without `{key}`");
            lint.push(Problem::remark("missing-metadata", title.key.span, message).hint(hint));
        }
    };
    miss("id", "give it a random UUID: points and filters name a rule by its id, and alerts tell it");
    miss("level", "it counts as `medium`, in alerts and in scores");
}

/// A rule that only feeds correlations is neither told nor scored, whatever its level.
pub(super) fn silent(lint: &mut Lint<'_>, map: Map<'_>) {
    let Some(node) = map.value("level") else { return };
    if scalar_text(node).is_some_and(|level| level != "informational") {
        let message = "the level of a rule that only feeds correlations has no effect";
        lint.push(Problem::remark("silent-rule", node.span, message).hint(
            "it raises no alert and no score of its own; write `generate: true` in the correlation if it should",
        ));
    }
}

/// Tags that name nothing. `wanted`: one of ATT&CK is to be expected, since the rule is for Modbus and raises
/// alerts.
pub(super) fn tags(lint: &mut Lint<'_>, map: Map<'_>, wanted: bool) {
    let mut attack = false;
    if let Some(Node { kind: Kind::Sequence(items), .. }) = map.value("tags") {
        for item in items {
            let Some((space, name)) = scalar_text(item).and_then(|tag| tag.split_once('.')) else { continue };
            attack |= space == "attack";
            let found = if space == "attack" { attack_tag(name, item.span) } else { namespace(space, item.span) };
            found.into_iter().for_each(|problem| lint.push(problem));
        }
    }
    if wanted && !attack {
        let span = map.entry("tags").or_else(|| map.entry("title")).map_or(map.span, |entry| entry.key.span);
        lint.push(
            Problem::remark("no-attack-tag", span, "no tag says which technique of ATT&CK for ICS this is")
                .hint("for example attack.t0836, Modify Parameter; alerts and reports group by it"),
        );
    }
}

fn namespace(space: &str, span: Span) -> Option<Box<Problem>> {
    if NAMESPACES.contains(&space) {
        return None;
    }
    let problem = Problem::remark("tag-namespace", span, format!("no namespace `{}` of tags", short(space)));
    Some(match nearest(space, NAMESPACES) {
        Some(near) => problem.suggest(Some(near)),
        None => problem.hint(format!("Sigma has {}", NAMESPACES.join(", "))),
    })
}

fn attack_tag(name: &str, span: Span) -> Option<Box<Problem>> {
    let warning = |message: String| Problem::warning("attack-tag", span, message);
    match object(name) {
        _ if TACTICS.contains(&name) => None,
        Some(Object::Other) => None,
        Some(Object::Technique(number)) => match standing(number) {
            Standing::Current | Standing::Moved(_) => None,
            Standing::Unknown => Some(warning(format!("ATT&CK has no technique `{}`", short(name)))),
            Standing::Retired(heir) => {
                let message = format!("technique `{}` is no longer part of ATT&CK", short(name));
                let problem = Problem::warning("retired-technique", span, message);
                Some(match heir {
                    Some(heir) => problem.hint(format!("attack.t{heir:04} took its place")),
                    None => problem.hint("choose another at attack.mitre.org/matrices/ics"),
                })
            }
        },
        None => {
            let problem = warning(format!("`{}` is no tactic, technique, group or software of ATT&CK", short(name)));
            let hyphens = name.replace('_', "-");
            Some(match nearest(&hyphens, TACTICS) {
                Some(near) => problem.suggest(Some(&format!("attack.{near}"))),
                None => {
                    problem.hint("write it as attack.t0843, attack.t1059.001, attack.g0034 or attack.initial-access")
                }
            })
        }
    }
}
