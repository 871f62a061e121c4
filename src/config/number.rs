//! Settings that are numbers: plain ones, sizes and lengths
//! of time, each with the least and the most it may be.

use super::parser::Parser;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Bytes in a KiB, MiB and GiB.
pub(crate) const KIB: u64 = 1 << 10;
/// See [`KIB`].
pub(crate) const MIB: u64 = 1 << 20;
/// See [`KIB`].
pub(crate) const GIB: u64 = 1 << 30;

const UNITS: &[(&str, u64)] = &[
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", GIB),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// A whole number from `.0` to `.1`.
pub(crate) struct Number<T>(pub(crate) T, pub(crate) T);

/// So many bytes, from `.0` to `.1`: a number with a unit.
pub(crate) struct Size(pub(crate) u64, pub(crate) u64);

/// A length of time, from `.0` to `.1`, in the unit that the setting's name ends in.
pub(crate) struct Time(pub(crate) Unit, pub(crate) u64, pub(crate) u64);

/// Days, of which 0 means for ever.
pub(crate) struct DaysOrForEver;

/// How many threads: 0 is one for each core.
pub(crate) struct Threads;

/// What a [`Time`] is counted in.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
    Hours,
    Days,
}

impl Unit {
    const fn millis(self) -> u64 {
        match self {
            Unit::Milliseconds => 1,
            Unit::Seconds => 1_000,
            Unit::Hours => 3_600_000,
            Unit::Days => 86_400_000,
        }
    }
}

impl<T: FromStr + Display + PartialOrd> Parser for Number<T> {
    type Value = T;

    fn kind(&self) -> String {
        format!("number, {} to {}", self.0, self.1)
    }

    fn parse(&self, text: &str) -> Result<T, String> {
        let value = text.parse().ok().filter(|value| *value >= self.0 && *value <= self.1);
        value.ok_or_else(|| format!("is not a whole number from {} to {}", self.0, self.1))
    }

    fn show(&self, value: &T) -> Option<String> {
        Some(value.to_string())
    }

    fn is_quoted(&self) -> bool {
        false
    }
}

impl Parser for Size {
    type Value = u64;

    fn kind(&self) -> String {
        format!("size, {} to {}", size(self.0), size(self.1))
    }

    fn parse(&self, text: &str) -> Result<u64, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim_start() {
            "" => Some(1),
            unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes),
        };
        let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        let Some(bytes) = bytes else {
            return Err("is not a size: write bytes, or a number with KiB, MiB, GiB, kB, MB or GB".to_owned());
        };
        if bytes < self.0 || bytes > self.1 {
            return Err(format!("is not from {} to {}", size(self.0), size(self.1)));
        }
        Ok(bytes)
    }

    fn show(&self, value: &u64) -> Option<String> {
        Some(size(*value))
    }
}

impl Parser for Time {
    type Value = Duration;

    fn kind(&self) -> String {
        Number(self.1, self.2).kind()
    }

    fn parse(&self, text: &str) -> Result<Duration, String> {
        let number = Number(self.1, self.2).parse(text)?;
        Ok(Duration::from_millis(number * self.0.millis()))
    }

    fn show(&self, value: &Duration) -> Option<String> {
        Some((value.as_millis() / u128::from(self.0.millis())).to_string())
    }

    fn is_quoted(&self) -> bool {
        false
    }
}

impl Parser for DaysOrForEver {
    type Value = Option<Duration>;

    fn kind(&self) -> String {
        "number, 0 (for ever) to 36500".to_owned()
    }

    fn parse(&self, text: &str) -> Result<Option<Duration>, String> {
        let days = Time(Unit::Days, 0, 36_500).parse(text)?;
        Ok((!days.is_zero()).then_some(days))
    }

    fn show(&self, value: &Option<Duration>) -> Option<String> {
        Time(Unit::Days, 0, 36_500).show(&value.unwrap_or_default())
    }

    fn is_quoted(&self) -> bool {
        false
    }
}

impl Parser for Threads {
    type Value = usize;

    fn kind(&self) -> String {
        "number, 0 (one per core) to 256".to_owned()
    }

    fn parse(&self, text: &str) -> Result<usize, String> {
        let threads = Number(0, 256).parse(text)?;
        Ok(if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads })
    }

    fn show(&self, value: &usize) -> Option<String> {
        Some(value.to_string())
    }

    fn is_quoted(&self) -> bool {
        false
    }
}

/// Bytes in the largest unit that gives a whole number.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        bytes if bytes % GIB == 0 => format!("{}GiB", bytes / GIB),
        bytes if bytes % MIB == 0 => format!("{}MiB", bytes / MIB),
        bytes if bytes % KIB == 0 => format!("{}KiB", bytes / KIB),
        bytes => bytes.to_string(),
    }
}
