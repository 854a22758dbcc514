//! The catalogue of attacks: what each does on the wire, step by step.
//!
//! An attack is a function that writes a [`Script`]; the plan plays it against a server of the plant. The groups:
//! `recon` looks, `tamper` changes the process, `control` works on the device itself, `deceive` lies to master or
//! sensor.

use super::prng::Rng;
use super::wire::Side;
use std::time::Duration;

mod control;
mod deceive;
mod recon;
mod tamper;

/// An attack of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// Its name, as the truth and the command line have it.
    pub name: &'static str,
    /// What it does, for people.
    pub about: &'static str,
    /// Where it comes from.
    pub origin: Origin,
    script: fn(&mut Script),
}

/// Where an attack comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A machine in the plant that does not belong there.
    Rogue,
    /// The Internet.
    Internet,
    /// A device that is a server otherwise.
    Device,
    /// The victim's own master.
    Master,
}

/// One step of an attack.
#[derive(Clone, Debug)]
pub enum Step {
    /// Let time pass.
    Wait(Duration),
    /// Open a connection to the victim, or to the n-th server after it; the one before is closed.
    Connect(usize),
    /// Open a connection from the victim's own master; the one before is closed.
    Master,
    /// Open a connection to the victim through a machine in between, whose hardware address the victim's frames have,
    /// as ARP spoofing brings about; the one before is closed.
    Relay,
    /// Send a SYN to the n-th server after the victim, which does not answer.
    Knock(usize),
    /// Ask, and be answered or not.
    Exchange {
        /// Transaction identifier; counted where absent.
        trans_id: Option<u16>,
        /// Unit identifier.
        unit: u8,
        /// The query's PDU.
        request: Vec<u8>,
        /// The answer's PDU.
        reply: Option<Vec<u8>>,
        /// How much longer than usual the answer takes.
        delay: Duration,
    },
    /// An answer that nobody asked for.
    Answer {
        /// Transaction identifier.
        trans_id: u16,
        /// Unit identifier.
        unit: u8,
        /// The answer's PDU.
        reply: Vec<u8>,
    },
    /// The latest request once more at the same place in the stream, with other bytes.
    Overwrite {
        /// Unit identifier.
        unit: u8,
        /// The other PDU, as long as the first.
        request: Vec<u8>,
    },
    /// Bytes that are no ADU.
    Foreign(Side, Vec<u8>),
}

/// The steps of an attack.
#[derive(Clone, Debug)]
pub struct Script {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What passes after each exchange.
    pub pace: Duration,
    /// How much longer than usual answers take.
    pub delay: Duration,
    /// The unit attacked.
    pub unit: u8,
    /// For what attackers leave to chance.
    pub rng: Rng,
}

impl Script {
    /// The steps of `attack`, the first connection included.
    #[must_use]
    pub fn of(attack: &Attack, seed: u64) -> Self {
        let mut script = Self {
            steps: vec![Step::Connect(0)],
            pace: Duration::from_millis(10),
            delay: Duration::ZERO,
            unit: 1,
            rng: Rng::new(seed),
        };
        (attack.script)(&mut script);
        script
    }

    /// Asks and is answered.
    pub fn ask(&mut self, request: &[u8], reply: &[u8]) {
        self.exchange(None, self.unit, request, Some(reply));
    }

    /// Asks and is not answered.
    pub fn ask_in_vain(&mut self, request: &[u8]) {
        self.exchange(None, self.unit, request, None);
    }

    /// Asks any unit under any transaction identifier.
    pub fn exchange(&mut self, trans_id: Option<u16>, unit: u8, request: &[u8], reply: Option<&[u8]>) {
        let (request, reply) = (request.to_vec(), reply.map(<[u8]>::to_vec));
        self.steps.push(Step::Exchange { trans_id, unit, request, reply, delay: self.delay });
        self.wait(self.pace);
    }

    /// Lets time pass.
    pub fn wait(&mut self, span: Duration) {
        self.steps.push(Step::Wait(span));
    }

    /// Opens a new connection to the victim, or to the n-th server after it.
    pub fn connect(&mut self, offset: usize) {
        self.steps.push(Step::Connect(offset));
    }
}

