//! The fan-out: what the engine says goes to the printer, and where routes lead to the queues of the outlets.
//!
//! Each outlet has a queue and a courier of its own, so that one that is slow or broken holds up no other. Network
//! outlets share a thread; a file, which may be on a slow disk, has one to itself.

use super::courier::{self, Manner, now};
use super::gate::{Arms, Gate, SinkSet};
use super::item::{Item, Kind};
use super::opened::Opened;
use super::outlet::{Outcome, Outlet};
use super::queue::{Figures, Full, Queue};
use super::spec::{Delivery, Drop, Route, SinkSpec, Target};
use super::{Routed, Sink};
use crate::alert::{self, Alert, AlertId, Incident, ScoreLine, State};
use crate::detect::{Catalogue, Finding};
use crate::time::Timestamp;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long a run over stored input waits for a full queue of which nothing leaves.
const STUCK: Duration = Duration::from_secs(10);

/// When the end takes longer than so, it is told what is waited for.
const SOON: Duration = Duration::from_secs(1);

/// How a run meets a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// It waits: stored input can.
    Wait,
    /// It drops: the wire does not wait.
    Drop,
}

/// What is printed where no route leads to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// Alerts.
    pub alerts: bool,
    /// Findings.
    pub findings: bool,
    /// What is new of incidents.
    pub incidents: bool,
}

/// A sink that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be opened.
    #[error("sink `{name}`: {reason}")]
    Sink {
        /// Its name.
        name: Arc<str>,
        /// Why.
        reason: String,
    },
    /// A condition asks for too much.
    #[error("routes: {0}")]
    Routes(String),
    /// There is no thread for it.
    #[error("cannot start a thread for sinks: {0}")]
    Thread(io::Error),
}

/// A printer and the outlets beside it.
pub struct Fan<S> {
    printer: S,
    printed: Printed,
    /// Which sinks are the printer.
    stdout: SinkSet,
    /// The kinds of lines that routes lead to the printer: of these they decide what is printed.
    decided: Vec<Kind>,
    /// Why the printer writes no more. The outlets go on without it.
    broken: Option<io::Error>,
    notify: fn(&str),
    /// For alerts, incidents and findings, where there are routes.
    gates: [Option<Gate>; 3],
    records: Arms,
    /// By the place of their sinks; none for the printer.
    queues: Vec<Option<Arc<Queue>>>,
    patience: Duration,
    line: Vec<u8>,
}

impl<S: Sink> Fan<S> {
    /// A printer alone, which prints all that it is given.
    pub fn alone(printer: S) -> Self {
        Self {
            printer,
            printed: Printed { alerts: true, findings: true, incidents: true },
            stdout: SinkSet::default(),
            decided: Vec::new(),
            broken: None,
            notify: |_| (),
            gates: [None, None, None],
            records: Arms::default(),
            queues: Vec::new(),
            patience: Duration::ZERO,
            line: Vec::new(),
        }
    }

    /// Opens the sinks and starts their couriers. `notify` is told when one cannot be reached, and when it can be again.
    ///
    /// # Errors
    /// When a file cannot be opened, or TLS not be set up. A host that does not answer is no error: it may, later.
    pub fn open(
        printer: S,
        printed: Printed,
        delivery: &Delivery,
        pressure: Pressure,
        notify: fn(&str),
    ) -> Result<Self, OpenError> {
        let routes_of = |kind| delivery.routes.iter().filter(move |route| route.from == kind);
        let gate = |kind| {
            let routes: Vec<&Route> = routes_of(kind).collect();
            if routes.is_empty() { Ok(None) } else { Gate::compile(&routes).map(Some).map_err(OpenError::Routes) }
        };
        let routed = delivery.routes.iter().fold(0, |bits, route| bits | SinkSet::of(&route.to).0);
        let mut stdout = SinkSet::default();
        let mut queues = Vec::new();
        let mut network: Vec<Courier> = Vec::new();
        for (place, spec) in delivery.sinks.iter().enumerate() {
            let own = SinkSet::of(&[place]).0 & routed;
            if spec.target == Target::Stdout {
                stdout.0 |= own;
            }
            // A sink to which no route leads is not opened.
            let outlet = if own == 0 { None } else { Opened::open(spec)? };
            let Some(outlet) = outlet else {
                queues.push(None);
                continue;
            };
            let queue = Arc::new(Queue::new(&spec.name, spec.bounds, full(pressure, spec.drop)));
            let blocks = outlet.blocks();
            let courier = courier(outlet, Arc::clone(&queue), spec.manner);
            queues.push(Some(queue));
            if blocks { run_together(vec![courier])? } else { network.push(courier) }
        }
        run_together(network)?;
        let prints = |route: &&Route| SinkSet::of(&route.to).0 & stdout.0 != 0;
        Ok(Self {
            printer,
            printed,
            stdout,
            decided: delivery.routes.iter().filter(prints).map(|route| route.from).collect(),
            broken: None,
            notify,
            gates: [gate(Kind::Alert)?, gate(Kind::Incident)?, gate(Kind::Finding)?],
            records: Arms::of(routes_of(Kind::Record)),
            queues,
            patience: delivery.patience,
            line: Vec::new(),
        })
    }

