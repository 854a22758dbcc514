//! The IR as one line of text, for tests, `explain` and messages.

use super::ir::{
    Absent, Correlation, CorrelationKind, Criterion, Expr, GroupKey, Metric, Number, Order, Pattern, Piece, Place,
    Predicate, Regex, Relation, RuleExpr, RuleRef, Side, Target, Temporal, Test, TimePart,
};
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
        joined(f, parts, word)?;
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

/// Prints `events >= 5 of rule 0, correlation 1 by src_ip within 10m`; rules and correlations by index.
impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (present, absent) = self.present();
        write!(f, "{} of {}", self.kind, Listed(present))?;
        if let (Some(rule), Some(Absent { side, once })) = (absent, self.absent) {
            let side = if side == Side::Before { "before" } else { "after" };
            write!(f, " without {rule} {side}{}", if once { ", once" } else { "" })?;
        }
        if !self.group_by.is_empty() {
            write!(f, " by {}", Listed(&self.group_by))?;
        }
        write!(f, " within {}{}", self.timespan, if self.generate { ", which are told too" } else { "" })
    }
}

/// Prints what is sought: `events >= 5 and < 10`, `rules in order: #0 and #1`; `#0` is the first of
/// [`Correlation::rules`].
impl fmt::Display for CorrelationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventCount(criteria) => write!(f, "events {}", Criteria(criteria)),
            Self::ValueCount { fields, criteria } => write!(f, "values of {} {}", Listed(fields), Criteria(criteria)),
            Self::Temporal(temporal) => write!(f, "rules{temporal}"),
            Self::TemporalOrdered(temporal) => write!(f, "rules in order{temporal}"),
            Self::Metric { metric, field, criteria } => write!(f, "{metric} of {field} {}", Criteria(criteria)),
        }
    }
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(criteria) => write!(f, " {}", Criteria(criteria)),
            Self::Expr(expr) => write!(f, ": {expr}"),
        }
    }
}

/// Prints `(#0 or not #1)`.
impl fmt::Display for RuleExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::Seen(place) => return write!(f, "#{place}"),
            Self::Not(inner) => return write!(f, "not {inner}"),
            Self::All(parts) => (parts, " and "),
            Self::Any(parts) => (parts, " or "),
        };
        f.write_str("(")?;
        joined(f, parts, word)?;
        f.write_str(")")
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum => f.write_str("sum"),
            Self::Avg => f.write_str("mean"),
            Self::Percentile(percentile) => write!(f, "percentile {percentile}"),
            Self::Median => f.write_str("median"),
        }
    }
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(index) => write!(f, "rule {index}"),
            Self::Correlation(index) => write!(f, "correlation {index}"),
        }
    }
}

/// Prints the name, and the fields for each rule if they have other names.
impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.fields.iter().any(|field| *field != self.name) {
            write!(f, " ({})", self.fields.join("; "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.relation {
            Relation::Lt => "<",
            Relation::Lte => "<=",
            Relation::Gt => ">",
            Relation::Gte => ">=",
            Relation::Eq => "=",
            Relation::Neq => "!=",
        };
        write!(f, "{sign} {}", self.value)
    }
}

struct Criteria<'a>(&'a [Criterion]);

impl fmt::Display for Criteria<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, self.0, " and ")
    }
}

struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, self.0, ", ")
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[impl fmt::Display], between: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}
