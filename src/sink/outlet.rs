//! Where lines leave the program.

use super::item::Item;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A place that items are handed to: a file, a log server, a web server.
pub trait Outlet: Send {
    /// Hands over a batch in its order and tells what became of each item. What is missing in the answer counts as not
    /// delivered yet. So that order is kept, nothing behind an item that has to be tried again is handed over.
    fn deliver(&mut self, batch: &[Item]) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Nothing came for a while.
    fn rest(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Nothing more will come. Answers with how many items that were called delivered were lost after all.
    fn close(&mut self) -> impl Future<Output = usize> + Send {
        async { 0 }
    }
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// Not now.
    Retry {
        /// Why.
        reason: Arc<str>,
        /// When to try again, if the other side said so.
        after: Option<Duration>,
    },
    /// Never: the other side does not want it.
    Rejected(Arc<str>),
}

impl Outcome {
    /// To be tried again.
    pub fn retry(reason: impl AsRef<str>) -> Self {
        Self::Retry { reason: reason.as_ref().into(), after: None }
    }

    /// To be tried again after an error.
    #[must_use]
    pub fn after(error: &io::Error) -> Self {
        Self::retry(reason(error))
    }

    /// The same outcome for so many items.
    #[must_use]
    pub fn of_all(self, count: usize) -> Vec<Self> {
        vec![self; count]
    }
}

/// The system's reason without its error number, as part of a sentence.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
