//! What a finding is worth.

use crate::sigma::ir::{Level, Meta};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Points by rule: by its id first, by the highest of its tags next, by its level otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// Points by level, `informational` first.
    pub levels: [u32; 5],
    /// Points of single rules by id (or, for a rule without id, by title).
    pub rules: FxHashMap<Arc<str>, u32>,
    /// Points of all rules with a tag.
    pub tags: FxHashMap<Arc<str>, u32>,
}

impl Default for Points {
    fn default() -> Self {
        Self { levels: [5, 20, 40, 70, 100], rules: FxHashMap::default(), tags: FxHashMap::default() }
    }
}

impl Points {
    /// What a finding of the rule with this metadata is worth.
    #[must_use]
    pub fn of(&self, meta: &Meta) -> u32 {
        let key = meta.id.as_ref().unwrap_or(&meta.title);
        if let Some(points) = self.rules.get(key) {
            return *points;
        }
        let by_tag = meta.tags.iter().filter_map(|tag| self.tags.get(tag)).max();
        by_tag.copied().unwrap_or_else(|| self.by_level(meta.level))
    }

    /// What a finding of this level is worth unless its rule or tags say otherwise.
    #[must_use]
    pub const fn by_level(&self, level: Level) -> u32 {
        let [informational, low, medium, high, critical] = self.levels;
        match level {
            Level::Informational => informational,
            Level::Low => low,
            Level::Medium => medium,
            Level::High => high,
            Level::Critical => critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::ir::Origin;

    fn meta(id: Option<&str>, tags: &[&str], level: Level) -> Meta {
        Meta {
            id: id.map(Into::into),
            name: None,
            title: "a rule".into(),
            level,
            tags: tags.iter().map(|tag| (*tag).into()).collect(),
            description: None,
            status: None,
            false_positives: Vec::new(),
            references: Vec::new(),
            author: None,
            license: None,
            origin: Origin { file: "test".into(), line: 1 },
            mask: Vec::new(),
        }
    }

    #[test]
    fn the_rule_s_own_points_go_before_its_tags_and_these_before_its_level() {
        let mut points = Points::default();
        let rule = meta(Some("r1"), &["attack.t0846", "attack.discovery"], Level::High);
        assert_eq!(points.of(&rule), 70);
        points.tags.insert("attack.t0846".into(), 15);
        points.tags.insert("attack.discovery".into(), 25);
        assert_eq!(points.of(&rule), 25);
        points.rules.insert("r1".into(), 1);
        assert_eq!(points.of(&rule), 1);
        points.rules.insert("a rule".into(), 9);
        assert_eq!(points.of(&meta(None, &[], Level::Low)), 9);
    }
}
