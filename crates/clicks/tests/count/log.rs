//! What logs promise, of the embedded log. What Kafka's promises is in `tests/kafka/`: positions are the
//! store's affair there, and brokers, workers and nodes die apart.

use crate::memory::Memory;
use curtail_clicks::enricher::Enricher;
use curtail_clicks::journal::{self, Config, Keeper};
use curtail_clicks::log::{Clicked as LogClicked, Clicks, EmbeddedLog, Log};
use curtail_clicks::recorder::{Clicked, RawClick, Recorded, Recorder};
use curtail_model::{LinkId, Timestamp};
use curtail_store::rollups::Positions;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) fn config(dir: &Path, streams: usize) -> Config {
    Config {
        folder: dir.into(),
        streams,
        segment_bytes: 64 << 10,
        bytes_max: 64 << 20,
        sync_interval: Duration::from_millis(20),
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64)
}

/// Records a click on the link with this number.
pub(crate) fn record(recorder: &mut Recorder, number: u64) -> Recorded {
    recorder.record(&RawClick {
        at: now(),
        clicked: Clicked::Link(LinkId::new(number).unwrap()),
        address: IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
        head: false,
        prefetch: false,
        user_agent: b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        referrer: b"https://example.com/",
        language: b"de",
        query: b"",
    })
}

/// Records a request for a path that leads nowhere.
pub(crate) fn record_orphan(recorder: &mut Recorder, path: &[u8]) -> Recorded {
    recorder.record(&RawClick {
        at: now(),
        clicked: Clicked::Orphan { path },
        address: [192, 0, 2, 1].into(),
        head: false,
        prefetch: false,
        user_agent: b"",
        referrer: b"",
        language: b"",
        query: b"",
    })
}

/// A process that records and counts: dropping it is its
/// death, which runs none of its code that matters here.
pub(crate) trait Producer {
    fn produce(&mut self, numbers: std::ops::Range<u64>);
}

/// The suite. `open` opens the same log at positions that were stored.
fn keeps_its_promises<P: Producer>(open: impl Fn(&Positions) -> (P, Box<dyn Log>)) {
    let read_all = |log: &mut Box<dyn Log>, clicks: &mut Clicks| while log.read(7, clicks).unwrap() > 0 {};
    let numbers = |clicks: &Clicks| {
        let of = |clicked| match clicked {
            LogClicked::Link(link) => link.get(),
            LogClicked::Orphan(_) => panic!("nobody produced an orphan"),
        };
        let mut numbers: Vec<u64> = clicks.clicks.iter().map(|click| of(click.clicked)).collect();
        numbers.sort_unstable();
        numbers
    };

    // The consumer dies before it has stored anything: everything comes again.
    let (mut producer, mut log) = open(&Vec::new());
    producer.produce(0..5_000);
    let mut clicks = Clicks::default();
    assert_eq!(log.read(100, &mut clicks), Ok(100), "as many as were asked for, no more");
    drop((producer, log));
    let (mut producer, mut log) = open(&Vec::new());
    let mut clicks = Clicks::default();
    read_all(&mut log, &mut clicks);
    assert_eq!(numbers(&clicks), (0..5_000).collect::<Vec<_>>());

    // It dies after it has stored the positions and before it could say so: nothing comes again.
    let mut stored: std::collections::BTreeMap<u64, u64> = clicks.positions().into_iter().collect();
    producer.produce(5_000..9_000);
    drop((producer, log));
    let (mut producer, mut log) = open(&stored.clone().into_iter().collect());
    let mut clicks = Clicks::default();
    assert_eq!(log.read(1_234, &mut clicks), Ok(1_234));
    assert_eq!(numbers(&clicks).len(), 1_234);
    let mut seen = numbers(&clicks);
    stored.extend(clicks.positions());
    log.committed(&clicks.positions());

    // It dies having stored and said so, in the middle of what there is: the rest comes, once.
    drop(log);
    producer.produce(9_000..9_100);
    drop(producer);
    let (mut producer, mut log) = open(&stored.clone().into_iter().collect());
    producer.produce(9_100..9_200);
    clicks.clear();
    assert!(log.oldest_waiting().is_some());
    read_all(&mut log, &mut clicks);
    seen.extend(numbers(&clicks));
    seen.sort_unstable();
    assert_eq!(seen, (5_000..9_200).collect::<Vec<_>>());

    // Nothing is left, and reading on says so.
    log.committed(&clicks.positions());
    clicks.clear();
    assert_eq!(log.read(10, &mut clicks), Ok(0));
    assert_eq!(log.oldest_waiting(), None);
    assert!(log.take_damage().is_empty());
}

struct Recording {
    recorders: Vec<Recorder>,
    keeper: Keeper,
}

impl Producer for Recording {
    fn produce(&mut self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let stream = number as usize % self.recorders.len();
            while record(&mut self.recorders[stream], number) != Recorded::Kept {
                self.keeper.tick(now());
            }
        }
    }
}

#[test]
fn the_embedded_log_loses_nothing_and_gives_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    keeps_its_promises(|stored| {
        let (recorders, reader, keeper) = journal::open(config(folder.path(), 2), stored).unwrap();
        (
            Recording { recorders, keeper },
            Box::new(EmbeddedLog::new(reader, Enricher::new(None), Arc::new(Memory::default())))
                as Box<dyn Log>,
        )
    });
}
