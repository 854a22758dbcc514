//! The values of a line: which of them say nothing, and which can never be.

use super::super::ast::{Given, Item};
use super::super::diagnostic::{Problem, Refusal, nearest, short};
use super::super::ir::{Expr, Number, Target, Test};
use super::super::lower;
use super::super::modifiers::{How, Plan};
use super::Lint;
use super::sysmon;
use super::theory::{self, Form, Place};
use crate::record::{Domain, schema};
use std::collections::{BTreeSet, HashMap};

/// The field for the function code.
const FUNCTION: &str = "modbus.function";

/// Looks at one line of a selection.
pub(super) fn item(lint: &mut Lint<'_>, item: &Item<'_>) {
    let Ok(plan) = Plan::read(item.key, lint.context.text) else { return };
    if lint.context.own {
        impossible(lint, &plan, item);
    } else if let Some(meant) = lint.category.and_then(|category| sysmon::meant(category, plan.field)) {
        let message = format!("`{}` is no field of these events", short(plan.field));
        lint.push(Problem::warning("misspelt-field", plan.field_span, message).suggest(Some(meant)));
    }
    if item.values.len() > 1 {
        shadowed(lint, &plan, item);
    }
}

/// The one test that a value becomes.
fn test(lint: &mut Lint<'_>, plan: &Plan<'_>, given: Given<'_>) -> Option<Test> {
    match lower::group(&mut lint.context, plan, &Target::AnyValue, given) {
        Ok(Expr::Test(predicate)) => Some(predicate.test),
        _ => None,
    }
}

/// Values that the field of our own records never has.
fn impossible(lint: &mut Lint<'_>, plan: &Plan<'_>, item: &Item<'_>) {
    let Some(field) = schema::find(plan.field) else { return };
    let domain = field.domain();
    for given in &item.values {
        let Some(test) = test(lint, plan, *given) else { continue };
        if theory::is_impossible(&test, domain) || is_exception_code(field, &test) {
            let message = format!("`{}` never has such a value", short(plan.field));
            let problem = Problem::warning("impossible-value", given.span, message);
            lint.push(problem.hint(possible(field, domain, given.text)));
        }
    }
}

/// Whether the test asks for a function code with the exception bit (Modbus Application Protocol V1.1b3, 7), which the
/// field for the function leaves out.
fn is_exception_code(field: schema::Field, test: &Test) -> bool {
    field.name() == FUNCTION && matches!(test, Test::Number(Number::Int(128..)))
}

/// Which values there are, or which one was meant.
fn possible(field: schema::Field, domain: Domain, wrong: &str) -> String {
    /// More would not help a reader.
    const SHOWN: usize = 6;
    let words = match domain {
        Domain::Word(vocabulary) | Domain::Words(vocabulary) => vocabulary.words,
        Domain::U16List => return format!("its values are 0 to {}", u16::MAX),
        Domain::Addr => return "it holds an address, such as 192.0.2.1; `cidr` takes a network".into(),
        _ if field.name() == FUNCTION => {
            return "it is 0 to 127, also in exceptions: ask for `modbus.kind: exception`".into();
        }
        _ => return format!("its values: {}", field.values()),
    };
    // `16`, where `Write Multiple Registers (16)` was meant.
    let code = format!("({wrong:0>2})");
    if let Some(word) = words.iter().find(|word| word.ends_with(&code)) {
        return format!("did you mean `{word}`?");
    }
    let wrong = wrong.to_lowercase();
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    if let Some(near) = nearest(&wrong, lower.iter().map(String::as_str)) {
        let word = words.iter().find(|word| word.to_lowercase() == near);
        return format!("did you mean `{}`?", word.copied().unwrap_or(near));
    }
    let shown: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).take(SHOWN).collect();
    let more = if words.len() > SHOWN { ", ..." } else { "" };
    format!("it is one of {}{more}", shown.join(", "))
}

/// Values that another value of the list makes needless.
fn shadowed(lint: &mut Lint<'_>, plan: &Plan<'_>, item: &Item<'_>) {
    let tests: Vec<Option<Test>> = item.values.iter().map(|given| test(lint, plan, *given)).collect();
    let mut shadows = Shadows::default();
    for (index, test) in tests.iter().enumerate() {
        let Some(test) = test else { continue };
        if let Some(first) = shadows.add(index, test) {
            let (Some(first), Some(second)) = (item.values.get(first), item.values.get(index)) else { continue };
            let message = format!("`{}` is in this list twice", short(second.text));
            let problem = Problem::warning("duplicate-value", second.span, message).label("again here");
            lint.push(problem.related(first.span, "first here").hint(match first.text == second.text {
                true => "delete one of them",
                false => "they ask the same, however they are written: delete one, or write what was meant",
            }));
        }
    }
    let covered = shadows.covered(&mut lint.steps).into_iter();
    let pairs = covered.map(|(inner, outer)| if plan.all { (outer, inner) } else { (inner, outer) });
    let given = |index: usize| item.values.get(index).copied();
    let pairs: Vec<_> = pairs.filter_map(|(needless, other)| Some((given(needless)?, given(other)?))).collect();
    needless(plan, &pairs).into_iter().for_each(|problem| lint.push(problem));
}

