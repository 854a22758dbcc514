//! A message or log line becomes a record, the record meets the rules, what matters is noted as evidence.

use super::event::Event;
use super::evidence::{Evidence, Order};
use super::plan::{Naming, Plan};
use super::summary::{Records, Room, Summary};
use super::usual::{Past, news_of, news_of_line, write_news};
use crate::detect::{RuleIx, Scratch};
use crate::modbus::{Body, Flags, Kind, Message, Status};
use crate::record::assets::{Lookup, Parties};
use crate::record::baseline::{Act, Thing, WithNews};
use crate::record::foreign::{self, Told};
use crate::record::{
    Facts, LineError, LineWriter, LogRecord, Mask, Memory, Record, hide_secrets, mend, name_parties, nxlog, schema,
};
use crate::time::{Clock, Timestamp};
use bumpalo::Bump;
use std::sync::Arc;

/// The matcher with its scratch memory and its figures: one for each thread.
pub(super) struct Judge {
    plan: Arc<Plan>,
    scratch: Scratch,
    arena: Bump,
    lines: LineWriter,
    records: Records,
    /// What was seen before; lent by the engine to the one judge that sees all messages.
    past: Past,
    /// Whether what is usual was lent, too.
    learns: bool,
    /// What clients and servers are called, where anything is.
    lookup: Option<Lookup>,
    /// The record of a message that a log of another tool tells of.
    told: Vec<u8>,
    /// Lines of tshark that only announce a packet.
    announced: u64,
    /// The time of log lines.
    clock: Clock,
}

