//! The baseline of a run: loaded before it, saved during it and after it.

use super::super::note;
use super::super::outcome::{Failure, Outcome};
use super::file::ALL;
use super::store;
use crate::pipeline::{Learned, Usual};
use crate::record::baseline::{Baseline, Bounds, Mode};
use std::path::PathBuf;
use std::sync::Arc;

/// Section `baseline:` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file that holds the baseline.
    pub file: PathBuf,
    /// Whether more is learned.
    pub mode: Mode,
    /// The file for what is new to it.
    pub news: Option<PathBuf>,
    /// How much is learned.
    pub bounds: Bounds,
}

/// Keeps the files of a run's baseline.
#[derive(Debug, Default)]
pub(in crate::cli) struct Keeper {
    settings: Option<Settings>,
    known: Arc<Baseline>,
    /// What was new in earlier runs.
    news: Baseline,
}

impl Keeper {
    /// Loads what is known. A baseline that is frozen has to be there; one that is learned may begin now.
    ///
    /// # Errors
    /// When a file is not there, cannot be read, or is wrong.
    pub(in crate::cli) fn open(settings: Option<Settings>) -> Result<Self, Failure> {
        let Some(Settings { file, mode, news, .. }) = &settings else { return Ok(Self::default()) };
        let known = match mode {
            Mode::Freeze => store::load(file)?,
            Mode::Learn(_) | Mode::Continue => store::find(file)?.unwrap_or_default(),
        };
        let before = news.as_ref().map_or(Ok(None), |news| store::find(news))?.unwrap_or_default();
        Ok(Self { news: unknown(&known, &before), known: Arc::new(known), settings })
    }

    /// What a run is to know and to learn.
    pub(in crate::cli) fn usual(&self) -> Option<Usual> {
        let Settings { mode, bounds, .. } = self.settings.as_ref()?;
        Some(Usual { known: Arc::clone(&self.known), mode: *mode, bounds: *bounds })
    }

    /// The same of a run that must not learn: nothing, unless the baseline is frozen.
    pub(in crate::cli) fn frozen(&self) -> Option<Usual> {
        self.usual().filter(|usual| !usual.mode.learns(&usual.known))
    }

    /// Saves what was learned so far. A run goes on without.
    pub(in crate::cli) fn save(&self, learned: &Baseline) {
        if let Some(Settings { file, .. }) = &self.settings {
            // The next save may go better, and the last one decides.
            let _ = store::save(file, learned).map_err(Failure::told);
        }
    }

    /// Saves what a run learned, and what was new to it; tells how that went.
    pub(in crate::cli) fn end(mut self, learned: Option<Learned>) -> Outcome {
        let (Some(Settings { file, news, .. }), Some(Learned { baseline, news: found })) = (&self.settings, learned)
        else {
            return Outcome::Done;
        };
        let saved = baseline.as_ref().map_or(Ok(()), |baseline| store::save(file, baseline));
        let before = self.news.clone();
        self.news.merge(&found, ALL);
        // What was learned in the end is no news.
        let unknown = unknown(baseline.as_ref().unwrap_or(&self.known), &self.news);
        let kept = match news.as_ref().filter(|_| unknown != before) {
            Some(path) => store::save(path, &unknown),
            None => Ok(()),
        };
        if !found.is_empty() && !unknown.is_empty() {
            let where_to = news.as_ref().map_or_else(
                || "a file for `news` in the configuration would keep it for `baseline approve`".to_owned(),
                |news| format!("`sigmabus baseline approve` takes it from {}", news.display()),
            );
            note(&format!("sigmabus: note: there was something new to the baseline; {where_to}"));
        }
        match [saved, kept].into_iter().filter_map(|done| done.map_err(Failure::told).err()).next() {
            Some(failure) => failure.outcome,
            None => Outcome::Done,
        }
    }
}

/// What of `news` is not known.
pub(super) fn unknown(known: &Baseline, news: &Baseline) -> Baseline {
    let mut unknown = Baseline::default();
    for entry in news.entries() {
        for thing in known.lacking(&entry.thing) {
            unknown.add(&crate::record::baseline::Entry { thing, ..entry.clone() }, ALL);
        }
    }
    unknown
}