    /// The end: what waits is delivered as far as that is possible in time. Answers with the figures of all sinks.
    pub fn close(&mut self) -> Vec<Figures> {
        let deadline = now() + self.patience;
        let queues: Vec<Arc<Queue>> = std::mem::take(&mut self.queues).into_iter().flatten().collect();
        queues.iter().for_each(|queue| queue.close(deadline));
        let soon = deadline.min(now() + SOON);
        let slow = queues.iter().filter(|queue| !queue.is_done(soon.saturating_duration_since(now())));
        let slow: Vec<Arc<str>> = slow.map(|queue| queue.name()).collect();
        if !slow.is_empty() && soon < deadline {
            let seconds = self.patience.as_secs();
            (self.notify)(&format!("waiting up to {seconds} s for what is not delivered yet ({})", slow.join(", ")));
        }
        queues.iter().map(|queue| queue.figures(deadline.saturating_duration_since(now()))).collect()
    }

    /// The printer.
    ///
    /// # Errors
    /// Why it writes no more.
    pub fn into_printer(self) -> io::Result<S> {
        self.broken.map_or(Ok(self.printer), Err)
    }

    /// Prints. When that fails, the outlets go on alone, if there are some.
    fn print(&mut self, print: impl FnOnce(&mut S) -> io::Result<()>) -> io::Result<()> {
        if self.broken.is_some() {
            return Ok(());
        }
        match print(&mut self.printer) {
            Err(error) if self.queues.iter().any(Option::is_some) => {
                self.broken = Some(error);
                Ok(())
            }
            other => other,
        }
    }

    /// Sends what is in `line` to the sinks of a set; answers whether the printer is among them.
    fn send(&self, kind: Kind, time: Option<Timestamp>, line: &[u8], to: SinkSet) -> bool {
        if to.0 & !self.stdout.0 != 0 {
            let item = Item { kind, time, line: line.into() };
            for (place, queue) in self.queues.iter().enumerate() {
                if let Some(queue) = queue.as_ref().filter(|_| to.has(place)) {
                    queue.push(item.clone());
                }
            }
        }
        to.0 & self.stdout.0 != 0
    }

    /// Lets routes decide about a line that `write` writes. Answers whether it is printed, too.
    fn route(&mut self, kind: Kind, time: Timestamp, printed: bool, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let [alerts, incidents, findings] = &mut self.gates;
        let gate = match kind {
            Kind::Alert => alerts,
            Kind::Incident => incidents,
            Kind::Finding | Kind::Record => findings,
        };
        let Some(gate) = gate else { return printed };
        self.line.clear();
        write(&mut self.line);
        let to = gate.sinks(&self.line);
        let routed = self.send(kind, Some(time), &self.line, to);
        if self.decided.contains(&kind) { routed } else { printed }
    }
}

impl<S: Sink> Sink for Fan<S> {
    fn records(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.decided.contains(&Kind::Record) { Ok(()) } else { self.print(|printer| printer.records(lines)) }
    }

    fn routed(&mut self, record: &Routed<'_>) -> io::Result<()> {
        let to = self.records.sinks(|number| record.routes.unbounded_shr(number as u32) & 1 == 1);
        let printed = self.send(Kind::Record, record.time, record.line, to);
        if printed { self.print(|printer| printer.records(record.line)) } else { Ok(()) }
    }

