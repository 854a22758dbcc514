//! Everything that is decided before the first record: rules compiled, fields given slots, points fixed.

use super::policies::Policies;
use super::routes::RecordRoutes;
use super::usual::{Usual, Watch};
use crate::alert::Alerting;
use crate::detect::{Carry, CompileError, Correlator, Machine, Named, Refusal, RuleIx, Value, Values};
use crate::modbus;
use crate::net;
use crate::record::assets::{Assets, Weight};
use crate::record::maps::Maps;
use crate::record::{Fact, Facts, LogPlan, Mask, Memory, Remembered, Slot, Slots, schema};
use crate::score::{Expression, MAX_POINTS, Points, RuleWorth, Scoreboard};
use crate::sigma::OWN_PRODUCT;
use crate::sigma::ir::{Correlation, CorrelationKind, Expr, LogSource, Meta, Origin, RuleRef, Ruleset, Temporal};
use crate::time::{Offset, Span};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

/// The fields that tell whom an alert of a single finding is about, as far as the record has them.
const SUBJECT: [&str; 2] = ["modbus.client", "modbus.server"];

/// The fields that tell which asset a finding is about.
const WEIGHED: [&str; 2] = ["modbus.server", "modbus.unit_id"];

/// The field that needs a memory of every device.
const OLD: &str = "write.old";

/// Of so many events an alert still shows the record that completed them.
const TOLD_APART: u32 = 64;

/// How late an event may come and still be counted exactly by correlations.
const LATENESS: Span = Span::from_secs(60);

/// What is wanted of a run.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Ports that Modbus servers listen on; none means [`net::SERVER_PORTS`].
    pub ports: Vec<u16>,
    /// What findings are worth.
    pub points: Points,
    /// Where they add up.
    pub scoreboards: Vec<Scoreboard>,
    /// Which findings are alerts, and which alerts belong together.
    pub alerting: Alerting,
    /// Whether findings are printed, which needs every finding's record.
    pub findings: bool,
    /// Whether and how records are printed.
    pub records: Option<Naming>,
    /// Whether records of state events are not printed.
    pub without_status: bool,
    /// What is known of where log lines come from.
    pub sources: Sources,
    /// Fields that tell the time of log lines, before those of the usual names.
    pub times: Vec<Arc<str>>,
    /// What the registers of devices mean.
    pub maps: Arc<Maps>,
    /// What clients and servers are called.
    pub assets: Arc<Assets>,
    /// Whether changes of registers are told as records.
    pub register_changes: bool,
    /// The conditions of the routes that take records.
    pub routes: Vec<Expr>,
    /// What is usual, if that is known or to be learned.
    pub usual: Option<Usual>,
}

/// What is known of where log lines come from: a rule with a conflicting log source is not for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sources {
    /// Nothing: all rules are for all lines.
    #[default]
    Unknown,
    /// All lines come from here.
    Declared(LogSource),
    /// Each line tells, in these fields: product, category, service.
    Told([Arc<str>; 3]),
}

/// Field names and value forms of printed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Our own, typed.
    Native,
    /// NXLog's, every value a string, times at this distance from UTC.
    Nxlog(Offset),
}

/// Rules that were read but cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Some rules ask for too much.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Rules(Vec<Refused>),
    /// What this names is more fields than there can be.
    #[error("{0} names one field too many")]
    Fields(String),
    /// A policy asks for too much.
    #[error("policy {number}: {problem}")]
    Policy {
        /// Its place in the list, counted from 1.
        number: u32,
        /// What it asks for.
        problem: String,
    },
}

/// A rule that was read but cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: rule `{title}`: {problem}", origin.file, origin.line)]
pub struct Refused {
    /// Which.
    pub rule: RuleRef,
    /// Where it stands.
    pub origin: Origin,
    /// Its title.
    pub title: Arc<str>,
    /// What it asks for.
    pub problem: String,
}

