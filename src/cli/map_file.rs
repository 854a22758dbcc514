//! A device map as it is written: one YAML file for each type of device.

use super::node::{
    Fields, boolean, elements, integer, list, number, range, refuse_twice, text, word, wrong_type, wrong_value,
};
use crate::modbus::Table;
use crate::record::maps::{Form, Map, Order, Packing, Register, Safe, Scale};
use crate::sigma::diagnostic::{Diagnostic, Problem, Problems, Refusal, Span, short};
use crate::sigma::yaml::{self, Kind, Node};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The keys of a register.
const KEYS: [&str; 14] = [
    "name", "table", "address", "type", "order", "length", "packing", "bits", "values", "scale", "offset", "unit",
    "safe", "secret",
];

/// The tables that can be mapped, with shorter names for the two with long ones.
const TABLES: [(&str, Table); 6] = [
    ("coils", Table::Coils),
    ("discrete_inputs", Table::DiscreteInputs),
    ("holding_registers", Table::HoldingRegisters),
    ("input_registers", Table::InputRegisters),
    ("holding", Table::HoldingRegisters),
    ("input", Table::InputRegisters),
];

const ORDERS: [(&str, Order); 4] =
    [("ABCD", Order::Abcd), ("CDAB", Order::Cdab), ("BADC", Order::Badc), ("DCBA", Order::Dcba)];

const PACKINGS: [(&str, Packing); 3] =
    [("high_first", Packing::HighFirst), ("low_first", Packing::LowFirst), ("one", Packing::One)];

/// A type as it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Bool,
    Int { registers: u16, signed: bool },
    Float { registers: u16 },
    Bcd,
    Text,
    Bits,
    Enum,
}

const TYPES: [(&str, Type); 13] = [
    ("bool", Type::Bool),
    ("u16", Type::Int { registers: 1, signed: false }),
    ("i16", Type::Int { registers: 1, signed: true }),
    ("u32", Type::Int { registers: 2, signed: false }),
    ("i32", Type::Int { registers: 2, signed: true }),
    ("u64", Type::Int { registers: 4, signed: false }),
    ("i64", Type::Int { registers: 4, signed: true }),
    ("f32", Type::Float { registers: 2 }),
    ("f64", Type::Float { registers: 4 }),
    ("bcd", Type::Bcd),
    ("string", Type::Text),
    ("bits", Type::Bits),
    ("enum", Type::Enum),
];

/// A register and where its parts are written.
struct Placed {
    register: Register,
    name: Span,
    address: Span,
}

/// Reads a map; to which devices it applies, the configuration says.
///
/// # Errors
/// All that is wrong with the file, in the order of its lines.
pub(super) fn read(file: &Arc<str>, source: &str) -> Result<Map, Vec<Diagnostic>> {
    let mut problems = Problems::default();
    let map = understand(source, &mut problems);
    let found = problems.locate(file, source);
    if found.is_empty() { Ok(map) } else { Err(found) }
}

fn understand(source: &str, problems: &mut Problems) -> Map {
    let documents = yaml::parse(source, problems);
    let root = match documents.as_slice() {
        [root] => root,
        [] if problems.errors() > 0 => return Map::default(),
        [] => {
            problems.push(Problem::error("missing-key", Span::new(0, 0), "a device map needs `registers`"));
            return Map::default();
        }
        [_, second, ..] => {
            problems.push(Problem::error("too-many-documents", second.span, "a device map is one document"));
            return Map::default();
        }
    };
    let Some(fields) = Fields::of(root, &["registers", "secret_files"], "a device map", problems) else {
        return Map::default();
    };
    let Some(node) = problems.keep(fields.need("registers", "a device map")) else { return Map::default() };
    let Some(items) = problems.keep(list(node, "`registers`")) else { return Map::default() };
    let placed: Vec<Placed> = items.iter().filter_map(|item| register(item, problems)).collect();
    refuse_twice(placed.iter().map(|placed| (&*placed.register.name, placed.name)), problems);
    refuse_overlaps(&placed, problems);
    let registers = placed.into_iter().map(|placed| placed.register).collect();
    let secret_files = fields.get("secret_files").map(|node| secret_files(node, problems)).unwrap_or_default();
    Map { registers, secret_files, ..Map::default() }
}

