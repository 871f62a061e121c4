//! A change is seen by every server though all messages about it are lost.

use super::FIRST;
use crate::support::http::Client;
use crate::support::run::{Dice, Stalls, length, rounds, until};
use crate::support::site::{Part, Shape, Site};
use curtail_servers::PATIENCE;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SERVERS: usize = 3;
/// What the long run allows.
const STALE_MAX: Duration = Duration::from_secs(2);
/// Beside all other tests a process may have to wait for a core for seconds.
const STALE_MAX_BESIDE_OTHERS: Duration = Duration::from_secs(6);
/// In a round in which the whole machine stood still for so long, nobody could have been sooner.
const STALL: Duration = Duration::from_secs(1);
/// How many rounds the short form has that tell something, of how many at most.
const ROUNDS: usize = 4;
const ROUNDS_MAX: usize = 12;

#[test]
fn a_change_is_seen_by_all_servers_though_all_messages_are_lost() {
    let mut dice = Dice::new();
    let site = Site::start(Shape { apps: SERVERS, replicas: 0, kafka: false, relays: true });
    let made = site.app(0).link(&json!({ "url": FIRST, "code": "shared" }));
    let mut visitors = Visitors::of(&site);
    // Before it has led there it may have to be asked again.
    until("all lead there", || visitors.all_get(FIRST));
    // Where a server has led once it leads again, though the database hangs now.
    site.hang(Part::Primary);
    visitors.ask_for(Duration::from_millis(600));
    site.go_on(Part::Primary);
    let (mut stale, stalls) = (Vec::new(), Stalls::watch());
    for round in rounds(ROUNDS_MAX) {
        if length().is_none() && stale.len() == ROUNDS {
            break;
        }
        // Redis is there and silent, or it hangs altogether.
        let hangs = round % 2 == 1;
        site.lose_messages(true);
        if hangs {
            site.hang(Part::Redis);
        }
        // Servers still believe what they have, or know by then that they hear nothing.
        visitors.ask_for(Duration::from_millis(dice.below(2_500)));
        let url = format!("https://example.com/{round}");
        let by = dice.below(SERVERS as u64) as usize;
        change(&site, by, &made, &url);
        stalls.longest();
        let took = visitors.ask_until_all_see(&url);
        let stalled = stalls.longest();
        if stalled < STALL {
            stale.push(took);
        }
        let silent = if hangs { "Redis hangs" } else { "Redis is silent" };
        println!(
            "change {round}, by server {by}, {silent}: seen by all after {took:.3?}, stalled for {stalled:.3?}"
        );
        site.lose_messages(false);
        if hangs {
            site.go_on(Part::Redis);
        }
        visitors.ask_for(Duration::from_millis(500));
    }
    let most = stale.iter().max().expect("a round in which the machine did not stand still");
    println!("{} changes, the longest unseen for {:.3} s", stale.len(), most.as_secs_f64());
    let bound = if length().is_some() { STALE_MAX } else { STALE_MAX_BESIDE_OTHERS };
    assert!(*most <= bound, "a change was unseen for {most:?}");
}

fn change(site: &Site, by: usize, link: &Value, url: &str) {
    let path = format!("/api/v1/links/{}", link["id"].as_str().unwrap());
    let changed = site.app(by).api("PATCH", &path, Some(&json!({ "url": url })));
    assert_eq!(changed.status, 200, "{}", changed.text());
}

/// One visitor of each server, who asks again and again, and so keeps the link warm.
struct Visitors(Vec<Client>);

impl Visitors {
    fn of(site: &Site) -> Visitors {
        Visitors(site.apps().map(|app| app.client()).collect())
    }

    /// Whether all servers lead there now.
    fn all_get(&mut self, url: &str) -> bool {
        self.0.iter_mut().all(|visitor| visitor.get("/shared").header("location") == Some(url))
    }

    /// Whether a server leads there now; it leads somewhere.
    fn sees(visitor: &mut Client, url: &str) -> bool {
        let answer = visitor.get("/shared");
        assert_eq!(answer.status, 302, "stale beats down");
        answer.header("location") == Some(url)
    }

    fn ask_for(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.0.iter_mut().for_each(|visitor| _ = Visitors::sees(visitor, FIRST));
        }
    }

    /// Asks until all have seen it, and answers how long that took. Who has seen it sees it from then on.
    fn ask_until_all_see(&mut self, url: &str) -> Duration {
        let begun = Instant::now();
        let mut seen = vec![false; self.0.len()];
        while seen.contains(&false) {
            assert!(begun.elapsed() < PATIENCE, "seen by {seen:?} after {PATIENCE:?}");
            for (visitor, seen) in self.0.iter_mut().zip(&mut seen) {
                let sees = Visitors::sees(visitor, url);
                assert!(sees || !*seen, "a server has gone back to what was before");
                *seen = sees;
            }
        }
        begun.elapsed()
    }
}
