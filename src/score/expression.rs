//! Points worked out from a record: `10 * write.count`, `min(90, 20 + 5 * modbus.quantity)`.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = value { ("*" | "/") value }
//! value   = number | field | "-" value | "(" sum ")" | ("min" | "max") "(" sum { "," sum } ")"
//! ```
//!
//! All numbers are whole ones and stay at the ends of their range; what is divided by zero is zero.

use std::fmt;
use std::sync::Arc;

/// The longest expression that is read.
const MAX_LENGTH: usize = 1_024;

/// How deep expressions can be nested, and how many values can wait for an operator.
const MAX_DEPTH: usize = 32;

/// An expression that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    text: Box<str>,
    steps: Vec<Step>,
    fields: Vec<Arc<str>>,
}

/// What is done in turn with a stack of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Number(i64),
    Field(usize),
    Add,
    Subtract,
    Multiply,
    Divide,
    Min,
    Max,
}

/// A text that is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ExpressionError {
    /// How many bytes are before the mistake.
    pub at: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is not one; the error has the place.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > MAX_LENGTH {
            let problem = format!("an expression of {} bytes is longer than the {MAX_LENGTH} allowed", text.len());
            return Err(ExpressionError { at: MAX_LENGTH, problem });
        }
        let mut parser = Parser { text, at: 0, depth: 0, steps: Vec::new(), fields: Vec::new() };
        parser.sum()?;
        parser.skip_blanks();
        if parser.at < text.len() {
            return Err(parser.expected("an operator or the end"));
        }
        let Parser { steps, fields, .. } = parser;
        Ok(Self { text: text.trim().into(), steps, fields })
    }

    /// The fields it asks for.
    #[must_use]
    pub fn fields(&self) -> &[Arc<str>] {
        &self.fields
    }

    /// Its value; `number` tells the one of a field, by its place in [`fields`](Self::fields). `None` where one of them
    /// has none.
    pub fn evaluate(&self, number: impl Fn(usize) -> Option<i64>) -> Option<i64> {
        let mut stack = [0i64; MAX_DEPTH];
        let mut height = 0usize;
        for step in &self.steps {
            let value = match *step {
                Step::Number(value) => value,
                Step::Field(place) => number(place)?,
                operator => {
                    let right = *stack.get(height.checked_sub(1)?)?;
                    height = height.checked_sub(2)?;
                    let left = *stack.get(height)?;
                    operator.apply(left, right)
                }
            };
            *stack.get_mut(height)? = value;
            height += 1;
        }
        stack.first().copied()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Step {
    fn apply(self, left: i64, right: i64) -> i64 {
        match self {
            Self::Add => left.saturating_add(right),
            Self::Subtract => left.saturating_sub(right),
            Self::Multiply => left.saturating_mul(right),
            Self::Divide => left.checked_div(right).unwrap_or(0),
            Self::Min => left.min(right),
            Self::Max => left.max(right),
            Self::Number(value) => value,
            Self::Field(_) => 0,
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// How many values wait when the next one comes, at most.
    depth: usize,
    steps: Vec<Step>,
    fields: Vec<Arc<str>>,
}

impl<'t> Parser<'t> {
    fn sum(&mut self) -> Result<(), ExpressionError> {
        self.chain(&[('+', Step::Add), ('-', Step::Subtract)], Self::product)
    }

    fn product(&mut self) -> Result<(), ExpressionError> {
        self.chain(&[('*', Step::Multiply), ('/', Step::Divide)], Self::value)
    }

    /// Parts with operators of one rank between them, from left to right.
    fn chain(
        &mut self,
        operators: &[(char, Step)],
        part: fn(&mut Self) -> Result<(), ExpressionError>,
    ) -> Result<(), ExpressionError> {
        part(self)?;
        while let Some((_, step)) = operators.iter().find(|(sign, _)| self.take(*sign)) {
            self.below(part)?;
            self.steps.push(*step);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<(), ExpressionError> {
        if self.take('-') {
            self.steps.push(Step::Number(0));
            self.below(Self::value)?;
            self.steps.push(Step::Subtract);
            return Ok(());
        }
        if self.take('(') {
            self.below(Self::sum)?;
            return self.need(')');
        }
        let word = self.word();
        match word {
            "" => Err(self.expected("a number, a field or `(`")),
            "min" | "max" if self.take('(') => {
                let step = if word == "min" { Step::Min } else { Step::Max };
                self.below(Self::sum)?;
                while self.take(',') {
                    self.below(Self::sum)?;
                    self.steps.push(step);
                }
                self.need(')')
            }
            number if number.starts_with(|first: char| first.is_ascii_digit()) => {
                let value = number.parse().map_err(|_| ExpressionError {
                    at: self.at - number.len(),
                    problem: format!("expected a whole number, not `{number}`"),
                })?;
                self.steps.push(Step::Number(value));
                Ok(())
            }
            field => {
                let place = self.fields.iter().position(|known| **known == *field).unwrap_or_else(|| {
                    self.fields.push(field.into());
                    self.fields.len() - 1
                });
                self.steps.push(Step::Field(place));
                Ok(())
            }
        }
    }

    /// Reads a part while the values before it wait.
    fn below(&mut self, part: fn(&mut Self) -> Result<(), ExpressionError>) -> Result<(), ExpressionError> {
        self.depth += 1;
        if self.depth >= MAX_DEPTH {
            let problem = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(ExpressionError { at: self.at, problem });
        }
        part(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or("");
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip_blanks();
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(sign));
        self.at += if found { sign.len_utf8() } else { 0 };
        found
    }

    fn need(&mut self, sign: char) -> Result<(), ExpressionError> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// A number or a name; empty where there is none.
    fn word(&mut self) -> &'t str {
        self.skip_blanks();
        let rest = self.text.get(self.at..).unwrap_or("");
        let is_part = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '.' | '@' | ':');
        let end = rest.find(|sign| !is_part(sign)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn expected(&self, what: &str) -> ExpressionError {
        let found = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let found = found.map_or("the end".to_owned(), |sign| format!("`{sign}`"));
        ExpressionError { at: self.at, problem: format!("expected {what}, not {found}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &str, fields: &[(&str, i64)]) -> Option<i64> {
        let expression = Expression::parse(text).unwrap();
        expression.evaluate(|place| {
            let name = &expression.fields()[place];
            fields.iter().find(|(known, _)| *known == &**name).map(|(_, value)| *value)
        })
    }

    #[test]
    fn products_go_before_sums_and_both_from_left_to_right() {
        assert_eq!(value("2 + 3 * 4", &[]), Some(14));
        assert_eq!(value("(2+3)*4", &[]), Some(20));
        assert_eq!(value("20 - 5 - 3", &[]), Some(12));
        assert_eq!(value("100 / 7 / 2", &[]), Some(7));
        assert_eq!(value("-3 * -(2 - 4)", &[]), Some(-6));
        assert_eq!(value("min(90, 20 + 5 * write.count, 60)", &[("write.count", 3)]), Some(35));
        assert_eq!(value("max(1, a) * a", &[("a", 4)]), Some(16));
    }

    #[test]
    fn a_missing_field_makes_no_number_and_nothing_overflows() {
        assert_eq!(value("10 * write.count", &[]), None);
        assert_eq!(value("x * x * x", &[("x", i64::MAX)]), Some(i64::MAX));
        assert_eq!(value("0 - x - x", &[("x", i64::MAX)]), Some(i64::MIN));
        assert_eq!(value("5 / x", &[("x", 0)]), Some(0));
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        let deep = "(".repeat(40);
        let long = "1+".repeat(600);
        let all = ["", "10 *", "10 write.count", "min(1, 2", "2 $ 3", "12x", "1.5 * 2", &deep, &long];
        let told = all.map(|text| {
            let error = Expression::parse(text).unwrap_err();
            format!("{:.20} @{}: {error}", text, error.at)
        });
        insta::assert_snapshot!(told.join("\n"));
    }

    proptest! {
        /// What is printed of an expression is read as the same one, and no text does harm.
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-z.+*/(), -]{0,60}") {
            if let Ok(expression) = Expression::parse(&text) {
                prop_assert_eq!(&Expression::parse(&expression.to_string()).unwrap(), &expression);
                prop_assert!(expression.evaluate(|_| Some(3)).is_some());
            }
        }
    }
}
