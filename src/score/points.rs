//! What a finding is worth.

use super::Expression;
use crate::sigma::ir::{Level, Meta};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The most points a finding can be worth, so that sums stay far from the end of their range.
pub const MAX_POINTS: u32 = 1_000_000;

/// Points by rule: by its id first, by the highest of its tags next, by its level otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// Points by level, `informational` first.
    pub levels: [u32; 5],
    /// Points of single rules by id (or, for a rule without id, by title).
    pub rules: FxHashMap<Arc<str>, Worth>,
    /// Points of all rules with a tag.
    pub tags: FxHashMap<Arc<str>, Worth>,
}

/// What a rule or tag is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Always this.
    Fixed(u32),
    /// It depends on the record.
    By(Arc<Expression>),
}

/// What the findings of one rule are worth: the highest of what its id or its tags say, or what its level says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleWorth {
    /// What does not depend on the record.
    pub fixed: Option<u32>,
    /// What does.
    pub expressions: Vec<Arc<Expression>>,
    /// What counts where the rest gives nothing.
    pub by_level: u32,
}

impl Default for Points {
    fn default() -> Self {
        Self { levels: [5, 20, 40, 70, 100], rules: FxHashMap::default(), tags: FxHashMap::default() }
    }
}

impl Points {
    /// What findings of the rule with this metadata are worth.
    #[must_use]
    pub fn of(&self, meta: &Meta) -> RuleWorth {
        let key = meta.id.as_ref().unwrap_or(&meta.title);
        let of_rule: Vec<&Worth> = self.rules.get(key).into_iter().collect();
        let said =
            if of_rule.is_empty() { meta.tags.iter().filter_map(|tag| self.tags.get(tag)).collect() } else { of_rule };
        let fixed = said.iter().filter_map(|worth| match worth {
            Worth::Fixed(points) => Some(*points),
            Worth::By(_) => None,
        });
        let expressions = said.iter().filter_map(|worth| match worth {
            Worth::By(expression) => Some(Arc::clone(expression)),
            Worth::Fixed(_) => None,
        });
        RuleWorth { fixed: fixed.max(), expressions: expressions.collect(), by_level: self.by_level(meta.level) }
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

    /// Every expression.
    pub fn expressions(&self) -> impl Iterator<Item = &Arc<Expression>> {
        self.rules.values().chain(self.tags.values()).filter_map(|worth| match worth {
            Worth::By(expression) => Some(expression),
            Worth::Fixed(_) => None,
        })
    }
}

impl RuleWorth {
    /// The points of one finding; `value` tells what an expression comes to, if all of its fields are there.
    pub fn points(&self, value: impl FnMut(&Expression) -> Option<i64>) -> u32 {
        let worked_out = self.expressions.iter().map(Arc::as_ref).filter_map(value);
        let highest = worked_out.map(|points| points.clamp(0, i64::from(MAX_POINTS)) as u32).max();
        highest.max(self.fixed).unwrap_or(self.by_level)
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

    fn fixed(points: &Points, meta: &Meta) -> u32 {
        points.of(meta).points(|_| None)
    }

    #[test]
    fn the_rule_s_own_points_go_before_its_tags_and_these_before_its_level() {
        let mut points = Points::default();
        let rule = meta(Some("r1"), &["attack.t0846", "attack.discovery"], Level::High);
        assert_eq!(fixed(&points, &rule), 70);
        points.tags.insert("attack.t0846".into(), Worth::Fixed(15));
        points.tags.insert("attack.discovery".into(), Worth::Fixed(25));
        assert_eq!(fixed(&points, &rule), 25);
        points.rules.insert("r1".into(), Worth::Fixed(1));
        assert_eq!(fixed(&points, &rule), 1);
        points.rules.insert("a rule".into(), Worth::Fixed(9));
        assert_eq!(fixed(&points, &meta(None, &[], Level::Low)), 9);
    }

    #[test]
    fn an_expression_counts_by_the_record_and_the_level_where_the_record_lacks_its_fields() {
        let mut points = Points::default();
        let by = |text: &str| Worth::By(Arc::new(Expression::parse(text).unwrap()));
        points.tags.insert("attack.t0855".into(), by("10 * write.count"));
        let rule = points.of(&meta(Some("r1"), &["attack.t0855"], Level::Medium));
        let worth = |count| rule.points(|expression| expression.evaluate(|_| count));
        assert_eq!(worth(Some(12)), 120);
        assert_eq!(worth(Some(0)), 0, "less than its level gives, and so it is");
        assert_eq!(worth(None), 40, "the level's");
        assert_eq!(worth(Some(-3)), 0);
        assert_eq!(worth(Some(i64::MAX)), MAX_POINTS);
    }
}
