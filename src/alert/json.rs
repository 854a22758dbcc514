//! The JSON lines of findings, alerts and incidents, as `docs/json-lines.md` promises them.

use super::{Alert, AlertId, Attack, Cause, Counted, Entity, Incident, Packet, Proof, Rule, State, Technique, Window};
use crate::detect::{Catalogue, Finding, Named, Place};
use crate::score::Threshold;
use crate::sigma::ir::{Meta, Number, RuleRef};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many findings an alert lists; the counts by rule cover all.
const LISTED: usize = 100;

/// Appends a finding as one line.
pub fn write_finding(finding: &Finding<'_>, catalogue: &Catalogue, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"finding\",");
    finding_fields(finding, Window::of(finding, catalogue).as_ref(), catalogue, out);
    out.extend_from_slice(b"}\n");
}

/// Appends an alert as one line.
pub fn write_alert(alert: &Alert, catalogue: &Catalogue, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"alert\",\"id\":\"");
    text(out, &alert.id.to_string());
    out.extend_from_slice(b"\",\"time\":");
    time(out, alert.time);
    key(out, "kind");
    string(out, alert.kind.word());
    key(out, "title");
    string(out, &alert.title);
    if let Some(description) = &alert.description {
        key(out, "description");
        string(out, description);
    }
    key(out, "level");
    string(out, alert.level.word());
    key(out, "entity");
    object(out, &alert.entity);
    key(out, "entities");
    items(out, &alert.entities, entity);
    key(out, "attack");
    attack(out, &alert.attack);
    key(out, "first");
    time(out, alert.first);
    key(out, "last");
    time(out, alert.last);
    key(out, "suppressed");
    text(out, &alert.suppressed.to_string());
    key(out, "incident");
    id_or_null(out, alert.incident);
    key(out, "score");
    text(out, &alert.score.to_string());
    key(out, "threshold");
    threshold(out, alert.threshold);
    key(out, "window");
    match &alert.window {
        None => text(out, "null"),
        Some(it) => window(out, it),
    }
    points_by_rule(alert, catalogue, out);
    key(out, "evidence");
    items(out, &alert.proofs, |out, it| proof(out, it, catalogue));
    key(out, "findings");
    out.push(b'[');
    let first = alert.causes.len().saturating_sub(LISTED);
    for (index, cause) in alert.causes.iter().skip(first).enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        cause_fields(alert, cause, catalogue, out);
        out.push(b'}');
    }
    out.push(b']');
    key(out, "source");
    source(out, alert.place, catalogue);
    out.extend_from_slice(b"}\n");
}

/// Appends what is new of an incident as one line.
pub fn write_incident(incident: &Incident, out: &mut Vec<u8>) {
    text(out, "{\"type\":\"incident\",\"id\":");
    id_or_null(out, Some(incident.id));
    key(out, "state");
    string(out, incident.state.word());
    if let State::Closed(reason) = incident.state {
        key(out, "reason");
        string(out, reason.word());
    }
    key(out, "previous");
    id_or_null(out, incident.previous);
    key(out, "entity");
    object(out, &incident.entity);
    key(out, "entities");
    items(out, &incident.entities, entity);
    key(out, "level");
    string(out, incident.level.word());
    for (name, count) in [("alerts", incident.alerts), ("suppressed", incident.suppressed)] {
        key(out, name);
        text(out, &count.to_string());
    }
    key(out, "members");
    items(out, &incident.members, |out, id: &AlertId| id_or_null(out, Some(*id)));
    key(out, "first");
    time(out, incident.first);
    key(out, "last");
    time(out, incident.last);
    key(out, "rules");
    items(out, &incident.rules, |out, rule: &Rule| {
        text(out, "{\"id\":");
        text_or_null(out, rule.id.as_deref());
        key(out, "title");
        string(out, &rule.title);
        key(out, "count");
        text(out, &format!("{}}}", rule.count));
    });
    key(out, "techniques");
    items(out, &incident.techniques, technique);
    key(out, "score");
    text(out, &incident.score.to_string());
    out.extend_from_slice(b"}\n");
}

