//! Mappings, from their names to what they are.

use super::args::MappingArgs;
use super::config::Config;
use super::outcome::{Failure, reason};
use super::report::counted;
use crate::sigma::{self, Mappings, SourceText};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The mappings that the arguments name, or else the configuration. What is wrong with them is told on standard error.
pub(super) fn load(args: &MappingArgs, config: &Config) -> Result<Mappings, Failure> {
    let named = args.mappings.as_slice();
    if named.is_empty() {
        return Ok(config.mappings.clone());
    }
    let mut mappings = Vec::with_capacity(named.len());
    let mut wrong = 0;
    for name in named {
        let source = match sigma::shipped_mapping(name) {
            Some(shipped) => shipped,
            None => read(name)?,
        };
        match sigma::read_mapping(&source) {
            Ok(mapping) => mappings.push(mapping),
            Err(found) => {
                wrong += found.len();
                let text = source.lossy();
                let drawn = |found| sigma::render(found, &text, super::colour_on_stderr());
                found.iter().for_each(|found| super::note(&format!("{}\n", drawn(found).trim_end())));
            }
        }
    }
    if wrong > 0 {
        return Err(Failure::rules(format!("{} in mappings", counted(wrong, "error"))));
    }
    Ok(Mappings::new(mappings))
}

fn read(name: &str) -> Result<SourceText, Failure> {
    let path = Path::new(name);
    if !path.exists() {
        return Err(unknown(name));
    }
    let unreadable =
        |error: &std::io::Error| Failure::failed(format!("cannot read {}: {}", path.display(), reason(error)));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    // One byte more than it may have is enough to refuse it.
    file.take(sigma::MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(SourceText::new(path.display().to_string(), bytes))
}

/// There is no such mapping.
pub(super) fn unknown(name: &str) -> Failure {
    let shipped: Vec<_> = sigma::shipped_mappings().map(|shipped| shipped.name).collect();
    Failure::usage(format!("{name}: no such file, and no shipped mapping: there are {}", shipped.join(", ")))
}