/// All attacks.
pub const CATALOGUE: &[Attack] = &[
    rogue(
        "device_identification_sweep",
        "function 17 and 43/14 to eight servers, private objects last",
        recon::identify,
    ),
    rogue("points_list_scan", "reads of one register across the address space, mostly exception 2", recon::points),
    rogue("function_code_scan", "every function code once, mostly exception 1", recon::functions),
    rogue("unit_id_scan", "a read to each unit on a connection of its own, mostly exception 11", recon::units),
    rogue(
        "metasploit_find_unit_id",
        "the fixed ADU of Metasploit's modbus_findunitid to units 1 to 254",
        recon::metasploit,
    ),
    rogue("port_scan", "SYNs to port 502 of 40 addresses", recon::ports),
    rogue("register_dump", "reads at the limit of 125 registers, one after another", recon::dump),
    rogue("bad_logins", "wrong passphrases, then the right one, then a threshold", tamper::logins),
    rogue("write_without_login", "the controller's thresholds written without the passphrase", tamper::thresholds),
    rogue("coil_flood", "600 writes to single coils", tamper::coils),
    rogue("register_zeroing", "zeros into 40 registers, then all coils off", tamper::zeros),
    rogue("setpoint_toggle", "one register to 0 and 65,535 in turn", tamper::toggle),
    rogue("frostygoop", "a look at some registers, then writes as FrostyGoop does them", tamper::frosty),
    rogue("broadcast_write", "writes to unit 0", tamper::broadcast),
    rogue("covert_text", "text written into spare registers piece by piece, and read from them", tamper::text),
    rogue("mask_write", "single bits of control words changed by function 22", tamper::masks),
    rogue(
        "listen_only_restart",
        "restart with the log cleared, then listen only: the device falls silent",
        control::silence,
    ),
    rogue("clear_counters", "counters, overrun flag and delimiter of the diagnostics function", control::counters),
    rogue("umas_stop_start", "reservation, stop and start of a controller by function 90", control::umas_stop),
    rogue("umas_download", "a program downloaded by function 90", control::umas_download),
    rogue("umas_upload", "a program read out by function 90", control::umas_upload),
    rogue(
        "legacy_program_functions",
        "the program and firmware functions 9, 10, 13, 14, 18, 40, 125, 126",
        control::legacy,
    ),
    rogue("file_transfer", "file records written and read", control::files),
    rogue("request_flood", "700 reads within half a second, the last hundred unanswered", control::flood),
    rogue("busy_burst", "a device that answers busy and acknowledge under load", control::busy),
    rogue("malformed_requests", "byte counts, quantities and values that contradict each other", deceive::malformed),
    Attack {
        name: "conflicting_retransmission",
        about: "a write sent twice at one place of the stream, with two values",
        origin: Origin::Master,
        script: deceive::conflict,
    },
    Attack {
        name: "unsolicited_answers",
        about: "answers that nobody asked for",
        origin: Origin::Master,
        script: deceive::unsolicited,
    },
    Attack {
        name: "delayed_answers",
        about: "answers that are held back for more than a second, after some that are not",
        origin: Origin::Master,
        script: deceive::delay,
    },
    Attack {
        name: "changed_writes",
        about: "writes of which the device confirms another value, as if changed on their way",
        origin: Origin::Master,
        script: deceive::change,
    },
    rogue("foreign_protocol", "HTTP and TLS on port 502", deceive::foreign),
    Attack {
        name: "rogue_device",
        about: "a device that polls and writes another, as a master would",
        origin: Origin::Device,
        script: tamper::frosty,
    },
    Attack {
        name: "internet_client",
        about: "reads and one write from a public address",
        origin: Origin::Internet,
        script: tamper::stranger,
    },
    rogue("canopen_tunnel", "state and control words of drives by function 43, MEI type 13", control::canopen),
    rogue("two_masters", "a register written by its master, and at once by another machine", tamper::contend),
    Attack {
        name: "arp_spoofing",
        about: "answers of a server from another hardware address than before",
        origin: Origin::Master,
        script: deceive::between,
    },
    rogue("new_master", "a machine that polls a server which it never asked before", recon::poll),
    Attack {
        name: "file_read",
        about: "a master that copies file records, which it never did before",
        origin: Origin::Master,
        script: control::copy,
    },
    Attack {
        name: "false_picture",
        about: "confirmed writes of which a read shows nothing",
        origin: Origin::Master,
        script: deceive::picture,
    },
    rogue("umas_reservation", "a controller reserved by function 90, and kept", control::umas_reserve),
];

const fn rogue(name: &'static str, about: &'static str, script: fn(&mut Script)) -> Attack {
    Attack { name, about, origin: Origin::Rogue, script }
}

/// The attack called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attack> {
    CATALOGUE.iter().find(|attack| attack.name == name)
}
