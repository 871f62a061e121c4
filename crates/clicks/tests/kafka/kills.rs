//! Counting is exact though nodes and workers are killed: real processes, really killed.

use crate::engine::{Engine, Place, Store, on_each_engine};
use crate::support::{
    clicks_of_days, clicks_on, find, find_in, record, ship, start_node, start_worker, until_counted,
};
use crate::topic::Topic;
use curtail_clicks::kafka;
use curtail_clicks::recorder::Recorded;
use curtail_servers::PATIENCE;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

on_each_engine!(every_kept_click_is_counted_once_though_nodes_and_workers_are_killed_again_and_again,);

/// Set for the processes that are killed: their folder, the address of their store if it is not there,
/// brokers and topic.
const FOLDER: &str = "CURTAIL_KAFKA_KILL_FOLDER";
const STORE: &str = "CURTAIL_KAFKA_KILL_STORE";
const BROKERS: &str = "CURTAIL_KAFKA_KILL_BROKERS";
const TOPIC: &str = "CURTAIL_KAFKA_KILL_TOPIC";
/// The link that a node clicks first; every click is on a link of its own, so that none can hide another.
const FIRST: &str = "CURTAIL_KAFKA_KILL_FIRST";
const ROUNDS_APART: u64 = 1 << 32;
const KILLS: u64 = 6;
const PARTITIONS: u16 = 4;

/// What a process that is to be killed was told.
pub(crate) struct Told {
    pub(crate) folder: PathBuf,
    /// Where the store is, if not in the folder.
    pub(crate) url: Option<String>,
    pub(crate) config: kafka::Config,
}

impl Told {
    /// Nothing for a process that is a test and no part of one.
    pub(crate) fn find() -> Option<Told> {
        let folder = std::env::var_os(FOLDER)?.into();
        let [brokers, topic] = [BROKERS, TOPIC].map(|name| std::env::var(name).unwrap());
        Some(Told {
            folder,
            url: std::env::var(STORE).ok(),
            config: kafka::Config { brokers, topic, replaces: None },
        })
    }
}

/// Starts one of this file's processes.
pub(crate) fn child(test: &str, place: &Place, topic: &Topic, first: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(FOLDER, place.folder());
    command.envs(place.url().map(|url| (STORE, url)));
    command.env(BROKERS, &topic.config.brokers).env(TOPIC, &topic.config.topic).env(FIRST, first.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// The node to be killed: for each line that it is told it records a hundred clicks, and says how many it was
/// promised.
#[test]
fn helper_process_node_records_and_ships_until_it_is_killed() {
    let Some(Told { folder, config, .. }) = Told::find() else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let topic = kafka::Topic { name: config.topic.clone(), partitions: PARTITIONS, cluster: None };
    let (mut recorders, _pipeline) = start_node(&folder.join("journal"), &config, &topic);
    let mut numbers = 1_u64..;
    for _ in std::io::stdin().lines() {
        for number in numbers.by_ref().take(100) {
            while record(&mut recorders[number as usize % 2], first + number) != Recorded::Kept {
                std::thread::yield_now();
            }
        }
        println!("{} kept", numbers.start - 1);
    }
}

/// The worker to be killed; it says when it counts.
#[test]
fn helper_process_worker_counts_until_it_is_killed() {
    let Some(Told { folder, url, config }) = Told::find() else { return };
    let store = Store::open(&folder, url);
    let topic = find_in(&config, &store.rollups);
    let worker = start_worker(&folder, &config, &topic, &store.rollups);
    let mut counted = 0;
    loop {
        let status = worker.status();
        if status.counted > counted {
            counted = status.counted;
            println!("{counted} counted");
        }
        std::thread::yield_now();
    }
}

/// What a process says, line by line; its number stands first.
fn numbers(process: &mut Child) -> impl Iterator<Item = u64> + use<> {
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.filter_map(|line| {
        let (number, word) = line.split_once(' ')?;
        number.parse().ok().filter(|_| matches!(word, "kept" | "counted"))
    })
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

fn every_kept_click_is_counted_once_though_nodes_and_workers_are_killed_again_and_again(engine: Engine) {
    let place = Place::new(engine);
    let topic = Topic::new(PARTITIONS.into());
    let mut kept = Vec::new();
    let start = |round: u64| {
        let first = round * ROUNDS_APART;
        let node =
            child("kills::helper_process_node_records_and_ships_until_it_is_killed", &place, &topic, first);
        let worker = child("kills::helper_process_worker_counts_until_it_is_killed", &place, &topic, 0);
        (node, worker)
    };
    for round in 1..=KILLS {
        let (mut node, mut worker) = start(round);
        let (mut of_node, mut of_worker) = (numbers(&mut node), numbers(&mut worker));
        // Somewhere in the middle of everything: shipping and commits go on by themselves meanwhile.
        let enough = 3_000 * round + 100 * (u64::from(std::process::id()) % 17);
        node.stdin.as_ref().unwrap().write_all(&vec![b'\n'; enough as usize / 50]).unwrap();
        let mut said = of_node.by_ref().find(|said| *said >= enough).unwrap();
        if round % 2 == 0 {
            kill(node);
            kill(worker);
        } else {
            // Between two commits, or in the middle of one.
            of_worker.by_ref().nth(round as usize % 5).unwrap();
            kill(worker);
            kill(node);
        }
        // What it said while it was being killed counts too.
        said = of_node.last().unwrap_or(said);
        kept.push(round * ROUNDS_APART + 1..=round * ROUNDS_APART + said);
    }

    let store = place.open();
    let rollups = &store.rollups;
    let found = find(&topic, rollups);
    ship(&place.journal(), &topic.config, &found, 0..0);
    let worker = start_worker(place.folder(), &topic.config, &found, rollups);
    until_counted(&topic, &found, rollups);
    let status = worker.drain(PATIENCE);
    assert_eq!((status.damaged, status.poison.iter().map(|(_, count)| count).sum::<u64>()), (0, 0));
    let mut sum = 0;
    for said in kept {
        // What was kept and not said any more may be counted, each once.
        let (first, last) = (*said.start(), *said.end());
        for (number, clicks) in (first..).zip(clicks_on(rollups, first..last + 200)) {
            assert!(clicks == 1 || (clicks == 0 && number > last), "{number} of {said:?}: {clicks}");
            sum += clicks;
        }
    }
    assert_eq!(sum, clicks_of_days(rollups), "totals and rollups agree");
}
