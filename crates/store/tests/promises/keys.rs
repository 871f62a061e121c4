//! What engines promise of API keys.

use crate::engine::{Engine, at};
use curtail_model::{Scope, Scopes};
use curtail_store::{ApiKey, NewApiKey};

macro_rules! promises {
    ($name:ident, $open:path) => {
        crate::suite!($name, $open, keys:
            a_key_is_found_by_its_hash_alone,
            a_hash_is_added_once,
            a_revoked_key_stays_revoked,
        );
    };
}
pub(crate) use promises;

fn key(name: &str, hash: u8) -> NewApiKey {
    NewApiKey {
        name: name.into(),
        hash: [hash; 32],
        scopes: Scopes::from_iter([Scope::LinksRead, Scope::LinksWrite]),
        created_at: at(0),
        expires_at: Some(at(9)),
    }
}

pub(crate) async fn a_key_is_found_by_its_hash_alone(engine: Engine) {
    let id = engine.keys.add(key("one", 1)).await.unwrap().unwrap();
    engine
        .keys
        .add(NewApiKey { expires_at: None, scopes: Scopes::default(), ..key("two", 2) })
        .await
        .unwrap()
        .unwrap();
    let NewApiKey { name, scopes, created_at, expires_at, .. } = key("one", 1);
    let expected = ApiKey { id, name, scopes, created_at, expires_at, revoked_at: None };
    assert_eq!(engine.keys.find([1; 32]).await.unwrap(), Some(expected));
    assert_eq!(engine.keys.find([3; 32]).await.unwrap(), None);
    let names: Vec<_> = engine
        .keys
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|key| (key.name, key.scopes.names().count()))
        .collect();
    assert_eq!(names, [("one".into(), 2), ("two".into(), 0)]);
}

pub(crate) async fn a_hash_is_added_once(engine: Engine) {
    assert!(engine.keys.add(key("one", 1)).await.unwrap().is_some());
    assert_eq!(engine.keys.add(key("two", 1)).await.unwrap(), None);
    assert_eq!(engine.keys.find([1; 32]).await.unwrap().unwrap().name, "one");
}

pub(crate) async fn a_revoked_key_stays_revoked(engine: Engine) {
    let id = engine.keys.add(key("one", 1)).await.unwrap().unwrap();
    assert!(engine.keys.revoke(id, at(3)).await.unwrap());
    assert!(!engine.keys.revoke(id, at(4)).await.unwrap());
    assert!(!engine.keys.revoke(id + 1, at(4)).await.unwrap());
    assert_eq!(engine.keys.find([1; 32]).await.unwrap().unwrap().revoked_at, Some(at(3)));
}
