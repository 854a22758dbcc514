//! A sink that notes how long each alert took.

use super::latency::TIMED;
use sigmabus::alert::{Alert, AlertId, Incident, ScoreLine};
use sigmabus::detect::{Catalogue, Finding};
use sigmabus::sink::Sink;
use sigmabus::time::Timestamp;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Alerts by how long they took.
#[derive(Debug, Default)]
pub struct Stopwatch {
    taken: Vec<Duration>,
}

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

impl Stopwatch {
    /// How many alerts were timed.
    pub const fn alerts(&self) -> usize {
        self.taken.len()
    }

    /// What so large a share of the alerts took at most.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place).or(sorted.last()).copied().unwrap_or_default()
    }
}

impl Sink for Stopwatch {
    fn alert(&mut self, alert: &Alert, _: &Catalogue) -> io::Result<()> {
        let now = now();
        if alert.title == TIMED {
            let nanos = now.nanos().saturating_sub(alert.time.nanos());
            self.taken.push(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)));
        }
        Ok(())
    }

    fn records(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finding(&mut self, _: &Finding<'_>, _: &Catalogue) -> io::Result<()> {
        Ok(())
    }

    fn score(&mut self, _: &ScoreLine<'_>, _: &Catalogue) -> io::Result<()> {
        Ok(())
    }

    fn repeated(&mut self, _: AlertId, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    fn incident(&mut self, _: &Incident) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