/// The compiled rules with all that goes with them. Immutable, shared by all threads.
#[derive(Debug)]
pub struct Plan {
    /// The rules as they were read.
    pub ruleset: Arc<Ruleset>,
    /// The matcher.
    pub machine: Machine,
    /// The fields that somebody asked for.
    pub slots: Slots,
    /// How log lines are read into them.
    pub log: LogPlan,
    /// The values that hits take along.
    pub carry: Carry,
    /// Limits and ports of the transport.
    pub net: net::Config,
    /// Limits of joining.
    pub modbus: modbus::Config,
    /// Where points add up.
    pub scoreboards: Vec<Scoreboard>,
    /// Whether and how records are printed.
    pub records: Option<Naming>,
    /// Whether records of state events are printed, too.
    pub prints_status: bool,
    pub(super) policies: Policies,
    correlator: Correlator,
    routes: RecordRoutes,
    rules: Vec<Facets>,
    /// What of them is looked up for every hit.
    uses: Vec<Use>,
    correlations: Vec<Facets>,
    /// For each correlation, the rules whose records its findings show.
    completers: Vec<BTreeSet<usize>>,
    /// For each scoreboard, where its entity's values stand among those of any hit.
    entities: Vec<Vec<usize>>,
    subject: Vec<usize>,
    /// Where the values stand that points are worked out from, by field.
    measures: FxHashMap<Arc<str>, usize>,
    /// Where the values stand that tell whose weight counts: server and unit.
    weighed: Option<[usize; 2]>,
    /// What the registers of devices mean.
    pub maps: Arc<Maps>,
    /// What clients and servers are called.
    pub assets: Arc<Assets>,
    remembered: Remembered,
    /// What is usual, and how to tell.
    pub(super) watch: Option<Watch>,
    /// What log lines come from.
    declared: LogSource,
    /// Where log lines tell their product, category and service.
    told: Option<[Slot; 3]>,
}

/// What becomes of a rule's hits.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// Whether it only feeds correlations.
    silent: bool,
    /// Whether somebody wants to see the record.
    shown: bool,
    /// Whether it can be about our own records.
    for_modbus: bool,
}

/// What the pipeline has to know about one rule.
#[derive(Clone, Debug)]
struct Facets {
    worth: RuleWorth,
    source: LogSource,
    mask: Mask,
}

