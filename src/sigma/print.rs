//! The IR as one line of text, for tests, `explain` and messages.

use super::ir::{Expr, Number, Order, Pattern, Piece, Place, Predicate, Regex, Target, Test, TimePart};
use std::fmt;

/// Prints `(F = 'a*' or not G is null)`; empty lists print `true` and `false`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word, none) = match self {
            Self::Test(predicate) => return predicate.fmt(f),
            Self::Not(inner) => return write!(f, "not {inner}"),
            Self::All(parts) => (parts, " and ", "true"),
            Self::Any(parts) => (parts, " or ", "false"),
        };
        if parts.is_empty() {
            return f.write_str(none);
        }
        f.write_str("(")?;
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                f.write_str(word)?;
            }
            part.fmt(f)?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = match &self.target {
            Target::Field(name) => &**name,
            Target::AnyValue => "any value",
        };
        match &self.test {
            Test::Exists => write!(f, "{target} exists"),
            Test::Null => write!(f, "{target} is null"),
            Test::Bool(value) => write!(f, "{target} = {value}"),
            Test::Number(value) => write!(f, "{target} = {value}"),
            Test::Text(pattern) => write!(f, "{target} = {pattern}"),
            Test::Regex(regex) => write!(f, "{target} =~ {regex}"),
            Test::Cidr(network) => write!(f, "{target} in {network}"),
            Test::Compare(order, value) => write!(f, "{target} {order} {value}"),
            Test::FieldRef { field, place, cased } => {
                let verb = match place {
                    Place::Whole => "=",
                    Place::Contains => "contains",
                    Place::Start => "starts with",
                    Place::End => "ends with",
                };
                write!(f, "{target} {verb} {}field {field}", if *cased { "cased " } else { "" })
            }
            Test::TimePart { part, order: Some(order), value } => write!(f, "{part} of {target} {order} {value}"),
            Test::TimePart { part, order: None, value } => write!(f, "{part} of {target} = {value}"),
        }
    }
}

/// Prints the pattern as Sigma writes it, in single quotes; `cased` before it where case counts, `<dash>` for
/// [`Piece::Dash`].
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cased { "cased '" } else { "'" })?;
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Many => f.write_str("*")?,
                Piece::One => f.write_str("?")?,
                Piece::Dash => f.write_str("<dash>")?,
                Piece::Literal(text) => write_literal(f, text, at + 1 == self.pieces.len())?,
            }
        }
        f.write_str("'")
    }
}

/// Writes `text` so that it reads as itself: a backslash is doubled only where it would escape what follows.
fn write_literal(f: &mut fmt::Formatter<'_>, text: &str, last: bool) -> fmt::Result {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' => write!(f, "\\{character}")?,
            '\\' => match characters.peek() {
                Some('*' | '?' | '\\') => f.write_str("\\\\")?,
                None if !last => f.write_str("\\\\")?,
                _ => f.write_str("\\")?,
            },
            _ if character.is_control() => write!(f, "{}", character.escape_default())?,
            _ => write!(f, "{character}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.pattern)?;
        for (set, flag) in [(self.ignore_case, "i"), (self.multi_line, "m"), (self.dot_all, "s")] {
            if set {
                f.write_str(flag)?;
            }
        }
        Ok(())
    }
}

/// Prints the decimal form, as texts are compared with it.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        })
    }
}

impl fmt::Display for TimePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        })
    }
}
