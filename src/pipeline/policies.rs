//! Which policy is for a finding? What tells findings apart that it counts together?
//!
//! What a policy asks of the rule alone is answered when rules are loaded, so that a finding costs nothing where no
//! policy asks for its record.

use super::plan::{Common, PlanError, is_some, named};
use crate::alert::{Act, Alerting, Attack, Grouping, Incidents, Limits, Policy, RULE_FIELDS};
use crate::detect::{Finding, Machine, Named, RuleIx, Scratch, Values};
use crate::record::{LogPlan, LogRecord, Slots};
use crate::sigma::ir::{Expr, Meta, Rule, Ruleset, Target, Test};
use bumpalo::Bump;
use rayon::prelude::*;
use std::sync::Arc;

/// The policies of a run, compiled. Immutable.
#[derive(Debug)]
pub(super) struct Policies {
    all: Vec<Compiled>,
    machine: Machine,
    log: LogPlan,
    /// For rules, then correlations: the policies that may be for them, in order, up to the first that surely is.
    rules: Vec<Kept>,
    incidents: Option<Group>,
}

#[derive(Debug)]
struct Compiled {
    act: Act,
    limits: Limits,
    by: Vec<Part>,
}

/// What tells findings apart.
#[derive(Clone, Copy, Debug)]
enum Part {
    Rule,
    Title,
    Level,
    /// The value at this place among those of any hit.
    Value(usize),
}

/// What is kept of a rule.
#[derive(Debug)]
struct Kept {
    /// Policies whose condition has to be asked of each finding.
    asked: Vec<usize>,
    /// The first that is for all its findings.
    surely: usize,
    attack: Attack,
}

#[derive(Debug)]
struct Group {
    rule: Grouping,
    places: Vec<usize>,
}

/// A finding as policies see it.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) finding: &'a Finding<'a>,
    pub(super) meta: &'a Meta,
    /// The rule's number among rules and correlations.
    pub(super) number: u32,
    pub(super) values: &'a [u8],
    /// Whom it is about.
    pub(super) entity: &'a [Named],
}

/// What one thread needs to ask policies.
#[derive(Default)]
pub(super) struct Asker {
    scratch: Scratch,
    arena: Bump,
    event: Vec<u8>,
}

impl Policies {
    /// Compiles an installation's policies and those that come after them.
    pub(super) fn compile(
        alerting: &Alerting,
        ruleset: &Ruleset,
        common: &mut Common,
        slots: &mut Slots,
    ) -> Result<Self, PlanError> {
        let all: Vec<Policy> = alerting.policies.iter().cloned().chain(Policy::defaults()).collect();
        let mut own = Slots::new();
        let rules: Vec<Rule> = all.iter().map(as_rule).collect();
        let machine = Machine::compile(&rules, &mut own).map_err(|errors| {
            let problem = errors.first().map_or_else(String::new, |error| error.problem.to_string());
            PlanError::Policy { number: errors.first().map_or(0, |error| error.rule.0 + 1), problem }
        })?;
        let keywords = rules.iter().any(|rule| rule.condition.asks_for_keywords());
        let mut compiled = Vec::with_capacity(all.len());
        for (number, policy) in (1..).zip(&all) {
            let by = policy.by.iter().map(|field| part(field, common, slots)).collect::<Option<_>>();
            let by = by.ok_or_else(|| PlanError::Policy { number, problem: "one field too many".into() })?;
            compiled.push(Compiled { act: policy.act, limits: policy.limits, by });
        }
        let incidents = match &alerting.incidents {
            None => None,
            Some(rule) => {
                let places = rule.by.iter().map(|field| common.place(field, slots)).collect::<Option<_>>();
                let places = places.ok_or_else(|| PlanError::Fields("`incidents`".into()))?;
                Some(Group { rule: rule.clone(), places })
            }
        };
        let mut policies =
            Self { all: compiled, machine, log: LogPlan::new(&own, keywords), rules: Vec::new(), incidents };
        let metas = ruleset.rules.par_iter().map(|rule| &rule.meta);
        let metas = metas.chain(ruleset.correlations.par_iter().map(|correlation| &correlation.meta));
        let asks: Vec<bool> = rules.iter().map(|rule| asks_for_record(&rule.condition)).collect();
        policies.rules = metas.map_init(Asker::default, |asker, meta| policies.kept(meta, &asks, asker)).collect();
        Ok(policies)
    }

