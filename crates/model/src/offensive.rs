//! Words that no generated code may hold. Their ids are burned: nobody gets them.
//!
//! A short list of what is offensive in many places, matched in any case and with the usual digits for
//! letters. A longer list would burn more ids without sparing more people: a code is six characters of
//! chance.

/// By their first letter, from a to z; in lower case, letters only, three to seven characters, as fits a
/// generated code.
const WORDS: [&[&[u8]]; 26] = [
    &[b"anal", b"anus", b"arse", b"arsch", b"ass"],
    &[b"bitch", b"boob", b"butt"],
    &[b"cazzo", b"cock", b"coon", b"crap", b"cum", b"cunt"],
    &[b"damn", b"dick", b"dildo", b"dyke"],
    &[],
    &[b"fag", b"fick", b"fotze", b"fuck", b"fuk"],
    &[b"gook"],
    &[b"hitler", b"homo", b"hure"],
    &[b"isis"],
    &[b"jizz", b"joder"],
    &[b"kike", b"kkk", b"kurwa"],
    &[],
    &[b"merde", b"mierda"],
    &[b"nazi", b"negro", b"nig", b"nutte"],
    &[],
    &[b"paki", b"penis", b"piss", b"pizda", b"poop", b"porn", b"pussy", b"puta", b"pute"],
    &[],
    &[b"rape", b"rapist"],
    &[b"sex", b"shit", b"slut", b"spic", b"suck", b"suka"],
    &[b"tit", b"tranny", b"troia", b"turd", b"twat"],
    &[],
    &[b"vagina"],
    &[b"wank", b"whore", b"wtf"],
    &[],
    &[],
    &[],
];

/// Whether a generated code would offend.
pub fn is_offensive(code: &str) -> bool {
    let mut letters = [0u8; 16];
    let length = code.len().min(letters.len());
    for (letter, byte) in letters.iter_mut().zip(code.bytes()) {
        *letter = match byte {
            b'0' => b'o',
            b'1' => b'i',
            b'3' => b'e',
            b'4' => b'a',
            b'5' => b's',
            b'7' => b't',
            b'8' => b'b',
            other => other.to_ascii_lowercase(),
        };
    }
    let letters = &letters[..length];
    (0..letters.len()).any(|start| {
        let rest = &letters[start..];
        let words = WORDS.get(usize::from(rest[0].wrapping_sub(b'a'))).copied().unwrap_or_default();
        words.iter().any(|word| rest.starts_with(word))
    })
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
    fn every_word_is_filed_under_its_letter() {
        for (letter, words) in (b'a'..=b'z').zip(WORDS) {
            assert!(
                words.iter().all(|word| word[0] == letter && is_offensive(str::from_utf8(word).unwrap()))
            );
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
