//! How far it is, on a terminal; and Ctrl-C.

use crate::pipeline::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A bar over the bytes of all inputs.
pub(super) struct Bar {
    bar: ProgressBar,
    /// Bytes read so far; readers add to it.
    pub(super) read: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

/// What else appears on the screen meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    /// Nothing until the end.
    Nothing,
    /// Lines of output, among which a bar would only be in the way.
    Lines,
}

impl Bar {
    /// A bar for so many bytes; 0 when that is not known. Nothing is drawn unless standard error is a terminal.
    pub(super) fn new(bytes: u64, meanwhile: Meanwhile, stop: Arc<AtomicBool>) -> Self {
        let shown = io::stderr().is_terminal() && meanwhile == Meanwhile::Nothing;
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target((bytes > 0).then_some(bytes), target);
        let template = if bytes > 0 {
            "{bar:32} {bytes}/{total_bytes}  {binary_bytes_per_sec}  {eta} left"
        } else {
            "{spinner} {bytes}  {binary_bytes_per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, read: Arc::default(), stop }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn step(&self) {
        self.bar.set_position(self.read.load(Ordering::Relaxed));
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A flag that the first Ctrl-C or SIGTERM sets; the second one ends the process at once.
pub(super) fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without a handler Ctrl-C still ends the process, only less politely.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            #[expect(clippy::exit, reason = "asked for twice: something blocks the polite way")]
            std::process::exit(130);
        }
    });
    stop
}
