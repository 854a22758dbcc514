//! The compiled rules, and what one thread needs to run them.

use super::RuleIx;
use super::ask::Buffers;
use super::cost::{self, Cost, Reach};
use super::error::{CompileError, Problem};
use super::familiar::Familiar;
use super::index::{self, FieldIndex, Found, Room};
use super::predicate::{Interner, Predicate, PredicateIx};
use super::program::{self, Code, Node};
use super::scan::{self, Mark};
use super::ways::{Kept, MAX_RULES, Map, Ways};
use super::witness;
use crate::record::{Domain, Fact, Facts, Slot, Slots};
use crate::sigma::ir::Rule;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// All rules, compiled: immutable, shared by threads.
#[derive(Debug)]
pub struct Machine {
    predicates: Box<[Predicate]>,
    /// Where each predicate stands.
    standings: Box<[Standing]>,
    code: Code,
    fields: Box<[FieldIndex]>,
    /// For each slot, the place of its index in `fields`; beyond them if it has none.
    by_slot: Box<[u32]>,
    keywords: Option<FieldIndex>,
    /// The rules of which each predicate is a witness: parts of `found`.
    found: Box<[u32]>,
    /// Rules without a witness.
    always: Box<[u32]>,
    needles: usize,
    /// The rules whose ways are kept.
    kept: Kept,
    /// The fields by which others are found.
    others_by: Box<[u32]>,
}

/// Where a predicate stands in the machine.
#[derive(Debug)]
struct Standing {
    /// Whether the search of its field finds every text that satisfies it.
    searched: bool,
    /// Its part of `Machine::found`: first the rules whose ways are not kept.
    from: u32,
    kept: u32,
    to: u32,
}

/// Which rules are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Those whose ways are not kept.
    Others,
}

/// The memory of one thread for one machine: grows to what it needs, then stays. With another machine it gives wrong answers, for
/// it remembers what was found.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Of the current record; what is stamped otherwise is stale.
    epoch: u32,
    /// For each predicate, twice the epoch when its answer was found, plus the answer.
    answers: Vec<Answer>,
    /// For each rule, the epoch when it became a candidate.
    stamps: Vec<u32>,
    candidates: Vec<u32>,
    matched: Vec<RuleIx>,
    room: Room,
    buffers: Buffers,
    ways: Ways,
    evaluated: u64,
}

/// What is known of a predicate.
#[derive(Clone, Copy, Debug, Default)]
struct Answer {
    /// Since which record.
    epoch: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    No,
    Yes,
    /// A search found part of it.
    Maybe,
}

