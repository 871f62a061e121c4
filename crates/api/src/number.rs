//! Whole numbers in paths, queries and headers: written as we write them, so that each has one spelling.

/// Reads decimal digits, without a sign, a leading zero or anything else that a number could be written with.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn a_number_has_one_spelling() {
        for number in [0, 5, 10, u64::MAX] {
            assert_eq!(whole(&number.to_string()), Some(number));
        }
        for other in
            ["", "+5", "-5", "05", "00", "5.0", "1e1", "0x5", " 5", "5 ", "٥", "18446744073709551616"]
        {
            assert_eq!(whole(other), None, "{other}");
        }
    }
}