/// File numbers and ranges of them: `[4, 7-9]`.
fn secret_files(node: &Node<'_>, problems: &mut Problems) -> Vec<RangeInclusive<u16>> {
    let Some(items) = problems.keep(elements(node, "a file's number")) else { return Vec::new() };
    let ranges = items.iter().filter_map(|item| problems.keep(range(item, "file", u16::MAX.into())));
    ranges.map(|files| *files.start() as u16..=*files.end() as u16).collect()
}

fn register(node: &Node<'_>, problems: &mut Problems) -> Option<Placed> {
    let what = "a register";
    let fields = Fields::of(node, &KEYS, what, problems)?;
    let name = problems.keep(fields.need("name", what).and_then(|node| Ok((name(node)?, node.span))));
    let table = match fields.get("table") {
        Some(node) => problems.keep(word(node, "table", &TABLES)),
        None => Some(Table::HoldingRegisters),
    };
    let address = problems
        .keep(fields.need("address", what).and_then(|node| Ok((integer(node, "an address", 0..=65_535)?, node.span))));
    let form = table.and_then(|table| form(&fields, table, problems));
    let scale = scale(&fields, form.as_ref(), problems);
    let safe = fields.get("safe").map(|node| safe(node, form.as_ref(), problems));
    let unit = fields.get("unit").map(|node| problems.keep(text(node, "a unit")).map(Arc::from));
    let secret = fields.get("secret").map_or(Some(false), |node| problems.keep(boolean(node, "`secret`")));
    let ((name, name_span), (address, address_span)) = name.zip(address)?;
    let register = Register {
        name,
        table: table?,
        address: u16::try_from(address).ok()?,
        form: form?,
        scale: scale?,
        unit: unit.flatten(),
        safe: safe.flatten(),
        secret: secret?,
    };
    let end = u32::from(register.address) + u32::from(register.length());
    if end > 0x1_0000 {
        let message = format!("`{}` ends at address {}, and the last one is 65535", register.name, end - 1);
        problems.push(Problem::error("out-of-range", address_span, message));
        return None;
    }
    Some(Placed { register, name: name_span, address: address_span })
}

/// A name that field names can be made of.
fn name(node: &Node<'_>) -> Result<Arc<str>, Refusal> {
    /// The longest name.
    const LONGEST: usize = 100;
    let name = text(node, "a name")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() > LONGEST || !name.chars().all(fits) {
        return Err(wrong_value(node, format!("no name for a tag: `{}`", short(name)))
            .hint(format!("a name has letters, digits, `_` and `-`, {LONGEST} at most")));
    }
    Ok(name.into())
}

/// How the words are read: `type`, and the keys that belong to it.
fn form(fields: &Fields<'_>, table: Table, problems: &mut Problems) -> Option<Form> {
    let bits = matches!(table, Table::Coils | Table::DiscreteInputs);
    let kind = match fields.get("type") {
        Some(node) => {
            let kind = problems.keep(word(node, "type", &TYPES))?;
            if bits != (kind == Type::Bool) && !(bits && kind == Type::Enum) {
                let holds = if bits { "bits: its types are bool and enum" } else { "registers: bool is for bits" };
                problems.push(wrong_value(node, format!("this table holds {holds}")));
                return None;
            }
            kind
        }
        None if bits => Type::Bool,
        None => Type::Int { registers: 1, signed: false },
    };
    refuse_strangers(fields, kind, problems);
    let order = || fields.get("order").map_or(Ok(Order::default()), |node| word(node, "order", &ORDERS));
    let length =
        |most| fields.need("length", "this type").and_then(|node| integer(node, "a length in registers", 1..=most));
    let form = match kind {
        Type::Bool => Ok(Form::Bool),
        Type::Int { registers, signed } => order().map(|order| Form::Int { registers, signed, order }),
        Type::Float { registers } => order().map(|order| Form::Float { registers, order }),
        Type::Bcd => {
            let registers = fields.get("length").map_or(Ok(1), |_| length(4));
            registers.and_then(|registers| Ok(Form::Bcd { registers: registers as u16, order: order()? }))
        }
        Type::Text => {
            let packing = fields.get("packing").map_or(Ok(Packing::default()), |node| word(node, "packing", &PACKINGS));
            length(125).and_then(|registers| Ok(Form::Text { registers: registers as u16, packing: packing? }))
        }
        Type::Bits => {
            let names = named(fields, "bits", 0..=15, problems)?;
            Ok(Form::Bits(names.into_iter().map(|(bit, name)| (bit as u8, name)).collect()))
        }
        Type::Enum => {
            let most = if bits { 1 } else { 65_535 };
            Ok(Form::Enum(named(fields, "values", 0..=most, problems)?.into()))
        }
    };
    problems.keep(form)
}

