//! Settings `codes.*`: how generated codes look.

use crate::config::parser::Choice;
use crate::config::reader::Reader;
use curtail_model::{Alphabet, CodeScheme};

/// How generated codes look.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    pub(crate) scheme: CodeScheme,
    pub(crate) alphabet: Alphabet,
}

const SCHEMES: Choice<CodeScheme> =
    Choice(&[("permuted", CodeScheme::Permuted), ("sequential", CodeScheme::Sequential)]);
const ALPHABETS: Choice<Alphabet> =
    Choice(&[("base62", Alphabet::Base62), ("unambiguous", Alphabet::Unambiguous)]);

impl Codes {
    /// Reads them.
    pub(super) fn read(read: &mut Reader) -> Codes {
        Codes {
            scheme: read.setting(
                "codes.scheme",
                &SCHEMES,
                "permuted",
                "Order of generated codes: one that nobody can guess, or counting up. Fixed by the first start.",
            ),
            alphabet: read.setting(
                "codes.alphabet",
                &ALPHABETS,
                "base62",
                "Characters of generated codes, all or those that do not look alike. Fixed by the first start.",
            ),
        }
    }
}
