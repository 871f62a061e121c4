//! Nodes, workers and what they have counted.

use crate::engine::{Engine, Place, Store};
use crate::topic::{Topic, wait};
use curtail_clicks::journal::{self, Config};
use curtail_clicks::kafka;
use curtail_clicks::pipeline::{self, Pipeline, Retention, ShipConfig, Status, WorkConfig};
use curtail_clicks::recorder::{Clicked, RawClick, Recorded, Recorder};
use curtail_clicks::rollup::Rollup;
use curtail_model::{LinkId, Timestamp};
use curtail_servers::PATIENCE;
use curtail_store::Rollups;
use curtail_store::rollups::{Grain, Subject};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub(crate) fn journal_config(dir: &Path) -> Config {
    Config {
        folder: dir.into(),
        streams: 2,
        segment_bytes: 64 << 10,
        bytes_max: 64 << 20,
        sync_interval: Duration::from_millis(20),
    }
}

/// What most tests stand on: a folder, a topic, an open
/// store, and the topic as a process that starts finds it.
pub(crate) struct Ground {
    pub(crate) place: Place,
    pub(crate) topic: Topic,
    pub(crate) store: Store,
    pub(crate) found: kafka::Topic,
}

impl Ground {
    /// With a new topic of so many partitions, on the broker that all share.
    pub(crate) fn new(engine: Engine, partitions: i32) -> Ground {
        Ground::on(engine, Topic::new(partitions))
    }

    pub(crate) fn on(engine: Engine, topic: Topic) -> Ground {
        let place = Place::new(engine);
        let store = place.open();
        let found = find(&topic, &store.rollups);
        Ground { place, topic, store, found }
    }
}

/// Starts a node whose journal is in this folder.
pub(crate) fn start_node(
    dir: &Path,
    kafka: &kafka::Config,
    topic: &kafka::Topic,
) -> (Vec<Recorder>, Pipeline) {
    let (recorders, reader, keeper) = journal::open(journal_config(dir), &[]).unwrap();
    let config = ShipConfig {
        geo_path: None,
        journal_folder: dir.into(),
        interval: Duration::from_millis(20),
        waiting_clicks_max: 0,
    };
    (recorders, pipeline::ship(config, reader, keeper, kafka.clone(), topic.clone()).unwrap())
}

/// Starts a worker that counts into this store.
pub(crate) fn start_worker(
    folder: &Path,
    kafka: &kafka::Config,
    topic: &kafka::Topic,
    rollups: &Arc<dyn Rollups>,
) -> Pipeline {
    let config = WorkConfig {
        folder: folder.into(),
        retention: Retention {
            minutes_kept_millis: 2 * Timestamp::DAY,
            hours_kept_millis: 90 * Timestamp::DAY,
            days_kept_millis: None,
        },
        commit_interval: Duration::from_millis(20),
        batch_clicks_max: 1_000,
    };
    pipeline::work(config, kafka, topic.clone(), Arc::clone(rollups)).unwrap()
}

/// The topic as a process that starts finds it.
pub(crate) fn find(topic: &Topic, rollups: &Arc<dyn Rollups>) -> kafka::Topic {
    find_in(&topic.config, rollups)
}

/// The same, by its settings.
pub(crate) fn find_in(kafka: &kafka::Config, rollups: &Arc<dyn Rollups>) -> kafka::Topic {
    wait(kafka::Topic::find(kafka, &**rollups)).unwrap()
}

/// Records a click on the link with this number.
pub(crate) fn record(recorder: &mut Recorder, number: u64) -> Recorded {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    recorder.record(&RawClick {
        at: Timestamp::from_millis(now),
        clicked: Clicked::Link(LinkId::new(number).unwrap()),
        address: IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
        head: false,
        prefetch: false,
        user_agent: b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        referrer: b"https://example.com/",
        language: b"de",
        query: b"utm_source=letter",
    })
}

pub(crate) fn record_all(recorders: &mut [Recorder], numbers: Range<u64>) {
    for number in numbers {
        let core = number as usize % recorders.len();
        while record(&mut recorders[core], number) != Recorded::Kept {
            std::thread::yield_now();
        }
    }
}

/// A node that records these clicks and ships none.
pub(crate) fn record_only(dir: &Path, numbers: Range<u64>) {
    let (mut recorders, _reader, mut keeper) = journal::open(journal_config(dir), &[]).unwrap();
    for number in numbers {
        let core = number as usize % recorders.len();
        while record(&mut recorders[core], number) != Recorded::Kept {
            keeper.tick(Timestamp::default());
        }
    }
}

/// A node that records these clicks, ships them all and ends.
pub(crate) fn ship(dir: &Path, kafka: &kafka::Config, topic: &kafka::Topic, numbers: Range<u64>) -> Status {
    let (mut recorders, pipeline) = start_node(dir, kafka, topic);
    record_all(&mut recorders, numbers);
    drop(recorders);
    let status = pipeline.drain(PATIENCE);
    assert_eq!(status.lag_clicks, 0, "{status:?}");
    status
}

/// Looks until it is so; what never gets there fails the test.
pub(crate) fn until(what: impl Fn() -> String, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", what());
        std::thread::yield_now();
    }
}

/// Waits until a pipeline's status is so.
pub(crate) fn until_status(pipeline: &Pipeline, mut is_so: impl FnMut(&Status) -> bool) -> Status {
    let mut status = pipeline.status();
    until(
        || format!("{:?}", pipeline.status()),
        || {
            status = pipeline.status();
            is_so(&status)
        },
    );
    status
}

/// Waits until everything that is in the topic has been counted.
pub(crate) fn until_counted(topic: &Topic, found: &kafka::Topic, rollups: &Arc<dyn Rollups>) {
    let ends = topic.ends();
    let counted = || found.counted(&wait(rollups.positions()).unwrap());
    let is_counted = |(end, counted): (&u64, Option<u64>)| *end == 0 || counted == Some(*end);
    until(|| format!("{ends:?} {:?}", counted()), || ends.iter().zip(counted()).all(is_counted));
}

/// Clicks by people on each of these links.
pub(crate) fn clicks_on(rollups: &Arc<dyn Rollups>, numbers: Range<u64>) -> Vec<u64> {
    let links = numbers.map(|number| LinkId::new(number).unwrap()).collect();
    wait(rollups.totals(links)).unwrap().into_iter().map(|totals| totals.human).collect()
}

/// All clicks on links, as the days' rollups say.
pub(crate) fn clicks_of_days(rollups: &Arc<dyn Rollups>) -> u64 {
    let ever = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX / 2));
    let days = wait(rollups.series(Subject::Everything, Grain::Day, ever.0, ever.1)).unwrap();
    days.iter().map(|(_, bytes)| Rollup::parse(bytes).unwrap().clicks(None)).sum()
}

/// Each of these links has exactly one click, and there are no others.
pub(crate) fn assert_each_once(rollups: &Arc<dyn Rollups>, numbers: Range<u64>) {
    let count = numbers.end - numbers.start;
    let wrong: Vec<_> = clicks_on(rollups, numbers.clone())
        .into_iter()
        .zip(numbers)
        .filter(|(clicks, _)| *clicks != 1)
        .take(10)
        .collect();
    assert_eq!(wrong, [], "clicks and links");
    assert_eq!(clicks_of_days(rollups), count, "totals and rollups agree");
}
