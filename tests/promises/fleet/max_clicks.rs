//! A limit of clicks is exact over servers that share a store, and whoever dies.

use super::FIRST;
use crate::support::limited::Given;
use crate::support::roamer::{Doors, Roamer, Unanswered};
use crate::support::run::{Dice, rounds, until};
use crate::support::site::{Part, Shape, Site};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const SERVERS: usize = 3;
const CLIENTS: usize = 64;
const LIMIT: u64 = 1000;
const THREE_SERVERS: Shape = Shape { apps: SERVERS, replicas: 0, kafka: false, relays: false };

#[test]
fn a_limited_link_gives_exactly_its_clicks_over_three_servers_to_64_clients() {
    let mut site = Site::start(THREE_SERVERS);
    for round in rounds(1) {
        let (given, cut_off) = use_up(&mut site, round, None);
        println!("round {round}: {} redirects of {LIMIT} clicks", given.redirects());
        assert_eq!(cut_off, 0);
        given.is_all_of(LIMIT);
    }
}

#[test]
fn a_server_that_dies_meanwhile_gives_no_click_of_a_limited_link_twice() {
    let mut dice = Dice::new();
    let mut site = Site::start(THREE_SERVERS);
    for round in rounds(2) {
        let (victim, after) = (Part::App(dice.below(SERVERS as u64) as usize), dice.below(LIMIT * 8 / 10));
        let (given, cut_off) = use_up(&mut site, round, Some((victim, after)));
        println!(
            "round {round}: {victim:?} killed after {after}; {} redirects of {LIMIT} clicks, {cut_off} cut off",
            given.redirects()
        );
        given.is_all_of(LIMIT);
        site.start_again(victim);
    }
}

/// Makes a limited link and lets all clients ask for it until it is used up; kills a server once so many
/// clicks were spent. Answers what was given, and how many requests were cut off.
fn use_up(site: &mut Site, round: usize, kill: Option<(Part, u64)>) -> (Given, u64) {
    let code = format!("few{round}");
    site.app(0).link(&json!({ "url": FIRST, "code": code, "max_clicks": LIMIT }));
    let (given, cut_off, doors) = (Given::default(), AtomicU64::new(0), site.doors());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (doors, given, cut_off, path) = (&doors, &given, &cut_off, format!("/{code}"));
            scope.spawn(move || ask_until_used_up(doors, client, &path, given, cut_off));
        }
        if let Some((victim, after)) = kill {
            until("enough was given", || given.redirects() + given.unanswered() >= after);
            site.kill(victim);
        }
    });
    (given, cut_off.into_inner())
}

fn ask_until_used_up(doors: &Doors, first: usize, path: &str, given: &Given, cut_off: &AtomicU64) {
    let mut client = Roamer::new(doors, first);
    loop {
        let asked = Instant::now();
        match client.request("GET", path, &[], b"") {
            Ok(answer) if given.is_used_up_by(answer.status, asked) => return,
            Err(Unanswered::CutOff) => {
                given.note_unanswered();
                cut_off.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) | Err(Unanswered::NotSent) => {}
        }
    }
}
