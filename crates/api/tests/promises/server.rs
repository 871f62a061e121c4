//! The API on a store of its own, and short ways to ask it.

use axum::Router;
use axum::body::Body;
use curtail_api::keys::generate_key;
use curtail_api::{Api, Requests, Settings, router};
use curtail_clicks::journal;
use curtail_clicks::pipeline::{self, Pipeline, Retention};
use curtail_clicks::recorder::Recorder;
use curtail_clicks::stats::Stats;
use curtail_model::{Alphabet, CodeScheme, Scopes, Timestamp};
use curtail_runtime::password::Passwords;
use curtail_runtime::rates::Rates;
use curtail_store::sqlite::{self, Sqlite};
use curtail_store::{NewApiKey, Rollups};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) store: Sqlite,
    pub(crate) requests: Arc<Requests>,
    /// A key with every scope.
    pub(crate) key: String,
    /// What counts clicks, and what records them.
    pub(crate) pipeline: Pipeline,
    pub(crate) recorder: Recorder,
    _directory: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// As `api.body_bytes` is by default.
pub(crate) const BODY_BYTES_MAX: usize = 192 * 1024;

/// The settings with a rate for each key.
pub(crate) fn with_rate(per_second: u32) -> Settings {
    Settings { rate_per_second: NonZeroU32::new(per_second).unwrap(), ..settings() }
}

pub(crate) fn settings() -> Settings {
    Settings {
        base_url: Some("https://sho.rt".into()),
        app_schemes: vec!["mailto".into()],
        own_hosts: vec!["other.rt".into()],
        body_bytes_max: BODY_BYTES_MAX,
        body_timeout: Duration::from_secs(30),
        rate_per_second: NonZeroU32::new(1_000_000).unwrap(),
        retention: Retention {
            minutes_kept_millis: 7 * Timestamp::DAY,
            hours_kept_millis: 90 * Timestamp::DAY,
            days_kept_millis: None,
        },
        spill_folder: std::env::temp_dir(),
    }
}

fn start_pipeline(folder: &Path, store: &Sqlite) -> (Recorder, Pipeline) {
    let config = journal::Config {
        folder: folder.join("journal"),
        streams: 1,
        segment_bytes: 64 << 10,
        bytes_max: 1 << 20,
        sync_interval: Duration::from_millis(20),
    };
    let (mut recorders, reader, keeper) = journal::open(config, &[]).unwrap();
    let config = pipeline::Config {
        geo_path: None,
        retention: settings().retention,
        commit_interval: Duration::from_millis(20),
        batch_clicks_max: 1_000,
        waiting_clicks_max: 0,
        hold: None,
    };
    let pipeline = pipeline::start(config, reader, keeper, store.rollups.clone()).unwrap();
    (recorders.pop().unwrap(), pipeline)
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::with(settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Server {
        Server::with_rates(settings, None).await
    }

    /// One whose counts are what is made of them.
    pub(crate) async fn with_rollups(around: impl FnOnce(Arc<dyn Rollups>) -> Arc<dyn Rollups>) -> Server {
        Server::made_of(settings(), None, around).await
    }

    pub(crate) async fn with_rates(settings: Settings, rates: Option<Arc<dyn Rates>>) -> Server {
        Server::made_of(settings, rates, |rollups| rollups).await
    }

    async fn made_of(
        settings: Settings,
        rates: Option<Arc<dyn Rates>>,
        around: impl FnOnce(Arc<dyn Rollups>) -> Arc<dyn Rollups>,
    ) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let store = sqlite::open(
            directory.path(),
            sqlite::Settings {
                scheme: CodeScheme::Permuted,
                alphabet: Alphabet::Base62,
                readers: 2,
                page_cache_bytes: 8 << 20,
            },
        )
        .unwrap();
        let stats = Arc::new(Stats::new(store.rollups.clone()));
        let (recorder, pipeline) = start_pipeline(directory.path(), &store);
        let api = Api {
            secret: store.secret,
            links: store.links.clone(),
            keys: store.keys.clone(),
            rollups: around(store.rollups.clone()),
            stats: stats.clone(),
            leaders: stats,
            pipeline: pipeline.watch(),
            rates,
            passwords: Passwords::default(),
            settings,
        };
        let (router, requests) = router(api);
        let key = String::new();
        let mut server = Server { router, store, requests, key, pipeline, recorder, _directory: directory };
        server.key = server.add_key("keys:admin").await;
        server
    }

    /// Adds a key with these scopes, as the command line does.
    pub(crate) async fn add_key(&self, scope: &str) -> String {
        let (key, hash) = generate_key().unwrap();
        let key_to_add = NewApiKey {
            name: scope.into(),
            hash,
            scopes: Scopes::from_names([scope]),
            created_at: Timestamp::from_millis(0),
            expires_at: None,
        };
        self.store.keys.add(key_to_add).await.unwrap().unwrap();
        key
    }

    /// Asks with the server's own key.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let headers: Vec<_> =
            [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        self.ask_openly(method, path, &headers, body).await
    }

    /// Asks without a key.
    pub(crate) async fn ask_openly(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body.to_owned()).await
    }

    /// Makes a link and answers its JSON.
    pub(crate) async fn make(&self, body: &str) -> Value {
        let answer = self.post("/api/v1/links", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a problem of this status and kind, and answers the fields that it names.
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Vec<String> {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/api/v1/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}
