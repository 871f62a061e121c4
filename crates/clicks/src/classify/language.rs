//! The language that a visitor prefers, from the `Accept-Language` header (RFC 9110, 12.5.4).

use std::borrow::Cow;

/// No language was named, or none that is one.
pub(crate) const UNKNOWN: &str = "unknown";

/// Browsers send a handful; what comes after so many bytes is not looked at.
const HEADER_BYTES_MAX: usize = 512;

/// The weight of a language that has none stated, in thousandths.
const WEIGHT_MAX: u32 = 1000;

/// The primary subtag of the preferred language, in lower case (`"en"`, `"pt"`, `"fil"`), or `"unknown"`.
pub fn language(header: &[u8]) -> Cow<'_, str> {
    let header = &header[..header.len().min(HEADER_BYTES_MAX)];
    let mut best: Option<(u32, &str)> = None;
    for range in header.split(|&byte| byte == b',') {
        let Some((weight, subtag)) = weighted(range) else { continue };
        // Only a greater weight takes over: among equals the first is preferred.
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, subtag));
        }
    }
    best.map_or(Cow::Borrowed(UNKNOWN), |(_, subtag)| lower_case(subtag))
}

fn weighted(range: &[u8]) -> Option<(u32, &str)> {
    let mut parts = range.split(|&byte| byte == b';');
    let tag = parts.next()?.trim_ascii();
    let subtag = tag.split(|byte| matches!(byte, b'-' | b'_')).next()?;
    let is_language = matches!(subtag.len(), 2..=3) && subtag.iter().all(u8::is_ascii_alphabetic);
    if !is_language {
        return None;
    }
    let weight = match parts.next() {
        None => WEIGHT_MAX,
        Some(parameter) => thousandths(parameter)?,
    };
    Some((weight, str::from_utf8(subtag).ok()?))
}

/// `q=0.8` as 800; nothing when it is not a weight.
fn thousandths(parameter: &[u8]) -> Option<u32> {
    let (name, value) = parameter.split_at(parameter.iter().position(|&byte| byte == b'=')?);
    if !name.trim_ascii().eq_ignore_ascii_case(b"q") {
        return None;
    }
    let value: f32 = str::from_utf8(value[1..].trim_ascii()).ok()?.parse().ok()?;
    (0.0..=1.0).contains(&value).then_some((value * WEIGHT_MAX as f32) as u32)
}

/// The subtag as ISO 639 writes it today; old Java and Android still send the names of before 1989.
fn lower_case(subtag: &str) -> Cow<'_, str> {
    let renamed = [("iw", "he"), ("in", "id"), ("ji", "yi")];
    if let Some((_, name)) = renamed.iter().find(|(old, _)| old.eq_ignore_ascii_case(subtag)) {
        return Cow::Borrowed(name);
    }
    if subtag.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(subtag.to_ascii_lowercase());
    }
    Cow::Borrowed(subtag)
}
