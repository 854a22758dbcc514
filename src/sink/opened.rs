//! A sink that is open, whatever it is.

use super::fan::OpenError;
use super::file::Ndjson;
use super::item::Item;
use super::outlet::{Outcome, Outlet, reason};
use super::spec::{SinkSpec, Target};
use super::syslog::{Datagrams, Streamed, Transport};
use super::webhook::Webhook;
use std::sync::Arc;

impl SinkSpec {
    /// Whether it could be opened, as far as that can be told without touching anything.
    ///
    /// # Errors
    /// When TLS cannot be set up, or a header can be none.
    pub fn check(&self) -> Result<(), String> {
        match &self.target {
            Target::Stdout | Target::File(_) => Ok(()),
            Target::Syslog(syslog) => Streamed::new(syslog.clone()).map(drop),
            Target::Webhook(webhook) => Webhook::new(webhook.clone()).map(drop),
        }
    }

    /// What a sink cannot tell that calls a line delivered.
    #[must_use]
    pub fn silence(&self) -> Option<&'static str> {
        match &self.target {
            Target::Syslog(syslog) if syslog.transport == Transport::Udp => {
                Some("sent, and UDP does not tell whether it arrived")
            }
            _ => None,
        }
    }
}

/// An outlet of any kind.
pub(super) enum Opened {
    File(Ndjson),
    Datagrams(Datagrams),
    Streamed(Streamed),
    Webhook(Webhook),
}

impl Opened {
    /// Opens what a sink says; nothing for standard output, which is open.
    ///
    /// # Errors
    /// When a file cannot be opened, or TLS not be set up.
    pub(super) fn open(spec: &SinkSpec) -> Result<Option<Self>, OpenError> {
        let refused = |reason: String| OpenError::Sink { name: Arc::clone(&spec.name), reason };
        let open = match &spec.target {
            Target::Stdout => return Ok(None),
            Target::File(file) => Ndjson::open(file.clone())
                .map(Self::File)
                .map_err(|error| format!("cannot write {}: {}", file.path.display(), reason(&error))),
            Target::Syslog(syslog) => match syslog.transport {
                Transport::Udp => Ok(Self::Datagrams(Datagrams::new(syslog.clone()))),
                Transport::Stream => Streamed::new(syslog.clone()).map(Self::Streamed),
            },
            Target::Webhook(webhook) => Webhook::new(webhook.clone()).map(Self::Webhook),
        };
        open.map(Some).map_err(refused)
    }

    /// Whether it may block its thread, as a slow disk does.
    pub(super) const fn blocks(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl Outlet for Opened {
    async fn deliver(&mut self, batch: &[Item]) -> Vec<Outcome> {
        match self {
            Self::File(outlet) => outlet.deliver(batch).await,
            Self::Datagrams(outlet) => outlet.deliver(batch).await,
            Self::Streamed(outlet) => outlet.deliver(batch).await,
            Self::Webhook(outlet) => outlet.deliver(batch).await,
        }
    }

    async fn rest(&mut self) {
        match self {
            Self::File(outlet) => outlet.rest().await,
            Self::Datagrams(outlet) => outlet.rest().await,
            Self::Streamed(outlet) => outlet.rest().await,
            Self::Webhook(outlet) => outlet.rest().await,
        }
    }

    async fn close(&mut self) -> usize {
        match self {
            Self::File(outlet) => outlet.close().await,
            Self::Datagrams(outlet) => outlet.close().await,
            Self::Streamed(outlet) => outlet.close().await,
            Self::Webhook(outlet) => outlet.close().await,
        }
    }
}
