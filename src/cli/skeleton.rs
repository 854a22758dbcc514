//! `sigmabus rules new`: a rule to begin with.

use super::outcome::{Failure, Outcome};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

const RULE: &str = "\
title: What happened, in few words
id: ID
name: a_name_for_correlations   # delete it if none refers to this rule
status: experimental
description: |
  What happened, and why it matters.
  Check first: what should whoever is on duty look at?
references:
  - https://example.org/where/this/was/described
author: Your name
date: YYYY-MM-DD
tags:                           # tactic and technique of ATT&CK for ICS; delete them if unsure
  - attack.impair-process-control
  - attack.t0836
logsource:
  product: modbus
  category: ics
detection:
  # Within a selection all lines must hold; of a list of values one is enough.
  # `sigmabus rules fields` lists every field.
  write:
    modbus.kind: query          # query, response, exception (refused), timeout or status
    modbus.function: [6, 16]    # write single register, write multiple registers
  registers:
    # A message that touches any of registers 100 to 109, counted from 0.
    modbus.address|lte: 109
    modbus.address_end|gte: 100
  known:
    modbus.client:
      - 192.0.2.10
      - 192.0.2.11
  condition: write and registers and not known
falsepositives:
  - When is this harmless?
level: medium                   # informational, low, medium, high or critical
# Fields that no finding or alert may show:
# sigmabus:
#   mask: [modbus.values, modbus.value, modbus.text]
";

/// The line of the rule's level, and what stands there when a correlation keeps the rule silent.
const LEVEL: &str = "level: medium                   # informational, low, medium, high or critical\n";
const SILENT_LEVEL: &str = "level: informational            # without effect: only the correlation below speaks\n";

const CORRELATION: &str = "\
---
title: What happened again and again, in few words
id: ID
status: experimental
description: |
  What it means when this happens so often.
  Check first: what should whoever is on duty look at?
author: Your name
date: YYYY-MM-DD
correlation:
  type: event_count             # or value_count, temporal, temporal_ordered, ...
  rules:
    - a_name_for_correlations   # by name or id; they may be in other files
  group-by:                     # one count for each combination of these
    - modbus.client
    - modbus.server
  timespan: 5m                  # s, m, h, d
  condition:
    gte: 10                     # gte, gt, lte, lt, eq, neq
  # generate: true              # the rules it refers to speak for themselves, too
falsepositives:
  - When is this harmless?
level: high
";

/// Prints a skeleton, for a correlation with a rule that it refers to.
pub(super) fn run(correlation: bool) -> Result<Outcome, Failure> {
    let mut text = RULE.replacen("id: ID", &format!("id: {}", fresh_uuid()), 1);
    if correlation {
        text = text.replacen(LEVEL, SILENT_LEVEL, 1);
        text += &CORRELATION.replacen("id: ID", &format!("id: {}", fresh_uuid()), 1);
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}

/// A random UUID (RFC 9562, version 4). The standard library seeds each hasher from the system's random numbers.
fn fresh_uuid() -> String {
    const VERSION: u64 = 0x4000;
    const VARIANT: u64 = 0x8000_0000_0000_0000;
    let random = || RandomState::new().hash_one(());
    let high = random() & !0xF000 | VERSION;
    let low = random() & !(0xC000_0000_0000_0000) | VARIANT;
    let [a, b, c, d, e] = [high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF, low >> 48, low & 0xFFFF_FFFF_FFFF];
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_of_version_4_and_fresh() {
        let many: std::collections::BTreeSet<String> = (0..1_000).map(|_| fresh_uuid()).collect();
        assert_eq!(many.len(), 1_000);
        for id in many {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }
}