impl Machine {
    /// Compiles `rules`; a hit names a rule by its place among them. The fields they ask for become wanted.
    ///
    /// # Errors
    ///
    /// Every rule that is too large, with the reason. Without those the others compile.
    pub fn compile<'r>(
        rules: impl IntoIterator<Item = &'r Rule>,
        slots: &mut Slots,
    ) -> Result<Self, Vec<CompileError>> {
        Self::compile_with(rules, slots, Slots::domain, MAX_RULES)
    }

    /// Compiles with another view of the fields' domains than the schema's, to keep the ways of at most so many rules.
    pub(super) fn compile_with<'r>(
        rules: impl IntoIterator<Item = &'r Rule>,
        slots: &mut Slots,
        domain: impl Fn(&Slots, Slot) -> Option<Domain>,
        most: usize,
    ) -> Result<Self, Vec<CompileError>> {
        let mut interner = Interner::new(slots, &domain);
        let mut nodes = Vec::new();
        let mut errors = Vec::new();
        for (ix, rule) in (0..).zip(rules) {
            match program::check(&rule.condition).and_then(|()| program::lower(&rule.condition, &mut interner)) {
                Ok(node) => nodes.push(node),
                Err(problem) => errors.push(CompileError { rule: RuleIx(ix), problem }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let predicates = interner.predicates();
        Self::assemble(&nodes, predicates, slots, most).map_err(|error| vec![error])
    }

    fn assemble(nodes: &[Node], predicates: Vec<Predicate>, slots: &Slots, most: usize) -> Result<Self, CompileError> {
        let chances = witness::chances(nodes, &predicates);
        let code = Code::new(nodes, &predicates, &chances);
        let witnesses = witness::choose(nodes, &predicates, &chances);
        let kept = Kept::of(&likelihoods(&witnesses, &chances), &code, most);
        let mut rules_of: Vec<Vec<u32>> = vec![Vec::new(); predicates.len()];
        let mut always = Vec::new();
        for (rule, witness) in (0..).zip(&witnesses) {
            match witness {
                Some(witness) => witness.iter().for_each(|predicate| rules_of[*predicate as usize].push(rule)),
                None => always.push(rule),
            }
        }
        let mut by_slot: BTreeMap<Option<Slot>, Vec<PredicateIx>> = BTreeMap::new();
        for (ix, predicate) in (0..).zip(&predicates) {
            by_slot.entry(predicate.slot).or_default().push(ix);
        }
        let index = |slot: Option<Slot>, members: &[PredicateIx]| {
            let all: Vec<_> = members.iter().map(|ix| (*ix, &predicates[*ix as usize])).collect();
            let found: Vec<_> = all.iter().filter(|(ix, _)| !rules_of[*ix as usize].is_empty()).copied().collect();
            let first = found.first()?;
            Some(FieldIndex::new(slot, &found, &all).map_err(|_| CompileError {
                rule: RuleIx(rules_of[first.0 as usize].first().copied().unwrap_or_default()),
                problem: Problem::Automaton { field: slot.map_or("*", |slot| slots.name(slot)).to_owned() },
            }))
        };
        let by_slot: Vec<_> = by_slot.into_iter().collect();
        // Some fields take a hundred times as long as others.
        let indices: Vec<_> =
            by_slot.par_iter().with_max_len(1).filter_map(|(slot, members)| index(*slot, members)).collect();
        let mut fields = indices.into_iter().collect::<Result<Vec<FieldIndex>, _>>()?;
        let mut needles = 0;
        for index in &mut fields {
            index.number_needles(needles);
            needles += index.needles();
        }
        let keywords = fields.iter().position(|index| index.slot.is_none()).map(|at| fields.remove(at));
        let mut by_slot = vec![u32::MAX; slots.len()];
        for (at, index) in (0..).zip(&fields) {
            if let Some(place) = index.slot.and_then(|slot| by_slot.get_mut(usize::from(slot.0))) {
                *place = at;
            }
        }
        let mut found: Vec<u32> = Vec::new();
        let mut standings = Vec::with_capacity(predicates.len());
        for (predicate, rules) in predicates.iter().zip(rules_of) {
            let indexed = match predicate.slot {
                None => keywords.is_some(),
                slot => fields.iter().any(|index| index.slot == slot),
            };
            let searched = indexed && !predicate.asks.iter().any(scan::is_open);
            let (alike, others): (Vec<u32>, Vec<u32>) = rules.into_iter().partition(|rule| kept.has(*rule));
            let from = found.len() as u32;
            found.extend(others);
            let kept = found.len() as u32;
            found.extend(alike);
            standings.push(Standing { searched, from, kept, to: found.len() as u32 });
        }
        let others = predicates.iter().zip(&standings).filter(|(_, standing)| standing.from < standing.kept);
        let slots: BTreeSet<_> = others.map(|(predicate, _)| predicate.slot).collect();
        let others_by = (0..).zip(&fields).filter(|(_, index)| slots.contains(&index.slot)).map(|(at, _)| at).collect();
        Ok(Self {
            standings: standings.into(),
            predicates: predicates.into(),
            code,
            fields: fields.into(),
            by_slot: by_slot.into(),
            keywords,
            found: found.into(),
            always: always.into(),
            needles,
            kept,
            others_by,
        })
    }

    #[inline]
    fn index_of(&self, slot: Slot) -> Option<&FieldIndex> {
        self.by_slot.get(usize::from(slot.0)).and_then(|at| self.fields.get(*at as usize))
    }

    /// How many rules it holds.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.code.rules()
    }

    /// What each rule costs a record, guessed, in the order of the rules.
    ///
    /// ```
    /// use sigmabus::detect::{Machine, Reach};
    /// use sigmabus::record::Slots;
    /// use sigmabus::sigma::{self, Options, SourceText};
    ///
    /// let rule = |detection: &str| {
    ///     let text = format!("title: x\nlogsource:\n  product: p\ndetection:\n  s:\n    {detection}\n  condition: s\n");
    ///     SourceText::new(detection.to_owned(), text.into_bytes())
    /// };
    /// let files = vec![rule("EventID: 4625"), rule("CommandLine|re: 'a.*b'")];
    /// let rules = sigma::load(files, &Options::default()).ruleset.rules;
    /// let costs = Machine::compile(&rules, &mut Slots::new()).unwrap().costs();
    /// assert_eq!((costs[0].reach, costs[1].reach), (Reach::Found, Reach::Open));
    /// assert!(costs[0].per_record() < costs[1].per_record());
    /// ```
    #[must_use]
    pub fn costs(&self) -> Vec<Cost> {
        let predicate = |ix: PredicateIx| self.predicates.get(ix as usize);
        let mut costs: Vec<Cost> = (0..self.rules() as u32)
            .map(|rule| {
                let asked = self.code.predicates(rule);
                let tests = asked.into_iter().filter_map(predicate).map(cost::tests).sum();
                Cost { search: 0.0, tests, reach: Reach::Found }
            })
            .collect();
        let mut finders: BTreeMap<Option<Slot>, BTreeSet<u32>> = BTreeMap::new();
        for (predicate, standing) in self.predicates.iter().zip(&self.standings) {
            let rules = self.found.get(standing.from as usize..standing.to as usize).unwrap_or_default();
            finders.entry(predicate.slot).or_default().extend(rules);
            if predicate.asks.iter().any(index::any_text) {
                rules.iter().for_each(|rule| costs[*rule as usize].reach = Reach::Open);
            }
        }
        for index in self.fields.iter().chain(&self.keywords) {
            let Some(rules) = finders.get(&index.slot) else { continue };
            for rule in rules {
                costs[*rule as usize].search += cost::search(index) / rules.len() as f64;
            }
        }
        self.always.iter().for_each(|rule| costs[*rule as usize].reach = Reach::Always);
        costs
    }

    /// The rules that `record` satisfies, in ascending order.
    pub fn matches<'s, F: Facts + ?Sized>(&self, record: &F, scratch: &'s mut Scratch) -> &'s [RuleIx] {
        scratch.begin(self);
        let (mut finder, room) = scratch.finder(self, Which::All);
        let told = record.each_fact(&mut |slot, fact| {
            if let Some(index) = self.index_of(slot) {
                index.look_up(fact, room, &mut finder);
            }
        });
        let fields = self.fields.iter().filter(|_| !told);
        self.look_up(fields, record, room, &mut finder);
        scratch.candidates.extend_from_slice(&self.always);
        self.evaluate(record, scratch);
        scratch.matched.sort_unstable();
        &scratch.matched
    }

    /// The same for records that are much alike: the ways to their answers are remembered.
    pub fn matches_alike<'s, F: Facts + ?Sized>(&self, record: &F, scratch: &'s mut Scratch) -> &'s [RuleIx] {
        if self.kept.len() == 0 || scratch.ways.given_up() {
            return self.matches(record, scratch);
        }
        let map = Map { code: &self.code, predicates: &self.predicates, kept: &self.kept };
        if self.kept.len() == self.rules() {
            return scratch.ways.walk(map, record, &mut scratch.buffers);
        }
        scratch.begin(self);
        let (mut finder, room) = scratch.finder(self, Which::Others);
        let fields = self.others_by.iter().filter_map(|at| self.fields.get(*at as usize));
        self.look_up(fields, record, room, &mut finder);
        // Rules without a witness are all among those whose ways are kept.
        self.evaluate(record, scratch);
        scratch.matched.extend_from_slice(scratch.ways.walk(map, record, &mut scratch.buffers));
        scratch.matched.sort_unstable();
        &scratch.matched
    }

    /// Looks for what the values of these fields, and of all, may satisfy.
    #[inline]
    fn look_up<'m, F: Facts + ?Sized>(
        &'m self,
        fields: impl Iterator<Item = &'m FieldIndex>,
        record: &F,
        room: &mut Room,
        finder: &mut Finder<'_>,
    ) {
        for index in fields {
            if let Some(slot) = index.slot {
                index.look_up(record.fact(slot), room, finder);
            }
        }
        if let Some(index) = &self.keywords {
            record.each_value(&mut |fact| index.look_up(fact, room, finder));
        }
    }

    /// Which candidates the record satisfies.
    #[inline]
    fn evaluate<F: Facts + ?Sized>(&self, record: &F, scratch: &mut Scratch) {
        let Scratch { epoch, answers, candidates, matched, buffers, room, evaluated, .. } = scratch;
        *evaluated += candidates.len() as u64;
        let mut memo = Memo { epoch: *epoch, answers, buffers, familiar: &mut room.familiar };
        for rule in candidates {
            if self.code.run(*rule, |predicate| self.holds(predicate, record, &mut memo)) {
                matched.push(RuleIx(*rule));
            }
        }
    }

    #[inline]
    fn holds<F: Facts + ?Sized>(&self, ix: PredicateIx, record: &F, memo: &mut Memo<'_>) -> bool {
        let at = ix as usize;
        let (Some(predicate), Some(standing), Some(answer)) =
            (self.predicates.get(at), self.standings.get(at), memo.answers.get_mut(at))
        else {
            return false;
        };
        let known = answer.epoch == memo.epoch;
        if known && answer.state != State::Maybe {
            return answer.state == State::Yes;
        }
        let missed = !known && standing.searched;
        let holds = match predicate.slot.filter(|_| predicate.dear).map(|slot| record.fact(slot)) {
            Some(fact @ Fact::Text(text)) if !missed => {
                memo.familiar.answer(text, ix, || predicate.holds(fact, false, record, memo.buffers))
            }
            _ => predicate.is_met(missed, record, memo.buffers),
        };
        *answer = Answer { epoch: memo.epoch, state: if holds { State::Yes } else { State::No } };
        holds
    }
}

