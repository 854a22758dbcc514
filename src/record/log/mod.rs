//! Stored logs: one line of NDJSON, read straight into the facts that somebody asked for.
//!
//! A [`LogPlan`] says what to keep; [`LogRecord::read`] walks the line once and builds nothing else. A line of our own
//! `decode` output gives the same facts as the message it was written from.

mod mend;
mod parties;
mod plan;
mod read;
mod secrets;
mod typed;

pub use mend::mend;
pub use parties::name_parties;
pub use plan::LogPlan;
pub use secrets::hide_secrets;

use super::schema::{Guard, Side, Wording};
use super::{Fact, Facts, Slot, Whose, vocabulary};
use crate::modbus::Kind;
use crate::time::Timestamp;
use bumpalo::Bump;
use plan::{ELSEWHERE, LeafId};
use read::{Noted, Origin, Reader};

/// The longest line that is read, in bytes. Lines made for it can take some sixty times their length in the arena.
pub const LONGEST_LINE: usize = 1 << 20;

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is longer than [`LONGEST_LINE`].
    #[error("line of {0} bytes, more than the {LONGEST_LINE} that are read")]
    TooLong(usize),
    /// It holds nothing.
    #[error("empty line")]
    Empty,
    /// It is not UTF-8.
    #[error(transparent)]
    NotUtf8(#[from] std::str::Utf8Error),
    /// It is no JSON object on one line, or nested deeper than 127 levels.
    #[error("not a JSON object: {0}")]
    NotAnObject(#[from] serde_json::Error),
}

/// The facts of one line.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    plan: &'a LogPlan,
    /// For each leaf of the plan, one more than its place in `found`; 0 where the line has none.
    places: &'a [u16],
    found: &'a [Fact<'a>],
    /// Where each of `found` stood.
    origins: &'a [Origin],
    /// With keywords, every value of the line.
    values: &'a [Noted<'a>],
    time: Option<Timestamp>,
}

impl<'a> LogRecord<'a> {
    /// Reads one line. Texts with escapes, lists and the record's tables go to `arena`, which the caller empties after
    /// the record.
    ///
    /// # Errors
    ///
    /// [`LineError`] for a line that is no record; nothing of it is kept.
    pub fn read(line: &'a [u8], plan: &'a LogPlan, arena: &'a Bump) -> Result<Self, LineError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        if line.len() > LONGEST_LINE {
            return Err(LineError::TooLong(line.len()));
        }
        if line.trim_ascii().is_empty() {
            return Err(LineError::Empty);
        }
        let mut reader = Reader::new(plan, arena);
        match std::str::from_utf8(line) {
            // Checked at once, and not text by text.
            Ok(line) => reader.line(&mut serde_json::Deserializer::from_str(line))?,
            // The reader tells where.
            Err(_) => reader.line(&mut serde_json::Deserializer::from_slice(line))?,
        }
        Ok(reader.finish())
    }

    /// When it happened, by the first of the names that the plan was told, then of the usual ones (`EventTime`,
    /// `@timestamp`, `timestamp`, `ts`, …) whose value is a time. A time without a zone counts as UTC.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        self.time
    }

    fn found(&self, leaf: LeafId) -> Fact<'a> {
        let place = self.places.get(leaf).copied().filter(|place| *place != ELSEWHERE).unwrap_or_default();
        usize::from(place).checked_sub(1).and_then(|place| self.found.get(place)).copied().unwrap_or(Fact::Absent)
    }

    /// Which NXLog names the line has, if it is one of our own records.
    fn guard(&self) -> Option<Guard> {
        let leaves = self.plan.guard?;
        let byte = |leaf| match self.found(leaf) {
            Fact::Int(number) => u8::try_from(number).ok(),
            _ => None,
        };
        let is = |word: u16, kind: Kind| word == kind as u16;
        let (side, mei_type) = match self.found(leaves.kind) {
            Fact::Word(vocabulary, word) if std::ptr::eq(vocabulary, &vocabulary::KIND) => match word {
                word if is(word, Kind::Query) => (Side::Query, leaves.mei_type),
                word if is(word, Kind::Response) => (Side::Response, leaves.mei_type),
                word if is(word, Kind::Exception) => (Side::Exception, leaves.request_mei_type),
                _ => return None,
            },
            _ => return None,
        };
        Some(Guard { side, wording: Wording::of(byte(leaves.function)?, byte(mei_type)) })
    }
}

