//! Clicks are counted exactly once while app servers,
//! worker, broker and PostgreSQL are killed in random order.

use super::FIRST;
use crate::support::roamer::{Doors, Roamer, Unanswered};
use crate::support::run::{Dice, Ending, length, rounds, until};
use crate::support::server::{Server, curtail};
use crate::support::site::{Part, Shape, Site};
use curtail_servers::postgres::Cluster;
use curtail_servers::{Broker, let_pass};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::tempdir;

const CLICKERS: usize = 4;
/// Between two requests of one clicker: together they ask about two thousand times a second.
const PAUSE: Duration = Duration::from_millis(2);
const VICTIMS: &[Part] = &[Part::App(0), Part::App(1), Part::Worker, Part::Kafka, Part::Primary];
const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const BOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1)";

/// What one clicker knows of the link that is its own.
#[derive(Default)]
struct Clicked {
    answered: AtomicU64,
    /// Requests whose connection broke before the answer: each may have been recorded, once.
    cut_off: AtomicU64,
    /// Answers other than the redirect, by servers that do not know the link yet and cannot ask for it.
    refused: AtomicU64,
}

#[test]
fn one_that_hands_clicks_on_and_counts_them_says_of_both_how_far_it_is() {
    const CLICKS: u64 = 50;
    let (cluster, broker, data) = (Cluster::start(0, &[]), Broker::start(), tempdir().unwrap());
    broker.make_topic("clicks", 4);
    let mut command = curtail();
    command
        .env("CURTAIL_DATABASE_URL", cluster.primary.url())
        .env("CURTAIL_KAFKA_BROKERS", broker.address())
        .env("CURTAIL_KAFKA_TOPIC", "clicks");
    let server =
        Server::launch(command, data.path(), vec!["--admin-listen".to_owned(), "127.0.0.1:0".to_owned()]);
    server.link(&json!({ "url": FIRST, "code": "own" }));
    let mut client = server.client();
    (0..CLICKS).for_each(|_| assert_eq!(client.get("/own").status, 302));
    let told = server.eventually(|server| {
        let told = server.api("GET", "/api/v1/pipeline", None).json();
        (told["counted"] == CLICKS && told["lag"]["clicks"] == 0).then_some(told)
    });
    assert_eq!(
        (&told["part"], &told["produced"], &told["shipped"]),
        (&json!("both"), &json!(CLICKS), &json!(CLICKS))
    );
    assert_eq!((&told["partitions"], &told["healthy"]), (&json!(4), &json!(true)));
    assert_eq!(server.metric("curtail_clicks_counted_total"), CLICKS);
    assert_eq!(server.metric("curtail_log_partitions"), 4);
    assert!(server.metric("curtail_rollup_commits_total") > 0);
    assert!(server.terminate().success());
}

#[test]
fn kafka_is_taken_away_without_counting_any_click_twice() {
    const CLICKS: u64 = 20;
    let (cluster, broker, data) = (Cluster::start(0, &[]), Broker::start(), tempdir().unwrap());
    broker.make_topic("clicks", 4);
    let try_start = |brokers: &str| {
        let mut command = curtail();
        command
            .env("CURTAIL_DATABASE_URL", cluster.primary.url())
            // A busy machine may take longer than redirects wait, and here every answer counts.
            .env("CURTAIL_DATABASE_BUDGET_MILLISECONDS", "10000")
            .env("CURTAIL_KAFKA_BROKERS", brokers)
            .env("CURTAIL_KAFKA_TOPIC", "clicks");
        Server::try_launch(command, data.path(), Vec::new())
    };
    let start = |brokers: &str| try_start(brokers).unwrap_or_else(|said| panic!("{said}"));
    let click = |server: &Server| {
        let mut client = server.client();
        (0..CLICKS).for_each(|_| assert_eq!(client.visit("/own").status, 302));
    };
    let server = start(broker.address());
    let id = server.link(&json!({ "url": FIRST, "code": "own" }))["id"].as_str().unwrap().to_owned();
    let until_counted = |server: &Server, clicks: u64| {
        server.eventually(|server| (server.clicks(&id)["total"] == clicks).then_some(()));
    };
    click(&server);
    until_counted(&server, CLICKS);
    broker.hang();
    click(&server);
    server.kill();
    // Kafka may have these, or get them.
    let said = try_start("").err().expect("it started");
    assert!(said.contains("kafka.brokers") && said.contains("/journal/shipped"), "{said}");
    broker.go_on();
    let server = start(broker.address());
    until_counted(&server, 2 * CLICKS);
    assert!(server.terminate().success());
    // There is no more to be heard of it than that it ended in order.
    let server = start("");
    click(&server);
    until_counted(&server, 3 * CLICKS);
    let server = {
        server.kill();
        start("")
    };
    click(&server);
    until_counted(&server, 4 * CLICKS);
}

