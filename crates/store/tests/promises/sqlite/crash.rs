//! What holds when the process is killed: a child, this very program, works and tells what was answered; its
//! parent kills it in the middle and opens what it left.

use crate::engine::{at, create, id, make, new_link, open};
use curtail_model::{NewLink, Timestamp};
use curtail_store::rollups::{Batch, Grain, Merge, Row, Subject};
use curtail_store::sqlite::Sqlite;
use curtail_store::{Create, Seen, Spent};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Names the folder and the work of the child.
const CHILD: &str = "CURTAIL_STORE_TEST_CHILD";
const TOLD: &str = "answered ";

/// Lets a child do some work and kills it as soon as it has told `lines` answers. Answers all that it told.
fn killed_after(lines: usize, work: &str, directory: &Path) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::crash::helper_process_works_until_it_is_killed", "--nocapture"])
        .env(CHILD, format!("{work}:{}", directory.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        // What follows the kill was in the pipe already: it was told, so it counts.
        if let Some(answer) = String::from_utf8(line.unwrap()).unwrap().strip_prefix(TOLD) {
            told.push(answer.to_owned());
        }
        if told.len() >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(!child.wait().unwrap().success() && killed, "the child was not killed");
    told
}

/// No promise: what [`killed_after`] starts. Without a task it does nothing.
#[tokio::test]
async fn helper_process_works_until_it_is_killed() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (work, directory) = task.split_once(':').unwrap();
    let store = open(Path::new(directory));
    match work {
        "create" => create_for_ever(store).await,
        "spend" => spend_for_ever(store).await,
        "count" => count_for_ever(store).await,
        other => panic!("no such work: {other}"),
    }
}

async fn create_for_ever(store: Sqlite) {
    let bulk = Arc::clone(&store.links);
    tokio::spawn(async move {
        loop {
            let links = (0..500).map(|_| create(new_link("https://example.com/bulk"))).collect();
            for created in bulk.create(links).await.unwrap() {
                println!("{TOLD}{} https://example.com/bulk", created.unwrap().link.code);
            }
        }
    });
    for number in 0.. {
        let url = format!("https://example.com/{number}");
        let link = make(&*store.links, create(new_link(&url))).await.unwrap().link;
        println!("{TOLD}{} {url}", link.code);
    }
}

async fn spend_for_ever(store: Sqlite) {
    loop {
        let answers: Vec<_> = (0..8).map(|_| store.links.spend(id(LIMITED))).collect();
        for answer in answers {
            match answer.await.unwrap() {
                Spent::Granted { left } => println!("{TOLD}{left}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

async fn count_for_ever(store: Sqlite) {
    for position in 1.. {
        let rows = (0..100).map(|link| Row {
            subject: Subject::Link(id(link)),
            grain: Grain::Day,
            start: Timestamp::default(),
            delta: 1u64.to_le_bytes().to_vec(),
        });
        let batch = Batch {
            rows: rows.collect(),
            totals: Vec::new(),
            positions: vec![(1, position)],
            lane: 0,
            claims: Vec::new(),
            may_be_stored: false,
            merge: adding(),
            breathe: std::sync::Arc::new(|| {}),
        };
        store.rollups.commit(batch).await.unwrap();
        println!("{TOLD}{position}");
    }
}

/// A link whose id the child knows: it has the code of this one, chosen.
const LIMITED: u64 = 1 << 30;

fn adding() -> Merge {
    let number =
        |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).map_err(|_| "not a number".to_owned());
    Arc::new(move |stored, new| {
        let sum = stored.map_or(Ok(0), number)? + number(new)?;
        Ok(sum.to_le_bytes().to_vec())
    })
}

#[tokio::test]
async fn an_acknowledged_link_survives_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for round in 1..=3 {
        told.extend(killed_after(round * 1_500, "create", directory.path()));
    }
    let store = open(directory.path());
    assert!(told.len() >= 9_000);
    for line in &told {
        let (code, url) = line.split_once(' ').unwrap();
        let found = store.links.find(code, Seen::ANYTHING).await.unwrap();
        assert_eq!(found.map(|link| link.url).as_deref(), Some(url), "{code}");
    }
    let codes: std::collections::HashSet<_> =
        told.iter().map(|line| line.split_once(' ').unwrap().0).collect();
    assert_eq!(codes.len(), told.len());
}

#[tokio::test]
async fn no_more_clicks_are_spent_than_a_link_has_whatever_is_killed() {
    const MAX: u64 = 1_000_000;
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let limited = NewLink {
        code: Some(curtail_model::Code::known(store.codes.encode(id(LIMITED)).unwrap())),
        max_clicks: Some(MAX),
        ..new_link("https://example.com/")
    };
    make(&*store.links, Create { now: at(0), ..create(limited) }).await.unwrap();
    store.close();
    let mut told = Vec::new();
    for _ in 0..3 {
        told.extend(killed_after(500, "spend", directory.path()));
    }
    let mut left: Vec<u64> = told.iter().map(|left| left.parse().unwrap()).collect();
    assert!(left.is_sorted_by(|one, next| one > next), "one click was granted twice");
    let store = open(directory.path());
    let Spent::Granted { left: last } = store.links.spend(id(LIMITED)).await.unwrap() else { panic!() };
    left.push(last);
    assert!(left.is_sorted_by(|one, next| one > next));
}

#[tokio::test]
async fn rollups_and_positions_are_never_apart_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut counted = 0;
    for _ in 0..3 {
        let told = killed_after(50, "count", directory.path());
        let store = open(directory.path());
        let (_, position) = store.rollups.positions().await.unwrap()[0];
        assert!(position >= told.last().unwrap().parse().unwrap());
        // Each round counts from 1 again.
        counted += position;
        for link in 0..100 {
            let (from, until) = (Timestamp::default(), Timestamp::from_millis(1));
            let series =
                store.rollups.series(Subject::Link(id(link)), Grain::Day, from, until).await.unwrap();
            assert_eq!(series, [(from, counted.to_le_bytes().to_vec())]);
        }
        store.close();
    }
}
