//! What was generated, counted while it was written.

use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a capture holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Truth {
    /// The seed it was made with.
    pub seed: u64,
    /// Frames of all kinds.
    pub frames: u64,
    /// TCP connections, those that a port scan left half open included.
    pub connections: u64,
    /// Query ADUs.
    pub queries: u64,
    /// Normal answers.
    pub responses: u64,
    /// Exception answers.
    pub exceptions: u64,
    /// Queries without an answer.
    pub unanswered: u64,
    /// Answers without a query.
    pub unsolicited: u64,
    /// Queries by function code.
    pub functions: BTreeMap<u8, u64>,
    /// Writes to a connection that hold more than one ADU.
    pub pipelined: u64,
    /// Writes cut into two segments.
    pub cut: u64,
    /// Cut writes whose second segment came first.
    pub reordered: u64,
    /// Segments sent again.
    pub retransmitted: u64,
    /// Segments sent again with other bytes.
    pub conflicting: u64,
    /// Acknowledgements without payload, those of handshakes and closings aside.
    pub pure_acks: u64,
    /// Writes to a connection that are no ADUs.
    pub foreign: u64,
    /// The attacks in the order they began.
    pub attacks: Vec<Attack>,
}

/// Where an attack lies in the capture.
#[derive(Clone, Debug, Serialize)]
pub struct Attack {
    /// Its name in the catalogue.
    pub name: &'static str,
    /// Who attacks.
    pub client: String,
    /// The first server attacked.
    pub server: String,
    /// The number of its first frame, counted from 1; 0 while nothing was written.
    pub first_frame: u64,
    /// The number of its last frame.
    pub last_frame: u64,
    /// The time of its first frame, RFC 3339.
    pub first_time: String,
    /// The time of its last frame, RFC 3339.
    pub last_time: String,
    #[serde(skip)]
    span: Option<(Duration, Duration)>,
}

impl Attack {
    /// An attack of which no frame was written yet.
    #[must_use]
    pub fn new(name: &'static str, client: String, server: String) -> Self {
        Self {
            name,
            client,
            server,
            first_frame: 0,
            last_frame: 0,
            first_time: String::new(),
            last_time: String::new(),
            span: None,
        }
    }

    /// Takes in frame `number`, written at `time`.
    pub fn frame(&mut self, number: u64, time: Duration) {
        let first = self.span.map_or(time, |(first, _)| first);
        if self.span.is_none() {
            self.first_frame = number;
        }
        self.last_frame = number;
        self.span = Some((first, time));
    }
}

impl Truth {
    /// Takes in a query.
    pub fn query(&mut self, pdu: &[u8]) {
        self.queries += 1;
        if let Some(&function) = pdu.first() {
            *self.functions.entry(function).or_default() += 1;
        }
    }

    /// Takes in an answer.
    pub fn answer(&mut self, pdu: &[u8]) {
        match pdu.first() {
            Some(0x80..) => self.exceptions += 1,
            _ => self.responses += 1,
        }
    }

    /// Writes the times out once the last frame is known.
    pub fn finish(&mut self) {
        for attack in &mut self.attacks {
            if let Some((first, last)) = attack.span {
                (attack.first_time, attack.last_time) = (rfc3339(first), rfc3339(last));
            }
        }
    }
}

/// A moment since the epoch as RFC 3339 in UTC.
fn rfc3339(time: Duration) -> String {
    let moment = i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| jiff::Timestamp::new(seconds, time.subsec_nanos() as i32).ok());
    moment.map(|moment| moment.to_string()).unwrap_or_default()
}
