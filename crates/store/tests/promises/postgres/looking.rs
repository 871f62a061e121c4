//! Who only looks at a store changes nothing.

use super::database::Database;
use crate::engine::{at, postgres_settings};
use curtail_model::Scopes;
use curtail_store::NewApiKey;
use curtail_store::postgres::{self, OpenError};

#[tokio::test]
async fn whoever_lists_keys_neither_makes_nor_changes_nor_begins_to_use_a_store() {
    let database = Database::make().await;
    let list = || postgres::list_keys(postgres_settings(database.url()));
    let error = list().await.unwrap_err();
    assert!(matches!(error, OpenError::NoStore), "{error}");
    let client = database.connect().await;
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);

    let store = postgres::open(postgres_settings(database.url())).await.unwrap();
    let key = NewApiKey {
        name: "one".into(),
        hash: [1; 32],
        scopes: Scopes::default(),
        created_at: at(1),
        expires_at: None,
    };
    store.keys.add(key).await.unwrap();
    let keys = store.keys.list().await.unwrap();
    store.close().await;
    client.batch_execute("DROP TABLE leases; ALTER TABLE idempotency DROP COLUMN reused; DELETE FROM curtail_schema WHERE version > 1").await.unwrap();
    client.batch_execute("INSERT INTO meta VALUES ('import.state', 'moved')").await.unwrap();
    assert_eq!(list().await.unwrap(), keys);
    let state = "SELECT convert_from(value, 'UTF8'), (SELECT max(version) FROM curtail_schema)
        FROM meta WHERE name = 'import.state'";
    let row = client.query_one(state, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("moved", 1));
}
