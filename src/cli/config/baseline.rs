//! `baseline:` where it is kept what is usual here, and whether more is learned.

use super::super::baseline::Settings;
use super::super::node::{Fields, integer, text, wrong_value};
use super::Reader;
use crate::record::baseline::{Bounds, MOST_ENTRIES, MOST_RANGES, Mode};
use crate::sigma::diagnostic::{Refusal, nearest, short};
use crate::sigma::yaml::Node;
use crate::time::Span;

const KEYS: [&str; 4] = ["file", "mode", "news", "bounds"];

const WHAT: &str = "`baseline`";

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Settings> {
    let fields = reader.fields(node, &KEYS, WHAT)?;
    let file = reader.need(&fields, "file", WHAT, |node| text(node, "the name of a file"));
    let mode = match fields.get("mode") {
        Some(node) => reader.keep(mode(node)),
        None => {
            reader.fill(&fields, "mode", "freeze");
            Some(Mode::Freeze)
        }
    };
    let news = fields.get("news").map(|node| (node, reader.keep(text(node, "the name of a file"))));
    let bounds = match fields.get("bounds") {
        Some(node) => bounds(node, reader),
        None => {
            let Bounds { entries, ranges } = Bounds::default();
            reader.fill(&fields, "bounds", format!("{{entries: {entries}, ranges: {ranges}}}"));
            Some(Bounds::default())
        }
    };
    let file = file.map(|name| reader.path(name));
    let news = match news {
        Some((_, None)) => return None,
        Some((node, Some(name))) => {
            let news = reader.path(name);
            if Some(&news) == file.as_ref() {
                reader.problems.push(
                    wrong_value(node, "what is new would be written over the baseline")
                        .hint("`news` needs a file of its own"),
                );
            }
            Some(news)
        }
        None => None,
    };
    Some(Settings { file: file?, mode: mode?, news, bounds: bounds? })
}

/// `freeze`, `continue`, `learn` or `learn for 7d`.
fn mode(node: &Node<'_>) -> Result<Mode, Refusal> {
    let written = text(node, "a mode")?;
    let span = |span: &str| {
        Span::parse(span.trim()).ok_or_else(|| {
            let message =
                format!("expected how long to learn as a number and one of s m h d w, not `{}`", short(span.trim()));
            wrong_value(node, message).hint("such as `learn for 7d`")
        })
    };
    match written.trim() {
        "freeze" => Ok(Mode::Freeze),
        "continue" => Ok(Mode::Continue),
        "learn" => Ok(Mode::Learn(None)),
        other => match other.strip_prefix("learn for ") {
            Some(time) => span(time).map(|time| Mode::Learn(Some(time))),
            None => {
                let modes = ["learn for 7d", "learn", "freeze", "continue"];
                let problem = wrong_value(node, format!("no mode `{}`", short(other)));
                Err(match nearest(other, modes) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint(format!("there are {}", modes.join(", "))),
                })
            }
        },
    }
}

fn bounds(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Bounds> {
    let fields: Fields<'_> = reader.fields(node, &["entries", "ranges"], "`bounds`")?;
    let default = Bounds::default();
    let mut bound = |key, default: usize, most: usize| {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let read = |node: &Node<'_>| integer(node, "a bound", 1..=most).map(|bound| bound as usize);
        reader.or(&fields, key, default, read)
    };
    let entries = bound("entries", default.entries, MOST_ENTRIES);
    let ranges = bound("ranges", default.ranges, MOST_RANGES);
    Some(Bounds { entries: entries?, ranges: ranges? })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};
    use super::*;

    #[test]
    fn a_mode_is_to_freeze_unless_it_is_written() {
        let mode = |written: &str| {
            right(&folder(), &format!("baseline: {{file: b.yml{written}}}")).baseline.map(|settings| settings.mode)
        };
        assert_eq!(mode(""), Some(Mode::Freeze));
        assert_eq!(mode(", mode: continue"), Some(Mode::Continue));
        assert_eq!(mode(", mode: learn"), Some(Mode::Learn(None)));
        assert_eq!(mode(", mode: learn for 7d"), Some(Mode::Learn(Some(Span::from_secs(7 * 86_400)))));
    }

    #[test]
    fn files_are_beside_the_configuration_and_bounds_have_defaults() {
        let folder = folder();
        let source = "baseline:\n  file: b.yml\n  news: n.yml\n  bounds: {ranges: 9}\n";
        let settings = right(&folder, source).baseline.unwrap();
        assert_eq!(settings.file, folder.path().join("b.yml"));
        assert_eq!(settings.news, Some(folder.path().join("n.yml")));
        assert_eq!(settings.bounds, Bounds { ranges: 9, ..Bounds::default() });
        assert_eq!(right(&folder, "baseline:").baseline, None);
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "baseline: b.yml",
            "baseline: {}",
            "baseline: {fiel: b.yml}",
            "baseline: {file: []}",
            "baseline: {file: b.yml, mode: frezee}",
            "baseline: {file: b.yml, mode: learn for a week}",
            "baseline: {file: b.yml, mode: learn for 0d}",
            "baseline: {file: b.yml, mode: [learn]}",
            "baseline: {file: b.yml, news: b.yml}",
            "baseline: {file: b.yml, bounds: {entries: 0}}",
            "baseline: {file: b.yml, bounds: {entries: 20000, ranges: many}}",
            "baseline: {file: b.yml, bounds: {entires: 5}}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