impl Judge {
    /// Judges by `plan`.
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            scratch: Scratch::new(),
            lookup: Lookup::new(&plan.assets),
            plan,
            arena: Bump::new(),
            lines: LineWriter::new(),
            records: Records::default(),
            past: Past::default(),
            learns: false,
            told: Vec::new(),
            announced: 0,
            clock: Clock::default(),
        }
    }

    /// Judges by `plan`, and tells what is new to a baseline that is frozen.
    pub(super) fn watching(plan: Arc<Plan>) -> Self {
        let watcher = plan.watcher();
        Self { past: Past { watcher, memory: None }, ..Self::new(plan) }
    }

    /// Takes the engine's past.
    pub(super) fn remember(&mut self, past: Past) {
        self.learns = past.watcher.is_some();
        self.past = Past { watcher: past.watcher.or(self.past.watcher.take()), ..past };
    }

    /// Gives the past back.
    pub(super) fn give_back(&mut self) -> Past {
        let watcher = if self.learns { self.past.watcher.take() } else { None };
        Past { watcher, memory: self.past.memory.take() }
    }

    /// The latest time of the log lines since the clock was started.
    pub(super) fn reached(&self) -> Option<Timestamp> {
        self.clock.latest()
    }

    /// Starts the clock of log lines anew.
    pub(super) fn restart_clock(&mut self) {
        self.clock = Clock::default();
    }

    /// Judges a Modbus message, and after it the changes of registers that it shows.
    pub(super) fn message(&mut self, message: &Message<'_>, order: Order, evidence: &mut Evidence) {
        self.arena.reset();
        let Self { plan, scratch, arena, lines, records, past, lookup, .. } = self;
        let parties = lookup.as_mut().map(|lookup| lookup.of(message));
        let record = Record::new(message, &plan.slots, arena).between(parties.as_ref());
        let Past { memory, watcher } = past;
        let alone = parties.is_none() && memory.is_none() && watcher.is_none();
        let mut bench = Bench { plan, scratch, lines, records, order, evidence, alone };
        if let (None, None) = (&memory, &watcher) {
            return bench.judge(&record, &[]);
        }
        let recall = memory.as_mut().map(|memory| memory.see(message, arena));
        let record = recall.as_ref().map_or(record, |recall| record.with(recall));
        match watcher {
            None => bench.judge(&record, &[]),
            Some(watcher) => {
                let act = Act::of(message, recall.as_ref(), plan.maps.tags(), arena);
                let (new, things) = news_of(watcher, act.as_ref());
                bench.judge(&record.with_news(new), things);
                bench.evidence.save(watcher);
            }
        }
        if let Some(memory) = memory {
            bench.judge_changes(message, parties.as_ref(), memory, arena);
        }
    }

    /// Judges a line of a log. One of another tool's form is left to be joined, unread; an unreadable one is a problem.
    pub(super) fn line(&mut self, line: &[u8], order: Order, evidence: &mut Evidence) {
        if !line.starts_with(b"{") {
            evidence.begin(order, None, order.number);
            return evidence.leave_to_join(line);
        }
        if foreign::is_index(line) {
            self.announced += 1;
            return;
        }
        // What is new hangs on what was before, and so does what answers.
        if self.plan.watch.is_some() || nxlog::is_form(line) || foreign::is_form(line) {
            let mended = if may_be_broken(line) { mend(line) } else { None };
            evidence.begin(order, None, order.number);
            return evidence.leave_to_join(mended.as_ref().map_or(line, |line| line.as_bytes()));
        }
        let Err(error) = self.whole_line(line, order, evidence) else { return };
        // Broken characters must not hide what else the line says.
        let mended = mend(line).ok_or(error);
        if let Err(error) = mended.and_then(|line| self.whole_line(line.as_bytes(), order, evidence)) {
            evidence.problems.note(order.number, error);
        }
    }

    /// Judges a line as it stands, whatever its form.
    pub(super) fn as_it_stands(&mut self, line: &[u8], order: Order, evidence: &mut Evidence) {
        if let Err(error) = self.whole_line(line, order, evidence) {
            evidence.problems.note(order.number, error);
        }
    }

    fn whole_line(&mut self, line: &[u8], order: Order, evidence: &mut Evidence) -> Result<(), LineError> {
        self.arena.reset();
        let plan = &*self.plan;
        // A line may be printed again, and what we print is JSON: UTF-8 throughout.
        std::str::from_utf8(line)?;
        let hidden = if plan.maps.has_secrets() { hide_secrets(line, &plan.maps, &self.arena) } else { None };
        let line = hidden.as_deref().unwrap_or(line);
        let named = self.lookup.as_mut().and_then(|lookup| name_parties(line, lookup));
        let line = named.as_deref().unwrap_or(line);
        let record = LogRecord::read(line, &plan.log, &self.arena)?;
        self.records.note(record.time(), None);
        record.time().map(|time| self.clock.tick(time));
        let (new, things) = news_of_line(&mut self.past.watcher, plan, &record, record.time(), &self.arena);
        let judged = WithNews::new(&record, plan.slot_of_news(), new);
        let rules = plan.machine.matches(&judged, &mut self.scratch);
        if rules.is_empty() && plan.records.is_none() && things.is_empty() {
            return Ok(());
        }
        evidence.begin(order, record.time(), order.number);
        evidence.news(things);
        if plan.naming(rules).is_some() {
            evidence.line(|out| {
                out.extend_from_slice(line);
                write_news(new, out);
                out.push(b'\n');
            });
        }
        let rules = rules.iter().copied().filter(|rule| plan.is_for_line(*rule, &record));
        note_hits(plan, &judged, rules.clone(), evidence);
        if rules.clone().any(|rule| plan.shows_record(rule)) {
            let mask = plan.mask(rules);
            evidence.object(|out| {
                write_masked(line, mask, out);
                write_news(new, out);
            });
        }
        Ok(())
    }

    /// Judges a message that `line` of another tool tells of, by our names for it and by those of the line, and after it
    /// the changes of registers that it shows.
    ///
    /// # Errors
    /// When the line is no record.
    pub(super) fn told(
        &mut self,
        message: &Message<'_>,
        told: &Told,
        line: &[u8],
        order: Order,
        evidence: &mut Evidence,
    ) -> Result<(), LineError> {
        self.told_alone(message, told, line, order, evidence)?;
        let Self { plan, scratch, arena, lines, records, past, lookup, .. } = self;
        if let Some(memory) = &past.memory {
            let parties = parties_of(lookup.as_mut(), told);
            let mut bench = Bench { plan, scratch, lines, records, order, evidence, alone: false };
            bench.judge_changes(message, parties.as_ref(), memory, arena);
        }
        Ok(())
    }

    fn told_alone(
        &mut self,
        message: &Message<'_>,
        told: &Told,
        line: &[u8],
        order: Order,
        evidence: &mut Evidence,
    ) -> Result<(), LineError> {
        self.records.note(told.time, told.direction.map(|_| message.kind));
        told.time.map(|time| self.clock.tick(time));
        self.arena.reset();
        let plan = &*self.plan;
        let recall = self.past.memory.as_mut().map(|memory| memory.see(message, &self.arena)).unwrap_or_default();
        let parties = parties_of(self.lookup.as_mut(), told);
        let ours = Record::new(message, &plan.slots, &self.arena).between(parties.as_ref()).with(&recall);
        self.told.clear();
        told.write(&ours, Mask::NONE, &mut self.told);
        Told::write_own(line, &mut self.told)?;
        let record = LogRecord::read(&self.told, &plan.log, &self.arena)?;
        let (new, things) = news_of_line(&mut self.past.watcher, plan, &record, told.time, &self.arena);
        let judged = WithNews::new(&record, plan.slot_of_news(), new);
        let rules = plan.machine.matches(&judged, &mut self.scratch);
        if rules.is_empty() && plan.records.is_none() && things.is_empty() {
            return Ok(());
        }
        evidence.begin(order, told.time, order.number);
        evidence.news(things);
        match plan.naming(rules) {
            None => {}
            Some(Naming::Nxlog(offset)) if told.data.is_some() && told.direction.is_some() => evidence.line(|out| {
                let module = nxlog::Module { name: "pcap", received: None, offset };
                if nxlog::write(&ours, module, out) {
                    out.push(b'\n');
                }
            }),
            Some(_) => evidence.line(|out| {
                out.extend_from_slice(&self.told);
                write_news(new, out);
                out.push(b'\n');
            }),
        }
        let admits = |rule: &RuleIx| plan.is_for_modbus(*rule) || plan.is_for_line(*rule, &record);
        let rules = rules.iter().copied().filter(admits);
        note_hits(plan, &judged, rules.clone(), evidence);
        if rules.clone().any(|rule| plan.shows_record(rule)) {
            let mask = plan.mask(rules);
            evidence.object(|out| {
                if mask == Mask::NONE {
                    out.extend_from_slice(&self.told);
                } else {
                    // What is masked by our name stands in the line by another.
                    told.write(&ours, mask, out);
                    out.push(b'}');
                }
                write_news(new, out);
            });
        }
        Ok(())
    }

    /// Hands over what was learned so far, if it is time to save it.
    pub(super) fn save(&mut self, evidence: &mut Evidence) {
        if let Some(watcher) = &mut self.past.watcher {
            evidence.save(watcher);
        }
    }

    /// A line of another tool as it may be seen, if that is another: see [`foreign::hide_own`].
    pub(super) fn hide_own(&self, line: &[u8], messages: &mut [Told]) -> Option<String> {
        foreign::hide_own(line, messages, &self.plan.maps)
    }

    /// Adds its figures.
    pub(super) fn report(&self, summary: &mut Summary) {
        summary.records.merge(&self.records);
        summary.count(Room::Log, [("announcing lines of tshark", self.announced)]);
    }
}

