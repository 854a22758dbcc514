//! `sigmabus rules`: look at rules without running them.

use super::args::{ConfigArgs, Format, FormatArgs, MappingArgs, RulesCommand};
use super::config::Config;
use super::outcome::{Failure, Outcome};
use super::{explain, format_for_stdout, mapping_files, rule_files, rules_check, rules_coverage, rules_test, skeleton};
use crate::modbus::Table;
use crate::record::maps::{Form, Maps, Register, TAG_PREFIX};
use crate::record::schema;
use crate::sigma::ir::Meta;
use crate::sigma::{Loaded, Mappings, SourceText, shipped_mappings, site_placeholders};
use crate::sink::{painted, plain};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Runs a subcommand.
pub(super) fn run(command: RulesCommand) -> Result<Outcome, Failure> {
    match command {
        RulesCommand::Check { paths, mappings, config, format, fail_on, cost } => {
            rules_check::run(&loaded(&paths, &mappings, &config, rule_files::check)?, format, fail_on, cost)
        }
        RulesCommand::Explain(args) => explain::run(&args),
        RulesCommand::New { correlation } => skeleton::run(correlation),
        RulesCommand::Test { paths, mappings, format } => rules_test::run(&paths, &mappings, format),
        RulesCommand::List { paths, mappings, config, format } => list(&paths, &mappings, &config, &format),
        RulesCommand::Coverage { paths, mappings, config, navigator, format } => {
            let loaded = loaded(&paths, &mappings, &config, rule_files::understand_by)?;
            rules_coverage::run(&loaded.ruleset, navigator.as_deref(), &format)
        }
        RulesCommand::Mappings { name } => shipped(name.as_deref()),
        RulesCommand::Placeholders { config, format } => placeholders(config.as_deref(), &format),
        RulesCommand::Fields { config, format } => fields(config.as_deref(), &format),
    }
}

fn loaded(
    paths: &[PathBuf],
    mappings: &MappingArgs,
    config: &ConfigArgs,
    read: fn(Vec<SourceText>, &Config, Mappings) -> Loaded,
) -> Result<Loaded, Failure> {
    let files = if paths.is_empty() { rule_files::builtin() } else { rule_files::read(paths)? };
    let config = Config::load(config.file.as_deref())?;
    let mappings = mapping_files::load(mappings, &config)?;
    Ok(read(files, &config, mappings))
}

/// A line for each shipped mapping, or the file of one.
fn shipped(name: Option<&str>) -> Result<Outcome, Failure> {
    let text = match name {
        None => {
            let width = shipped_mappings().map(|shipped| shipped.name.len()).max().unwrap_or(0);
            shipped_mappings().map(|shipped| format!("{:width$}  {}\n", shipped.name, shipped.summary)).collect()
        }
        Some(name) => match shipped_mappings().find(|shipped| shipped.name == name) {
            Some(shipped) => shipped.text.to_owned(),
            None => return Err(mapping_files::unknown(name)),
        },
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}

fn list(
    paths: &[PathBuf],
    mappings: &MappingArgs,
    config: &ConfigArgs,
    format: &FormatArgs,
) -> Result<Outcome, Failure> {
    let loaded = loaded(paths, mappings, config, rule_files::understand_by)?;
    let rules = loaded.ruleset.rules.iter().map(|rule| (&rule.meta, "detection"));
    let correlations = loaded.ruleset.correlations.iter().map(|rule| (&rule.meta, "correlation"));
    let mut all: Vec<(&Meta, &str)> = rules.chain(correlations).collect();
    all.sort_by(|(a, _), (b, _)| (&a.origin.file, a.origin.line).cmp(&(&b.origin.file, b.origin.line)));
    print(format, &all, |out, (meta, kind), format| match format {
        Format::Json => writeln!(
            out,
            "{}",
            json!({
                "type": "rule", "kind": kind, "id": meta.id.as_deref(), "title": &*meta.title, "level": meta.level.word(),
                "tags": meta.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(),
                "file": &*meta.origin.file, "line": meta.origin.line,
            })
        ),
        Format::Text => {
            let attack: Vec<String> =
                meta.tags.iter().filter_map(|tag| tag.strip_prefix("attack.")).map(plain).collect();
            let id = meta.id.as_deref().unwrap_or("-");
            writeln!(
                out,
                "{:36}  {}  {:45}  {}",
                plain(id),
                painted(meta.level, 13),
                plain(&meta.title),
                attack.join(" ")
            )
        }
    })
}

/// A placeholder, of the built-in rules or of the site's own.
struct Asked<'a> {
    name: &'a str,
    /// Those in force.
    values: &'a [String],
    /// `None` for one of the site's own.
    default: Option<&'a [String]>,
    configured: bool,
    meaning: &'a str,
    example: &'a str,
}