    /// Which policies may be for the findings of a rule. The last of all is for every finding.
    fn kept(&self, meta: &Meta, asks: &[bool], asker: &mut Asker) -> Kept {
        write_event(meta, &[], &[], &mut asker.event);
        let holds = asker.ask(self);
        let is_for = |policy: usize| holds.contains(&RuleIx(policy as u32));
        let surely = (0..asks.len()).find(|policy| !asks.get(*policy).is_some_and(|asks| *asks) && is_for(*policy));
        let surely = surely.unwrap_or(asks.len().saturating_sub(1));
        let asked = (0..surely).filter(|policy| asks.get(*policy).is_some_and(|asks| *asks)).collect();
        Kept { asked, surely, attack: Attack::of(&meta.tags) }
    }

    /// Whether the findings of the rule of this number need their records: some policy asks for it, or an alert shows it.
    pub(super) fn needs_record(&self, number: u32) -> bool {
        let surely = |kept: &Kept| self.all.get(kept.surely).is_some_and(|policy| policy.act.is_alert());
        self.asks_of_record(number) || self.rules.get(number as usize).is_some_and(surely)
    }

    /// Whether some policy may ask what the records of these findings say.
    pub(super) fn asks_of_record(&self, number: u32) -> bool {
        self.rules.get(number as usize).is_some_and(|kept| !kept.asked.is_empty())
    }

    /// What the tags of the rule of this number say.
    pub(super) fn attack(&self, number: u32) -> Option<&Attack> {
        Some(&self.rules.get(number as usize)?.attack)
    }

    /// The policy for a finding, by its number from 0: the first whose condition holds. Of a finding without a record only
    /// `subject` tells whom it is about.
    pub(super) fn choose(
        &self,
        finding: &Finding<'_>,
        subject: impl FnOnce() -> Vec<Named>,
        (meta, number): (&Meta, u32),
        asker: &mut Asker,
    ) -> usize {
        let Some(kept) = self.rules.get(number as usize) else { return self.all.len().saturating_sub(1) };
        if kept.asked.is_empty() {
            return kept.surely;
        }
        let mut known = if finding.record.is_empty() { subject() } else { Vec::new() };
        known.extend_from_slice(finding.group);
        write_event(meta, &known, finding.record, &mut asker.event);
        let holds = asker.ask(self);
        let first = kept.asked.iter().find(|policy| holds.contains(&RuleIx(**policy as u32)));
        first.copied().unwrap_or(kept.surely)
    }

    /// What a policy does.
    pub(super) fn act(&self, policy: usize) -> Act {
        self.all.get(policy).map_or(Act::Score, |policy| policy.act)
    }

    /// Which findings of a policy are told.
    pub(super) fn limits(&self, policy: usize) -> Limits {
        self.all.get(policy).map_or(Limits::none(), |policy| policy.limits)
    }

    /// What tells the finding from others of the policy. `None` if nobody knows whom it is about: then it is like no
    /// other.
    pub(super) fn key(&self, policy: usize, judged: Judged<'_>) -> Option<Vec<u8>> {
        let by = &self.all.get(policy)?.by;
        let mut key = (policy as u32).to_be_bytes().to_vec();
        if by.is_empty() {
            key.extend_from_slice(&judged.number.to_be_bytes());
            write_entity(judged.entity, &mut key);
            return (!judged.entity.is_empty()).then_some(key);
        }
        let (mut wanted, mut found) = (0, 0);
        for part in by {
            match part {
                Part::Rule => key.extend_from_slice(&judged.number.to_be_bytes()),
                Part::Title => write_text(&judged.meta.title, &mut key),
                Part::Level => key.push(judged.meta.level as u8),
                Part::Value(place) => {
                    wanted += 1;
                    found += usize::from(Values::new(judged.values).nth(*place).is_some_and(is_some));
                    key.extend_from_slice(Values::new(judged.values).encoded(*place).unwrap_or(&[0]));
                }
            }
        }
        (wanted == 0 || found > 0).then_some(key)
    }

    /// The incidents of a run that has seen nothing; `None` if alerts are not put together.
    pub(super) fn incidents(&self) -> Option<Incidents> {
        self.incidents.as_ref().map(|group| Incidents::new(group.rule.clone()))
    }

