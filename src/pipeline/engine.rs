//! The ordered side: hits in, findings, threats and alerts out. Pure: what it says depends on what it was given.

use super::event::{Event, Scribe};
use super::evidence::{self, Entry, Evidence};
use super::plan::Plan;
use super::policies::Judged;
use super::scoring::{Counted, Scoring};
use super::summary::{Room, Summary};
use super::telling::{Fate, Outcome, Telling};
use super::usual::{Learned, Past};
use crate::alert::{Act, Alert, Incident, ScoreLine};
use crate::detect::{self, Catalogue, Correlated, Correlator, Ending, Finding, Input, Place};
use crate::record::Mask;
use crate::record::baseline::{Baseline, Seen, Watcher};
use crate::sigma::ir::{Level, RuleRef};
use crate::sink::{Routed, Sink};
use crate::time::{Clock, Timestamp};
use std::io;
use std::sync::Arc;

/// What is printed beside the figures.
#[allow(clippy::struct_excessive_bools, reason = "each is a kind of line that is asked for or not")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emits {
    /// Alerts.
    pub alerts: bool,
    /// Findings.
    pub findings: bool,
    /// Scores, each time one changes.
    pub scores: bool,
    /// What is new of incidents.
    pub incidents: bool,
}

/// Correlations, scoreboards and alerts of one run.
pub struct Engine {
    plan: Arc<Plan>,
    emits: Emits,
    correlator: Correlator,
    scoring: Scoring,
    telling: Telling,
    summary: Summary,
    /// What was seen before; it outlives inputs, so that a rotated capture goes on where the last one ended.
    past: Past,
    /// What was new to the baseline.
    news: Baseline,
    /// What was learned so far, when it is time to save it.
    learned: Option<Arc<Baseline>>,
    clock: Clock,
    /// The time of the last record that told one, for those that do not.
    last: Timestamp,
    scribe: Scribe,
    /// Room for a record that is asked for.
    page: Vec<u8>,
}

/// The record of an entry, which may be written when it is first asked for.
struct Shown<'a> {
    written: &'a [u8],
    event: Option<(&'a Event, Mask)>,
    page: Vec<u8>,
}