/// What it takes to judge the records of one message.
struct Bench<'a> {
    plan: &'a Plan,
    scratch: &'a mut Scratch,
    lines: &'a mut LineWriter,
    records: &'a mut Records,
    order: Order,
    evidence: &'a mut Evidence,
    /// Whether a record says no more than its message.
    alone: bool,
}

impl Bench<'_> {
    fn judge_changes(&mut self, message: &Message<'_>, parties: Option<&Parties>, memory: &Memory, arena: &Bump) {
        let plan = self.plan;
        for number in 0..memory.changes() {
            let Some(recall) = memory.change(number, arena) else { break };
            let nothing = Message { body: Body::Empty, data: &[], flags: Flags::NONE, request: None, ..*message };
            let told = Message { kind: Kind::Status, status: Some(Status::RegisterChange), reason: None, ..nothing };
            self.judge(&Record::new(&told, &plan.slots, arena).between(parties).with(&recall), &[]);
        }
    }

    fn judge(&mut self, record: &Record<'_>, news: &[Thing]) {
        let Self { plan, evidence, lines, .. } = self;
        let message = record.message();
        self.records.note(Some(message.time), Some(message.kind));
        let rules = plan.machine.matches_alike(record, self.scratch);
        if rules.is_empty() && plan.records.is_none() && news.is_empty() {
            return;
        }
        evidence.begin_message(self.order, message);
        evidence.news(news);
        match plan.naming(rules) {
            None => {}
            Some(_) if !plan.prints_status && is_state_event(message) => {}
            Some(Naming::Native) => evidence.line(|out| {
                lines.write(record, out);
                out.push(b'\n');
            }),
            Some(Naming::Nxlog(offset)) => evidence.line(|out| {
                let module = nxlog::Module { name: "pcap", received: None, offset };
                if nxlog::write(record, module, out) {
                    out.push(b'\n');
                }
            }),
        }
        let rules = rules.iter().copied().filter(|rule| plan.is_for_modbus(*rule));
        note_hits(plan, record, rules.clone(), evidence);
        if rules.clone().any(|rule| plan.shows_record(rule)) {
            let mask = plan.mask(rules);
            // Many connections are opened before a correlation that counts them is shown.
            match if self.alone { Event::of(message) } else { None } {
                Some(event) => evidence.event(event, mask),
                None => evidence.object(|out| lines.write_nested(record, mask.within(record), out)),
            }
        }
    }
}

/// Whether a line may hold characters that are none: bytes that are not UTF-8, or half of an escaped pair.
fn may_be_broken(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_err() || memchr::memmem::find(line, b"\\u").is_some()
}

/// What client and server of a log line are called.
fn parties_of<'a>(lookup: Option<&'a mut Lookup>, told: &Told) -> Option<Parties<'a>> {
    lookup.map(|lookup| lookup.between(told.client.ip, told.server.ip, told.unit_id))
}

/// Whether it tells of a connection or host; changes of registers are told when they are asked for.
fn is_state_event(message: &Message<'_>) -> bool {
    message.status.is_some_and(|status| status != Status::RegisterChange)
}

/// Notes each rule with the values that later stages need of it.
fn note_hits(plan: &Plan, record: &impl Facts, rules: impl Iterator<Item = RuleIx>, evidence: &mut Evidence) {
    let mut common = 0..0;
    for rule in rules {
        evidence.hit(rule, |out| plan.carry.extract_after(&mut common, rule, record, out));
    }
}

/// Copies a log line that is a JSON object, with the values of masked fields replaced.
fn write_masked(line: &[u8], mask: Mask, out: &mut Vec<u8>) {
    if mask == Mask::NONE {
        return out.extend_from_slice(line);
    }
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_slice(line) else { return };
    for (name, value) in &mut fields {
        if schema::find(name).is_some_and(|field| mask.has(field)) {
            *value = "[masked]".into();
        }
    }
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, &fields);
}
