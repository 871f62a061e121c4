//! Waits on a plain thread for what a store answers.

use curtail_store::{Answer, StoreError};
use tokio::runtime::{Builder, Runtime};

/// What a thread waits with.
pub(crate) struct Waiter(Runtime);

impl Waiter {
    pub(crate) fn new() -> Waiter {
        let executor = Builder::new_current_thread().build();
        Waiter(executor.expect("an executor without drivers asks nothing of the system"))
    }

    /// Waits for an answer.
    pub(crate) fn wait<T>(&self, answer: Answer<'_, T>) -> Result<T, StoreError> {
        self.0.block_on(answer)
    }
}
