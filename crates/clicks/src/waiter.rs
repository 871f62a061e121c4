//! Waits on a plain thread for what a store answers.

use curtail_store::{StoreError, StoreFuture};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What a thread waits with.
pub(crate) struct Waiter(Runtime);

impl Waiter {
    pub(crate) fn new() -> Waiter {
        let executor = Builder::new_current_thread().enable_time().build();
        Waiter(executor.expect("an executor that only knows the time asks nothing of the system"))
    }

    /// Waits for an answer.
    pub(crate) fn wait<T>(&self, answer: StoreFuture<'_, T>) -> Result<T, StoreError> {
        self.0.block_on(answer)
    }

    /// Waits for an answer for so long.
    pub(crate) fn wait_for<T>(
        &self,
        answer: &mut StoreFuture<'_, T>,
        at_most: Duration,
    ) -> Option<Result<T, StoreError>> {
        self.0.block_on(async { tokio::time::timeout(at_most, answer).await.ok() })
    }
}
