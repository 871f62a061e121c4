//! What is wrong with a request: all of it is counted, and as much is named as anybody would read.
//!
//! A request can be wrong in any number of ways, by names that are not known and items of lists. What is
//! wrong with the fields that there are has room in any case, and comes before those.

use super::{Invalid, Problem};

/// The most errors that one answer names: more than what can be wrong with the fields that there are.
const NAMED_MAX: usize = 50;

/// What is wrong with a request so far.
#[derive(Default)]
pub(crate) struct Errors {
    /// In the order in which they were found, with whether there may be any number of their sort.
    named: Vec<(Invalid, bool)>,
    count: usize,
}

impl Errors {
    /// Notes what is wrong with a field or a parameter that there is; the same is noted once.
    pub(crate) fn refuse(&mut self, invalid: Invalid) {
        if self.named.iter().any(|(noted, _)| *noted == invalid) {
            return;
        }
        self.count += 1;
        if self.named.len() == NAMED_MAX
            && let Some(place) = self.named.iter().rposition(|(_, is_one_of_many)| *is_one_of_many)
        {
            self.named.remove(place);
        }
        self.name(invalid, false);
    }

    /// Notes what is wrong with one of any number: a name that is not known, an item of a list.
    pub(crate) fn refuse_one_of_many(&mut self, invalid: Invalid) {
        self.count += 1;
        self.name(invalid, true);
    }

    fn name(&mut self, invalid: Invalid, is_one_of_many: bool) {
        if self.named.len() < NAMED_MAX {
            self.named.push((invalid, is_one_of_many));
        }
    }

    /// Answers with what is wrong, if anything is.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.count == 0 {
            return Ok(());
        }
        let named: Vec<Invalid> = self.named.into_iter().map(|(invalid, _)| invalid).collect();
        Err(Problem::invalid(self.count, named))
    }
}
