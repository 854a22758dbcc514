//! Rows of tables under a header, as the JSON lines that would say the same.
//!
//! Zeek's TSV says in lines that begin with `#` how it is written and what the columns are; a CSV's first row has the
//! names of its columns.

use super::table::Format;
use crate::record::json::write_text;
use crate::record::{LONGEST_LINE, moment, schema};
use serde_json::value::RawValue;
use std::net::IpAddr;

/// The most columns a table may have.
const MOST_COLUMNS: usize = 1_024;
/// What may stand between the columns of a CSV.
const SEPARATORS: [char; 3] = ['\t', ';', ','];

/// Why a header cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Columns are missing that every message needs.
    #[error("the header of {format} lacks {}", .missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    Lacks {
        /// The format.
        format: &'static str,
        /// The columns.
        missing: Vec<&'static str>,
    },
    /// It has too many columns.
    #[error("a header of {0} columns, more than the {MOST_COLUMNS} that are read")]
    TooWide(usize),
    /// A row stands under no header.
    #[error("neither a JSON object nor a row under a header")]
    NoHeader,
    /// A row has another number of columns than the header.
    #[error("a row of {found} columns under a header of {expected}")]
    Width {
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A quotation does not end.
    #[error("a quotation without an end")]
    Open,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a row: this is the JSON line that says the same.
    Row(String),
    /// It is part of a header, a comment, or the beginning of a row whose rest follows.
    Nothing,
}

/// The header that is valid now.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    header: Option<Header>,
    zeek: Zeek,
    /// A row whose quotation is open.
    open: String,
}

/// What Zeek's lines that begin with `#` say.
#[derive(Clone, Debug)]
struct Zeek {
    separator: char,
    set_separator: char,
    empty: String,
    unset: String,
    path: String,
}

impl Default for Zeek {
    fn default() -> Self {
        Self {
            separator: '\t',
            set_separator: ',',
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            path: String::new(),
        }
    }
}

#[derive(Clone, Debug)]
struct Header {
    columns: Vec<Column>,
    separator: char,
    is_zeek: bool,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    kind: ColumnKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    Text,
    Number,
    Bool,
    /// Several values: numbers if so.
    List(bool),
    /// Of a CSV: whatever it looks like.
    Any,
}

/// Whether a line can be the first of a table: Zeek's, or the names of columns of which somebody knows some.
#[must_use]
pub fn is_header(line: &str) -> bool {
    line.starts_with("#separator") || line.starts_with("#fields") || header(line).is_some()
}

/// Whether a line is a row of one of Zeek's logs of connections: a time, an identifier, and two addresses with their
/// ports. Without the lines that begin with `#` nobody knows what its other columns are.
#[must_use]
pub fn is_row_of_zeek(line: &str) -> bool {
    let mut cells = line.split('\t').skip(1);
    let mut is = |fits: fn(&str) -> bool| cells.next().is_some_and(fits);
    let is_uid =
        |cell: &str| cell.len() > 10 && cell.starts_with('C') && cell.bytes().all(|c| c.is_ascii_alphanumeric());
    let is_address = |cell: &str| cell.parse::<IpAddr>().is_ok();
    let is_port = |cell: &str| cell.parse::<u16>().is_ok();
    is(is_uid) && is(is_address) && is(is_port) && is(is_address) && is(is_port)
}

/// The header in a line.
fn header(line: &str) -> Option<(char, Vec<String>)> {
    let separator = SEPARATORS.into_iter().find(|separator| line.contains(*separator))?;
    let names = split(line, separator)?;
    let is_name = |name: &String| {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | '-' | ' ' | ':' | '/' | '(' | ')');
        name.chars().next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '@')) && name.chars().all(fits)
    };
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let names_all = names.len() > 1 && sorted.len() == names.len() && names.iter().all(is_name);
    let known = |name: &String| {
        schema::find(name).is_some()
            || moment::NAMES.contains(&name.as_str())
            || Format::ALL.iter().any(|format| format.needed().contains(&name.as_str()))
    };
    (names_all && names.iter().any(known)).then_some((separator, names))
}

/// The cells of a row; none if a quotation in it does not end.
fn split(line: &str, separator: char) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut rest = line.chars().peekable();
    let mut quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if c == separator && !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    (!quoted).then_some(cells)
}

impl Rows {
    /// Takes a line that is no JSON object.
    ///
    /// # Errors
    /// [`HeaderError`]; a header that lacks columns is none.
    pub fn take(&mut self, line: &str) -> Result<Taken, HeaderError> {
        let line = line.trim_end_matches(['\r', '\n']);
        if self.open.is_empty() {
            if let Some(comment) = line.strip_prefix('#') {
                return self.comment(comment).map(|()| Taken::Nothing);
            }
            if let Some((separator, names)) = header(line) {
                return self.begin(names, separator).map(|()| Taken::Nothing);
            }
        }
        let Some(header) = &self.header else { return Err(HeaderError::NoHeader) };
        if header.is_zeek {
            let cells: Vec<String> = line.split(header.separator).map(ToOwned::to_owned).collect();
            return header.row(&cells, Some(&self.zeek)).map(Taken::Row);
        }
        let whole = if self.open.is_empty() { line.to_owned() } else { format!("{}\n{line}", self.open) };
        self.open.clear();
        let Some(cells) = split(&whole, header.separator) else {
            if whole.len() > LONGEST_LINE {
                return Err(HeaderError::Open);
            }
            self.open = whole;
            return Ok(Taken::Nothing);
        };
        header.row(&cells, None).map(Taken::Row)
    }

