//! One mapped register, or a run of them that hold one value: where it stands and how it is read.

use crate::modbus::Table;
use crate::record::{Fact, List};
use bumpalo::Bump;
use bumpalo::collections::{String, Vec};
use std::fmt::Write;
use std::sync::Arc;

/// A value of a device, in one or more places of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// Its name, without the `tag.` of field names.
    pub name: Arc<str>,
    /// One of the four tables.
    pub table: Table,
    /// The first address, counted from 0.
    pub address: u16,
    /// How its words are read.
    pub form: Form,
    /// How the number read becomes the one that is meant.
    pub scale: Scale,
    /// What the number measures.
    pub unit: Option<Arc<str>>,
    /// Which numbers are harmless.
    pub safe: Option<Safe>,
    /// Whether nobody may see its value.
    pub secret: bool,
}

/// How words are read.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A coil or discrete input: true or false.
    Bool,
    /// An integer, in two's complement if signed.
    Int {
        /// How many registers it takes: 1, 2 or 4.
        registers: u16,
        /// Whether it can be negative.
        signed: bool,
        /// The order of its bytes.
        order: Order,
    },
    /// A number with a fraction (IEEE 754).
    Float {
        /// How many registers it takes: 2 or 4.
        registers: u16,
        /// The order of its bytes.
        order: Order,
    },
    /// Decimal digits, four in each register.
    Bcd {
        /// How many registers it takes: 1 to 4.
        registers: u16,
        /// The order of its bytes.
        order: Order,
    },
    /// A text, zeros at the end left out.
    Text {
        /// How many registers it takes: 1 to 125.
        registers: u16,
        /// How characters stand in a register.
        packing: Packing,
    },
    /// The names of the bits that are set, bit 0 the lowest.
    Bits(Box<[(u8, Arc<str>)]>),
    /// The word of a number, or the number where it has none.
    Enum(Box<[(i64, Arc<str>)]>),
}

/// The order of a number's bytes on the wire, `ABCD` being the most significant first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Most significant byte first, as Modbus orders a register.
    #[default]
    Abcd,
    /// Registers the other way round.
    Cdab,
    /// The two bytes of each register the other way round.
    Badc,
    /// Least significant byte first.
    Dcba,
}

/// How characters stand in a register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Two, the first one in the high byte.
    #[default]
    HighFirst,
    /// Two, the first one in the low byte.
    LowFirst,
    /// One, in the low byte.
    One,
}

/// `value = number * factor + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    factor: f64,
    /// 10 for a factor of 0.1, to divide by: 3 / 10 is 0.3, 3 * 0.1 is not.
    divisor: Option<f64>,
    offset: f64,
}

/// The harmless numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Safe {
    /// The least; negative infinity for no bound.
    pub min: f64,
    /// The greatest; infinity for no bound.
    pub max: f64,
}

/// A number as it was read, before its scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::record) enum Quantity {
    /// A whole number.
    Int(i128),
    /// A finite number with a fraction.
    Float(f64),
}

impl Default for Scale {
    fn default() -> Self {
        Self::new(1.0, 0.0)
    }
}

impl Scale {
    /// A scale; a factor of 0 makes every value the offset.
    #[must_use]
    pub fn new(factor: f64, offset: f64) -> Self {
        let inverse = (1.0 / factor).round();
        let divisor = (inverse.abs() > 1.0 && inverse.is_finite() && 1.0 / inverse == factor).then_some(inverse);
        Self { factor, divisor, offset }
    }

    /// Whether numbers stay what they are.
    fn is_identity(self) -> bool {
        self.factor == 1.0 && self.offset == 0.0
    }

    fn stretch(self, number: f64) -> f64 {
        self.divisor.map_or(number * self.factor, |divisor| number / divisor)
    }

    /// The value that a number means.
    pub(in crate::record) fn apply<'a>(self, quantity: Quantity) -> Fact<'a> {
        if self.is_identity() { plain(quantity) } else { float(self.stretch(quantity.float()) + self.offset) }
    }

    /// How much the value changed from `old` to `new`.
    pub(in crate::record) fn delta<'a>(self, old: Quantity, new: Quantity) -> Fact<'a> {
        let difference = match (old, new) {
            (Quantity::Int(old), Quantity::Int(new)) => Quantity::Int(new - old),
            (old, new) => Quantity::Float(new.float() - old.float()),
        };
        if self.is_identity() { plain(difference) } else { float(self.stretch(difference.float())) }
    }
}

