//! Records and rules for tests, and the two machines side by side.

use super::ways::MAX_RULES;
use super::{Machine, RuleIx, Scratch, naive};
use crate::record::{Domain, Fact, Facts, List, Slot, Slots, Vocabulary};
use crate::sigma::ir::{Expr, Level, LogSource, Meta, Origin, Pattern, Piece, Predicate, Regex, Rule, Target, Test};

/// A closed vocabulary.
pub(super) static COLOURS: Vocabulary =
    Vocabulary { name: "colour", words: &["red", "Green (2)", "deep blue", "4", "true", "10.0.0.1"] };

/// The domains of the fields of the tests; other names are fields of stored logs.
pub(super) fn domain(slots: &Slots, slot: Slot) -> Option<Domain> {
    Some(match &**slots.name(slot) {
        "u8" => Domain::U8,
        "u16" => Domain::U16,
        "int" => Domain::Int,
        "bool" => Domain::Bool,
        "word" => Domain::Word(&COLOURS),
        "words" => Domain::Words(&COLOURS),
        "list" => Domain::U16List,
        "addr" => Domain::Addr,
        "time" => Domain::Time,
        _ => return None,
    })
}

/// A test of a field.
pub(super) fn field(name: &str, test: Test) -> Expr {
    Expr::Test(Predicate { target: Target::Field(name.into()), test })
}

/// A keyword.
pub(super) fn keyword(test: Test) -> Expr {
    Expr::Test(Predicate { target: Target::AnyValue, test })
}

/// Not it.
pub(super) fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

/// A pattern in which `*` and `?` are wildcards and `~` is a dash.
pub(super) fn pattern(text: &str, cased: bool) -> Pattern {
    let mut pieces: Vec<Piece> = Vec::new();
    for c in text.chars() {
        match (c, pieces.last_mut()) {
            ('*', Some(Piece::Many)) => {}
            ('*', _) => pieces.push(Piece::Many),
            ('?', _) => pieces.push(Piece::One),
            ('~', _) => pieces.push(Piece::Dash),
            (c, Some(Piece::Literal(literal))) => *literal = format!("{literal}{c}").into(),
            (c, _) => pieces.push(Piece::Literal(c.to_string().into())),
        }
    }
    Pattern { pieces, cased }
}

/// A test for a pattern in any case.
pub(super) fn text(wanted: &str) -> Test {
    Test::Text(pattern(wanted, false))
}

/// A test for a regular expression without flags.
pub(super) fn regex(wanted: &str) -> Test {
    Test::Regex(Regex {
        pattern: wanted.into(),
        ignore_case: false,
        multi_line: false,
        dot_all: false,
        measured: false,
    })
}

/// A rule that says nothing about itself.
pub(super) fn rule(condition: Expr) -> Rule {
    let meta = Meta {
        id: None,
        name: None,
        title: "test".into(),
        level: Level::Medium,
        tags: Vec::new(),
        description: None,
        status: None,
        false_positives: Vec::new(),
        references: Vec::new(),
        author: None,
        license: None,
        origin: Origin { file: "test".into(), line: 1 },
        mask: Vec::new(),
    };
    Rule { meta, source: LogSource::default(), condition }
}

/// Compiles conditions as rules.
pub(super) fn compile(conditions: &[Expr]) -> (Machine, Slots) {
    let mut slots = Slots::new();
    let rules: Vec<Rule> = conditions.iter().cloned().map(rule).collect();
    let machine = Machine::compile_with(&rules, &mut slots, domain, MAX_RULES).unwrap();
    (machine, slots)
}

/// Whether the record satisfies the condition; both machines must say the same.
pub(super) fn both(condition: &Expr, facts: &[(&str, Fact<'_>)]) -> bool {
    let (machine, slots) = compile(std::slice::from_ref(condition));
    let record = FakeRecord::new(&slots, facts);
    let truth = naive::satisfies(condition, &record, &slots);
    let mut scratch = Scratch::new();
    let found = machine.matches(&record, &mut scratch) == [RuleIx(0)];
    assert_eq!(found, truth, "the machine and the truth differ on {condition:?} for {facts:?}");
    truth
}

/// Facts by slot.
pub(super) struct FakeRecord<'a>(pub(super) Vec<Fact<'a>>);

impl<'a> FakeRecord<'a> {
    /// A record of named facts; names that nobody wanted are left out.
    pub(super) fn new(slots: &Slots, facts: &[(&str, Fact<'a>)]) -> Self {
        let mut values = vec![Fact::Absent; slots.len()];
        for (name, fact) in facts {
            if let Some(slot) = slots.find(name) {
                values[usize::from(slot.0)] = *fact;
            }
        }
        Self(values)
    }
}

impl Facts for FakeRecord<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        self.0.get(usize::from(slot.0)).copied().unwrap_or(Fact::Absent)
    }

    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        self.0.iter().for_each(|fact| each(*fact, visit));
    }
}

/// Each of a fact's values.
pub(super) fn each(fact: Fact<'_>, visit: &mut dyn FnMut(Fact<'_>)) {
    match fact {
        Fact::Absent => {}
        Fact::List(List::Facts(facts)) => facts.iter().for_each(|fact| each(*fact, visit)),
        Fact::List(list) => {
            super::form::any(list, |fact| {
                visit(fact);
                false
            });
        }
        fact => visit(fact),
    }
}
