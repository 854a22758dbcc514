//! A mapping's file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus_fuzz::rules;

fuzz_target!(|bytes: &[u8]| rules::check_mapping(bytes, &rules::EVENTS));
