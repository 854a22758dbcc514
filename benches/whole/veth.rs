//! A pair of virtual interfaces: what is sent into one end is captured at the other.

use super::latency::{RATES, engine, plan, row, spell};
use super::poll::{self, Timetable};
use super::stopwatch::{Stopwatch, now};
use anyhow::{Context, ensure};
use sigmabus::capture::live::{Live, Options};
use sigmabus::pipeline::Progress;
use sigmabus::pipeline::live::watch;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, hint, thread};

/// The ends.
const ENDS: [&str; 2] = ["bench0", "bench1"];

/// Until what was sent was captured and analysed.
const DRAIN: Duration = Duration::from_millis(500);

/// The first argument of the process in the namespace.
const INSIDE: &str = "--inside";

/// Lines of the table from this program, run again in a network namespace of its own; one that says so where that is not
/// allowed.
///
/// # Errors
/// When it cannot be run.
pub fn rows(quick: bool) -> anyhow::Result<String> {
    let skipped = |why: &str| Ok(format!("| veth | skipped: {why} | | | | | |\n"));
    let allowed = |args: &&[&str]| {
        let tried = Command::new("unshare").args(*args).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    // Root needs no namespace of users.
    let namespaces: [&[&str]; 2] = [&["--net"], &["--net", "--user", "--map-root-user"]];
    let Some(args) = namespaces.into_iter().find(allowed) else {
        return skipped("no right to make a network namespace (unshare)");
    };
    let mut again = Command::new("unshare");
    let again = again.args(args).arg(env::current_exe()?).arg(INSIDE).args(quick.then_some("--quick")).output();
    let again = again.context("unshare")?;
    if !again.status.success() {
        return skipped(String::from_utf8_lossy(&again.stderr).lines().next().unwrap_or_default());
    }
    Ok(String::from_utf8(again.stdout)?)
}

/// Whether this process is one in a namespace; then it has measured.
///
/// # Errors
/// When it cannot be measured.
pub fn inside() -> anyhow::Result<bool> {
    let mut args = env::args().skip(1);
    if args.next().as_deref() != Some(INSIDE) {
        return Ok(false);
    }
    print!("{}", measure(spell(args.next().is_some()))?);
    Ok(true)
}

fn ip(words: &str) -> anyhow::Result<()> {
    let status = Command::new("ip").args(words.split(' ')).status().context("ip (of iproute2)")?;
    ensure!(status.success(), "ip {words}: {status}");
    Ok(())
}

/// Whether all was sent and had its time.
struct Over(AtomicBool);

impl Progress for Over {
    fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// All rates, each for so long, in the namespace that this process is alone in.
///
/// # Errors
/// When there can be no interfaces, or they cannot be captured on.
fn measure(spell: Duration) -> anyhow::Result<String> {
    let mut rows = String::new();
    ip(&format!("link add {} type veth peer name {}", ENDS[0], ENDS[1]))?;
    ENDS.iter().try_for_each(|end| ip(&format!("link set {end} up")))?;
    for rate in RATES {
        let batches = poll::frames(rate, spell)?;
        let plan = plan()?;
        let (mut engine, input) = engine(&plan);
        let mut stopwatch = Stopwatch::default();
        let live = Live::open(ENDS[1], &Options::default())?;
        let mut sender = pcap::Capture::from_device(ENDS[0])?.open()?;
        let over = Over(AtomicBool::new(false));
        let edge = thread::scope(|scope| {
            let sent = scope.spawn(|| {
                let timetable = Timetable { begin: now().nanos() + 100_000_000, step: 1_000_000_000 / i64::from(rate) };
                let frames = batches.iter().flat_map(|batch| batch.frames());
                let sent = (0..).zip(frames).try_for_each(|(number, frame)| {
                    wait_until(timetable.due(number));
                    sender.sendpacket(frame.bytes)
                });
                thread::sleep(DRAIN);
                over.0.store(true, Ordering::Relaxed);
                sent
            });
            let watched = watch(live, input, &plan, &mut engine, &mut stopwatch, &over);
            sent.join().map_err(|_| anyhow::anyhow!("the sender failed"))??;
            anyhow::Ok(watched?)
        })?;
        engine.stop(&mut stopwatch)?;
        rows += &row("veth", rate, &stopwatch, edge.stats.dropped + edge.own_drops);
    }
    Ok(rows)
}

/// Sleeps where there is time for it, so that the other side has the processor.
fn wait_until(due: i64) {
    loop {
        match due - now().nanos() {
            ..=0 => return,
            200_000.. => thread::sleep(Duration::from_micros(100)),
            _ => hint::spin_loop(),
        }
    }
}
