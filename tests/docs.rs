//! The manual's tables are the code's tables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::Path;

/// Holds `docs/NAME` to `expected`; with `SIGMABUS_UPDATE_DOCS` set, writes it.
fn is_page(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("SIGMABUS_UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{name} is out of date; SIGMABUS_UPDATE_DOCS=1 cargo test --test docs writes it");
}

#[test]
fn fields_md_is_the_schema_table() {
    let text = "# Fields\n\n\
        What a record of a Modbus message says, and what rules with `logsource: {product: modbus}` can ask for. A field that does not\n\
        apply to a message is absent. `sigmabus rules fields` prints the same. A predicate on a list holds if it holds for any element.\n\
        Numbers also match their text (`31` and `\"31\"`), texts match in any case.\n\n\
        Besides these names, NXLog's work too (`modbus.query.write_multiple_registers.starting_address`): they name the function,\n\
        and are there only for its messages.\n\n";
    is_page("fields.md", &format!("{text}{}", sigmabus::record::schema::markdown()));
}