impl Plan {
    /// Compiles rules for a run.
    ///
    /// # Errors
    /// When rules ask for more than the engine's bounds allow.
    pub fn compile(ruleset: impl Into<Arc<Ruleset>>, wanted: Wanted) -> Result<Self, PlanError> {
        let ruleset = ruleset.into();
        let mut slots = Slots::with_tags(wanted.maps.tags());
        // These come first, so that they stand at the same places for every rule.
        let mut common = Common::new(&wanted, &mut slots)?;
        let policies = Policies::compile(&wanted.alerting, &ruleset, &mut common, &mut slots)?;
        let mut carry = Carry::with_common(ruleset.rules.len(), &common.slots);
        let (routes, asked) = RecordRoutes::new(&wanted.routes, ruleset.rules.len());
        let asked = || ruleset.rules.iter().chain(&asked);
        let machine = Machine::compile(asked(), &mut slots).map_err(|errors| refused_rules(&errors, &ruleset))?;
        let keywords = asked().any(|rule| rule.condition.asks_for_keywords());
        let correlator =
            Correlator::compile(&ruleset.correlations, ruleset.rules.len(), LATENESS, &mut slots, &mut carry)
                .map_err(|refusals| refused_correlations(&refusals, &ruleset))?;
        let declared = match &wanted.sources {
            Sources::Declared(source) => source.clone(),
            Sources::Unknown | Sources::Told(_) => LogSource::default(),
        };
        let shown = |number: usize| wanted.findings || policies.needs_record(number as u32);
        let facets = |meta: &Meta, source: &LogSource| Facets {
            worth: wanted.points.of(meta),
            source: source.clone(),
            mask: Mask::new(meta.mask.iter().filter_map(|field| schema::find(field))),
        };
        let mut rules: Vec<Facets> = ruleset.rules.iter().map(|rule| facets(&rule.meta, &rule.source)).collect();
        let anywhere = LogSource::default();
        let correlations = ruleset.correlations.iter().map(|rule| facets(&rule.meta, &anywhere));
        let mut correlations: Vec<Facets> = correlations.collect();
        let use_of = |(index, rule): (usize, &Facets)| Use {
            silent: !correlator.speaks(RuleIx(index as u32)),
            shown: shown(index),
            for_modbus: is_for_modbus(&rule.source),
        };
        let mut uses: Vec<Use> = rules.iter().enumerate().map(use_of).collect();
        mask_what_is_referred_to(&ruleset, &mut rules, &mut correlations);
        let completers = completers(&ruleset, |index| policies.asks_of_record((rules.len() + index) as u32));
        for (_, completers) in (rules.len()..).zip(&completers).filter(|(number, _)| shown(*number)) {
            for rule in completers {
                uses[*rule].shown = true;
            }
        }
        let told = match &wanted.sources {
            Sources::Told(fields) => {
                let [product, category, service] = fields.each_ref().map(|field| slots.want(field));
                product.zip(category).zip(service).map(|((product, category), service)| [product, category, service])
            }
            Sources::Unknown | Sources::Declared(_) => None,
        };
        let watch = match wanted.usual {
            Some(usual) => Some(
                Watch::new(usual, &wanted.maps, &mut slots).ok_or_else(|| PlanError::Fields("the baseline".into()))?,
            ),
            None => None,
        };
        let ports = if wanted.ports.is_empty() { net::SERVER_PORTS.to_vec() } else { wanted.ports };
        let remembered = Remembered { changes: wanted.register_changes, old: slots.find(OLD).is_some() };
        Ok(Self {
            maps: wanted.maps,
            assets: wanted.assets,
            remembered,
            watch,
            log: LogPlan::with_times(&slots, keywords, &wanted.times),
            ruleset,
            machine,
            slots,
            carry,
            net: net::Config { ports, ..net::Config::default() },
            modbus: modbus::Config::default(),
            scoreboards: wanted.scoreboards,
            records: wanted.records,
            prints_status: !wanted.without_status,
            policies,
            correlator,
            routes,
            rules,
            uses,
            correlations,
            completers,
            entities: common.entities,
            subject: common.subject,
            measures: common.measures,
            weighed: common.weighed,
            declared,
            told,
        })
    }

    /// A correlator that has seen nothing.
    #[must_use]
    pub fn correlator(&self) -> Correlator {
        self.correlator.clone()
    }

    /// A memory that has seen nothing, where one is needed. It must see all messages in their one order.
    pub(super) fn memory(&self) -> Option<Memory> {
        self.has_memory().then(|| Memory::new(Arc::clone(&self.maps), self.remembered))
    }