/// Refuses keys that say nothing of this type.
fn refuse_strangers(fields: &Fields<'_>, kind: Type, problems: &mut Problems) {
    let number = matches!(kind, Type::Int { .. } | Type::Float { .. } | Type::Bcd);
    let belongs = |key: &str| match key {
        "order" | "scale" | "offset" | "safe" => number,
        "length" => matches!(kind, Type::Bcd | Type::Text),
        "packing" => kind == Type::Text,
        "bits" => kind == Type::Bits,
        "values" => kind == Type::Enum,
        _ => true,
    };
    for entry in fields.entries().iter().filter(|entry| !belongs(&entry.key.text)) {
        let message = format!("`{}` says nothing of this type", entry.key.text);
        problems.push(Problem::error("unused-key", entry.key.span, message));
    }
}

/// Numbers with their names: `{0: off, 1: on}`.
fn named(
    fields: &Fields<'_>,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    problems: &mut Problems,
) -> Option<Vec<(i64, Arc<str>)>> {
    let node = problems.keep(fields.need(key, "this type"))?;
    let expected = format!("expected `{key}` as a map of numbers to names");
    let Kind::Mapping(entries) = &node.kind else {
        problems.push(wrong_type(node, expected));
        return None;
    };
    let mut all = Vec::new();
    for entry in entries {
        let number = entry.key.text.parse().ok().filter(|number| range.contains(number));
        let Some(number) = number else {
            let message = format!("expected a number from {} to {}", range.start(), range.end());
            problems.push(Problem::error("out-of-range", entry.key.span, message));
            continue;
        };
        if let Some(name) = problems.keep(text(&entry.value, "a name")) {
            all.push((number, Arc::from(name)));
        }
    }
    all.sort_unstable_by_key(|(number, _)| *number);
    Some(all)
}

fn scale(fields: &Fields<'_>, form: Option<&Form>, problems: &mut Problems) -> Option<Scale> {
    let factor = match fields.get("scale") {
        Some(node) => match number(node, "`scale`") {
            Ok(0.0) => Err(wrong_value(node, "a scale of 0 makes every value the same")),
            other => other,
        },
        None => Ok(1.0),
    };
    let offset = fields.get("offset").map_or(Ok(0.0), |node| number(node, "`offset`"));
    let (factor, offset) = (problems.keep(factor), problems.keep(offset));
    form?;
    Some(Scale::new(factor?, offset?))
}

fn safe(node: &Node<'_>, form: Option<&Form>, problems: &mut Problems) -> Option<Safe> {
    let fields = Fields::of(node, &["min", "max"], "`safe`", problems)?;
    let end = |key, open| fields.get(key).map_or(Ok(open), |node| number(node, key));
    let min = problems.keep(end("min", f64::NEG_INFINITY));
    let max = problems.keep(end("max", f64::INFINITY));
    let (min, max) = min.zip(max)?;
    if fields.entries().is_empty() || min > max {
        problems.push(wrong_value(node, "expected `min`, `max` or both, the least first"));
        return None;
    }
    form?;
    Some(Safe { min, max })
}

