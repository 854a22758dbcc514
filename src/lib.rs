//! sigmabus watches Modbus traffic and finds attacks in it.
//!
//! (The tour comes here.)

pub mod alert;
pub mod capture;
pub mod cli;
pub mod detect;
pub mod modbus;
pub mod net;
pub mod pipeline;
pub mod record;
pub mod score;
pub mod sigma;
pub mod sink;
pub mod time;