impl Safe {
    /// Whether a value lies outside; `None` for what is no number.
    pub(in crate::record) fn excludes(self, value: Fact<'_>) -> Option<bool> {
        let number = match value {
            Fact::Int(number) => number as f64,
            Fact::Uint(number) => number as f64,
            Fact::Float(number) => number,
            _ => return None,
        };
        Some(number < self.min || number > self.max)
    }
}

impl Quantity {
    fn float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

fn plain<'a>(quantity: Quantity) -> Fact<'a> {
    match quantity {
        Quantity::Int(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Fact::Int(number),
            (_, Ok(number)) => Fact::Uint(number),
            _ => Fact::Float(number as f64),
        },
        Quantity::Float(number) => float(number),
    }
}

/// What is not finite has no value that could be written down.
fn float<'a>(number: f64) -> Fact<'a> {
    if number.is_finite() { Fact::Float(number) } else { Fact::Null }
}

impl Register {
    /// How many addresses it takes.
    #[must_use]
    pub const fn length(&self) -> u16 {
        match self.form {
            Form::Bool | Form::Bits(_) | Form::Enum(_) => 1,
            Form::Int { registers, .. }
            | Form::Float { registers, .. }
            | Form::Bcd { registers, .. }
            | Form::Text { registers, .. } => registers,
        }
    }

    /// Its last address, held at 65,535.
    #[must_use]
    pub const fn last(&self) -> u16 {
        self.address.saturating_add(self.length().saturating_sub(1))
    }

    /// The number in its words (for tables of bits: in its bit); `None` if it holds something else.
    pub(in crate::record) fn quantity(&self, words: &[u16]) -> Option<Quantity> {
        match self.form {
            Form::Int { signed, order, .. } => {
                let (bits, width) = assemble(words, order);
                let unused = 64 - width;
                Some(Quantity::Int(if signed {
                    i128::from((bits << unused).cast_signed() >> unused)
                } else {
                    bits.into()
                }))
            }
            Form::Float { registers, order } => {
                let (bits, _) = assemble(words, order);
                let number = if registers == 2 {
                    shortest(f32::from_bits(u32::try_from(bits).unwrap_or_default()))
                } else {
                    f64::from_bits(bits)
                };
                number.is_finite().then_some(Quantity::Float(number))
            }
            Form::Bcd { order, .. } => {
                let (bits, width) = assemble(words, order);
                let mut digits = (0..width / 4).rev().map(|digit| (bits >> (4 * digit)) & 0xF);
                let number =
                    digits.try_fold(
                        0_u64,
                        |number, digit| {
                            if digit < 10 { number.checked_mul(10)?.checked_add(digit) } else { None }
                        },
                    );
                number.map(|number| Quantity::Int(number.into()))
            }
            Form::Bool | Form::Text { .. } | Form::Bits(_) | Form::Enum(_) => None,
        }
    }

    /// What its words mean; null where they mean nothing, as digits above nine.
    pub(in crate::record) fn read<'a>(&self, words: &[u16], arena: &'a Bump) -> Fact<'a> {
        let first = words.first().copied().unwrap_or_default();
        match &self.form {
            Form::Int { .. } | Form::Float { .. } | Form::Bcd { .. } => {
                self.quantity(words).map_or(Fact::Null, |quantity| self.scale.apply(quantity))
            }
            Form::Bool => Fact::Bool(first != 0),
            Form::Text { packing, .. } => Fact::Text(text(words, *packing, arena)),
            Form::Bits(names) => {
                let set = names.iter().filter(|(bit, _)| first >> (bit & 15) & 1 == 1);
                let mut facts = Vec::new_in(arena);
                facts.extend(set.map(|(_, name)| Fact::Text(arena.alloc_str(name))));
                Fact::List(List::Facts(facts.into_bump_slice()))
            }
            Form::Enum(words) => {
                let number = i64::from(first);
                let word = words.iter().find(|(known, _)| *known == number);
                word.map_or(Fact::Int(number), |(_, word)| Fact::Text(arena.alloc_str(word)))
            }
        }
    }
}