    /// Whether what a record says depends on the records before.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.has_memory() || self.watch.as_ref().is_some_and(Watch::learns)
    }

    fn has_memory(&self) -> bool {
        !self.maps.is_empty() || self.remembered != Remembered::default()
    }

    /// Whether a rule can be about our own records; routes are about all.
    #[must_use]
    pub fn is_for_modbus(&self, rule: RuleIx) -> bool {
        self.uses.get(rule.0 as usize).map_or_else(|| self.routes.has(rule), |it| it.for_modbus)
    }

    /// Whether a rule can be about this log line.
    #[must_use]
    pub fn is_for_line(&self, rule: RuleIx, line: &impl Facts) -> bool {
        let Some(facets) = self.rules.get(rule.0 as usize) else { return self.routes.has(rule) };
        let Some([product, category, service]) = self.told else { return facets.source.admits(&self.declared) };
        let agrees = |wanted: &Option<Arc<str>>, slot| match (wanted, line.fact(slot)) {
            (Some(wanted), Fact::Text(told)) => wanted.eq_ignore_ascii_case(told),
            _ => true,
        };
        let LogSource { product: own, category: kind, service: part } = &facets.source;
        agrees(own, product) && agrees(kind, category) && agrees(part, service)
    }

    /// How the record is written that satisfies these rules, if somebody prints it or a route takes it.
    pub(super) fn naming(&self, rules: &[RuleIx]) -> Option<Naming> {
        self.records.or_else(|| self.routes.take_any(rules).then_some(Naming::Native))
    }

    /// The routes that take a record which satisfies these rules, each a bit.
    pub(super) fn routes_of(&self, rules: impl Iterator<Item = RuleIx>) -> u64 {
        self.routes.bits(rules)
    }

    /// Whether a rule's findings need the record.
    #[must_use]
    pub fn shows_record(&self, rule: RuleIx) -> bool {
        self.uses.get(rule.0 as usize).is_some_and(|it| it.shown)
    }

    /// Whether a finding of a correlation shows the record of the hit of `rule` that completed it.
    pub(super) fn shows_completing(&self, correlation: usize, rule: RuleRef) -> bool {
        matches!(rule, RuleRef::Rule(rule) if self.completers.get(correlation).is_some_and(|rules| rules.contains(&rule)))
    }

    /// What must not be seen of a record that satisfies these rules: what any of them masks.
    pub fn mask(&self, rules: impl Iterator<Item = RuleIx>) -> Mask {
        let masks = rules.filter_map(|rule| self.rules.get(rule.0 as usize)).map(|facets| facets.mask);
        masks.fold(Mask::NONE, Mask::with_all)
    }

    /// Whether a rule only feeds correlations or is a route. (Correlations that only feed others are kept silent by the correlator.)
    #[must_use]
    pub fn is_silent(&self, rule: RuleIx) -> bool {
        self.uses.get(rule.0 as usize).is_none_or(|it| it.silent)
    }

    /// The title of a rule.
    #[must_use]
    pub fn title(&self, rule: RuleRef) -> &str {
        self.ruleset.meta(rule).map_or("", |meta| &meta.title)
    }

    /// What a finding with these values is worth.
    #[must_use]
    pub fn points(&self, rule: RuleRef, values: &[u8]) -> u32 {
        let value = |expression: &Expression| {
            expression.evaluate(|field| {
                let place = self.measures.get(expression.fields().get(field)?)?;
                Values::new(values).nth(*place)?.integer()
            })
        };
        let points = self.facets(rule).map_or(0, |facets| facets.worth.points(value));
        let weighed = self.weight(values).map_or(points.into(), |weight| weight.times(points));
        weighed.min(MAX_POINTS.into()) as u32
    }

    /// How much more or less a finding about this server and unit counts.
    fn weight(&self, values: &[u8]) -> Option<Weight> {
        let [server, unit] = self.weighed?;
        let Value::Addr(server) = Values::new(values).nth(server)? else { return None };
        let unit = Values::new(values).nth(unit).and_then(Value::integer).and_then(|unit| u8::try_from(unit).ok());
        Some(self.assets.weight(server, unit))
    }

    fn facets(&self, rule: RuleRef) -> Option<&Facets> {
        match rule {
            RuleRef::Rule(index) => self.rules.get(index),
            RuleRef::Correlation(index) => self.correlations.get(index),
        }
    }

    /// One number for rules and correlations alike, as scoreboards keep it.
    #[must_use]
    pub fn number_of(&self, rule: RuleRef) -> u32 {
        match rule {
            RuleRef::Rule(index) => index as u32,
            RuleRef::Correlation(index) => (self.rules.len() + index) as u32,
        }
    }

    /// The rule or correlation of a number.
    #[must_use]
    pub fn rule_of(&self, number: u32) -> RuleRef {
        let number = number as usize;
        number.checked_sub(self.rules.len()).map_or(RuleRef::Rule(number), RuleRef::Correlation)
    }

    /// Whom a hit with these values is about, as far as they tell.
    #[must_use]
    pub fn subject(&self, values: &[u8]) -> Vec<Named> {
        let named = SUBJECT.iter().zip(&self.subject).filter_map(|(name, place)| {
            let value = Values::new(values).nth(*place)?;
            is_some(value).then(|| self::named((*name).into(), value))
        });
        named.collect()
    }

    /// Makes `key` the key of a hit's entity on a scoreboard; `None` where a field of it is missing.
    pub(super) fn entity(&self, board: usize, values: &[u8], key: &mut Vec<u8>) -> Option<()> {
        key.clear();
        for place in self.entities.get(board)? {
            is_some(Values::new(values).nth(*place)?).then_some(())?;
            key.extend_from_slice(Values::new(values).encoded(*place)?);
        }
        Some(())
    }

    /// An entity's fields and values, from its key.
    #[must_use]
    pub fn name_entity(&self, board: usize, key: &[u8]) -> Vec<Named> {
        let fields = self.scoreboards.get(board).map_or(&[][..], |board| &board.entity);
        fields.iter().zip(Values::new(key)).map(|(name, value)| named(Arc::clone(name), value)).collect()
    }

    /// What the events of a correlation have in common.
    #[must_use]
    pub fn name_group(&self, correlation: usize, group: &[u8]) -> Vec<Named> {
        let keys = self.ruleset.correlations.get(correlation).map_or(&[][..], |correlation| &correlation.group_by);
        keys.iter().zip(Values::new(group)).map(|(key, value)| named(Arc::clone(&key.name), value)).collect()
    }
}