/// What a record's answers are kept in while its candidates are evaluated.
struct Memo<'s> {
    epoch: u32,
    answers: &'s mut [Answer],
    buffers: &'s mut Buffers,
    familiar: &'s mut Familiar,
}

impl Scratch {
    /// Empty; the first record makes room.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many conditions were evaluated since the start.
    #[must_use]
    pub fn evaluated(&self) -> u64 {
        self.evaluated
    }

    fn begin(&mut self, machine: &Machine) {
        self.candidates.clear();
        self.matched.clear();
        if self.answers.len() < machine.predicates.len() {
            self.answers.resize(machine.predicates.len(), Answer::default());
        }
        if self.stamps.len() < machine.code.rules() {
            self.stamps.resize(machine.code.rules(), 0);
        }
        self.room.seen.reserve(machine.needles);
        self.room.familiar.next_record();
        if self.epoch == u32::MAX {
            self.answers.fill(Answer::default());
            self.stamps.fill(0);
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    fn finder<'s>(&'s mut self, machine: &'s Machine, which: Which) -> (Finder<'s>, &'s mut Room) {
        let Self { epoch, answers, stamps, candidates, room, .. } = self;
        (Finder { machine, which, epoch: *epoch, answers, stamps, candidates }, room)
    }
}

/// How likely the index takes each rule for a candidate.
fn likelihoods(witnesses: &[Option<Vec<PredicateIx>>], chances: &[f64]) -> Vec<f64> {
    let sum = |witness: &Vec<PredicateIx>| witness.iter().filter_map(|ix| chances.get(*ix as usize)).sum();
    witnesses.iter().map(|witness| witness.as_ref().map_or(1.0, sum)).collect()
}

/// Makes candidates of the rules whose witnesses are found.
struct Finder<'s> {
    machine: &'s Machine,
    which: Which,
    epoch: u32,
    answers: &'s mut [Answer],
    stamps: &'s mut [u32],
    candidates: &'s mut Vec<u32>,
}