/// A finding with the values that the record's hit carried.
struct Said<'a> {
    finding: Finding<'a>,
    values: &'a [u8],
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(plan: &Arc<Plan>, emits: Emits) -> Self {
        Self {
            emits,
            correlator: plan.correlator(),
            scoring: Scoring::new(plan),
            telling: Telling::new(plan, emits.alerts || emits.incidents),
            summary: Summary { catalogue: Catalogue::new(Arc::clone(&plan.ruleset)), ..Summary::default() },
            past: plan.past(),
            news: Baseline::default(),
            learned: None,
            clock: Clock::default(),
            last: Timestamp::default(),
            scribe: Scribe::default(),
            page: Vec::new(),
            plan: Arc::clone(plan),
        }
    }

    /// The next input begins; answers with its number.
    pub fn begin(&mut self, input: Input) -> u32 {
        self.summary.catalogue.inputs.push(input);
        (self.summary.catalogue.inputs.len() - 1) as u32
    }

    /// Whether records are printed; otherwise only routes want their lines.
    pub(super) fn prints_records(&self) -> bool {
        self.plan.records.is_some()
    }

    /// Lends the past to whoever sees the next input's messages, all of them in their order.
    pub(super) fn lend_past(&mut self) -> Past {
        std::mem::take(&mut self.past)
    }

    /// Takes the past back.
    pub(super) fn keep_past(&mut self, past: Past) {
        self.past = past;
    }

    /// What of this evidence is about no single record: what was learned so far, when it is time to save it.
    pub(super) fn learn(&mut self, evidence: &Evidence) {
        if let Some(learned) = &evidence.learned {
            self.learned = Some(Arc::clone(learned));
        }
    }

    /// What was learned so far, once, when it is time to save it.
    pub(super) fn take_learned(&mut self) -> Option<Arc<Baseline>> {
        self.learned.take()
    }

    /// The figures so far, for the caller to add to.
    pub const fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    /// Takes the next entry of `input`, whose line is before it in the sink.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub(super) fn observe(
        &mut self,
        input: u32,
        evidence: &Evidence,
        entry: &Entry,
        sink: &mut dyn Sink,
    ) -> io::Result<()> {
        self.last = entry.time.unwrap_or(self.last);
        if evidence.is_bare(entry) {
            return self.pass(self.last, sink);
        }
        self.route(evidence, entry, sink)?;
        self.pass(self.last, sink)?;
        if let Some(watch) = &self.plan.watch {
            for thing in evidence.news_of(entry) {
                self.news.learn(thing, Seen::once(self.last), watch.bounds());
            }
        }
        let (time, place) = (self.last, Place { input: entry.input.unwrap_or(input), number: entry.number });
        let page = std::mem::take(&mut self.page);
        let mut shown = Shown { written: evidence.object_of(entry), event: evidence.event_of(entry), page };
        for evidence::Hit { rule, values } in evidence.hits_of(entry) {
            let hit = detect::Hit { rule, time, place, values };
            if !self.plan.is_silent(rule) {
                let record = self.show(&mut shown);
                self.speak(&self.said(&hit, record), sink)?;
            }
            if self.correlator.listens(rule) {
                self.correlate(&hit, &mut shown, sink)?;
            }
        }
        self.page = shown.page;
        self.page.clear();
        Ok(())
    }

    /// The JSON object of a record.
    fn show<'s>(&mut self, shown: &'s mut Shown<'_>) -> &'s [u8] {
        if let Some(event) = shown.event.take() {
            self.scribe.write(&self.plan, event, &mut shown.page);
        }
        if shown.page.is_empty() { shown.written } else { &shown.page }
    }

    /// What a hit says of its record.
    fn said<'a>(&self, hit: &detect::Hit<'a>, record: &'a [u8]) -> Said<'a> {
        let detect::Hit { time, place, values, .. } = *hit;
        let rule = RuleRef::Rule(hit.rule.0 as usize);
        let points = if self.plan.is_silent(hit.rule) { 0 } else { self.plan.points(rule, values) };
        Said { finding: Finding { rule, time, points, group: &[], window: None, record, place }, values }
    }

    /// Hands a record to its routes. One that is not to be printed has no line for them either.
    fn route(&self, evidence: &Evidence, entry: &Entry, sink: &mut dyn Sink) -> io::Result<()> {
        let routes = self.plan.routes_of(evidence.hits_of(entry).map(|hit| hit.rule));
        let line = evidence.line_of(entry);
        if routes == 0 || line.is_empty() { Ok(()) } else { sink.routed(&Routed { line, time: entry.time, routes }) }
    }

    /// Takes the time of a record: windows that are over by it close. May be called for records without hits, too.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub(super) fn pass(&mut self, time: Timestamp, sink: &mut dyn Sink) -> io::Result<()> {
        let now = self.clock.tick(time);
        self.expire(now, sink)
    }

    /// Takes the time that records have reached, also those that no rule found.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub(super) fn follow(&mut self, latest: Timestamp, sink: &mut dyn Sink) -> io::Result<()> {
        let now = self.clock.follow(latest);
        self.expire(now, sink)
    }

    /// Tells what falls due when a new second began.
    fn expire(&mut self, now: Option<Timestamp>, sink: &mut dyn Sink) -> io::Result<()> {
        let Some(now) = now else { return Ok(()) };
        let mut closed = Vec::new();
        self.correlator.expire(now, &mut closed);
        self.tell(&closed, None, sink)?;
        let over = self.telling.expire(now);
        self.tell_incidents(&over, sink)
    }

    /// Lets a hit count for the correlations that refer to its rule.
    fn correlate(&mut self, hit: &detect::Hit<'_>, shown: &mut Shown<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        let mut all: Vec<Correlated> = Vec::new();
        self.correlator.observe(hit, &mut all);
        if all.is_empty() {
            return Ok(());
        }
        let record = self.show(shown);
        self.tell(&all, Some(&self.said(hit, record)), sink)
    }

    /// Speaks for correlations that came true: by this hit, or because their windows closed; then their record is
    /// gone by.
    fn tell(&mut self, all: &[Correlated], by: Option<&Said<'_>>, sink: &mut dyn Sink) -> io::Result<()> {
        for correlated in all {
            let index = correlated.correlation.0 as usize;
            let group = self.plan.name_group(index, &correlated.group);
            let rule = RuleRef::Correlation(index);
            let finding = Finding {
                rule,
                time: correlated.time,
                points: self.plan.points(rule, &correlated.values),
                group: &group,
                window: Some(&correlated.window),
                record: by
                    .filter(|said| self.plan.shows_completing(index, said.finding.rule))
                    .map_or(&[], |said| said.finding.record),
                place: correlated.place,
            };
            self.speak(&Said { finding, values: &correlated.values }, sink)?;
        }
        Ok(())
    }

    /// A finding that is not silent: it is counted, printed, scored, and perhaps an alert.
    fn speak(&mut self, said: &Said<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        let finding = &said.finding;
        *self.summary.findings.entry(finding.rule).or_default() += 1;
        if self.emits.findings {
            sink.finding(finding, &self.summary.catalogue)?;
        }
        let plan = Arc::clone(&self.plan);
        let catalogue = &self.summary.catalogue;
        let meta = catalogue.meta(finding.rule);
        let (policy, act) = self.telling.policy(&plan, finding, meta, said.values);
        if act == Act::Suppress {
            self.summary.suppressed += 1;
            return Ok(());
        }
        if act.is_alert() {
            let mut subject = plan.subject(said.values);
            if subject.is_empty() {
                // Stored logs need not be about Modbus; then what the events have in common tells whom it is about.
                subject.extend_from_slice(finding.group);
            }
            let number = plan.number_of(finding.rule);
            let judged = Judged { finding, meta, number, values: said.values, entity: &subject };
            let outcome = self.telling.finding(&plan, policy, judged, catalogue);
            self.conclude(outcome, finding.time, sink)?;
        }
        self.score(said, sink)
    }

    fn score(&mut self, said: &Said<'_>, sink: &mut dyn Sink) -> io::Result<()> {
        let plan = Arc::clone(&self.plan);
        for (index, board) in plan.scoreboards.iter().enumerate() {
            let counted = self.scoring.add(index, &said.finding, said.values, self.emits.scores);
            let Some(Counted { entity, change }) = counted else { continue };
            let catalogue = &self.summary.catalogue;
            if self.emits.scores {
                let score = ScoreLine { board, entity: &entity, finding: &said.finding, change: &change };
                sink.score(&score, catalogue)?;
            }
            if let Some(threat) = &change.threat {
                let Finding { time, place, .. } = said.finding;
                let whose = (entity, said.values);
                let outcome = self.telling.threat(&plan, (threat, board), whose, place, catalogue);
                self.conclude(outcome, time, sink)?;
            }
        }
        Ok(())
    }

    /// Tells what became of a finding at `time` or a threat, and what is new of incidents.
    fn conclude(&mut self, outcome: Outcome, time: Timestamp, sink: &mut dyn Sink) -> io::Result<()> {
        match outcome.fate {
            Fate::Alert(alert) => self.alert(&alert, sink)?,
            Fate::Untold(level) => self.count_alert(level),
            Fate::Repeat(id) => {
                self.summary.repeats += 1;
                if self.emits.alerts {
                    sink.repeated(id, time)?;
                }
            }
            Fate::Held => self.summary.held += 1,
            Fate::Grouped(level) => {
                if let Some(count) = self.summary.grouped.get_mut(level as usize) {
                    *count += 1;
                }
            }
        }
        self.tell_incidents(&outcome.incidents, sink)
    }

    fn tell_incidents(&mut self, incidents: &[Incident], sink: &mut dyn Sink) -> io::Result<()> {
        if self.emits.incidents { incidents.iter().try_for_each(|incident| sink.incident(incident)) } else { Ok(()) }
    }

    fn count_alert(&mut self, level: Level) {
        if let Some(count) = self.summary.alerts.get_mut(level as usize) {
            *count += 1;
        }
    }

    fn alert(&mut self, alert: &Alert, sink: &mut dyn Sink) -> io::Result<()> {
        self.count_alert(alert.level);
        if self.emits.alerts { sink.alert(alert, &self.summary.catalogue) } else { Ok(()) }
    }

    /// The end of all inputs: what was still open is told as far as it is known, and the figures are complete.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> io::Result<Summary> {
        let now = self.clock.latest();
        self.end(Ending::Complete(now), sink)
    }

    /// The inputs end before their time, because somebody stopped the run: nothing is told of windows that are not over.
    ///
    /// # Errors
    /// When the sink cannot write.
    pub fn stop(&mut self, sink: &mut dyn Sink) -> io::Result<Summary> {
        let now = self.clock.latest();
        self.end(Ending::Cut(now), sink)
    }

    /// What was learned, and what was new.
    fn report_news(&mut self) {
        if let Some(watcher) = &self.past.watcher {
            self.summary.count(Room::Engine, watcher.counters());
        }
        let new = self.news.entries().len() as u64;
        let not_kept = self.news.not_learned();
        self.summary.count(Room::Engine, [("things new to the baseline", new), ("new things not kept", not_kept)]);
        let baseline = self.past.watcher.as_ref().and_then(Watcher::learned);
        self.summary.learned = Some(Learned { baseline, news: std::mem::take(&mut self.news) });
    }

    fn end(&mut self, ending: Ending, sink: &mut dyn Sink) -> io::Result<Summary> {
        let mut closed = Vec::new();
        self.correlator.finish(ending, &mut closed);
        self.tell(&closed, None, sink)?;
        // Records without findings may have come since the last one with some.
        let over = self.summary.records.last.map_or_else(Vec::new, |last| self.telling.expire(last));
        self.tell_incidents(&over, sink)?;
        let open = self.telling.finish();
        self.tell_incidents(&open, sink)?;
        self.summary.incidents = self.telling.begun();
        self.summary.count(Room::Engine, self.telling.losses());
        self.scoring.sum_up(&mut self.summary);
        if let Some(memory) = &self.past.memory {
            self.summary.count(Room::Engine, memory.counters());
        }
        if self.plan.watch.is_some() {
            self.report_news();
        }
        let losses = self.correlator.losses();
        self.summary.count(
            Room::Engine,
            [
                ("correlation events without a group", losses.ungrouped),
                ("correlation events without a value", losses.valueless),
                ("correlation events too late", losses.late),
                ("correlation groups forgotten", losses.evicted_groups),
                ("correlation events forgotten", losses.dropped_events),
                ("correlation windows left open", losses.unclosed),
            ],
        );
        Ok(std::mem::take(&mut self.summary))
    }
}