/// Tells of the values of one list that another makes needless, each with that one.
fn needless(plan: &Plan<'_>, pairs: &[(Given<'_>, Given<'_>)]) -> Option<Refusal> {
    /// Places shown of one list.
    const SHOWN: usize = 8;
    let (first, other) = pairs.first()?;
    let message = match pairs.len() - 1 {
        0 => format!("`{}` can be left out", short(first.text)),
        1 => format!("`{}` and one more value of this list can be left out", short(first.text)),
        more => format!("`{}` and {more} more values of this list can be left out", short(first.text)),
    };
    let reason = match &plan.how {
        _ if plan.all => format!("what holds `{}` satisfies it, too", short(other.text)),
        How::Cidr => format!("it lies in {}", short(other.text)),
        _ => format!("whatever it finds, `{}` finds as well", short(other.text)),
    };
    let problem = Problem::remark("shadowed-value", first.span, message).related(other.span, "covers it").hint(reason);
    let more = pairs.iter().skip(1).take(SHOWN);
    Some(more.fold(problem, |problem, (value, _)| problem.related(value.span, "and this")))
}

/// The values of a list by what they ask.
#[derive(Default)]
struct Shadows {
    forms: Vec<(usize, Form)>,
    networks: HashMap<ipnet::IpNet, usize>,
    /// The literals by where they must lie.
    literals: [HashMap<String, usize>; 4],
    /// All that has no literal, as it is printed.
    others: HashMap<String, usize>,
}

const fn slot(place: Place) -> usize {
    match place {
        Place::Whole => 0,
        Place::Start => 1,
        Place::End => 2,
        Place::Anywhere => 3,
    }
}

impl Shadows {
    /// Adds a value; gives the one before it that asks the same.
    fn add(&mut self, index: usize, test: &Test) -> Option<usize> {
        if let Test::Cidr(network) = test {
            return first(&mut self.networks, *network, index);
        }
        let Some(form) = theory::form(test) else {
            let shown = match test {
                Test::Text(pattern) if !pattern.cased => pattern.to_string().to_lowercase(),
                Test::Text(pattern) => pattern.to_string(),
                other => format!("{other:?}"),
            };
            return first(&mut self.others, shown, index);
        };
        let known = self.literals.get_mut(slot(form.place))?;
        let before = first(known, form.literal.clone(), index);
        if before.is_none() {
            self.forms.push((index, form));
        }
        before
    }

    /// Each value that is covered by another, with that one; as far as `steps` last.
    fn covered(&self, steps: &mut usize) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let [_, starts, ends, anywhere] = &self.literals;
        let [start_lengths, end_lengths, lengths] =
            [starts, ends, anywhere].map(|map| map.keys().map(String::len).collect::<BTreeSet<usize>>());
        for (index, form) in &self.forms {
            let text = form.literal.as_str();
            let anchored = start_lengths.len() + end_lengths.len();
            let cost = lengths.len().saturating_mul(text.len()) + anchored + 1;
            if *steps < cost {
                return pairs;
            }
            *steps -= cost;
            let from_start = start_lengths.iter().filter(|_| matches!(form.place, Place::Whole | Place::Start));
            let start = from_start.filter_map(|length| starts.get(text.get(..*length)?));
            let from_end = end_lengths.iter().filter(|_| matches!(form.place, Place::Whole | Place::End));
            let end = from_end.filter_map(|length| ends.get(text.get(text.len().checked_sub(*length)?..)?));
            let inside = lengths.iter().flat_map(|length| {
                let last = text.len().checked_sub(*length).map_or(0, |last| last + 1);
                (0..last).filter_map(move |at| anywhere.get(text.get(at..at + length)?))
            });
            let other = start.chain(end).chain(inside).find(|other| *other != index);
            pairs.extend(other.map(|other| (*index, *other)));
        }
        pairs.extend(self.covered_networks());
        pairs.sort_unstable();
        pairs
    }

    fn covered_networks(&self) -> impl Iterator<Item = (usize, usize)> {
        self.networks.iter().filter_map(|(network, index)| {
            let wider = std::iter::successors(network.supernet(), ipnet::IpNet::supernet);
            let other = wider.filter_map(|wider| self.networks.get(&wider)).next()?;
            Some((*index, *other))
        })
    }
}

/// Notes the key; gives whoever noted it first.
fn first<K: Eq + std::hash::Hash>(known: &mut HashMap<K, usize>, key: K, index: usize) -> Option<usize> {
    match known.entry(key) {
        std::collections::hash_map::Entry::Occupied(entry) => Some(*entry.get()),
        std::collections::hash_map::Entry::Vacant(entry) => {
            entry.insert(index);
            None
        }
    }
}
