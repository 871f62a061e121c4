//! A text that must not be shown by accident.

use std::fmt;

/// A secret. What prints it prints a mask; only [`Secret::reveal`] gives the text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// What stands where the secret would.
    pub(crate) const MASK: &'static str = "(secret)";

    /// Hides a text.
    pub(crate) fn new(text: &str) -> Secret {
        Secret(text.to_owned())
    }

    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Secret::MASK)
    }
}
