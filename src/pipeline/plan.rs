//! Everything that is decided before the first record: rules compiled, fields given slots, points fixed.

use crate::detect::{Carry, Correlator, Machine, Named, RuleIx, Value, Values};
use crate::modbus;
use crate::net;
use crate::record::{LogPlan, Mask, Slots, schema};
use crate::score::{Points, Scoreboard};
use crate::sigma::OWN_PRODUCT;
use crate::sigma::ir::{LogSource, Meta, RuleRef, Ruleset};
use std::sync::Arc;

/// The fields that tell whom an alert of a single finding is about, as far as the record has them.
const SUBJECT: [&str; 2] = ["modbus.client", "modbus.server"];

/// What is wanted of a run.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Ports that Modbus servers listen on.
    pub ports: Vec<u16>,
    /// What findings are worth.
    pub points: Points,
    /// Where they add up.
    pub scoreboards: Vec<Scoreboard>,
    /// Whether findings are printed, which needs every finding's record.
    pub findings: bool,
    /// Whether and how records are printed.
    pub records: Option<Naming>,
}

/// Field names and value forms of printed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Our own, typed.
    Native,
    /// NXLog's, every value a string.
    Nxlog,
}