impl Found for Finder<'_> {
    #[inline]
    fn mark(&mut self, mark: Mark) {
        let ix = mark.predicate as usize;
        let (Some(standing), Some(answer)) = (self.machine.standings.get(ix), self.answers.get_mut(ix)) else {
            return;
        };
        let fresh = answer.epoch != self.epoch;
        if mark.certain {
            *answer = Answer { epoch: self.epoch, state: State::Yes };
        } else if fresh {
            *answer = Answer { epoch: self.epoch, state: State::Maybe };
        }
        if !fresh {
            return;
        }
        let to = if self.which == Which::All { standing.to } else { standing.kept };
        for rule in self.machine.found.get(standing.from as usize..to as usize).unwrap_or_default() {
            if let Some(stamp) = self.stamps.get_mut(*rule as usize)
                && *stamp != self.epoch
            {
                *stamp = self.epoch;
                self.candidates.push(*rule);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{COLOURS, FakeRecord, compile, field, keyword, not, pattern, regex, rule, text};
    use super::*;
    use crate::record::Fact;
    use crate::sigma::ir::{Expr, Number, Order, Test};

    fn is(name: &str, value: i128) -> Expr {
        field(name, Test::Number(Number::Int(value)))
    }

    fn over(name: &str, order: Order, value: i128) -> Expr {
        field(name, Test::Compare(order, Number::Int(value)))
    }

    /// Which rules a record satisfies, and how many conditions were evaluated for it.
    fn run(conditions: &[Expr], facts: &[(&str, Fact<'_>)]) -> (Vec<u32>, u64) {
        let (machine, slots) = compile(conditions);
        let mut scratch = Scratch::new();
        let record = FakeRecord::new(&slots, facts);
        let found = machine.matches(&record, &mut scratch).iter().map(|rule| rule.0).collect();
        (found, scratch.evaluated())
    }

    /// Rules on function, unit, address range, network and exception, as a plant with many devices would have.
    fn plant(rules: i128) -> Vec<Expr> {
        let one = |n: i128| {
            let network = format!("10.{}.{}.0/24", n % 7, n % 250);
            Expr::All(vec![
                Expr::Any(vec![is("u8", 5 + n % 12), is("u8", 100 + n % 3)]),
                is("unit", n % 247),
                over("u16", Order::Gte, n % 1_000 * 60),
                over("u16", Order::Lt, n % 1_000 * 60 + 200),
                field("addr", Test::Cidr(network.parse().unwrap())),
                not(field("word", text("red"))),
            ])
        };
        (0..rules).map(one).collect()
    }

    #[test]
    fn thousands_of_numeric_rules_are_not_looked_at() {
        let address = Fact::Addr("10.3.3.9".parse().unwrap());
        let facts = |function, unit, register| {
            [
                ("u8", Fact::Int(function)),
                ("unit", Fact::Int(unit)),
                ("u16", Fact::Int(register)),
                ("addr", address),
                ("word", Fact::Word(&COLOURS, 1)),
            ]
        };
        let rules = plant(5_000);
        let (found, evaluated) = run(&rules, &facts(8, 3, 250));
        assert_eq!(found, [3]);
        assert!(evaluated < 50, "{evaluated}");
        let (found, evaluated) = run(&rules, &facts(3, 250, 100));
        assert!(found.is_empty());
        assert!(evaluated < 50, "{evaluated}");
    }

    #[test]
    fn of_many_rules_those_often_looked_at_go_their_ways() {
        let denies = not(field("a", text("x")));
        let (machine, slots) = compile(&[plant(600), vec![denies]].concat());
        assert_eq!(machine.kept.len(), 1);
        let mut scratch = Scratch::new();
        let facts =
            [("u8", Fact::Int(8)), ("unit", Fact::Int(3)), ("u16", Fact::Int(250)), ("word", Fact::Word(&COLOURS, 1))];
        let address = Fact::Addr("10.3.3.9".parse().unwrap());
        let record = FakeRecord::new(&slots, &[&facts[..], &[("addr", address)]].concat());
        for _ in 0..2 {
            assert_eq!(machine.matches_alike(&record, &mut scratch), [RuleIx(3), RuleIx(600)]);
        }
        assert!(scratch.evaluated() < 10, "{}", scratch.evaluated());
    }

    #[test]
    fn thresholds_that_a_value_stays_under_are_not_looked_at() {
        let rules: Vec<Expr> = (0..5_000).map(|n| over("a", Order::Gt, 1_000 + n)).collect();
        assert_eq!(run(&rules, &[("a", Fact::Int(5))]), (vec![], 0));
        assert_eq!(run(&rules, &[("a", Fact::Int(1_002))]), (vec![0, 1], 2));
        assert_eq!(run(&rules, &[("a", Fact::Text("1000.5"))]).0, [0]);
    }

    #[test]
    fn thousands_of_text_rules_are_not_looked_at() {
        let rules: Vec<Expr> = (0..3_000)
            .map(|n| match n % 4 {
                0 => field("a", text(&format!("value{n}"))),
                1 => field("a", text(&format!("*{n}.exe"))),
                2 => field("a", text(&format!("*tool{n}z*"))),
                _ => keyword(text(&format!("*word{n}*"))),
            })
            .collect();
        let (found, evaluated) = run(&rules, &[("a", Fact::Text("C:\\TOOL10z\\41.EXE"))]);
        assert_eq!(found, [1, 10, 41]);
        assert!(evaluated < 5, "{evaluated}");
        assert_eq!(run(&rules, &[("a", Fact::Text("value4"))]), (vec![4], 1));
    }

    #[test]
    fn tens_of_thousands_of_like_texts_are_searched_for_at_once() {
        let rules: Vec<Expr> = (0..40_000).map(|n| field("a", text(&format!("*w{n}*")))).collect();
        let (found, evaluated) = run(&rules, &[("a", Fact::Text("x w39876 w7"))]);
        assert_eq!(found, [3, 7, 39, 398, 3_987, 39_876]);
        assert_eq!(evaluated, 6);
    }

    #[test]
    fn regular_expressions_are_not_looked_at_without_the_text_that_they_require() {
        let rules: Vec<Expr> = (0..200).map(|n| field("a", regex(&format!("tool{n}z[0-9]+")))).collect();
        assert_eq!(run(&rules, &[("a", Fact::Text("x TOOL7z tool9z12"))]), (vec![9], 2));
        assert_eq!(run(&[field("a", regex("o.*9"))], &[("a", Fact::Text("tool9"))]), (vec![0], 1));
    }

    #[test]
    fn a_rule_that_only_denies_is_always_looked_at() {
        assert_eq!(run(&[not(field("a", text("x")))], &[]), (vec![0], 1));
        assert_eq!(run(&[field("a", Test::Null)], &[]), (vec![0], 1));
        assert_eq!(run(&[Expr::All(vec![]), Expr::Any(vec![])], &[]).0, [0]);
    }

    #[test]
    fn hostile_sizes_are_refused_rule_by_rule() {
        let deep = (0..5_000).fold(is("a", 1), |inner, _| not(inner));
        let wide = Expr::Any((0..60_000).map(|n| is("a", n)).collect());
        let long = field("a", text(&"*a".repeat(1_000)));
        let large = field("a", regex("(a{100}){100}{100}"));
        let rules: Vec<Rule> = [is("a", 1), deep, wide, long, large].map(rule).into();
        let errors = Machine::compile(&rules, &mut Slots::new()).unwrap_err();
        let refused: Vec<u32> = errors.iter().map(|error| error.rule.0).collect();
        assert_eq!(refused, [1, 2, 3, 4]);
        assert!(matches!(errors[0].problem, Problem::Depth { .. }));
        assert!(matches!(errors[1].problem, Problem::Tests { .. }));
        assert!(matches!(errors[2].problem, Problem::Pattern { .. }));
        assert!(matches!(errors[3].problem, Problem::Regex { .. }));
    }

    #[test]
    fn needles_that_end_in_one_another_stay_few_at_each_byte() {
        let rules: Vec<Expr> = (1..400).map(|n| field("a", text(&format!("*{}*", "a".repeat(n))))).collect();
        let haystack = "a".repeat(20_000);
        let (found, evaluated) = run(&rules, &[("a", Fact::Text(&haystack))]);
        assert_eq!(found.len(), 399);
        assert_eq!(evaluated, 399);
    }

    #[test]
    fn one_scratch_serves_machines_of_any_size() {
        let (small, slots) = compile(&[is("a", 1)]);
        let (large, more) = compile(&(0..100).map(|n| is("a", n % 3)).collect::<Vec<_>>());
        let mut scratch = Scratch::new();
        assert_eq!(small.matches(&FakeRecord::new(&slots, &[("a", Fact::Int(1))]), &mut scratch).len(), 1);
        assert_eq!(large.matches(&FakeRecord::new(&more, &[("a", Fact::Int(2))]), &mut scratch).len(), 33);
        assert_eq!(small.matches(&FakeRecord::new(&slots, &[("a", Fact::Int(2))]), &mut scratch).len(), 0);
    }

    #[test]
    fn a_cased_pattern_is_found_by_its_folded_text_and_then_checked() {
        let rules = [field("a", Test::Text(pattern("*Secret*", true))), field("a", text("*secret*"))];
        assert_eq!(run(&rules, &[("a", Fact::Text("a Secret b"))]).0, [0, 1]);
        assert_eq!(run(&rules, &[("a", Fact::Text("a SECRET b"))]).0, [1]);
    }

    #[test]
    fn too_many_ways_are_forgotten_and_at_last_not_kept() {
        let fields = ["a", "b", "c"];
        let one =
            |value: i128| Expr::All(fields.map(|name| Expr::Any(vec![is(name, value), is(name, value + 1)])).into());
        let (machine, slots) = compile(&(0..250_i128).map(one).collect::<Vec<_>>());
        let (mut scratch, mut oracle) = (Scratch::new(), Scratch::new());
        scratch.ways = Ways::of_at_most(1 << 10);
        let mut matched = 0;
        for number in 0..20_000_i64 {
            // Each goes a way of its own; now and then all three values are alike.
            let values = if number % 16 == 0 { [number; 3] } else { [number, number / 250, number * 7] };
            let facts = [0, 1, 2].map(|at| (fields[at], Fact::Int(values[at] % 250)));
            let record = FakeRecord::new(&slots, &facts);
            let found = machine.matches_alike(&record, &mut scratch);
            matched += found.len();
            assert_eq!(found, machine.matches(&record, &mut oracle));
        }
        assert!(matched > 0 && scratch.ways.given_up());
    }
}
