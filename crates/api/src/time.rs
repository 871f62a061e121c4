//! Times on the wire: RFC 3339, written in UTC with as many decimals as there are.

pub(crate) use curtail_clicks::clock::now;

use curtail_model::Timestamp;
use jiff::civil::Date;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// A time as JSON shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(self.0))
    }
}

/// Bytes of a time: with more decimals than this it is not worth reading.
const LENGTH_MAX: usize = 64;

/// A time as RFC 3339 writes it, in UTC.
pub fn format(time: Timestamp) -> String {
    static PRINTER: DateTimePrinter = DateTimePrinter::new();
    // What does not fit into four digits of a year cannot be
    // stored through the API, only be reached by arithmetic.
    let time = jiff::Timestamp::from_millisecond(time.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut text = String::with_capacity(24);
    PRINTER.print_timestamp(&time, &mut text).expect("a string takes all that is written to it");
    text
}

/// Reads an RFC 3339 time with any offset, of the years 1970 to 9999. What is finer than a millisecond is cut
/// off, and a leap second, which no clock here counts, is the second before it.
pub fn parse(text: &str) -> Option<Timestamp> {
    if !has_rfc3339_form(text) {
        return None;
    }
    let text = &*without_finest(text);
    // The last days of the year 9999, which many write for "never", are beyond what the library knows.
    let time: jiff::Timestamp = match text.parse() {
        Ok(time) => time,
        Err(_) if text.starts_with("9999-12-3") && text[..19].parse::<jiff::civil::DateTime>().is_ok() => {
            return Some(last());
        }
        Err(_) => return None,
    };
    (time >= jiff::Timestamp::UNIX_EPOCH).then(|| Timestamp::from_millis(time.as_millisecond()))
}

/// The last second that can be written again.
pub(crate) fn last() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::MAX.as_second() * Timestamp::SECOND)
}

/// Reads a day such as `2026-03-01` as its first moment in UTC.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let date: Date = plain.then(|| text.parse().ok()).flatten()?;
    let Ok(time) = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)) else { return Some(last()) };
    (time >= jiff::Timestamp::UNIX_EPOCH).then(|| Timestamp::from_millis(time.as_millisecond()))
}

/// A time of the form of RFC 3339 with nine decimals at
/// most, which is what jiff reads; RFC 3339 knows no limit.
fn without_finest(text: &str) -> Cow<'_, str> {
    let Some((moment, rest)) = text.split_once('.') else { return text.into() };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if end <= 9 { text.into() } else { format!("{moment}.{}{}", &rest[..9], &rest[end..]).into() }
}

/// `date "T" time offset`: jiff reads more spellings than RFC 3339 has, and a contract should have one.
fn has_rfc3339_form(text: &str) -> bool {
    const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes.len() > LENGTH_MAX {
        return false;
    }
    let (moment, rest) = bytes.split_at(SHAPE.len());
    let fits = moment.iter().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't'),
        other => byte == other,
    });
    let rest = match rest.strip_prefix(b".") {
        Some(decimals) => {
            let end = decimals.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(decimals.len());
            if end == 0 {
                return false;
            }
            &decimals[end..]
        }
        None => rest,
    };
    fits && (matches!(rest, b"Z" | b"z") || is_offset(rest))
}

/// `("+" / "-") hour ":" minute`, up to 23:59.
fn is_offset(text: &[u8]) -> bool {
    match text {
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit) && [*h1, *h2] <= *b"23" && *m1 <= b'5'
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, format, parse, parse_date};

    #[test]
    fn a_time_is_read_as_it_was_written() {
        for text in ["1970-01-01T00:00:00Z", "2026-03-01T12:30:45.123Z", "9999-12-30T21:59:59.999Z"] {
            assert_eq!(parse(text).map(format).as_deref(), Some(text));
        }
        for never in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999+00:00", "9999-12-31T00:00:00-23:59"] {
            assert_eq!(parse(never).map(format).as_deref(), Some("9999-12-30T22:00:00Z"), "{never}");
        }
        assert_eq!(parse_date("9999-12-31").map(format).as_deref(), Some("9999-12-30T22:00:00Z"));
        for (written, same) in [
            ("2026-03-01T01:00:00+01:00", "2026-03-01T00:00:00Z"),
            ("2026-03-01T23:59:00+23:59", "2026-03-01T00:00:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("2026-03-01T00:00:00.1234567890123Z", "2026-03-01T00:00:00.123Z"),
            ("2026-03-01T01:00:00.0009999999999+01:00", "2026-03-01T00:00:00Z"),
        ] {
            assert_eq!(parse(written).map(format).as_deref(), Some(same));
        }
        assert_eq!(
            parse("2026-03-01t00:00:00.1239999z").map(format).as_deref(),
            Some("2026-03-01T00:00:00.123Z")
        );
    }

    #[test]
    fn only_rfc_3339_is_a_time() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T00:00:00",
            "2026-03-01 00:00:00Z",
            "2026-3-1T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "20260301T000000Z",
            "2026-03-01T00:00Z",
            "2026-03-01T00:00:00.Z",
            "2026-03-01T00:00:00+0100",
            "now",
            "1767225600",
            "2026-03-01T00:00:00Z[Europe/Berlin]",
            "1969-12-31T23:59:59Z",
            "+002026-03-01T00:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T00:00:61Z",
            "2026-03-01T00:00:00+24:00",
            "2026-03-01T00:00:00-25:00",
            "2026-03-01T00:00:00+01:60",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_its_first_moment_in_utc() {
        assert_eq!(parse_date("1970-01-02"), Some(Timestamp::from_millis(Timestamp::DAY)));
        assert_eq!(parse_date("2026-02-30"), None);
        assert_eq!(parse_date("2026-W01-1"), None);
    }
}