/// The fields that every hit carries.
pub(super) struct Common {
    slots: Vec<Slot>,
    entities: Vec<Vec<usize>>,
    subject: Vec<usize>,
    measures: FxHashMap<Arc<str>, usize>,
    weighed: Option<[usize; 2]>,
}

impl Common {
    fn new(wanted: &Wanted, slots: &mut Slots) -> Result<Self, PlanError> {
        let mut common = Self {
            slots: Vec::new(),
            entities: Vec::new(),
            subject: Vec::new(),
            measures: FxHashMap::default(),
            weighed: None,
        };
        for board in &wanted.scoreboards {
            let places = board.entity.iter().map(|field| common.place(field, slots)).collect::<Option<Vec<_>>>();
            common.entities.push(places.ok_or_else(|| PlanError::Fields(format!("scoreboard `{}`", board.name)))?);
        }
        for expression in wanted.points.expressions() {
            for field in expression.fields() {
                let place = common.place(field, slots).ok_or_else(|| PlanError::Fields(format!("`{expression}`")))?;
                common.measures.insert(Arc::clone(field), place);
            }
        }
        if !wanted.assets.is_empty() {
            let server = common.place(WEIGHED[0], slots);
            common.weighed = server.zip(common.place(WEIGHED[1], slots)).map(|(server, unit)| [server, unit]);
        }
        common.subject = SUBJECT.iter().filter_map(|field| common.place(field, slots)).collect();
        Ok(common)
    }

    pub(super) fn place(&mut self, field: &str, slots: &mut Slots) -> Option<usize> {
        let slot = slots.want(field)?;
        Some(self.slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        }))
    }
}

/// Whatever a correlation masks is masked in what it refers to.
fn mask_what_is_referred_to(ruleset: &Ruleset, rules: &mut [Facets], correlations: &mut [Facets]) {
    // Chains have no circles, so as many rounds as there are correlations reach every end.
    for _ in 0..ruleset.correlations.len() {
        for (index, correlation) in ruleset.correlations.iter().enumerate() {
            let Some(mask) = correlations.get(index).map(|facets| facets.mask) else { continue };
            for reference in &correlation.rules {
                let referred = match reference {
                    RuleRef::Rule(index) => rules.get_mut(*index),
                    RuleRef::Correlation(index) => correlations.get_mut(*index),
                };
                if let Some(facets) = referred {
                    facets.mask = facets.mask.with_all(mask);
                }
            }
        }
    }
}

