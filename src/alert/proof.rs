//! Where to look it up: the frames of a request and its answer, the places of what was counted.

use crate::detect::Place;
use crate::time::Timestamp;
use serde_json::{Map, Value};

/// A place in the inputs that holds something of what an alert tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Where it is.
    pub place: Place,
    /// The request.
    pub request: Option<Packet>,
    /// What was answered; of the finding's own record only.
    pub answer: Option<Packet>,
}

/// A message on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The frame that completed it; of a request in an earlier one of several captures, the frame there.
    pub frame: u64,
    /// When that was captured.
    pub time: Option<Timestamp>,
}

/// How many places an alert tells: the newest.
pub(super) const TOLD: usize = 32;

impl Proof {
    /// A place of which no more is known.
    pub(super) const fn at(place: Place) -> Self {
        Self { place, request: None, answer: None }
    }

    /// The place of this record.
    pub(super) fn of(record: &Map<String, Value>, place: Place) -> Self {
        let packet = |frame: &str, time: &str| {
            let time = record.get(time).and_then(Value::as_str).and_then(Timestamp::parse_rfc3339);
            Some(Packet { frame: record.get(frame)?.as_u64()?, time })
        };
        let own = packet("frame.number", "EventTime");
        let asked = packet("modbus.request.frame", "modbus.request.time");
        let (request, answer) = match record.get("modbus.kind").and_then(Value::as_str) {
            Some("query") => (own, None),
            Some("response" | "exception") => (asked, own),
            // It has the frame of its request and the time when it was known.
            Some("timeout") => (asked.or(own.map(|own| Packet { time: None, ..own })), None),
            _ => (None, None),
        };
        Self { place, request, answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(record: &str) -> (Option<u64>, Option<u64>) {
        let place = Place { input: 0, number: 9 };
        let Proof { request, answer, .. } = Proof::of(&serde_json::from_str(record).unwrap(), place);
        (request.map(|request| request.frame), answer.map(|answer| answer.frame))
    }

    #[test]
    fn a_record_tells_the_frames_of_request_and_answer() {
        let own = r#""frame.number":9,"EventTime":"2020-09-23T09:02:13.755086000Z""#;
        let asked = r#""modbus.request.frame":8,"modbus.request.time":"2020-09-23T09:02:13.754660000Z""#;
        for (record, expected) in [
            (format!(r#"{{"modbus.kind":"query",{own}}}"#), (Some(9), None)),
            (format!(r#"{{"modbus.kind":"exception",{own},{asked}}}"#), (Some(8), Some(9))),
            (format!(r#"{{"modbus.kind":"response",{own}}}"#), (None, Some(9))),
            (format!(r#"{{"modbus.kind":"timeout",{own}}}"#), (Some(9), None)),
            (format!(r#"{{"modbus.kind":"status",{own}}}"#), (None, None)),
            (r#"{"modbus.kind":"query","frame.number":"x"}"#.to_owned(), (None, None)),
        ] {
            assert_eq!(frames(&record), expected, "{record}");
        }
    }
}
