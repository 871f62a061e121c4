//! How much of one kind of work may be under way or wait: what is too much is refused at once, and one kind
//! of work that hangs takes no place from another.

use super::executor::Executor;
use crate::{StoreError, StoreFuture};
use std::future::{Future, ready};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

/// Runs one kind of work on the executor's thread.
#[derive(Clone)]
pub(super) struct Bulkhead {
    name: &'static str,
    places: Arc<Semaphore>,
    places_max: u32,
    executor: Arc<Executor>,
}

/// Room for some work; it is given back when this is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// Whoever waits for the answer.
pub(super) type Caller<T> = oneshot::Sender<Result<T, StoreError>>;

impl Bulkhead {
    pub(super) fn new(name: &'static str, places_max: u32, executor: &Arc<Executor>) -> Bulkhead {
        let places = Arc::new(Semaphore::new(places_max as usize));
        Bulkhead { name, places, places_max, executor: Arc::clone(executor) }
    }

    /// Asks for work of some weight, which `queue` puts where it is taken from, before this returns: with the
    /// place that it has until it is done, and with whom to answer. What is heavier than all room takes all.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        weight: usize,
        queue: impl FnOnce(Place, Caller<T>),
    ) -> StoreFuture<'static, T> {
        let place = match self.enter(weight) {
            Ok(place) => place,
            Err(refused) => return Box::pin(ready(Err(refused))),
        };
        let (caller, answer) = oneshot::channel();
        queue(place, caller);
        let name = self.name;
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(stopped(name))) })
    }

    /// Starts work now; it goes on to its end whatever becomes of the answer.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        self.ask(1, |place, caller| {
            self.executor.spawn(async move {
                let value = work.await;
                drop(place);
                // Nobody may be waiting any more.
                let _ = caller.send(value);
            });
        })
    }

    fn enter(&self, weight: usize) -> Result<Place, StoreError> {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).clamp(1, self.places_max);
        Arc::clone(&self.places).try_acquire_many_owned(weight).map_err(|refused| match refused {
            TryAcquireError::NoPermits => {
                StoreError::Unavailable(format!("the queue of {} is full", self.name))
            }
            TryAcquireError::Closed => stopped(self.name),
        })
    }

    /// Refuses new work, and waits for what is under way.
    pub(super) async fn close(&self) {
        // Only a semaphore that is closed already refuses.
        let all = self.places.acquire_many(self.places_max).await;
        self.places.close();
        drop(all);
    }
}

fn stopped(name: &str) -> StoreError {
    StoreError::Unavailable(format!("{name}: the store is closed"))
}