impl Facts for LogRecord<'_> {
    fn fact(&self, slot: Slot) -> Fact<'_> {
        let leaf = usize::from(slot.0);
        if self.places.get(leaf) != Some(&ELSEWHERE) {
            return self.found(leaf);
        }
        match self.plan.leaves.get(leaf).and_then(|leaf| leaf.instead) {
            Some(instead) if instead.guard.is_none() || instead.guard == self.guard() => self.found(instead.leaf),
            _ => Fact::Absent,
        }
    }

    fn each_fact(&self, visit: &mut dyn FnMut(Whose, Fact<'_>)) -> bool {
        let plan = self.plan;
        for (origin, fact) in self.origins.iter().zip(self.found).filter(|(origin, _)| origin.noted.is_none()) {
            match (origin.leaf < plan.slots, plan.keywords) {
                (true, true) => visit(Whose::Field(Slot(origin.leaf as u16)), *fact),
                (true, false) => visit(Whose::Both(Slot(origin.leaf as u16)), *fact),
                (false, true) => {}
                (false, false) => visit(Whose::Value, *fact),
            }
        }
        for value in self.values {
            visit(value.slot.map_or(Whose::Value, Whose::Both), value.fact);
        }
        for slot in &plan.aliases {
            visit(Whose::Field(*slot), self.fact(*slot));
        }
        true
    }

    /// All values of the line if the plan is for keywords, else those that were wanted.
    fn each_value(&self, visit: &mut dyn FnMut(Fact<'_>)) {
        match self.plan.keywords {
            true => self.values.iter().for_each(|value| value.fact.each(visit)),
            false => self.found.iter().for_each(|fact| fact.each(visit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::Message;
    use crate::record::json::{write_fact, write_json};
    use crate::record::samples::{SAMPLES, Sample};
    use crate::record::{Domain, List, Record, Slots, schema};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    fn json(fact: Fact<'_>) -> String {
        let mut out = Vec::new();
        write_fact(fact, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// What a line says of a name, as JSON; `-` if nothing.
    fn says(line: &str, name: &str) -> String {
        let mut slots = Slots::new();
        let slot = slots.want(name).unwrap();
        let (plan, arena) = (LogPlan::new(&slots, false), Bump::new());
        let record = LogRecord::read(line.as_bytes(), &plan, &arena).unwrap();
        match record.fact(slot) {
            Fact::Absent => "-".into(),
            Fact::Object => "object".into(),
            fact => json(fact),
        }
    }

    #[test]
    fn an_exact_key_comes_before_a_path() {
        for (line, value) in [
            (r#"{"a.b.c":1}"#, "1"),
            (r#"{"a":{"b":{"c":1}}}"#, "1"),
            (r#"{"a.b":{"c":1}}"#, "1"),
            (r#"{"a":{"b.c":1}}"#, "1"),
            (r#"{"a":{"b":{"c":2}},"a.b.c":1}"#, "1"),
            (r#"{"a.b.c":1,"a":{"b":{"c":2}}}"#, "1"),
            (r#"{"a":{"b":{"c":2},"b.c":1}}"#, "1"),
            (r#"{"a.b.c":2,"a.b.c":1}"#, "1"),
            (r#"{"a":{"b":{"c":2}},"a":{"b":{"c":1}}}"#, "1"),
            (r#"{"a":{"b":1},"c":2}"#, "-"),
            (r#"{"A.B.C":1}"#, "-"),
            (r#"{"a.b.c":null}"#, "null"),
            (r#"{"a":{"b":{"c":{"d":1}}}}"#, "object"),
            (r#"{"\u0061.b.c":"\u00e9\n"}"#, r#""é\n""#),
        ] {
            assert_eq!(says(line, "a.b.c"), value, "{line}");
        }
    }

    #[test]
    fn arrays_are_lists_and_paths_go_through_them() {
        for (line, value) in [
            (r#"{"a":{"b":[1,"x",null,true]}}"#, r#"[1,"x",null,true]"#),
            (r#"{"a":[{"b":1},{"c":2},{"b":3}]}"#, "[1,3]"),
            (r#"{"a":[{"b":[1,2]},{"b":3}]}"#, "[1,2,3]"),
            (r#"{"a":[[{"b":1}],[{"b":2},{"b":3}]]}"#, "[1,2,3]"),
            (r#"{"a":[{"b":1,"b":2},{"b":3}]}"#, "[2,3]"),
            (r#"{"a":[{"b":1}],"a.b":9}"#, "9"),
            (r#"{"a":[],"c":1}"#, "-"),
            (r#"{"a":{"b":[]}}"#, "[]"),
            (r#"{"a":{"b":[[1,[2]],[],3]}}"#, "[1,2,3]"),
            (r#"{"a":[1,2]}"#, "-"),
        ] {
            assert_eq!(says(line, "a.b"), value, "{line}");
        }
        assert_eq!(says(r#"{"a":[{"b":1},2]}"#, "a"), "[{},2]");
    }

    #[test]
    fn a_name_and_a_path_below_it_can_both_be_wanted() {
        let mut slots = Slots::new();
        let (outer, inner) = (slots.want("a").unwrap(), slots.want("a.b").unwrap());
        let (plan, arena) = (LogPlan::new(&slots, false), Bump::new());
        let record = LogRecord::read(br#"{"a":{"b":1}}"#, &plan, &arena).unwrap();
        assert_eq!((record.fact(outer), record.fact(inner)), (Fact::Object, Fact::Int(1)));
    }

    #[test]
    fn numbers_keep_their_type() {
        for (text, value) in [
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            (r#""007""#, r#""007""#),
        ] {
            assert_eq!(says(&format!(r#"{{"n":{text}}}"#), "n"), value);
        }
    }

    #[test]
    fn the_time_is_found_under_its_usual_names() {
        let time = |line: &str| {
            let (plan, arena) = (LogPlan::new(&Slots::new(), false), Bump::new());
            LogRecord::read(line.as_bytes(), &plan, &arena).unwrap().time().map(|time| time.to_string())
        };
        for (line, moment) in [
            (r#"{"ts":1700000000.123456789}"#, "2023-11-14T22:13:20.123456789Z"),
            (
                r#"{"time":"1999-01-01T00:00:00Z","EventTime":"2021-03-23T12:02:13.755+03:00"}"#,
                "2021-03-23T09:02:13.755000000Z",
            ),
            (r#"{"EventTime":"soon","@timestamp":1700000000123}"#, "2023-11-14T22:13:20.123000000Z"),
            (r#"{"UtcTime":"2026-07-28 11:44:53.919"}"#, "2026-07-28T11:44:53.919000000Z"),
            (
                r##"{"Event":{"System":{"TimeCreated":{"#attributes":{"SystemTime":"2021-01-01T00:00:00Z"}}}}}"##,
                "2021-01-01T00:00:00.000000000Z",
            ),
        ] {
            assert_eq!(time(line).as_deref(), Some(moment), "{line}");
        }
        assert_eq!(time(r#"{"ts":[1700000000],"a":[{"ts":1700000000}]}"#), None);
        assert_eq!(says(r#"{"ts":{"x":[1.50]}}"#, "ts.x"), "[1.5]");
        assert_eq!(
            says(r#"{"EventTime":"2021-03-23T12:02:13.755+03:00"}"#, "EventTime"),
            r#""2021-03-23T12:02:13.755+03:00""#
        );
    }

    #[test]
    fn a_field_named_for_the_time_comes_before_the_usual_ones() {
        let time = |line: &str| {
            let named = ["when".into(), "ts".into(), "e.at".into()];
            let (plan, arena) = (LogPlan::with_times(&Slots::new(), false, &named), Bump::new());
            LogRecord::read(line.as_bytes(), &plan, &arena).unwrap().time().map(Timestamp::second)
        };
        for (line, second) in [
            (r#"{"EventTime":"1970-01-01T00:00:09Z","when":1}"#, Some(1)),
            (r#"{"when":"1970-01-01T00:00:01Z","ts":2}"#, Some(1)),
            (r#"{"EventTime":9,"ts":2}"#, Some(2)),
            (r#"{"EventTime":9,"e":{"at":3}}"#, Some(3)),
            (r#"{"EventTime":9,"when":"no time","ts":null}"#, Some(9)),
            (r#"{"When":1}"#, None),
        ] {
            assert_eq!(time(line), second, "{line}");
        }
    }

    #[test]
    fn what_is_a_field_and_a_value_is_told_once() {
        let mut slots = Slots::new();
        ["a", "b", "modbus.unit_id", "unit"].iter().for_each(|name| _ = slots.want(name));
        for keywords in [false, true] {
            let plan = LogPlan::new(&slots, keywords);
            for line in [
                r#"{"a":"x","b":"x","c":"x"}"#,
                r#"{"a":"x","a":"y","b":[1,"x",{"d":null}],"c":{"a":1}}"#,
                r#"{"a":{"b":"x"},"b":{"a":"y"},"a":null,"b":true}"#,
                r#"{"a":[{"b":"x"}],"a":1.5,"unit_id":7,"modbus.unit_id":7}"#,
                r#"{"modbus":{"unit_id":"7"},"ts":"2026-01-01T00:00:00Z","a":2,"a":[]}"#,
            ] {
                check_each_fact(line, &plan, &slots);
            }
        }
    }

    #[test]
    fn keywords_see_every_value() {
        let line = r#"{"a":"one","b":{"c":[2,{"d":"three"}],"ts":4},"e":null,"f":true}"#;
        let seen = |keywords| {
            let mut slots = Slots::new();
            slots.want("f").unwrap();
            let (plan, arena) = (LogPlan::new(&slots, keywords), Bump::new());
            let mut seen = Vec::new();
            let record = LogRecord::read(line.as_bytes(), &plan, &arena).unwrap();
            record.each_value(&mut |fact| seen.push(json(fact)));
            seen
        };
        assert_eq!(seen(true), [r#""one""#, "2", r#""three""#, "4", "true"]);
        assert_eq!(seen(false), ["true"]);
    }

    /// What `each_fact` tells must be what the other two tell.
    fn check_each_fact(line: &str, plan: &LogPlan, slots: &Slots) {
        let arena = Bump::new();
        let Ok(record) = LogRecord::read(line.as_bytes(), plan, &arena) else { return };
        let (mut fields, mut told, mut values) = (BTreeMap::new(), Vec::new(), Vec::new());
        let is_told = record.each_fact(&mut |whose, fact| {
            if let Whose::Field(slot) | Whose::Both(slot) = whose {
                fields.insert(slot, json(fact));
            }
            if !matches!(whose, Whose::Field(_)) {
                fact.each(&mut |fact| told.push(json(fact)));
            }
        });
        record.each_value(&mut |fact| values.push(json(fact)));
        for (slot, name) in slots.iter() {
            let fact = Some(record.fact(slot)).filter(|fact| *fact != Fact::Absent).map(json);
            assert_eq!(fields.get(&slot), fact.as_ref(), "{name} of {line}");
        }
        told.sort();
        values.sort();
        assert_eq!((is_told, told), (true, values), "{line}");
    }

    #[test]
    fn an_odd_line_is_refused_with_the_reason() {
        let mut slots = Slots::new();
        slots.want("a.b").unwrap();
        let plan = LogPlan::new(&slots, true);
        let deep = format!("{}1{}", r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
        let long = vec![b' '; LONGEST_LINE + 1];
        for (line, reason) in [
            (&b""[..], "empty line"),
            (b" \t", "empty line"),
            (b"[1]", "not a JSON object: invalid type: sequence, expected an object at line 1 column 0"),
            (b"{\"a\":1} {}", "not a JSON object: trailing characters at line 1 column 9"),
            (b"{\"a\":1", "not a JSON object: EOF while parsing an object at line 1 column 6"),
            (b"{\"a\":\"\xFF\"}", "not a JSON object: invalid unicode code point at line 1 column 7"),
            (deep.as_bytes(), "not a JSON object: recursion limit exceeded at line 1 column 384"),
            (&long, "line of 1048577 bytes, more than the 1048576 that are read"),
        ] {
            let arena = Bump::new();
            let error = LogRecord::read(line, &plan, &arena).unwrap_err();
            assert_eq!(error.to_string(), reason);
        }
        let arena = Bump::new();
        assert!(LogRecord::read(b"\xEF\xBB\xBF{\"a\":1}\r\n", &plan, &arena).is_ok());
    }

    #[test]
    fn nesting_and_long_names_cost_no_more_than_their_bytes() {
        let long = "a.".repeat(2_000) + "a";
        let mut slots = Slots::new();
        let (path, name) = (slots.want("a.b").unwrap(), slots.want(&long).unwrap());
        let plan = LogPlan::new(&slots, false);
        let elements = r#"{"b":1},"#.repeat(100);
        let (open, close) = (format!("[{elements}").repeat(100), "]".repeat(100));
        let line = format!(r#"{{"a":{open}0{close},"{long}":2}}"#);
        let arena = Bump::new();
        let record = LogRecord::read(line.as_bytes(), &plan, &arena).unwrap();
        let Fact::List(list) = record.fact(path) else { panic!("no list") };
        assert_eq!((list.elements().count(), record.fact(name)), (10_000, Fact::Int(2)));
        assert!(arena.allocated_bytes() < 64 * line.len(), "{} for {}", arena.allocated_bytes(), line.len());
    }

    #[test]
    fn every_example_in_the_table_has_its_fields_type() {
        for field in schema::all() {
            let mut slots = Slots::new();
            let slot = slots.want(field.name()).unwrap();
            let (plan, arena) = (LogPlan::new(&slots, false), Bump::new());
            let line = format!(r#"{{"{}":{}}}"#, field.name(), field.example());
            let record = LogRecord::read(line.as_bytes(), &plan, &arena).unwrap();
            let fact = record.fact(slot);
            let fits = match field.domain() {
                Domain::Bool => matches!(fact, Fact::Bool(_)),
                Domain::U8 => matches!(fact, Fact::Int(0..=255)),
                Domain::U16 => matches!(fact, Fact::Int(0..=65_535)),
                Domain::Int => matches!(fact, Fact::Int(_)),
                Domain::Float => matches!(fact, Fact::Float(_)),
                Domain::Word(vocabulary) => matches!(fact, Fact::Word(of, _) if of == vocabulary),
                Domain::Words(vocabulary) => matches!(fact, Fact::List(List::Words(of, _)) if of == vocabulary),
                Domain::U16List => matches!(fact, Fact::List(List::Registers(_) | List::Spans(_))),
                Domain::Addr => matches!(fact, Fact::Addr(_)),
                Domain::Time => matches!(fact, Fact::Time(_)),
                Domain::Text => matches!(fact, Fact::Text(_)),
            };
            assert!(fits, "{line} is {fact:?}");
        }
    }

    /// Slots for every name that leads to a schema field, and the plan for them.
    static EVERY_NAME: LazyLock<(Slots, LogPlan)> = LazyLock::new(|| {
        let mut slots = Slots::new();
        for field in schema::all() {
            field.aliases().iter().chain([&field.name()]).for_each(|name| _ = slots.want(name));
        }
        schema::nxlog_names().for_each(|(name, _)| _ = slots.want(name));
        let plan = LogPlan::new(&slots, true);
        (slots, plan)
    });

    fn same(a: Fact<'_>, b: Fact<'_>) -> bool {
        match (a, b) {
            (Fact::List(a), Fact::List(b)) => a.elements().eq(b.elements()),
            (a, b) => a == b,
        }
    }

    /// The law: what is written by `write_json` says the same as the message, by every name and to keywords.
    fn check_law(message: &Message<'_>) {
        let (slots, plan) = &*EVERY_NAME;
        let (arena, mut line) = (Bump::new(), Vec::new());
        let live = Record::new(message, slots, &arena);
        write_json(&live, &mut line);
        let stored = LogRecord::read(&line, plan, &arena).unwrap();
        for (slot, name) in slots.iter() {
            assert!(same(live.fact(slot), stored.fact(slot)), "{name}: {:?} {:?}", live.fact(slot), stored.fact(slot));
        }
        assert_eq!(stored.time(), Some(message.time));
        let values = |facts: &dyn Facts| {
            let mut values = Vec::new();
            facts.each_value(&mut |fact| values.push(json(fact)));
            values
        };
        assert_eq!(values(&live), values(&stored));
    }

    #[test]
    fn a_stored_record_says_what_the_message_said() {
        for sample in SAMPLES {
            sample.with(check_law);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_message_is_stored_faithfully(
            sample in prop::sample::select(SAMPLES),
            code in 0_u8..128,
            data: [u8; 24],
            length in 0_usize..24,
            nanos: i64,
            index: u16,
        ) {
            let data = &data[..length];
            Sample { ..sample }.with(|message| {
                let (body, flags) = crate::modbus::Body::decode(message.kind, code, data);
                let function_code = if message.kind == Kind::Exception { code | 0x80 } else { code };
                let time = Timestamp::from_nanos(nanos);
                check_law(&Message { body, flags, function_code, time, index, data, ..*message });
            });
        }
    }

    proptest! {
        #[test]
        fn no_line_can_do_harm(line in "[\\[\\]{}\",:a-c.\\\\ue0-9\u{e9}-]{0,60}", bytes: [u8; 32]) {
            let mut slots = Slots::new();
            for name in ["a", "a.b", "a.b.c", "b", "modbus.values", "EventTime"] {
                slots.want(name).unwrap();
            }
            for keywords in [false, true] {
                let (plan, arena) = (LogPlan::new(&slots, keywords), Bump::new());
                check_each_fact(&format!("{{{line}}}"), &plan, &slots);
                for line in [line.as_bytes(), &bytes, format!("{{{line}}}").as_bytes()] {
                    if let Ok(record) = LogRecord::read(line, &plan, &arena) {
                        slots.iter().for_each(|(slot, _)| _ = record.fact(slot));
                    }
                }
            }
        }
    }
}