impl<'a> Asked<'a> {
    /// Those of the built-in rules, then those that only the configuration names.
    fn of(config: &'a Config) -> Vec<Self> {
        let known = site_placeholders().iter().map(|known| {
            let configured = config.placeholders.get(known.name);
            Self {
                name: known.name,
                values: configured.unwrap_or(&known.default),
                default: Some(&known.default),
                configured: configured.is_some(),
                meaning: known.meaning,
                example: known.example,
            }
        });
        let is_own = |name: &str| site_placeholders().iter().all(|known| known.name != name);
        let own = config.placeholders.iter().filter(|(name, _)| is_own(name)).map(|(name, values)| Self {
            name,
            values,
            default: None,
            configured: true,
            meaning: "one of your own",
            example: "",
        });
        known.chain(own).collect()
    }
}

fn placeholders(config: Option<&Path>, format: &FormatArgs) -> Result<Outcome, Failure> {
    let config = Config::load(config)?;
    let all = Asked::of(&config);
    let width = all.iter().map(|asked| asked.name.len()).max().unwrap_or(0);
    let indent = width + 2;
    print(format, &all, |out, asked, format| match format {
        Format::Json => writeln!(
            out,
            "{}",
            json!({
                "type": "placeholder", "name": asked.name, "values": asked.values, "default": asked.default,
                "configured": asked.configured, "meaning": asked.meaning, "example": asked.example,
            })
        ),
        Format::Text => {
            let values = match asked.values {
                [] => "nothing".to_owned(),
                [any] if any == "*" => "any".to_owned(),
                values => values.iter().map(|value| plain(value)).collect::<Vec<_>>().join(", "),
            };
            let origin = if asked.configured { "" } else { " (default)" };
            writeln!(out, "{:width$}  {}", plain(asked.name), asked.meaning)?;
            writeln!(out, "{:indent$}{values}{origin}", "")
        }
    })
}

/// A field, from the schema or from a device map.
struct Listed {
    name: String,
    values: String,
    meaning: String,
    example: &'static str,
    aliases: &'static [&'static str],
}

impl Listed {
    fn of_schema() -> impl Iterator<Item = Self> {
        schema::all().map(|field| Self {
            name: field.name().to_owned(),
            values: field.values(),
            meaning: field.meaning().to_owned(),
            example: field.example(),
            aliases: field.aliases(),
        })
    }

    /// Each tag once, as the first map has it, with what can be asked of it.
    fn of_maps(maps: &Maps) -> Vec<Self> {
        let mut known = BTreeSet::new();
        let registers = maps.registers().filter(|register| known.insert(&register.name));
        registers.flat_map(Self::of_register).collect()
    }

    fn of_register(register: &Register) -> Vec<Self> {
        let Register { name, form, table, address, unit, safe, secret, .. } = register;
        let places =
            if register.last() == *address { address.to_string() } else { format!("{address}-{}", register.last()) };
        let table = Table::ALL.iter().find(|(known, _)| known == table).map_or("", |(_, word)| word);
        let unit = unit.as_ref().map(|unit| format!(" ({unit})")).unwrap_or_default();
        let number = matches!(form, Form::Int { .. } | Form::Float { .. } | Form::Bcd { .. });
        let values = if *secret { "secret, shown as a mark".to_owned() } else { format!("{form}{unit}") };
        let tag = |ending: &str, values: String, meaning: String| Self {
            name: format!("{TAG_PREFIX}{name}{ending}"),
            values,
            meaning,
            example: "",
            aliases: &[],
        };
        let mut all = vec![
            tag("", values.clone(), format!("What is read from or written to {table} {places}.")),
            tag(".previous", values, format!("What `{TAG_PREFIX}{name}` was when it was last seen.")),
        ];
        if number && !secret {
            all.push(tag(".delta", format!("number{unit}"), "The value less the previous one.".to_owned()));
        }
        if safe.is_some() && !secret {
            let meaning = "Whether the value lies outside the safe range.".to_owned();
            all.push(tag(".unsafe", "true or false".to_owned(), meaning));
        }
        all
    }
}

fn fields(config: Option<&Path>, format: &FormatArgs) -> Result<Outcome, Failure> {
    let config = Config::load(config)?;
    let all: Vec<Listed> = Listed::of_schema().chain(Listed::of_maps(&config.maps)).collect();
    let width = all.iter().map(|field| field.name.len()).max().unwrap_or(0);
    let indent = width + 2;
    print(format, &all, |out, field, format| match format {
        Format::Json => writeln!(
            out,
            "{}",
            json!({
                "type": "field", "name": field.name, "value": field.values, "meaning": field.meaning,
                "example": field.example, "aliases": field.aliases,
            })
        ),
        Format::Text => {
            writeln!(out, "{:width$}  {}", field.name, field.meaning)?;
            let example =
                if field.example.is_empty() { String::new() } else { format!("; example: {}", field.example) };
            writeln!(out, "{:indent$}{}{example}", "", field.values)
        }
    })
}

/// Prints each item in the format asked for.
pub(super) fn print<T>(
    format: &FormatArgs,
    items: &[T],
    mut line: impl FnMut(&mut dyn Write, &T, Format) -> io::Result<()>,
) -> Result<Outcome, Failure> {
    let format = format_for_stdout(format.format);
    let mut out = anstream::AutoStream::auto(io::stdout());
    let printed = items.iter().try_for_each(|item| line(&mut out, item, format)).and_then(|()| out.flush());
    printed.map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}
