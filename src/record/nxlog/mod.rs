//! The form of NXLog's `im_pcap`: flat dotted keys that name the function, every value a string.
//!
//! ```json
//! {"EventTime":"2020-09-23T08:55:39.978090+00:00","ipv4.src":"10.0.2.15","modbus.trans_id":"10",
//!  "modbus.function_code":"Write Multiple Registers (16)",
//!  "modbus.query.write_multiple_registers.starting_address":"31"}
//! ```

mod layout;
mod read;
mod write;

pub use read::{NxlogError, NxlogMessage, is_form, read};
pub use write::{Module, write};
