//! Counting is exact whatever dies whenever: real processes, really killed.

use crate::log::{config, record};
use crate::pipeline::settings;
use curtail_clicks::pipeline::{Config, Hold};
use curtail_clicks::recorder::Recorded;
use curtail_clicks::rollup::Rollup;
use curtail_clicks::{journal, pipeline};
use curtail_model::{Alphabet, CodeScheme, LinkId, Timestamp};
use curtail_servers::PATIENCE;
use curtail_store::rollups::{Grain, Subject};
use curtail_store::sqlite::{self, Settings};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set for the process that records and counts until it is killed.
const FOLDER: &str = "CURTAIL_COUNT_KILL_FOLDER";
/// The link that this process clicks first; every click is
/// on a link of its own, so that none can hide another.
const FIRST: &str = "CURTAIL_COUNT_KILL_FIRST";
const ROUNDS_APART: u64 = 1 << 32;
const KILLS: u64 = 6;

fn open_store(folder: &Path) -> sqlite::Sqlite {
    let settings = Settings {
        scheme: CodeScheme::Permuted,
        alphabet: Alphabet::Base62,
        readers: 1,
        page_cache_bytes: 4 << 20,
    };
    sqlite::open(folder, settings).unwrap()
}

/// The process to be killed: records as fast as it may,
/// and says after every hundred how many it was promised.
#[test]
fn helper_process_records_and_counts_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = open_store(folder);
    let stored = crate::stats::wait(store.rollups.positions()).unwrap();
    let (mut recorders, reader, keeper) = journal::open(config(&folder.join("journal"), 1), &stored).unwrap();
    // Every other process writes what it has counted a moment later.
    let at_most = Duration::from_millis(40);
    let hold =
        (first / ROUNDS_APART).is_multiple_of(2).then_some(Hold { at_most, journal_bytes_max: u64::MAX });
    let _pipeline = pipeline::start(Config { hold, ..settings() }, reader, keeper, store.rollups).unwrap();
    let mut said = std::io::stdout();
    for number in 1_u64.. {
        while record(&mut recorders[0], first + number) != Recorded::Kept {
            std::thread::yield_now();
        }
        if number.is_multiple_of(100) {
            writeln!(said, "{number} kept").unwrap();
        }
    }
}

fn child(folder: &Path, round: u64) -> Child {
    let this = std::env::current_exe().unwrap();
    let arguments = ["--exact", "kill::helper_process_records_and_counts_until_it_is_killed", "--nocapture"];
    let mut command = Command::new(this);
    command.args(arguments).env(FOLDER, folder).env(FIRST, (round * ROUNDS_APART).to_string());
    command.stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn every_kept_click_is_counted_once_though_the_process_is_killed_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Vec::new();
    for round in 1..=KILLS {
        let mut process = child(folder.path(), round);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // Somewhere in the middle of everything: the commits go on by themselves meanwhile.
        let enough = 3_000 * round + 100 * (u64::from(std::process::id()) % 17);
        let mut said = 0;
        for line in lines.by_ref() {
            said = line.unwrap().strip_suffix(" kept").map_or(said, |number| number.parse().unwrap());
            if said >= enough {
                break;
            }
        }
        process.kill().unwrap();
        process.wait().unwrap();
        // What it said while it was being killed counts too.
        for line in lines {
            said = line.unwrap().strip_suffix(" kept").and_then(|number| number.parse().ok()).unwrap_or(said);
        }
        kept.push(round * ROUNDS_APART + 1..=round * ROUNDS_APART + said);
    }

    let store = open_store(folder.path());
    let stored = crate::stats::wait(store.rollups.positions()).unwrap();
    let (recorders, reader, keeper) =
        journal::open(config(&folder.path().join("journal"), 1), &stored).unwrap();
    drop(recorders);
    let pipeline = pipeline::start(settings(), reader, keeper, store.rollups.clone()).unwrap();
    let status = pipeline.drain(PATIENCE);
    assert_eq!((status.damaged, status.lag_clicks), (0, 0));

    let ever = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX / 2));
    let days = store.rollups.series(Subject::Everything, Grain::Day, ever.0, ever.1);
    let days = crate::stats::wait(days).unwrap();
    let counted: u64 = days.iter().map(|(_, bytes)| Rollup::parse(bytes).unwrap().clicks(None)).sum();
    let mut sum = 0;
    for said in kept {
        // Up to a hundred more were kept than it could say.
        let (first, last) = (*said.start(), *said.end());
        let links = (first..=last + 200).map(|number| LinkId::new(number).unwrap()).collect();
        let totals = crate::stats::wait(store.rollups.totals(links)).unwrap();
        for (number, totals) in (first..).zip(totals) {
            assert!(
                totals.human == 1 || (totals.human == 0 && number > last),
                "{number} of {said:?}: {totals:?}"
            );
            sum += totals.human;
        }
    }
    assert_eq!(sum, counted, "totals and rollups agree");
}
