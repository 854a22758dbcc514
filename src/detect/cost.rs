//! What does a rule cost a record? A guess from its form, made without any record.
//!
//! Good for finding the dear rules among many and for seeing what a change of a rule does, not for foretelling the time of a
//! run: how often the tests of a rule are asked hangs on the records.

use super::ask::Ask;
use super::index::FieldIndex;
use super::pattern::Shape;
use super::predicate::Predicate;

/// What a rule costs a record, in nanoseconds of a usual machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Its share of the searches that all rules of its fields have in common.
    pub search: f64,
    /// All of its tests, one after the other.
    pub tests: f64,
    /// When the tests are asked.
    pub reach: Reach,
}

/// When the tests of a rule are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Where a search finds something of it: a number, an address, a piece of text.
    Found,
    /// For each record with a text in the field: a regular expression, say, that no search can find.
    Open,
    /// For each record: it may hold where a field is missing.
    Always,
}

impl Cost {
    /// What each record costs, where searches find one rule in a hundred.
    #[must_use]
    pub fn per_record(&self) -> f64 {
        let share = match self.reach {
            Reach::Found => 0.01,
            Reach::Open | Reach::Always => 1.0,
        };
        self.search + share * self.tests
    }
}

/// A pass over the text of a field, in search of all that rules look for.
const PASS: f64 = 150.0;
/// A look-up by number, word or address.
const LOOK_UP: f64 = 5.0;
/// How many values a record may have, for what is asked of all of them.
const VALUES: f64 = 20.0;

/// What it takes to look a value of a field up.
pub(super) fn search(index: &FieldIndex) -> f64 {
    let once = if index.needles() > 0 { LOOK_UP + PASS } else { LOOK_UP };
    if index.slot.is_none() { VALUES * once } else { once }
}

/// What it takes to ask a predicate.
pub(super) fn tests(predicate: &Predicate) -> f64 {
    let sets = predicate.words.is_some() || predicate.addresses.is_some() || predicate.known.0 < predicate.known.1;
    let once = if predicate.domain.is_some() && sets { LOOK_UP } else { predicate.asks.iter().map(test).sum() };
    if predicate.slot.is_none() { VALUES * once } else { once }
}

fn test(ask: &Ask) -> f64 {
    match ask {
        Ask::Exists | Ask::Null | Ask::Bool(_) => 1.0,
        Ask::Number(..) | Ask::Compare(_) => 3.0,
        Ask::Cidr(_) => 20.0,
        Ask::FieldRef { .. } | Ask::TimePart(..) => 50.0,
        Ask::Regex(_) => 300.0,
        Ask::Text(matcher) => match &matcher.shape {
            Shape::Anything => 1.0,
            Shape::Exact(_) | Shape::Start(_) | Shape::End(_) => 5.0,
            Shape::Contains(..) => 20.0,
            Shape::Glob(glob) => 20.0 * glob.segments() as f64,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{compile, field, keyword, not, regex, text};
    use super::*;
    use crate::sigma::ir::{Expr, Number, Test};

    fn costs(conditions: &[Expr]) -> Vec<Cost> {
        compile(conditions).0.costs()
    }

    #[test]
    fn a_rule_costs_what_is_asked_and_when() {
        let number = field("n", Test::Number(Number::Int(7)));
        let word = field("t", text("*whoami*"));
        let hard = field("t", regex("a.*b"));
        let found = costs(&[
            number.clone(),
            word.clone(),
            hard.clone(),
            Expr::All(vec![number, hard]),
            not(word),
            keyword(text("*whoami*")),
            field("t", regex("whoami.*all")),
        ]);
        let reach: Vec<Reach> = found.iter().map(|cost| cost.reach).collect();
        assert_eq!(
            reach,
            [Reach::Found, Reach::Found, Reach::Open, Reach::Found, Reach::Always, Reach::Found, Reach::Found]
        );
        let order: Vec<f64> = [0, 3, 1, 2].iter().map(|at| found[*at].per_record()).collect();
        assert!(order.is_sorted(), "{order:?}");
        assert!(found[5].search > found[1].search, "every value is searched");
    }

    #[test]
    fn rules_of_one_field_share_its_search() {
        let rule = |n: usize| field("t", text(&format!("*word{n}*")));
        let one = costs(&[rule(0)])[0].search;
        let many = costs(&(0..100).map(rule).collect::<Vec<_>>())[7].search;
        assert!(many < one / 50.0, "{many} {one}");
    }
}