    /// Ends the input; a row that was begun is told.
    ///
    /// # Errors
    /// When there is one.
    pub fn end(&mut self) -> Result<(), HeaderError> {
        if std::mem::take(&mut self.open).is_empty() { Ok(()) } else { Err(HeaderError::Open) }
    }

    fn begin(&mut self, names: Vec<String>, separator: char) -> Result<(), HeaderError> {
        self.header = None;
        check(&names, "")?;
        let columns = names.into_iter().map(|name| Column { name, kind: ColumnKind::Any }).collect();
        self.header = Some(Header { columns, separator, is_zeek: false });
        Ok(())
    }

    fn comment(&mut self, comment: &str) -> Result<(), HeaderError> {
        if let Some(escape) = comment.strip_prefix("separator ") {
            let code = escape.trim().strip_prefix("\\x").and_then(|hex| u8::from_str_radix(hex, 16).ok());
            self.zeek = Zeek { separator: code.map_or('\t', char::from), ..Zeek::default() };
            return Ok(());
        }
        let separator = self.zeek.separator;
        let (key, value) = comment.split_once(separator).unwrap_or((comment, ""));
        match key {
            "set_separator" => self.zeek.set_separator = value.chars().next().unwrap_or(','),
            "empty_field" => value.clone_into(&mut self.zeek.empty),
            "unset_field" => value.clone_into(&mut self.zeek.unset),
            "path" => value.clone_into(&mut self.zeek.path),
            "fields" => {
                self.header = None;
                let names: Vec<String> = value.split(separator).map(ToOwned::to_owned).collect();
                check(&names, &self.zeek.path)?;
                let columns = names.into_iter().map(|name| Column { name, kind: ColumnKind::Text }).collect();
                self.header = Some(Header { columns, separator, is_zeek: true });
            }
            "types" => {
                let columns = self.header.iter_mut().flat_map(|header| header.columns.iter_mut());
                columns.zip(value.split(separator)).for_each(|(column, kind)| column.kind = ColumnKind::of(kind));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a header has what it needs: by the name of Zeek's log, or by what its columns say it is.
fn check(names: &[String], path: &str) -> Result<(), HeaderError> {
    if names.len() > MOST_COLUMNS {
        return Err(HeaderError::TooWide(names.len()));
    }
    let by_path = match path {
        "modbus" => Some(Format::Zeek),
        "modbus_detailed"
        | "modbus_mask_write_register"
        | "modbus_read_write_multiple_registers"
        | "modbus_read_device_identification" => Some(Format::Icsnpp),
        _ => None,
    };
    let Some(format) = by_path.or_else(|| Format::of_columns(names)) else { return Ok(()) };
    let has = |needed: &str| names.iter().any(|name| name == needed || name.replacen("ipv6.", "ip.", 1) == needed);
    let missing: Vec<&str> = format.needed().iter().copied().filter(|needed| !has(needed)).collect();
    if missing.is_empty() { Ok(()) } else { Err(HeaderError::Lacks { format: format.name(), missing }) }
}

impl ColumnKind {
    /// Zeek's types.
    fn of(kind: &str) -> Self {
        match kind {
            "count" | "int" | "port" | "double" | "time" | "interval" => Self::Number,
            "bool" => Self::Bool,
            kind => match kind.split_once('[') {
                Some((_, element)) => Self::List(matches!(element, "count]" | "int]" | "port]" | "double]")),
                None => Self::Text,
            },
        }
    }
}

impl Header {
    fn row(&self, cells: &[String], zeek: Option<&Zeek>) -> Result<String, HeaderError> {
        if cells.len() != self.columns.len() {
            return Err(HeaderError::Width { found: cells.len(), expected: self.columns.len() });
        }
        let mut out = Vec::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            let absent = zeek.map_or(cell.is_empty(), |zeek| *cell == zeek.unset);
            if absent {
                continue;
            }
            out.push(if out.is_empty() { b'{' } else { b',' });
            write_text(&column.name, &mut out);
            out.push(b':');
            column.write(cell, zeek, &mut out);
        }
        if out.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

impl Column {
    fn write(&self, cell: &str, zeek: Option<&Zeek>, out: &mut Vec<u8>) {
        match (self.kind, cell) {
            (ColumnKind::List(_), cell) if zeek.is_some_and(|zeek| cell == zeek.empty) => out.extend_from_slice(b"[]"),
            (ColumnKind::List(numbers), cell) => {
                let separator = zeek.map_or(',', |zeek| zeek.set_separator);
                for (place, element) in cell.split(separator).enumerate() {
                    out.push(if place == 0 { b'[' } else { b',' });
                    write_as(element, numbers, out);
                }
                out.push(b']');
            }
            (ColumnKind::Bool, "T") => out.extend_from_slice(b"true"),
            (ColumnKind::Bool, "F") => out.extend_from_slice(b"false"),
            (ColumnKind::Number, cell) => write_as(cell, true, out),
            (ColumnKind::Any, cell) => write_as(cell, is_plain(cell), out),
            (_, cell) if zeek.is_some_and(|zeek| cell == zeek.empty) => out.extend_from_slice(b"\"\""),
            (_, cell) => write_text(cell, out),
        }
    }
}

/// What is a number, a list or true or false in every reading: not `007`.
fn is_plain(cell: &str) -> bool {
    let is_list = cell.starts_with('[') && cell.ends_with(']');
    is_list || matches!(cell, "true" | "false") || cell.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// As it stands if it is JSON, as a text if not.
fn write_as(cell: &str, plain: bool, out: &mut Vec<u8>) {
    if plain && !cell.contains(['\n', '\r']) && serde_json::from_str::<&RawValue>(cell).is_ok() {
        out.extend_from_slice(cell.as_bytes());
    } else {
        write_text(cell, out);
    }
}