fn refuse_overlaps(placed: &[Placed], problems: &mut Problems) {
    let mut sorted: Vec<&Placed> = placed.iter().collect();
    sorted.sort_by_key(|placed| (placed.register.table as u8, placed.register.address));
    let mut widest: Option<&Placed> = None;
    for placed in sorted {
        let before = widest.filter(|before| before.register.table == placed.register.table);
        if let Some(before) = before.filter(|before| before.register.last() >= placed.register.address) {
            let (own, other) = (&placed.register, &before.register);
            let message = format!("`{}` and `{}` overlap", own.name, other.name);
            let label = |register: &Register| match (register.address, register.last()) {
                (first, last) if first == last => format!("address {first}"),
                (first, last) => format!("addresses {first} to {last}"),
            };
            let problem = Problem::error("overlap", placed.address, message).label(label(own));
            problems.push(problem.related(before.address, label(other)));
        }
        if before.is_none_or(|before| before.register.last() <= placed.register.last()) {
            widest = Some(placed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::render;

    fn told(source: &str) -> String {
        match read(&"thermo.yml".into(), source) {
            Ok(registers) => format!("{registers:?}"),
            Err(found) => found.iter().map(|found| render(found, source, false) + "\n").collect(),
        }
    }

    #[test]
    fn every_type_is_read() {
        let source = "registers:\n\
            - {name: a, address: 0}\n\
            - {name: b, address: 0x10, type: i32, order: CDAB, scale: 0.1, offset: -40, unit: °C, safe: {min: 0, max: 80}}\n\
            - {name: c, address: 18, type: f64, table: input}\n\
            - {name: d, address: 18, type: bcd, length: 2}\n\
            - {name: e, address: 31, type: string, length: 16, packing: one, secret: true}\n\
            - {name: f, address: 50, type: bits, bits: {0: pump, 15: alarm}}\n\
            - {name: g, address: 51, type: enum, values: {0: 'off', 1: 'on'}}\n\
            - {name: h, address: 65535, table: coils}\n\
            - {name: i, address: 65535, table: discrete_inputs, type: enum, values: {1: open}}\n";
        insta::assert_snapshot!("types", told(source).replace(" }, Register", " },\nRegister"));
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let register = |fields: &str| format!("registers:\n- {{{fields}}}\n");
        let all = [
            String::new(),
            "registers: 5".into(),
            "register: []".into(),
            "registers: [".into(),
            "registers: []\n---\nregisters: []\n".into(),
            "registers: []\nsecret_files: [4, 70000, 9-7, {}]\n".into(),
            register("name: a"),
            register("address: 5"),
            register("name: a b, address: 5"),
            register("name: a.previous, address: 5"),
            register("name: a, address: 70000"),
            register("name: a, address: -1"),
            register("name: a, address: five"),
            register("name: a, address: 65535, type: u32"),
            register("name: a, address: 5, type: i17"),
            register("name: a, address: 5, type: int"),
            register("name: a, address: 5, tabel: coils"),
            register("name: a, address: 5, table: holding_register"),
            register("name: a, address: 5, table: coils, type: u16"),
            register("name: a, address: 5, type: bool"),
            register("name: a, address: 5, type: u32, order: ABDC"),
            register("name: a, address: 5, scale: 0"),
            register("name: a, address: 5, scale: tenth"),
            register("name: a, address: 5, safe: {min: 9, max: 2}"),
            register("name: a, address: 5, safe: {}"),
            register("name: a, address: 5, safe: {minimum: 2}"),
            register("name: a, address: 5, secret: 'yes'"),
            register("name: a, address: 5, type: string"),
            register("name: a, address: 5, type: string, length: 126"),
            register("name: a, address: 5, type: bits"),
            register("name: a, address: 5, type: bits, bits: {16: x}"),
            register("name: a, address: 5, type: enum, values: [x]"),
            register("name: a, address: 5, type: string, length: 2, scale: 0.1"),
            "registers:\n- {name: a, address: 5}\n- {name: a, address: 6}\n".into(),
            "registers:\n- {name: a, address: 5, type: u32}\n- {name: b, address: 6}\n- {name: c, address: 6, table: input}\n"
                .into(),
        ];
        let told: Vec<String> = all.iter().map(|source| told(source)).collect();
        assert!(told.iter().all(|told| told.starts_with("error[")), "{told:?}");
        insta::assert_snapshot!("mistakes", told.join("\n"));
    }
}
