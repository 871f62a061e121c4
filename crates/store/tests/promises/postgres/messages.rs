//! Messages between processes that share a database.

use super::database::Database;
use crate::engine::postgres_settings;
use curtail_store::notifications::PAYLOAD_MAX;
use curtail_store::postgres::{self, Postgres};
use curtail_store::{Notice, StoreError};
use tokio::sync::mpsc::Receiver;

async fn open(database: &Database) -> Postgres {
    postgres::open(postgres_settings(database.url())).await.unwrap()
}

async fn connected(store: &Postgres) -> Receiver<Notice> {
    let mut heard = store.notifications.listen();
    assert_eq!(heard.recv().await, Some(Notice::Connected));
    heard
}

#[tokio::test]
async fn messages_are_heard_by_all_in_the_order_of_their_sender() {
    let database = Database::make().await;
    let (one, two) = (open(&database).await, open(&database).await);
    let (mut first, mut second) = (connected(&one).await, connected(&two).await);
    let payload = |number: u8| vec![number; usize::from(number) * 10];
    let sent: Vec<_> = (0..100).map(|number| one.notifications.notify(payload(number))).collect();
    for answer in sent {
        answer.await.unwrap();
    }
    for heard in [&mut first, &mut second] {
        for number in 0..100 {
            assert_eq!(heard.recv().await, Some(Notice::Payload(payload(number))));
        }
    }
    two.notifications.notify(vec![0xff; PAYLOAD_MAX]).await.unwrap();
    assert_eq!(first.recv().await, Some(Notice::Payload(vec![0xff; PAYLOAD_MAX])));
    let refused = two.notifications.notify(vec![0; PAYLOAD_MAX + 1]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn messages_are_heard_past_a_pooler_by_the_direct_address() {
    let database = Database::make().await;
    let settings = postgres::Settings {
        prepared: false,
        direct_url: Some(database.url().to_owned()),
        ..postgres_settings(&database.url_through_a_pooler())
    };
    let (one, two) =
        (postgres::open(settings.clone()).await.unwrap(), postgres::open(settings).await.unwrap());
    let mut heard = connected(&two).await;
    one.notifications.notify(b"told".to_vec()).await.unwrap();
    assert_eq!(heard.recv().await, Some(Notice::Payload(b"told".to_vec())));
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn who_listens_is_told_when_messages_may_be_missing_and_when_they_are_heard_again() {
    let database = Database::make().await;
    let store = open(&database).await;
    let mut heard = connected(&store).await;
    let client = database.connect().await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN curtail'";
    client.batch_execute(&format!("{end} AND datname = current_database()")).await.unwrap();
    assert_eq!(heard.recv().await, Some(Notice::Lost));
    assert_eq!(heard.recv().await, Some(Notice::Connected));
    // What others put on the channel is no message of ours.
    client.batch_execute("NOTIFY curtail, 'not base64!'").await.unwrap();
    store.notifications.notify(b"again".to_vec()).await.unwrap();
    assert_eq!(heard.recv().await, Some(Notice::Payload(b"again".to_vec())));
    store.close().await;
}
