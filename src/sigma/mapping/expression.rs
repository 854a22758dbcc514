//! Regular expressions of a mapping, and what replaces what they find.

use super::file::Reader;
use crate::sigma::ast::wrong_type;
use crate::sigma::diagnostic::Problem;
use crate::sigma::limits::{MAX_REGEX_BYTES, MAX_REGEX_SIZE};
use crate::sigma::scalar::scalar_text;
use crate::sigma::yaml::{Entry, Node};
use regex::{Regex, RegexBuilder};

/// Where an expression must be found.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    None,
    Start,
}

impl Reader<'_, '_> {
    pub(super) fn regex(&mut self, node: &Node<'_>, anchor: Anchor) -> Option<Regex> {
        let Some(pattern) = scalar_text(node).filter(|pattern| pattern.len() <= MAX_REGEX_BYTES) else {
            self.problems().push(wrong_type(
                node,
                "a regular expression",
                &format!("a text of up to {MAX_REGEX_BYTES} bytes"),
            ));
            return None;
        };
        let anchored = match anchor {
            Anchor::Start => format!("^(?:{pattern})"),
            Anchor::None => pattern.to_owned(),
        };
        let built = RegexBuilder::new(&anchored).size_limit(MAX_REGEX_SIZE).build().map_err(|error| {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            Problem::error("bad-regex", node.span, format!("invalid regular expression: {why}"))
        });
        self.keep(built)
    }

    /// A replacement as it is written for `re.sub` (`\1`, `\g<name>`, `\\`), as the regex crate writes it.
    pub(super) fn replacement(&mut self, entry: &Entry<'_>, regex: &Regex) -> Option<String> {
        let Some(text) = scalar_text(&entry.value) else {
            self.problems().push(wrong_type(&entry.value, "`replacement`", "a text"));
            return None;
        };
        let template = template(text, regex);
        if template.is_none() {
            let problem =
                Problem::error("bad-value", entry.value.span, "no group of the expression, or no known escape");
            self.problems().push(problem.hint("`\\1` and `\\g<name>` are groups, `\\\\` is a backslash"));
        }
        template
    }
}

/// See [`Reader::replacement`]. `None` if it names a group that is not there, or an escape that means something else.
fn template(text: &str, regex: &Regex) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '$']) {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = found.strip_prefix('$') {
            out.push_str("$$");
            rest = after;
            continue;
        }
        let after = found.get(1..)?;
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (group, left) = if digits > 0 {
            after.split_at(digits)
        } else if let Some(named) = after.strip_prefix("g<") {
            named.split_once('>')?
        } else {
            match after.chars().next() {
                Some('\\') => out.push('\\'),
                Some(c) if !c.is_ascii_alphabetic() => out.extend(['\\', c]),
                _ => return None,
            }
            rest = after.get(after.chars().next().map_or(0, char::len_utf8)..)?;
            continue;
        };
        let there = match group.parse::<usize>() {
            Ok(number) => number < regex.captures_len(),
            Err(_) => regex.capture_names().flatten().any(|name| name == group),
        };
        if !there {
            return None;
        }
        out.push_str(&format!("${{{group}}}"));
        rest = left;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_those_of_re_sub() {
        let regex = Regex::new("(?P<name>a)(b)").unwrap();
        for (written, read) in [
            (r"x\1y", Some("x${1}y")),
            (r"\g<name>\g<2>", Some("${name}${2}")),
            (r"$1", Some("$$1")),
            (r"\\1", Some(r"\1")),
            (r"C:\.", Some(r"C:\.")),
            (r"\3", None),
            (r"\g<other>", None),
            (r"\n", None),
            (r"a\", None),
        ] {
            assert_eq!(template(written, &regex).as_deref(), read, "{written}");
        }
    }
}
