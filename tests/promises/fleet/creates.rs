//! New links while PostgreSQL and app servers are killed: what was acknowledged is there, once.

use crate::support::roamer::{Doors, Roamer};
use crate::support::run::{Dice, Ending, length, rounds, until};
use crate::support::server::KEY;
use crate::support::site::{Part, Shape, Site};
use curtail_servers::{PATIENCE, let_pass};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const MAKERS: usize = 6;
const VICTIMS: &[Part] = &[Part::App(0), Part::App(1), Part::Primary];
/// Before a request is repeated.
const PAUSE: Duration = Duration::from_millis(5);

#[test]
fn acknowledged_links_are_there_once_though_database_and_servers_are_killed() {
    let mut dice = Dice::new();
    let mut site = Site::start(Shape { apps: 2, replicas: 0, kafka: false, relays: false });
    let (doors, ends, count, repeats) =
        (site.doors(), AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let made: Vec<Value> = std::thread::scope(|scope| {
        let ending = Ending(&ends);
        let makers: Vec<_> = (0..MAKERS)
            .map(|maker| {
                let (doors, ends, count, repeats) = (&doors, &ends, &count, &repeats);
                scope.spawn(move || make(doors, maker, count, repeats, ends))
            })
            .collect();
        kill_again_and_again(&mut site, &mut dice, &count);
        drop(ending);
        makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect()
    });
    println!("{} links acknowledged, {} requests repeated", made.len(), repeats.into_inner());
    let there = all_links(&site);
    println!("{} links are there", there.len());
    let mut of_url: HashMap<&str, Vec<&Value>> = HashMap::new();
    for link in &there {
        of_url.entry(link["url"].as_str().unwrap()).or_default().push(link);
    }
    for link in &made {
        let found = &of_url[link["url"].as_str().unwrap()];
        assert_eq!(found.len(), 1, "made twice: {found:?}");
        assert_eq!((&found[0]["id"], &found[0]["code"]), (&link["id"], &link["code"]));
    }
    // Nobody gave up before the answer, so that nothing else may be there either.
    assert_eq!(there.len(), made.len());
    let mut client = site.app(0).client();
    for link in &made {
        let path = format!("/{}", link["code"].as_str().unwrap());
        until("it leads there", || {
            let answer = client.get(&path);
            assert!(matches!(answer.status, 302 | 503), "{path}: {}", answer.status);
            answer.header("location") == link["url"].as_str()
        });
    }
}

fn kill_again_and_again(site: &mut Site, dice: &mut Dice, count: &AtomicU64) {
    let begun = Instant::now();
    let (outage_max, work_max) = if length().is_some() { (3_000, 2_000) } else { (300, 200) };
    for _ in rounds(6) {
        let goal = count.load(Ordering::Relaxed) + 50 + dice.below(work_max);
        until("links are made", || count.load(Ordering::Relaxed) >= goal);
        let (mut victims, outage) = (dice.one_or_two(VICTIMS), Duration::from_millis(dice.below(outage_max)));
        victims.sort();
        println!("{:6.1} s  kill -9 for {outage:?}: {victims:?}", begun.elapsed().as_secs_f64());
        victims.iter().for_each(|&victim| site.kill(victim));
        // How long servers stay away.
        let_pass(outage);
        victims.iter().for_each(|&victim| site.start_again(victim));
    }
}

/// Makes links until the end, and answers those that were acknowledged: all that it began. What got no
/// answer, or was refused for want of a database, is repeated elsewhere with the same `Idempotency-Key`.
fn make(
    doors: &Doors,
    maker: usize,
    count: &AtomicU64,
    repeats: &AtomicU64,
    ends: &AtomicBool,
) -> Vec<Value> {
    let (mut client, mut made) = (Roamer::new(doors, maker), Vec::new());
    let authorization = format!("Bearer {KEY}");
    while !ends.load(Ordering::Relaxed) {
        let key = format!("{maker}-{}", made.len());
        let body = json!({ "url": format!("https://example.com/{maker}/{}", made.len()) }).to_string();
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
        ];
        let begun = Instant::now();
        let link = loop {
            assert!(begun.elapsed() < PATIENCE, "{body} is not made by anybody");
            match client.request("POST", "/api/v1/links", &headers, body.as_bytes()) {
                Ok(answer) if answer.status == 201 => break answer.json(),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text());
                    client.move_on();
                }
                Err(_) => {}
            }
            repeats.fetch_add(1, Ordering::Relaxed);
            // A person does not come again at once.
            let_pass(PAUSE);
        };
        made.push(link);
        count.fetch_add(1, Ordering::Relaxed);
    }
    made
}

/// All links of the site, page by page.
fn all_links(site: &Site) -> Vec<Value> {
    let (mut links, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let mut page = Value::Null;
        // The database may have come back this moment.
        until("links are listed", || {
            let answer = site.app(0).api("GET", &format!("/api/v1/links?limit=100{after}"), None);
            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
            page = answer.json();
            answer.status == 200
        });
        links.extend(page["links"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return links,
        }
    }
}
