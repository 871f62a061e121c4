//! A limit of clicks is exact over servers that share a store, and whoever dies.

use super::FIRST;
use crate::support::roamer::{Doors, Roamer, Unanswered};
use crate::support::run::{Dice, rounds, until};
use crate::support::site::{Part, Shape, Site};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};

const SERVERS: usize = 3;
const CLIENTS: usize = 64;
const LIMIT: u64 = 1000;
const THREE_SERVERS: Shape = Shape { apps: SERVERS, replicas: 0, kafka: false, relays: false };

/// What clients got of one link.
#[derive(Default)]
struct Given {
    redirects: AtomicU64,
    /// Requests whose connection broke: each may have spent a click.
    cut_off: AtomicU64,
}

#[test]
fn a_limited_link_gives_exactly_its_clicks_over_three_servers_to_64_clients() {
    let mut site = Site::start(THREE_SERVERS);
    for round in rounds(1) {
        let (redirects, cut_off) = use_up(&mut site, round, None);
        println!("round {round}: {redirects} redirects of {LIMIT} clicks");
        assert_eq!((redirects, cut_off), (LIMIT, 0));
    }
}

#[test]
fn a_server_that_dies_meanwhile_gives_no_click_of_a_limited_link_twice() {
    let mut dice = Dice::new();
    let mut site = Site::start(THREE_SERVERS);
    for round in rounds(2) {
        let (victim, after) = (Part::App(dice.below(SERVERS as u64) as usize), dice.below(LIMIT * 8 / 10));
        let (redirects, cut_off) = use_up(&mut site, round, Some((victim, after)));
        println!(
            "round {round}: {victim:?} killed after {after}; {redirects} redirects of {LIMIT} clicks, {cut_off} cut off"
        );
        assert!(redirects <= LIMIT && redirects + cut_off >= LIMIT, "{redirects} given, {cut_off} cut off");
        site.start_again(victim);
    }
}

/// Makes a limited link and lets all clients ask for it until it is used up; kills a server once so many
/// redirects were given. Answers the redirects, and the requests that were cut off.
fn use_up(site: &mut Site, round: usize, kill: Option<(Part, u64)>) -> (u64, u64) {
    let code = format!("few{round}");
    site.app(0).link(&json!({ "url": FIRST, "code": code, "max_clicks": LIMIT }));
    let (given, doors) = (Given::default(), site.doors());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (doors, given, path) = (&doors, &given, format!("/{code}"));
            scope.spawn(move || ask_until_used_up(doors, client, &path, given));
        }
        if let Some((victim, after)) = kill {
            until("enough was given", || given.redirects.load(Ordering::Relaxed) >= after);
            site.kill(victim);
        }
    });
    (given.redirects.into_inner(), given.cut_off.into_inner())
}

fn ask_until_used_up(doors: &Doors, first: usize, path: &str, given: &Given) {
    let mut client = Roamer::new(doors, first);
    loop {
        match client.request("GET", path, &[], b"").map(|answer| answer.status) {
            Ok(302) => _ = given.redirects.fetch_add(1, Ordering::Relaxed),
            Ok(410) => return,
            // The store was too slow for it: nothing is spent that is not given.
            Ok(status) => assert_eq!(status, 503),
            Err(Unanswered::CutOff) => _ = given.cut_off.fetch_add(1, Ordering::Relaxed),
            Err(Unanswered::NotSent) => {}
        }
    }
}
