//! A stored log under fixed rules that touch every kind of test.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmabus::detect::Machine;
use sigmabus::record::Slots;
use sigmabus::sigma::ir::Rule;
use sigmabus::sigma::{self, Options, SourceText};
use sigmabus_fuzz::rules::agree;
use std::sync::LazyLock;

static RULES: LazyLock<(Machine, Vec<Rule>, Slots)> = LazyLock::new(|| {
    let text = SourceText::new("events.yml", *include_bytes!("../events.yml"));
    let loaded = sigma::load([text], &Options::default());
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(false));
    let mut slots = Slots::new();
    let machine = Machine::compile(&loaded.ruleset.rules, &mut slots).expect("small rules");
    (machine, loaded.ruleset.rules, slots)
});

fuzz_target!(|log: &str| {
    let (machine, rules, slots) = &*RULES;
    agree(machine, rules, slots.clone(), log.split('\n').take(100));
});
