//! How fast the embedded engine is here: `cargo run --profile fast -p curtail-store --example speed [folder] [links]`.

use curtail_model::{Alphabet, CodeScheme, Destination, LinkId, NewLink, RedirectStatus, Timestamp};
use curtail_store::rollups::{Batch, Grain, Row, Subject, Totals};
use curtail_store::sqlite::{self, Settings, Sqlite};
use curtail_store::{Create, ListQuery, Sort};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const SETTINGS: Settings = Settings {
    scheme: CodeScheme::Permuted,
    alphabet: Alphabet::Base62,
    readers: 2,
    page_cache_bytes: 256 << 20,
};
const BATCH: u64 = 16_384;

fn create(number: u64) -> Create {
    let url =
        format!("https://www.example-shop.com/catalogue/spring/offers/item-{number:012}?utm_source=mail&x=1");
    let link = NewLink {
        code: None,
        destination: Destination::new(&url, &[], []).expect("a destination"),
        title: None,
        notes: None,
        tags: Vec::new(),
        starts_at: None,
        expires_at: None,
        max_clicks: None,
        redirect_status: RedirectStatus::Found,
        forward_query: false,
        password_hash: None,
        expired_url: None,
        reuse: false,
    };
    Create {
        link,
        now: Timestamp::from_millis(1_800_000_000_000 + (number / 300).cast_signed()),
        idempotency: None,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let kept = tempfile::tempdir().expect("a folder");
    let directory = arguments.next().map_or_else(|| kept.path().to_owned(), PathBuf::from);
    let links: u64 = arguments.next().map_or(1_000_000, |links| links.parse().expect("a number of links"));
    let store = open(&directory);
    bulk(&store, links).await;
    singles(&store).await;
    resolves(&store, links).await;
    counts(&store).await;
    searches(&store).await;
    let started = Instant::now();
    store.close();
    println!("close: {:.1?}", started.elapsed());
    open(&directory).close();
}

fn open(directory: &Path) -> Sqlite {
    let started = Instant::now();
    let store = sqlite::open(directory, SETTINGS).expect("a store");
    println!("open: {:.1?}", started.elapsed());
    store
}

/// CPU seconds, user and system, that the threads with this name have used: what the clock says depends on who else
/// runs. Linux only (proc(5)): 100 ticks to the second.
fn cpu_seconds(thread: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let mut times = rest.split(' ').skip(11).filter_map(|field| field.parse::<f64>().ok());
        (name == thread).then(|| times.by_ref().take(2).sum::<f64>())
    });
    ticks.sum::<f64>() / 100.0
}

async fn bulk(store: &Sqlite, links: u64) {
    let before = cpu_seconds("links-writer");
    let mut spent = 0.0;
    let mut slowest: f64 = 0.0;
    for batch in 0..links.div_ceil(BATCH) {
        let batch = (batch * BATCH..(batch + 1) * BATCH).map(create).collect();
        let started = Instant::now();
        store.links.create(batch).await.expect("created");
        let time = started.elapsed().as_secs_f64();
        spent += time;
        slowest = slowest.max(time);
    }
    let made = (links.div_ceil(BATCH) * BATCH) as f64;
    let cpu = (cpu_seconds("links-writer") - before) * 1e6 / made;
    println!(
        "bulk: {:.0} links/s, slowest batch {:.0} ms, {cpu:.2} us CPU a link",
        made / spent,
        slowest * 1e3
    );
}

async fn singles(store: &Sqlite) {
    let before = cpu_seconds("links-writer");
    let started = Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let links = Arc::clone(&store.links);
            tokio::spawn(async move {
                let mut slowest: f64 = 0.0;
                for number in 0..1_000 {
                    let started = Instant::now();
                    links.create(vec![create(task * 1_000 + number)]).await.expect("created");
                    slowest = slowest.max(started.elapsed().as_secs_f64());
                }
                slowest
            })
        })
        .collect();
    let mut slowest: f64 = 0.0;
    for task in tasks {
        slowest = slowest.max(task.await.expect("a task"));
    }
    let cpu = (cpu_seconds("links-writer") - before) * 1e6 / 64_000.0;
    let rate = 64_000.0 / started.elapsed().as_secs_f64();
    println!(
        "single creates, 64 tasks: {rate:.0}/s, slowest {:.0} ms, {cpu:.2} us CPU a link",
        slowest * 1e3
    );
}

async fn resolves(store: &Sqlite, links: u64) {
    let codes: Vec<String> = (0..100_000u64)
        .filter_map(|n| store.codes.encode(LinkId::new(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % links)?))
        .collect();
    let started = Instant::now();
    for code in &codes[..20_000] {
        store.links.resolve(code).await.expect("an answer");
    }
    println!("resolve, one after another: {:.1} us", started.elapsed().as_secs_f64() * 1e6 / 20_000.0);
    let started = Instant::now();
    for some in codes.chunks(64) {
        let asked: Vec<_> = some.iter().map(|code| store.links.resolve(code)).collect();
        for answer in asked {
            answer.await.expect("an answer");
        }
    }
    println!("resolve, 64 at once: {:.1} us", started.elapsed().as_secs_f64() * 1e6 / codes.len() as f64);
}

async fn counts(store: &Sqlite) {
    for (round, what) in ["new", "known"].into_iter().enumerate() {
        let rows = (0..100_000u64).map(|n| Row {
            subject: Subject::Link(LinkId::new(n.wrapping_mul(0x9e37_79b9) % 10_000_000).expect("an id")),
            grain: Grain::Hour,
            start: Timestamp::from_millis(1_800_000_000_000),
            delta: vec![7; 60],
        });
        let totals =
            (0..30_000).map(|n| (LinkId::new(n * 7).expect("an id"), Totals { human: 1, bot: 0, other: 0 }));
        let batch = Batch {
            rows: rows.collect(),
            totals: totals.collect(),
            positions: vec![(1, round as u64)],
            merge: Arc::new(|_, new| Ok(new.to_vec())),
        };
        let started = Instant::now();
        store.rollups.commit(batch).await.expect("committed");
        println!(
            "rollups, 130,000 {what} rows: {:.2} us a row",
            started.elapsed().as_secs_f64() * 1e6 / 130_000.0
        );
    }
}

async fn searches(store: &Sqlite) {
    for words in ["item-000000000777", "exam", "spring offers item"] {
        let query = ListQuery {
            words: Some(words.into()),
            tag: None,
            archived: Some(false),
            sort: Sort::Newest,
            after: None,
            limit: 20,
        };
        let started = Instant::now();
        let page = store.links.list(query).await.expect("a page");
        println!("search {words:?}: {} links in {:.1?}", page.links.len(), started.elapsed());
    }
}