/// Up to four words as one number, and how many bits it has.
fn assemble(words: &[u16], order: Order) -> (u64, u32) {
    let swapped = |word: &u16| if matches!(order, Order::Badc | Order::Dcba) { word.swap_bytes() } else { *word };
    let join = |number: u64, word: u16| number << 16 | u64::from(word);
    let words = words.get(..4).unwrap_or(words);
    let number = match order {
        Order::Abcd | Order::Badc => words.iter().map(swapped).fold(0, join),
        Order::Cdab | Order::Dcba => words.iter().rev().map(swapped).fold(0, join),
    };
    (number, 16 * words.len() as u32)
}

/// The number that prints the same with the fewest digits: a device that sends 21.7 in four bytes means 21.7 and not
/// 21.700000762939453.
fn shortest(number: f32) -> f64 {
    /// Sign, nine digits, point and exponent.
    const LONGEST: usize = 24;
    let mut printed = [0; LONGEST];
    let mut rest = &mut printed[..];
    let fits = std::io::Write::write_fmt(&mut rest, format_args!("{number:e}")).is_ok();
    let length = LONGEST - rest.len();
    let text = printed.get(..length).and_then(|text| std::str::from_utf8(text).ok()).filter(|_| fits);
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| f64::from(number))
}

/// Characters up to the zeros at the end; what is not UTF-8 becomes U+FFFD.
fn text<'a>(words: &[u16], packing: Packing, arena: &'a Bump) -> &'a str {
    let mut bytes = Vec::new_in(arena);
    for word in words {
        let [high, low] = word.to_be_bytes();
        match packing {
            Packing::HighFirst => bytes.extend_from_slice(&[high, low]),
            Packing::LowFirst => bytes.extend_from_slice(&[low, high]),
            Packing::One => bytes.push(low),
        }
    }
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used);
    let bytes = bytes.into_bump_slice();
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy_in(bytes, arena).into_bump_str(),
    }
}

/// Its type, for people: `i16`, `string of 16`.
impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int { registers, signed, .. } => write!(f, "{}{}", if *signed { 'i' } else { 'u' }, 16 * registers),
            Self::Float { registers, .. } => write!(f, "f{}", 16 * registers),
            Self::Bcd { registers, .. } => write!(f, "bcd of {} digits", 4 * registers),
            Self::Text { registers, packing } => {
                write!(f, "string of {}", if *packing == Packing::One { *registers } else { 2 * registers })
            }
            Self::Bits(names) => {
                f.write_str("bits ")?;
                names.iter().enumerate().try_for_each(|(at, (_, name))| separated(f, at, name))
            }
            Self::Enum(words) => {
                f.write_str("one of ")?;
                words.iter().enumerate().try_for_each(|(at, (_, word))| separated(f, at, word))
            }
        }
    }
}

fn separated(f: &mut std::fmt::Formatter<'_>, at: usize, name: &str) -> std::fmt::Result {
    if at > 0 {
        f.write_char(',')?;
        f.write_char(' ')?;
    }
    f.write_str(name)
}

#[cfg(test)]
mod tests {
    use super::super::testing::register;
    use super::*;

    fn read(form: Form, words: &[u16]) -> std::string::String {
        scaled(form, Scale::default(), words)
    }

    fn scaled(form: Form, scale: Scale, words: &[u16]) -> std::string::String {
        let mut out = std::vec::Vec::new();
        let register = Register { form, scale, ..register("r", 0) };
        assert_eq!(usize::from(register.length()), words.len());
        crate::record::json::write_fact(register.read(words, &Bump::new()), &mut out);
        std::string::String::from_utf8(out).unwrap()
    }

    const fn int(registers: u16, signed: bool, order: Order) -> Form {
        Form::Int { registers, signed, order }
    }

