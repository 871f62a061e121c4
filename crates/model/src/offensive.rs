//! Words that no generated code may hold. Their ids are burned: nobody gets them.
//!
//! A short list of what is offensive in many places, matched in any case and with the usual digits for letters. A longer
//! list would burn more ids without sparing more people: a code is six characters of chance.

/// In lower case, letters only, three to six characters, as fits a generated code.
const WORDS: &[&str] = &[
    "anal", "anus", "arse", "ass", "bitch", "boob", "butt", "cock", "coon", "crap", "cum", "cunt", "damn",
    "dick", "dildo", "dyke", "fag", "fuck", "fuk", "gook", "hitler", "homo", "isis", "jizz", "kike", "kkk",
    "nazi", "negro", "nig", "paki", "penis", "piss", "poop", "porn", "pussy", "rape", "rapist", "sex",
    "shit", "slut", "spic", "suck", "tit", "tranny", "turd", "twat", "vagina", "wank", "whore", "wtf",
    "arsch", "fick", "fotze", "hure", "nutte", "merde", "pute", "puta", "mierda", "joder", "cazzo", "troia",
    "kurwa", "suka", "pizda",
];

/// Whether a generated code would offend.
pub fn is_offensive(code: &str) -> bool {
    let mut letters = [0u8; 16];
    let length = code.len().min(letters.len());
    for (letter, byte) in letters.iter_mut().zip(code.bytes()) {
        *letter = match byte {
            b'0' => b'o',
            b'1' | b'!' => b'i',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' => b't',
            b'8' => b'b',
            other => other.to_ascii_lowercase(),
        };
    }
    let letters = &letters[..length];
    WORDS.iter().any(|word| letters.windows(word.len()).any(|window| window == word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_disguise_that_a_code_can_wear() {
        for bad in ["fuck12", "xFuCkx", "5h1tAB", "aaN4Z1", "p0rn00"] {
            assert!(is_offensive(bad), "{bad}");
        }
        for good in ["abc123", "launch", "000000", "Zq9xT2"] {
            assert!(!is_offensive(good), "{good}");
        }
    }

    #[test]
    fn few_ids_are_burned() {
        let codes = crate::Codes::new(crate::CodeScheme::Permuted, crate::Alphabet::Base62, [9; 16]);
        let burned = (0..100_000)
            .filter(|&number| is_offensive(&codes.encode(crate::LinkId::new(number).unwrap()).unwrap()))
            .count();
        assert!(burned < 1_500, "{burned} of 100,000");
    }
}