fn attack(out: &mut Vec<u8>, attack: &Attack) {
    text(out, "{\"techniques\":");
    items(out, &attack.techniques, technique);
    key(out, "tactics");
    items(out, &attack.tactics, |out, tactic| string(out, tactic));
    out.push(b'}');
}

fn technique(out: &mut Vec<u8>, technique: &Technique) {
    text(out, "{\"id\":");
    string(out, &technique.id);
    key(out, "name");
    text_or_null(out, technique.name);
    if let Some(successor) = &technique.successor {
        key(out, "successor");
        string(out, successor);
    }
    out.push(b'}');
}

fn entity(out: &mut Vec<u8>, entity: &Entity) {
    text(out, "{\"type\":");
    string(out, entity.kind.word());
    key(out, "value");
    text(out, &entity.json);
    if let Some(role) = entity.role {
        key(out, "role");
        string(out, role);
    }
    out.push(b'}');
}

fn proof(out: &mut Vec<u8>, proof: &Proof, catalogue: &Catalogue) {
    let Some(input) = catalogue.inputs.get(proof.place.input as usize) else {
        return text(out, "null");
    };
    text(out, "{\"input\":");
    string(out, &input.name);
    key(out, input.unit.word());
    text(out, &proof.place.number.to_string());
    for (name, packet) in [("request", proof.request), ("answer", proof.answer)] {
        if let Some(Packet { frame, time: captured }) = packet {
            key(out, name);
            text(out, &format!("{{\"frame\":{frame}"));
            if let Some(captured) = captured {
                key(out, "time");
                time(out, captured);
            }
            out.push(b'}');
        }
    }
    out.push(b'}');
}

/// How often each rule is in it, and what that was worth; most points first.
fn points_by_rule(alert: &Alert, catalogue: &Catalogue, out: &mut Vec<u8>) {
    key(out, "points_by_rule");
    out.push(b'[');
    for (index, sum) in sums_by_rule(alert, catalogue).iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(out, "{\"title\":");
        string(out, &sum.title);
        text(out, &format!(",\"count\":{},\"points\":{}}}", sum.count, sum.points));
    }
    out.push(b']');
}

/// How often a rule is among an alert's causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSum {
    /// The rule's title.
    pub title: String,
    /// How many findings.
    pub count: u64,
    /// Their points together.
    pub points: u64,
}

/// The causes of an alert by rule, most points first, then by title.
#[must_use]
pub fn sums_by_rule(alert: &Alert, catalogue: &Catalogue) -> Vec<RuleSum> {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for cause in &alert.causes {
        let (count, points) = sums.entry(&catalogue.meta(cause.rule).title).or_default();
        *count += 1;
        *points += u64::from(cause.points);
    }
    let mut sums: Vec<_> =
        sums.into_iter().map(|(title, (count, points))| RuleSum { title: title.to_owned(), count, points }).collect();
    sums.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.title.cmp(&b.title)));
    sums
}

/// A cause as a finding; the record and the group are known of the one that raised the alert.
fn cause_fields(alert: &Alert, cause: &Cause, catalogue: &Catalogue, out: &mut Vec<u8>) {
    let raised_it = alert.kind == super::Kind::Rule;
    let finding = Finding {
        rule: cause.rule,
        time: cause.time,
        points: cause.points,
        group: if raised_it { &alert.group } else { &[] },
        window: None,
        record: if raised_it { &alert.record } else { &[] },
        place: cause.place,
    };
    finding_fields(&finding, alert.window.as_ref().filter(|_| raised_it), catalogue, out);
}