    /// Whose incident an alert with these values and this entity belongs to: as a key, and for people. `None` if nobody
    /// knows whom it is about.
    pub(super) fn incident_of(&self, values: &[u8], entity: &[Named]) -> Option<(Vec<u8>, Vec<Named>)> {
        let group = self.incidents.as_ref()?;
        let value = |place: &usize| Values::new(values).nth(*place).filter(|value| is_some(*value));
        let mut key = Vec::new();
        match group.places.iter().map(value).collect::<Option<Vec<_>>>() {
            Some(found) if !found.is_empty() => {
                key.push(0);
                for place in &group.places {
                    key.extend_from_slice(Values::new(values).encoded(*place)?);
                }
                let fields = group.rule.by.iter().zip(found);
                Some((key, fields.map(|(field, value)| named(Arc::clone(field), value)).collect()))
            }
            _ => {
                key.push(1);
                write_entity(entity, &mut key);
                (!entity.is_empty()).then(|| (key, entity.to_vec()))
            }
        }
    }
}

impl Asker {
    /// The policies whose conditions the event satisfies.
    fn ask(&mut self, policies: &Policies) -> &[RuleIx] {
        self.arena.reset();
        // A record may be so long that with the rule's fields it is too long for a line; then no condition holds.
        match LogRecord::read(&self.event, &policies.log, &self.arena) {
            Ok(record) => policies.machine.matches(&record, &mut self.scratch),
            Err(_) => &[],
        }
    }
}

fn part(field: &str, common: &mut Common, slots: &mut Slots) -> Option<Part> {
    Some(match field {
        "rule.id" => Part::Rule,
        "rule.title" => Part::Title,
        "rule.level" => Part::Level,
        field => Part::Value(common.place(field, slots)?),
    })
}

/// A policy's condition, as the matcher takes it.
fn as_rule(policy: &Policy) -> Rule {
    Rule::asking("policy", policy.when.clone().unwrap_or_else(|| Expr::All(Vec::new())))
}

/// Whether a condition asks for more than the rule's own fields.
fn asks_for_record(expr: &Expr) -> bool {
    let of_rule = |field: &str| RULE_FIELDS.contains(&field);
    match expr {
        Expr::All(all) | Expr::Any(all) => all.iter().any(asks_for_record),
        Expr::Not(inner) => asks_for_record(inner),
        Expr::Test(predicate) => match (&predicate.target, &predicate.test) {
            (Target::AnyValue, _) => true,
            (Target::Field(field), Test::FieldRef { field: other, .. }) => !of_rule(field) || !of_rule(other),
            (Target::Field(field), _) => !of_rule(field),
        },
    }
}

/// A finding as a line of a log: its record, what else is known of it, and what its rule says of itself. Of equal
/// names the last counts.
fn write_event(meta: &Meta, known: &[Named], record: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let record = record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record).trim_ascii();
    out.extend_from_slice(record.strip_suffix(b"}").unwrap_or(b"{"));
    let mut field = |name: &str, json: &[u8]| {
        if out.trim_ascii_end() != b"{" {
            out.push(b',');
        }
        write_json(name, out);
        out.push(b':');
        out.extend_from_slice(json);
    };
    let mut json = Vec::new();
    for named in known {
        field(&named.name, named.json.as_bytes());
    }
    let texts =
        [("rule.id", meta.id.as_deref()), ("rule.title", Some(&*meta.title)), ("rule.level", Some(meta.level.word()))];
    for (name, text) in texts {
        if let Some(text) = text {
            json.clear();
            write_json(text, &mut json);
            field(name, &json);
        }
    }
    json.clear();
    let tags: Vec<&str> = meta.tags.iter().map(|tag| &**tag).collect();
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut json, &tags);
    field("rule.tags", &json);
    out.push(b'}');
}

fn write_json(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}

fn write_entity(entity: &[Named], key: &mut Vec<u8>) {
    for named in entity {
        write_text(&named.name, key);
        write_text(&named.json, key);
    }
}

/// With its length, so that two texts never look like two others.
fn write_text(text: &str, key: &mut Vec<u8>) {
    key.extend_from_slice(&(text.len() as u32).to_be_bytes());
    key.extend_from_slice(text.as_bytes());
}
