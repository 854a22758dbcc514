//! Chance, by seed: the same seed gives the same traffic on every machine.

/// The splitmix64 generator (Steele, Lea, Flood 2014): one addition and a mixing function.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator for `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `end`, 0 where `end` is 0. The bias of the multiplication is below 2^-32 for all uses here.
    pub const fn below(&mut self, end: u32) -> u32 {
        (((self.bits() >> 32) * end as u64) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u16, high: u16) -> u16 {
        low + self.below((high - low) as u32 + 1) as u16
    }

    /// A fraction from 0 up to, not including, 1.
    pub const fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with probability `share`.
    pub fn chance(&mut self, share: f64) -> bool {
        // No draw for shares of 0: an option that is off does not change the rest of the traffic.
        share > 0.0 && self.fraction() < share
    }

    /// One of `choices`, each as often as its weight says; the last where the weights are all 0.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u32, T)], otherwise: T) -> T {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total);
        for &(weight, choice) in choices {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        otherwise
    }
}

/// Spreads the bits of `value` over 64: a hash for things that must stay the same through a run.
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
