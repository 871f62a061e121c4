//! Redirects of warm links go on while everything that they are not served from dies or hangs.

use crate::support::load::{Asked, Load, Outcome};
use crate::support::run::{length, until};
use crate::support::site::{Part, Shape, Site};
use curtail_servers::let_pass;
use serde_json::json;
use std::time::{Duration, Instant};

const LINKS: usize = 100;
const CLIENTS: usize = 2;
const PER_SECOND: u32 = 250;
const EVERYTHING: &[Part] = &[Part::Primary, Part::Replicas, Part::Redis, Part::Kafka, Part::Worker];
/// Each fault of a long run: as long as the calm before it.
const PHASES: u32 = 2;
const SHORT: Duration = Duration::from_millis(1500);
/// What the long run allows.
const ADDED_MAX: Duration = Duration::from_millis(25);
/// Beside all other tests a process may have to wait for a core; who waits for what hangs waits longer.
const ADDED_MAX_BESIDE_OTHERS: Duration = Duration::from_secs(1);
/// So often a short fault is tried at most: all wait where the machine stalls in the middle of it.
const TRIES: usize = 3;

/// What happens to some parts at once.
#[derive(Clone, Copy)]
enum Fault {
    Killed,
    Hung,
}

impl Fault {
    fn as_str(self) -> &'static str {
        match self {
            Fault::Killed => "killed",
            Fault::Hung => "hung",
        }
    }

    fn begin(self, site: &mut Site, parts: &[Part]) {
        for &part in parts {
            match self {
                Fault::Killed => site.kill(part),
                Fault::Hung => site.hang(part),
            }
        }
    }

    fn end(self, site: &mut Site, parts: &[Part]) {
        for &part in parts {
            match self {
                Fault::Killed => site.start_again(part),
                Fault::Hung => site.go_on(part),
            }
        }
    }
}

#[test]
fn warm_redirects_go_on_while_all_that_they_are_not_served_from_dies_or_hangs() {
    let mut site = Site::start(Shape { apps: 2, replicas: 2, kafka: true, relays: false });
    let links = warm_links(&site);
    let mut faults: Vec<(Fault, &[Part])> = vec![(Fault::Hung, EVERYTHING), (Fault::Killed, EVERYTHING)];
    if length().is_some() {
        let each = EVERYTHING.chunks(1).flat_map(|part| [(Fault::Killed, part), (Fault::Hung, part)]);
        faults = each.chain(faults).collect();
    }
    let phase = length().map_or(SHORT, |length| length / (PHASES * faults.len() as u32));
    let addresses: Vec<_> = site.apps().map(|app| app.address).collect();
    let load = Load::start(&addresses, &links, CLIENTS, PER_SECOND);
    println!(
        "{:30} {:>8} {:>7} {:>10} {:>10} {:>10} {:>10}",
        "", "asked", "failed", "calm p99", "p99", "added", "most"
    );
    let (added_max, tries) =
        if length().is_some() { (ADDED_MAX, 1) } else { (ADDED_MAX_BESIDE_OTHERS, TRIES) };
    let mut waited = Vec::new();
    let mut number = 0;
    for (fault, parts) in faults {
        let name = if parts == EVERYTHING { "everything".to_owned() } else { format!("{:?}", parts[0]) };
        let name = format!("{name} {}", fault.as_str());
        let is_in_time = (0..tries).any(|_| {
            number += 1;
            wait_added(&mut site, &load, (fault, parts), phase, &name, number) <= added_max
        });
        if !is_in_time {
            waited.push(name);
        }
    }
    assert!(waited.is_empty(), "redirects have waited: {waited:?}");
}

/// What a fault adds to the time that redirects take. None of them may fail.
fn wait_added(
    site: &mut Site,
    load: &Load,
    (fault, parts): (Fault, &[Part]),
    phase: Duration,
    name: &str,
    number: usize,
) -> Duration {
    let calm = Instant::now();
    // Samples are gathered meanwhile: of calm,
    let_pass(phase);
    let begun = Instant::now();
    fault.begin(site, parts);
    // and of the fault.
    let_pass(phase);
    let ended = Instant::now();
    fault.end(site, parts);
    until_all_is_well(site, number);
    let well = Instant::now();
    let before = load.between(calm, begun);
    let during = load.between(begun, ended);
    show(name, &before, &during);
    show(&format!("  back after {:.1} s", (well - ended).as_secs_f64()), &before, &load.between(ended, well));
    let failed = load.between(calm, well).failed;
    assert_eq!(failed, 0, "redirects failed");
    added(&before, &during)
}

fn added(before: &Outcome, during: &Outcome) -> Duration {
    during.p99.saturating_sub(before.p99)
}

fn show(what: &str, before: &Outcome, during: &Outcome) {
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    println!(
        "{what:30} {:>8} {:>7} {:>10} {:>10} {:>10} {:>10}",
        during.asked,
        during.failed,
        milliseconds(before.p99),
        milliseconds(during.p99),
        milliseconds(added(before, during)),
        milliseconds(during.most),
    );
}

/// Makes links that every app server then has in its memory.
fn warm_links(site: &Site) -> Vec<Asked> {
    let links: Vec<Asked> = (0..LINKS)
        .map(|number| {
            let (code, location) = (format!("warm{number}"), format!("https://example.com/{number}"));
            site.app(0).link(&json!({ "url": location, "code": code }));
            Asked { path: format!("/{code}"), location }
        })
        .collect();
    for app in site.apps() {
        let mut client = app.client();
        for link in &links {
            until("a link is there", || {
                client.get(&link.path).header("location") == Some(link.location.as_str())
            });
        }
    }
    links
}

/// New links are made by every app server, and the clicks of the outage have been handed on.
fn until_all_is_well(site: &Site, number: usize) {
    for (app, server) in site.apps().enumerate() {
        let body = json!({ "url": "https://example.com/", "code": format!("well{app}-{number}") });
        until("links are made", || {
            matches!(server.api("POST", "/api/v1/links", Some(&body)).status, 201 | 409)
        });
        until("clicks are handed on", || {
            let pipeline = server.api("GET", "/api/v1/pipeline", None).json();
            pipeline["healthy"] == true && pipeline["lag"]["milliseconds"].as_u64().unwrap() < 1_000
        });
    }
}