fn finding_fields(finding: &Finding<'_>, window: Option<&Window>, catalogue: &Catalogue, out: &mut Vec<u8>) {
    text(
        out,
        match finding.rule {
            RuleRef::Rule(_) => "\"kind\":\"detection\",\"time\":",
            RuleRef::Correlation(_) => "\"kind\":\"correlation\",\"time\":",
        },
    );
    time(out, finding.time);
    key(out, "rule");
    rule(out, finding.rule, catalogue);
    key(out, "points");
    number(out, finding.points.into());
    key(out, "group");
    object(out, finding.group);
    if let Some(window) = window {
        key(out, "window");
        self::window(out, window);
    }
    if !finding.record.is_empty() {
        key(out, "record");
        out.extend_from_slice(finding.record);
    }
    key(out, "source");
    source(out, finding.place, catalogue);
}

/// What is said of a rule, the same in each of its findings.
pub(super) fn rule(out: &mut Vec<u8>, rule: RuleRef, catalogue: &Catalogue) {
    catalogue.say(rule, out, write_rule);
}

fn write_rule(meta: &Meta, out: &mut Vec<u8>) {
    text(out, "{\"id\":");
    text_or_null(out, meta.id.as_deref());
    key(out, "title");
    string(out, &meta.title);
    key(out, "level");
    string(out, meta.level.word());
    key(out, "tags");
    list(out, &meta.tags);
    // Who wrote it has to be named wherever it goes, as the Detection Rule License asks.
    for (name, value) in [("author", &meta.author), ("license", &meta.license)] {
        if let Some(value) = value {
            key(out, name);
            string(out, value);
        }
    }
    if !meta.references.is_empty() {
        key(out, "references");
        list(out, &meta.references);
    }
    out.push(b'}');
}

fn list(out: &mut Vec<u8>, texts: &[Arc<str>]) {
    items(out, texts, |out, text| string(out, text));
}

fn items<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn id_or_null(out: &mut Vec<u8>, id: Option<AlertId>) {
    text_or_null(out, id.map(|id| id.to_string()).as_deref());
}

fn text_or_null(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => string(out, value),
        None => text(out, "null"),
    }
}

fn window(out: &mut Vec<u8>, window: &Window) {
    text(out, "{\"from\":");
    time(out, window.from);
    key(out, "to");
    time(out, window.to);
    key(out, "span");
    string(out, &window.span.to_string());
    if let Some(Counted { events, figure }) = window.counted {
        key(out, "events");
        text(out, &events.to_string());
        key(out, "figure");
        match figure {
            // Sums of the largest floats have no number in JSON.
            Number::Float(value) if !value.is_finite() => text(out, "null"),
            figure => text(out, &figure.to_string()),
        }
    }
    out.push(b'}');
}

/// A bound as `{"gt":100}`.
pub(super) fn threshold(out: &mut Vec<u8>, threshold: Option<Threshold>) {
    match threshold.map(Threshold::parts) {
        None => text(out, "null"),
        Some((word, bound)) => text(out, &format!("{{\"{word}\":{bound}}}")),
    }
}

pub(super) fn source(out: &mut Vec<u8>, place: Place, catalogue: &Catalogue) {
    let Some(input) = catalogue.inputs.get(place.input as usize) else {
        return text(out, "null");
    };
    text(out, "{\"input\":");
    string(out, &input.name);
    key(out, input.unit.word());
    number(out, place.number);
    out.push(b'}');
}

pub(super) fn object(out: &mut Vec<u8>, fields: &[Named]) {
    out.push(b'{');
    for (index, named) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, &named.name);
        out.push(b':');
        text(out, &named.json);
    }
    out.push(b'}');
}

/// Appends a name of ours, none of which needs an escape.
pub(super) fn key(out: &mut Vec<u8>, name: &str) {
    text(out, ",\"");
    text(out, name);
    text(out, "\":");
}

pub(super) fn number(out: &mut Vec<u8>, number: u64) {
    text(out, itoa::Buffer::new().format(number));
}

pub(super) fn time(out: &mut Vec<u8>, time: Timestamp) {
    out.push(b'"');
    time.write_rfc3339(out);
    out.push(b'"');
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// Appends a JSON string. Writing to a vector cannot fail.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}