    #[test]
    fn integers_are_read_in_every_width_sign_and_order() {
        let orders = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];
        let wires: [&[u16]; 4] = [&[0xAABB, 0xCCDD], &[0xCCDD, 0xAABB], &[0xBBAA, 0xDDCC], &[0xDDCC, 0xBBAA]];
        for (order, wire) in orders.into_iter().zip(wires) {
            assert_eq!(read(int(2, false, order), wire), 0xAABB_CCDD_u32.to_string(), "{order:?}");
            assert_eq!(read(int(2, true, order), wire), (0xAABB_CCDD_u32 as i32).to_string(), "{order:?}");
        }
        assert_eq!(read(int(1, true, Order::Abcd), &[0xFFFE]), "-2");
        assert_eq!(read(int(1, false, Order::Abcd), &[0xFFFE]), "65534");
        assert_eq!(read(int(1, false, Order::Badc), &[0x0100]), "1");
        assert_eq!(read(int(4, false, Order::Abcd), &[0xFFFF; 4]), u64::MAX.to_string());
        assert_eq!(read(int(4, true, Order::Abcd), &[0x8000, 0, 0, 0]), i64::MIN.to_string());
        assert_eq!(read(int(4, true, Order::Dcba), &[0x0700, 0, 0, 0]), "7");
    }

    #[test]
    fn fractions_are_those_that_the_device_means() {
        let f32 = |number: f32| {
            let bits = number.to_bits();
            [(bits >> 16) as u16, bits as u16]
        };
        let float = |order| Form::Float { registers: 2, order };
        assert_eq!(read(float(Order::Abcd), &f32(21.7)), "21.7");
        let [high, low] = f32(-0.001);
        assert_eq!(read(float(Order::Cdab), &[low, high]), "-0.001");
        assert_eq!(read(float(Order::Abcd), &f32(f32::NAN)), "null");
        assert_eq!(read(float(Order::Abcd), &f32(f32::INFINITY)), "null");
        let bits = 1234.5_f64.to_bits();
        let words: [u16; 4] = std::array::from_fn(|at| (bits >> (48 - 16 * at)) as u16);
        assert_eq!(read(Form::Float { registers: 4, order: Order::Abcd }, &words), "1234.5");
    }

    #[test]
    fn a_scale_in_tenths_gives_tenths() {
        let tenths = Scale::new(0.1, 0.0);
        let i16 = || int(1, true, Order::Abcd);
        assert_eq!(scaled(i16(), tenths, &[389]), "38.9");
        assert_eq!(scaled(i16(), tenths, &[3]), "0.3");
        assert_eq!(scaled(i16(), tenths, &[0xFFFF]), "-0.1");
        assert_eq!(scaled(i16(), Scale::new(2.5, -40.0), &[100]), "210.0");
        assert_eq!(scaled(i16(), Scale::new(1.0, -273.0), &[300]), "27.0");
        assert_eq!(tenths.delta(Quantity::Int(389), Quantity::Int(420)), Fact::Float(3.1));
        assert_eq!(Scale::default().delta(Quantity::Int(5), Quantity::Int(3)), Fact::Int(-2));
    }

    #[test]
    fn digits_texts_bits_and_words_are_read() {
        let bcd = |registers| Form::Bcd { registers, order: Order::Abcd };
        assert_eq!(read(bcd(1), &[0x1234]), "1234");
        assert_eq!(read(bcd(2), &[0x0000, 0x9999]), "9999");
        assert_eq!(read(bcd(1), &[0x12A4]), "null");
        let text = |packing| Form::Text { registers: 3, packing };
        assert_eq!(read(text(Packing::HighFirst), &[0x4142, 0x4300, 0]), r#""ABC""#);
        assert_eq!(read(text(Packing::LowFirst), &[0x4241, 0x0043, 0]), r#""ABC""#);
        assert_eq!(read(text(Packing::One), &[0x41, 0x42, 0]), r#""AB""#);
        assert_eq!(read(text(Packing::HighFirst), &[0xFF41, 0, 0]), "\"\u{FFFD}A\"");
        let bits = || Form::Bits([(0, "pump".into()), (15, "alarm".into())].into());
        assert_eq!(read(bits(), &[0x8001]), r#"["pump","alarm"]"#);
        assert_eq!(read(bits(), &[0x7FFE]), "[]");
        let words = || Form::Enum([(0, "off".into()), (3, "on".into())].into());
        assert_eq!(read(words(), &[3]), r#""on""#);
        assert_eq!(read(words(), &[4]), "4");
        assert_eq!(read(Form::Bool, &[1]), "true");
    }

    #[test]
    fn what_lies_outside_the_safe_range_is_told() {
        let safe = Safe { min: 0.0, max: 80.0 };
        for (value, outside) in [
            (Fact::Float(80.0), Some(false)),
            (Fact::Float(80.1), Some(true)),
            (Fact::Int(-1), Some(true)),
            (Fact::Uint(u64::MAX), Some(true)),
            (Fact::Null, None),
            (Fact::Text("81"), None),
        ] {
            assert_eq!(safe.excludes(value), outside, "{value:?}");
        }
        assert_eq!(Safe { min: f64::NEG_INFINITY, max: 3.0 }.excludes(Fact::Int(i64::MIN)), Some(false));
    }
}
