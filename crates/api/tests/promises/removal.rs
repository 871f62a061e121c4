//! A link that is removed goes with all that was counted for it, whatever becomes of whoever asked for it.

use crate::server::Server;
use axum::body::Body;
use curtail_model::LinkId;
use curtail_store::{Rollups, StoreFuture};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Counts that take their time to be forgotten.
struct Reluctant {
    rollups: Arc<dyn Rollups>,
    asked: Arc<Semaphore>,
    may_forget: Arc<Semaphore>,
    forgotten: Arc<Semaphore>,
}

impl Rollups for Reluctant {
    pass_on! { rollups: positions claim commit series totals forget_before }

    fn forget_link(&self, link: LinkId) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.asked.add_permits(1);
            self.may_forget.acquire().await.unwrap().forget();
            self.rollups.forget_link(link).await?;
            self.forgotten.add_permits(1);
            Ok(())
        })
    }
}

#[tokio::test]
async fn the_counts_of_a_removed_link_go_though_whoever_removed_it_has_hung_up() {
    let [asked, may_forget, forgotten] = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
    let (also_asked, also_may_forget, also_forgotten) =
        (asked.clone(), may_forget.clone(), forgotten.clone());
    let server = Server::with_rollups(|rollups| {
        Arc::new(Reluctant {
            rollups,
            asked: also_asked,
            may_forget: also_may_forget,
            forgotten: also_forgotten,
        })
    })
    .await;
    let link = server.make(r#"{"url": "https://example.com/"}"#).await;
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    tokio::select! {
        answer = server.ask("DELETE", &path, &[], Body::empty()) => panic!("{}", answer.text()),
        _ = asked.acquire() => {}
    }
    may_forget.add_permits(1);
    forgotten.acquire().await.unwrap().forget();
    server.get(&path).await.problem(404, "not-found");
}
