//! Sinks and routes as an installation configures them.

use super::courier::Manner;
use super::file::FileSpec;
use super::item::Kind;
use super::queue::Bounds;
use super::syslog::SyslogSpec;
use super::webhook::WebhookSpec;
use crate::sigma::ir::Expr;
use std::sync::Arc;
use std::time::Duration;

/// The most sinks of an installation: a route's sinks are the bits of one word.
pub const MAX_SINKS: usize = 63;

/// The most routes.
pub const MAX_ROUTES: usize = 63;

/// Where everything goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The sinks; a route names them by their place.
    pub sinks: Vec<SinkSpec>,
    /// The routes, in order.
    pub routes: Vec<Route>,
    /// How long the end of a run waits for what is not delivered yet.
    pub patience: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { sinks: Vec::new(), routes: Vec::new(), patience: Duration::from_secs(30) }
    }
}

impl Delivery {
    /// Whether some route takes lines of this kind.
    #[must_use]
    pub fn takes(&self, kind: Kind) -> bool {
        self.routes.iter().any(|route| route.from == kind)
    }

    /// The conditions of the routes that take records, in order.
    #[must_use]
    pub fn record_conditions(&self) -> Vec<Expr> {
        self.routes.iter().filter(|route| route.from == Kind::Record).map(|route| route.when.clone()).collect()
    }
}

/// A sink.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkSpec {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub target: Target,
    /// What may wait for it.
    pub bounds: Bounds,
    /// What a live run drops when that is full.
    pub drop: Drop,
    /// How it is delivered to.
    pub manner: Manner,
}

/// What a sink is.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The run's own output: standard output, or the file of `--output`.
    Stdout,
    /// A file of JSON lines.
    File(FileSpec),
    /// A log server.
    Syslog(SyslogSpec),
    /// A web server.
    Webhook(WebhookSpec),
}

/// What a live run drops when a queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drop {
    /// What came last: what waits already is how it began.
    #[default]
    Newest,
    /// What came first.
    Oldest,
}

/// Which lines go where.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What it takes.
    pub from: Kind,
    /// Which of these; `All` of nothing for every one.
    pub when: Expr,
    /// The sinks, as places in [`Delivery::sinks`].
    pub to: Vec<usize>,
    /// Whether later routes are not asked about what this one took.
    pub stop: bool,
}