    fn finding(&mut self, finding: &Finding<'_>, catalogue: &Catalogue) -> io::Result<()> {
        let write = |out: &mut Vec<u8>| alert::write_finding(finding, catalogue, out);
        let printed = self.route(Kind::Finding, finding.time, self.printed.findings, write);
        if printed { self.print(|printer| printer.finding(finding, catalogue)) } else { Ok(()) }
    }

    fn alert(&mut self, alert: &Alert, catalogue: &Catalogue) -> io::Result<()> {
        let write = |out: &mut Vec<u8>| alert::write_alert(alert, catalogue, out);
        let printed = self.route(Kind::Alert, alert.time, self.printed.alerts, write);
        if printed { self.print(|printer| printer.alert(alert, catalogue)) } else { Ok(()) }
    }

    /// No route leads scores anywhere but to the printer.
    fn score(&mut self, score: &ScoreLine<'_>, catalogue: &Catalogue) -> io::Result<()> {
        self.print(|printer| printer.score(score, catalogue))
    }

    fn repeated(&mut self, id: AlertId, time: Timestamp) -> io::Result<()> {
        self.print(|printer| printer.repeated(id, time))
    }

    fn incident(&mut self, incident: &Incident) -> io::Result<()> {
        let time = if incident.state == State::Open { incident.first } else { incident.last };
        let write = |out: &mut Vec<u8>| alert::write_incident(incident, out);
        let printed = self.route(Kind::Incident, time, self.printed.incidents, write);
        if printed { self.print(|printer| printer.incident(incident)) } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        for queue in self.queues.iter().flatten() {
            match queue.news() {
                Some(Some(reason)) => (self.notify)(&format!("sink {}: {reason}; it is tried again", queue.name())),
                Some(None) => (self.notify)(&format!("sink {}: delivers again", queue.name())),
                None => {}
            }
        }
        self.print(S::flush)
    }
}

const fn full(pressure: Pressure, drop: Drop) -> Full {
    match (pressure, drop) {
        (Pressure::Wait, _) => Full::Wait(STUCK),
        (Pressure::Drop, Drop::Oldest) => Full::DropOldest,
        (Pressure::Drop, Drop::Newest) => Full::DropNewest,
    }
}

/// A courier's work.
type Courier = Pin<Box<dyn Future<Output = ()> + Send>>;

fn courier(outlet: Opened, queue: Arc<Queue>, manner: Manner) -> Courier {
    Box::pin(async move { courier::run(outlet, &queue, manner).await })
}

/// Runs couriers on a thread of their own. It ends with them, or with the process.
fn run_together(couriers: Vec<Courier>) -> Result<(), OpenError> {
    if couriers.is_empty() {
        return Ok(());
    }
    let runtime = runtime()?;
    let work = move || {
        runtime.block_on(async {
            let couriers: Vec<_> = couriers.into_iter().map(tokio::spawn).collect();
            for courier in couriers {
                // One that panicked leaves its queue unfinished, which its figures show.
                let _ = courier.await;
            }
        });
    };
    thread::Builder::new().name("sinks".into()).spawn(work).map_err(OpenError::Thread)?;
    Ok(())
}

fn runtime() -> Result<Runtime, OpenError> {
    Builder::new_current_thread().enable_all().build().map_err(OpenError::Thread)
}

/// Hands one line to a sink, once, and tells what became of it.
///
/// # Errors
/// When the sink cannot be opened.
pub fn try_once(spec: &SinkSpec, item: &Item) -> Result<Outcome, OpenError> {
    let Some(mut outlet) = Opened::open(spec)? else { return Ok(Outcome::Delivered) };
    Ok(runtime()?.block_on(async {
        let outcome = outlet.deliver(std::slice::from_ref(item)).await.into_iter().next();
        let lost = outlet.close().await;
        let outcome = outcome.unwrap_or_else(|| Outcome::retry("nothing became of it"));
        if lost > 0 && outcome == Outcome::Delivered { Outcome::retry("the connection broke") } else { outcome }
    }))
}
