//! Why does a record satisfy a condition, or not?
//!
//! The machine joins tests of one field and asks only what settles a rule. Here every test of a condition is a
//! predicate of its own, of the machine's kind, and all of them are asked.

use super::ask::Buffers;
use super::error::Problem;
use super::predicate::{Interner, Predicate, PredicateIx};
use super::program;
use crate::record::{Domain, Fact, Facts, Slot, Slots};
use crate::sigma::ir::{Expr, Target, Test};

/// A condition, compiled so that each part of it gives its own answer.
#[derive(Debug)]
pub struct Explainer<'r> {
    root: Node<'r>,
    predicates: Vec<Predicate>,
}

#[derive(Debug)]
struct Node<'r> {
    expr: &'r Expr,
    parts: Vec<Self>,
    /// Of a test.
    leaf: Option<Leaf<'r>>,
}

#[derive(Debug)]
struct Leaf<'r> {
    predicate: PredicateIx,
    /// The fields that it looks at, none for keywords.
    fields: Vec<(&'r str, Slot)>,
}

/// A part of a condition with the answer for one record.
#[derive(Debug)]
pub struct Explained<'a> {
    /// The part.
    pub expr: &'a Expr,
    /// Whether it holds.
    pub holds: bool,
    /// The parts that it is made of, in the rule's order.
    pub parts: Vec<Self>,
    /// Of a test: the fields that it looks at and what the record says of them.
    pub fields: Vec<(&'a str, Fact<'a>)>,
}

impl<'r> Explainer<'r> {
    /// Compiles a condition. The fields it asks for become wanted.
    ///
    /// # Errors
    ///
    /// When it is too large, as for [`Machine::compile`](super::Machine::compile).
    pub fn compile(condition: &'r Expr, slots: &mut Slots) -> Result<Self, Problem> {
        Self::compile_with(condition, slots, Slots::domain)
    }

    /// Compiles with another view of the fields' domains than the schema's.
    pub(super) fn compile_with(
        condition: &'r Expr,
        slots: &mut Slots,
        domain: impl Fn(&Slots, Slot) -> Option<Domain>,
    ) -> Result<Self, Problem> {
        program::check(condition)?;
        // Every field gets its slot before the interner keeps them for itself.
        want_fields(condition, slots)?;
        let known = slots.clone();
        let mut interner = Interner::new(slots, &domain);
        let root = node(condition, &known, &mut interner)?;
        Ok(Self { root, predicates: interner.predicates() })
    }

    /// The answers for `record`.
    pub fn explain<'a, F: Facts + ?Sized>(&'a self, record: &'a F) -> Explained<'a> {
        self.answer(&self.root, record, &mut Buffers::default())
    }

    fn answer<'a, F: Facts + ?Sized>(
        &'a self,
        node: &'a Node<'r>,
        record: &'a F,
        buffers: &mut Buffers,
    ) -> Explained<'a> {
        let parts: Vec<Explained<'a>> = node.parts.iter().map(|part| self.answer(part, record, buffers)).collect();
        let holds = match node.expr {
            Expr::All(_) => parts.iter().all(|part| part.holds),
            Expr::Any(_) => parts.iter().any(|part| part.holds),
            Expr::Not(_) => !parts.iter().any(|part| part.holds),
            Expr::Test(_) => node.leaf.as_ref().is_some_and(|leaf| self.holds(leaf, record, buffers)),
        };
        let looked_at = node.leaf.iter().flat_map(|leaf| &leaf.fields);
        let fields = looked_at.map(|(name, slot)| (*name, record.fact(*slot))).collect();
        Explained { expr: node.expr, holds, parts, fields }
    }

    fn holds<F: Facts + ?Sized>(&self, leaf: &Leaf<'_>, record: &F, buffers: &mut Buffers) -> bool {
        let Some(predicate) = self.predicates.get(leaf.predicate as usize) else { return false };
        let Some(slot) = predicate.slot else {
            let mut found = false;
            record.each_value(&mut |fact| found = found || predicate.holds(fact, false, record, buffers));
            return found;
        };
        predicate.holds(record.fact(slot), false, record, buffers)
    }
}

/// The fields that a test looks at.
fn fields(predicate: &crate::sigma::ir::Predicate) -> impl Iterator<Item = &str> {
    let own = match &predicate.target {
        Target::Field(name) => Some(&**name),
        Target::AnyValue => None,
    };
    let other = match &predicate.test {
        Test::FieldRef { field, .. } => Some(&**field),
        _ => None,
    };
    own.into_iter().chain(other)
}

fn want_fields(expr: &Expr, slots: &mut Slots) -> Result<(), Problem> {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().try_for_each(|part| want_fields(part, slots)),
        Expr::Not(part) => want_fields(part, slots),
        Expr::Test(predicate) => fields(predicate).try_for_each(|name| {
            slots.want(name).map(|_| ()).ok_or_else(|| Problem::Fields { field: name.to_owned() })
        }),
    }
}

fn node<'r>(expr: &'r Expr, slots: &Slots, interner: &mut Interner<'_, 'r>) -> Result<Node<'r>, Problem> {
    let (inner, leaf) = match expr {
        Expr::All(parts) | Expr::Any(parts) => (parts.as_slice(), None),
        Expr::Not(part) => (std::slice::from_ref(&**part), None),
        Expr::Test(test) => {
            let fields = fields(test).filter_map(|name| Some((name, slots.find(name)?))).collect();
            let predicate = interner.any(&test.target, &[&test.test])?;
            (&[][..], Some(Leaf { predicate, fields }))
        }
    };
    let parts = inner.iter().map(|part| node(part, slots, interner)).collect::<Result<_, _>>()?;
    Ok(Node { expr, parts, leaf })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{FakeRecord, domain, field, keyword, not, text};
    use super::*;
    use crate::sigma::ir::{Number, Place};

    #[test]
    fn every_part_gives_its_answer_though_one_would_do() {
        let refers = Test::FieldRef { field: "b".into(), place: Place::Whole, cased: true };
        let condition = Expr::All(vec![
            Expr::Any(vec![field("u8", Test::Number(Number::Int(1))), field("u8", Test::Number(Number::Int(2)))]),
            not(field("a", refers)),
            keyword(text("*nowhere*")),
        ]);
        let mut slots = Slots::new();
        let explainer = Explainer::compile_with(&condition, &mut slots, domain).unwrap();
        let facts = [("u8", Fact::Int(2)), ("a", Fact::Text("x"))];
        let record = FakeRecord::new(&slots, &facts);
        let told = explainer.explain(&record);
        let answers: Vec<bool> = told.parts.iter().map(|part| part.holds).collect();
        assert_eq!((told.holds, answers), (false, vec![true, true, false]));
        let inner: Vec<bool> = told.parts[0].parts.iter().map(|part| part.holds).collect();
        assert_eq!(inner, [false, true]);
        assert_eq!(told.parts[0].parts[0].fields, [("u8", Fact::Int(2))]);
        assert_eq!(told.parts[1].parts[0].fields, [("a", Fact::Text("x")), ("b", Fact::Absent)]);
        assert!(told.parts[2].fields.is_empty());
    }
}