#[test]
fn every_answered_redirect_is_counted_once_whatever_is_killed() {
    let mut dice = Dice::new();
    let mut site = Site::start(Shape { apps: 2, replicas: 0, kafka: true, relays: false });
    let ids: Vec<String> = (0..CLICKERS)
        .map(|number| {
            let made = site.app(0).link(&json!({ "url": FIRST, "code": format!("own{number}") }));
            made["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let clicked: Vec<Clicked> = (0..CLICKERS).map(|_| Clicked::default()).collect();
    let (doors, ends) = (site.doors(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let ending = Ending(&ends);
        for (number, link) in clicked.iter().enumerate() {
            let (doors, ends) = (&doors, &ends);
            scope.spawn(move || click(doors, number, link, ends));
        }
        kill_again_and_again(&mut site, &mut dice, &clicked);
        drop(ending);
    });
    all_are_counted_once(&site, &ids, &clicked);
}

/// Kills one or two parts, leaves them dead for a while, brings them back; and again.
fn kill_again_and_again(site: &mut Site, dice: &mut Dice, clicked: &[Clicked]) {
    let begun = Instant::now();
    let (outage_max, work_max) = if length().is_some() { (4_000, 6_000) } else { (500, 1_000) };
    let answered = || clicked.iter().map(|link| link.answered.load(Ordering::Relaxed)).sum::<u64>();
    for _ in rounds(4) {
        let goal = answered() + 200 + dice.below(work_max);
        until("clicks are answered", || answered() >= goal);
        let (mut victims, outage) = (dice.one_or_two(VICTIMS), Duration::from_millis(dice.below(outage_max)));
        victims.sort();
        println!("{:6.1} s  kill -9 for {outage:?}: {victims:?}", begun.elapsed().as_secs_f64());
        victims.iter().for_each(|&victim| site.kill(victim));
        // How long servers stay away.
        let_pass(outage);
        victims.iter().for_each(|&victim| site.start_again(victim));
    }
}

/// Asks for its own link until the end, of whichever server is there.
fn click(doors: &Doors, number: usize, link: &Clicked, ends: &AtomicBool) {
    let (mut client, path) = (Roamer::new(doors, number), format!("/own{number}"));
    while !ends.load(Ordering::Relaxed) {
        match client.request("GET", &path, &[("user-agent", PERSON)], b"").map(|answer| answer.status) {
            Ok(302) => _ = link.answered.fetch_add(1, Ordering::Relaxed),
            Ok(status) => {
                assert_eq!(status, 503);
                link.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(Unanswered::CutOff) => _ = link.cut_off.fetch_add(1, Ordering::Relaxed),
            Err(Unanswered::NotSent) => {}
        }
        // Visitors do not come as fast as they can.
        let_pass(PAUSE);
    }
}

fn all_are_counted_once(site: &Site, ids: &[String], clicked: &[Clicked]) {
    for app in site.apps() {
        app.eventually(|app| {
            let lag = &app.api("GET", "/api/v1/pipeline", None).json()["lag"];
            (lag["clicks"] == 0 && lag["backlog_bytes"] == 0).then_some(())
        });
    }
    // All is in Kafka, and a link has one partition: once a last click by somebody else is counted, so is
    // everything before it.
    for (number, (id, link)) in ids.iter().zip(clicked).enumerate() {
        site.app(0).eventually(|app| {
            let answer = app.client().request("GET", &format!("/own{number}"), &[("user-agent", BOT)], b"");
            (answer.status == 302).then_some(())
        });
        let counted = site.app(0).eventually(|app| {
            let clicks = app.clicks(id);
            (clicks["bot"] == 1).then(|| clicks["total"].as_u64().unwrap() - 1)
        });
        let [answered, cut_off, refused] =
            [&link.answered, &link.cut_off, &link.refused].map(|number| number.load(Ordering::Relaxed));
        println!("own{number}: {answered} answered, {cut_off} cut off, {refused} refused; {counted} counted");
        assert!(counted >= answered, "{} answered redirects are lost", answered - counted);
        assert!(
            counted <= answered + cut_off,
            "{} are counted that were not asked for",
            counted - answered - cut_off
        );
    }
}
