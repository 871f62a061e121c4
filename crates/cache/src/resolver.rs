//! What happens on a miss: the store is asked once, within a budget of time, and every layer remembers the answer.

use crate::flight::Flights;
use crate::shared_cache::Layer;
use curtail_model::Timestamp;
use curtail_store::{Links, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a request waits for the store. An embedded store answers in microseconds; this is for a disk that hangs.
const BUDGET: Duration = Duration::from_millis(250);

/// What the store said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The packed record of the link.
    Link(Arc<[u8]>),
    /// There is no such link.
    Nothing,
    /// It could not be asked, or did not answer in time.
    Unavailable,
}

/// Asks the store and remembers.
pub struct Resolver {
    links: Arc<dyn Links>,
    layers: Arc<[Arc<dyn Layer>]>,
    flights: Flights<Resolution>,
    failures: AtomicU64,
}

impl Resolver {
    /// A resolver that asks `links` and fills `layers`.
    pub fn new(links: Arc<dyn Links>, layers: Arc<[Arc<dyn Layer>]>) -> Resolver {
        Resolver { links, layers, flights: Flights::new(), failures: AtomicU64::new(0) }
    }

    /// What a code leads to, by the store's word. However many ask at once, the store is asked once.
    pub async fn resolve(&self, code: &str, now: Timestamp) -> Resolution {
        let question = || {
            let (links, layers, code) = (self.links.clone(), self.layers.clone(), code.to_owned());
            async move { ask(&*links, &layers, &code, now).await }
        };
        let answer = match tokio::time::timeout(BUDGET, self.flights.join(code, question)).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => Resolution::Unavailable,
        };
        if answer == Resolution::Unavailable {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// How many requests the store left without an answer.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

async fn ask(links: &dyn Links, layers: &[Arc<dyn Layer>], code: &str, now: Timestamp) -> Resolution {
    match links.resolve(code).await {
        Ok(Some(packed)) => {
            for layer in layers {
                layer.put(code, &packed, now);
            }
            Resolution::Link(packed.into())
        }
        Ok(None) => {
            for layer in layers {
                layer.put_nothing(code, 0, now);
            }
            Resolution::Nothing
        }
        Err(StoreError::Full | StoreError::Unavailable(_)) => Resolution::Unavailable,
        Err(StoreError::Damaged(what)) => {
            tracing::error!(code, what, "a link could not be read");
            Resolution::Unavailable
        }
    }
}