/// For each correlation, the rules whose records its findings show. Where a policy asks about the `whole` record, all.
fn completers(ruleset: &Ruleset, whole: impl Fn(usize) -> bool) -> Vec<BTreeSet<usize>> {
    let mut all = vec![BTreeSet::new(); ruleset.correlations.len()];
    for _ in 0..ruleset.correlations.len() {
        let before: usize = all.iter().map(BTreeSet::len).sum();
        for (index, correlation) in ruleset.correlations.iter().enumerate() {
            for reference in if whole(index) { &correlation.rules[..] } else { completing(correlation) } {
                let rules = match reference {
                    RuleRef::Rule(rule) => BTreeSet::from([*rule]),
                    RuleRef::Correlation(inner) => all.get(*inner).cloned().unwrap_or_default(),
                };
                all[index].extend(rules);
            }
        }
        if all.iter().map(BTreeSet::len).sum::<usize>() == before {
            break;
        }
    }
    all
}

/// What a correlation refers to of which its findings show the record. One that tells of what did not happen has none, and among
/// very many events none stands out: their places are told. What is in order ends with its last rule.
fn completing(correlation: &Correlation) -> &[RuleRef] {
    let rules = &correlation.rules[..];
    let before = rules.len().saturating_sub(1);
    match &correlation.kind {
        _ if correlation.absent.is_some() => &[],
        CorrelationKind::EventCount(criteria) | CorrelationKind::ValueCount { criteria, .. }
            if criteria.iter().any(|criterion| criterion.needs_more_than(TOLD_APART)) =>
        {
            &[]
        }
        CorrelationKind::TemporalOrdered(Temporal::Count(criteria))
            if criteria.iter().any(|criterion| criterion.needs_more_than(before as u32)) =>
        {
            &rules[before..]
        }
        _ => rules,
    }
}

fn is_for_modbus(source: &LogSource) -> bool {
    source.product.as_deref().is_none_or(|product| product == OWN_PRODUCT)
}

pub(super) fn is_some(value: Value<'_>) -> bool {
    !matches!(value, Value::Absent | Value::Null)
}

pub(super) fn named(name: Arc<str>, value: Value<'_>) -> Named {
    let mut json = Vec::new();
    value.write_json(&mut json);
    Named { name, json: String::from_utf8_lossy(&json).into() }
}

fn refused_rules(errors: &[CompileError], ruleset: &Ruleset) -> PlanError {
    let refused = errors.iter().filter_map(|error| {
        let rule = RuleRef::Rule(error.rule.0 as usize);
        Some(refused(rule, ruleset.meta(rule)?, &error.problem))
    });
    PlanError::Rules(refused.collect())
}

fn refused_correlations(refusals: &[Refusal], ruleset: &Ruleset) -> PlanError {
    let refused = refusals.iter().filter_map(|refusal| {
        let rule = RuleRef::Correlation(refusal.correlation.0 as usize);
        Some(refused(rule, ruleset.meta(rule)?, &refusal.reason))
    });
    PlanError::Rules(refused.collect())
}

fn refused(rule: RuleRef, meta: &Meta, problem: &dyn Display) -> Refused {
    Refused { rule, origin: meta.origin.clone(), title: Arc::clone(&meta.title), problem: problem.to_string() }
}

/// Takes the meaning out of rules that cannot be run, so that the others can: they stay in their places, since others
/// refer to these, and are never satisfied.
pub fn silence(ruleset: &mut Ruleset, refused: &[Refused]) {
    for refused in refused {
        match refused.rule {
            RuleRef::Rule(index) => {
                if let Some(rule) = ruleset.rules.get_mut(index) {
                    rule.condition = Expr::Any(Vec::new());
                }
            }
            RuleRef::Correlation(index) => {
                if let Some(correlation) = ruleset.correlations.get_mut(index) {
                    correlation.rules.clear();
                    correlation.kind = CorrelationKind::EventCount(Vec::new());
                }
            }
        }
    }
}
