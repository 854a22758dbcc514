//! Where does it go, and did it arrive?
//!
//! ```text
//!  engine -> Fan --------------------------------------------------------> printer (JsonLines, Text)   in order, at once
//!             |  gate: routes
//!             '-> queue -> courier -> Outlet (Ndjson, Datagrams, Streamed, Webhook)      each by itself, tried again
//! ```
//!
//! A printer is a [`Sink`]: it takes what the engine says as it is said. An [`Outlet`] takes batches of lines and tells
//! what became of each. Between the two are a queue, which is bounded and counts what it drops, and a courier, which
//! tries until an item is delivered or rejected: at least once, and in order.

mod cef;
mod courier;
mod dial;
mod fan;
mod file;
mod gate;
mod head;
mod item;
mod json_lines;
mod listener;
mod opened;
mod outlet;
mod queue;
mod secret;
mod shorten;
mod spec;
mod syslog;
mod text;
mod webhook;

pub use courier::{Backoff, Manner};
pub use dial::{Peer, Tls};
pub use fan::{Fan, OpenError, Pressure, Printed, try_once};
pub use file::{FileSpec, Packing, Sync};
pub use item::{Item, Kind};
pub use json_lines::JsonLines;
pub use listener::{Listener, Said};
pub use outlet::{Outcome, Outlet};
pub use queue::{Bounds, Figures};
pub use secret::{MASK, Secret};
pub use spec::{Delivery, Drop, MAX_ROUTES, MAX_SINKS, Route, SinkSpec, Target};
pub use syslog::{FACILITIES, Form, SyslogSpec, Transport};
pub use text::{Pace, Row, Text, entity, painted, plain, short};
pub use webhook::{Body, WebhookSpec};

use crate::alert::{Alert, AlertId, Incident, ScoreLine};
use crate::detect::{Catalogue, Finding};
use crate::time::Timestamp;
use std::io;

/// A record that routes want.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'a> {
    /// Its line, ready to be written.
    pub line: &'a [u8],
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The routes of records whose conditions hold, each a bit.
    pub routes: u64,
}

/// Something that takes what the engine says, in order.
pub trait Sink {
    /// Records as whole lines that are ready to be written; perhaps none.
    ///
    /// # Errors
    /// When they cannot be written.
    fn records(&mut self, lines: &[u8]) -> io::Result<()>;

    /// A record that routes want. Only a [`Fan`] has routes.
    ///
    /// # Errors
    /// When it cannot be written.
    fn routed(&mut self, _record: &Routed<'_>) -> io::Result<()> {
        Ok(())
    }

    /// A finding.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()>;

    /// An alert.
    ///
    /// # Errors
    /// When it cannot be written.
    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()>;

    /// A score that changed.
    ///
    /// # Errors
    /// When it cannot be written.
    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()>;

    /// Another finding at `time` that the told alert `id` stands for.
    ///
    /// # Errors
    /// When it cannot be written.
    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()>;

    /// What is new of an incident.
    ///
    /// # Errors
    /// When it cannot be written.
    fn incident(&mut self, incident: &Incident) -> io::Result<()>;

    /// Hands on what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    fn flush(&mut self) -> io::Result<()>;
}
