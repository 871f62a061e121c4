//! How fast clicks get from the journal into committed rollups: records real user agents on links chosen by Zipf(1.0),
//! then counts them into SQLite with everything on one core. Run it so:
//!
//! `taskset -c 0 cargo run --release -p curtail-clicks --example count_speed -- USER_AGENTS CLICKS BATCH`

use curtail_clicks::aggregator;
use curtail_clicks::journal::{self, Config};
use curtail_clicks::log::{Clicks, EmbeddedLog, Log};
use curtail_clicks::recorder::{Clicked, RawClick, Recorded};
use curtail_clicks::shipper::Shipper;
use curtail_model::{Alphabet, CodeScheme, LinkId, Timestamp};
use curtail_store::sqlite;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime};

const LINKS: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let agents = std::fs::read_to_string(arguments.next().ok_or("name a file of user agents")?)?;
    let agents: Vec<&str> = agents.lines().collect();
    let count: usize = arguments.next().map_or(Ok(3_000_000), |text| text.parse())?;
    let batch: usize = arguments.next().map_or(Ok(500_000), |text| text.parse())?;

    let folder = tempfile::tempdir()?;
    let config = Config {
        dir: folder.path().join("journal"),
        streams: 1,
        segment_bytes: 64 << 20,
        bytes_max: 4 << 30,
        sync_interval: Duration::from_secs(1),
    };
    let (mut recorders, reader, mut keeper) = journal::open(config, &[])?;
    let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
    let zipf = Zipf::new(LINKS);
    let mut random = Random(42);
    let began = Instant::now();
    for number in 0..count {
        let rank = zipf.pick(&mut random) as u64;
        let link = LinkId::new(rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16).ok_or("an id is too great")?;
        let click = RawClick {
            at: Timestamp::from_millis(now + number as i64 / 300),
            clicked: Clicked::Link(link),
            address: IpAddr::V4(Ipv4Addr::from_bits((random.next() >> 32) as u32)),
            head: false,
            prefetch: false,
            user_agent: agents[random.next() as usize % agents.len()].as_bytes(),
            referrer: [
                b"".as_slice(),
                b"https://www.example.com/page",
                b"https://t.co/x",
                b"android-app://com.example",
            ][random.next() as usize % 4],
            language: [b"en-US,en;q=0.9".as_slice(), b"de-DE,de;q=0.9", b"pt-BR"][random.next() as usize % 3],
            query: if random.next().is_multiple_of(8) { b"utm_source=letter&utm_medium=email" } else { b"" },
        };
        while recorders[0].record(&click) != Recorded::Kept {
            keeper.tick(Timestamp::from_millis(now));
        }
        if number % 100_000 == 0 {
            keeper.tick(Timestamp::from_millis(now));
        }
    }
    println!("recorded {count} clicks in {:.2} s", began.elapsed().as_secs_f64());

    let settings = sqlite::Settings {
        scheme: CodeScheme::Permuted,
        alphabet: Alphabet::Base62,
        readers: 1,
        page_cache_bytes: 256 << 20,
    };
    let store = sqlite::open(folder.path(), settings)?;
    let executor = tokio::runtime::Builder::new_current_thread().build()?;
    let mut log = EmbeddedLog::new(reader, Shipper::new(None));
    let mut clicks = Clicks::default();
    let (mut reading, mut folding, mut committing, mut rows) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0);
    let (began, cpu_before, mut counted) = (Instant::now(), cpu_seconds()?, 0);
    while counted < count {
        let started = Instant::now();
        while clicks.clicks.len() < batch && log.read(16_384, &mut clicks) > 0 {}
        reading += started.elapsed();
        let started = Instant::now();
        let merge = aggregator::merge(|damage| eprintln!("{damage}"));
        let batch = aggregator::fold(&mut clicks, merge);
        folding += started.elapsed();
        rows += batch.rows.len();
        let started = Instant::now();
        executor.block_on(store.rollups.commit(batch))?;
        committing += started.elapsed();
        counted += clicks.clicks.len();
        log.committed(&clicks.positions());
        clicks.clear();
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds()? - cpu_before);
    println!("counted {counted} clicks in {seconds:.2} s: {:.0} clicks/s", counted as f64 / seconds);
    println!("of the processor, {cpu:.2} s: {:.0} clicks/s on one core", counted as f64 / cpu);
    let each = |what: Duration| what.as_nanos() as usize / counted;
    println!(
        "a click: reading {} ns, folding {} ns, committing {} ns",
        each(reading),
        each(folding),
        each(committing)
    );
    println!("rows: {rows}, {:.2} a click", rows as f64 / counted as f64);
    Ok(())
}

/// What all threads have had of the processor, in user and system; the kernel counts it in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Ranks, the n-th with a weight of 1/n.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(ranks: usize) -> Zipf {
        let mut sum = 0.0;
        Zipf(
            (1..=ranks)
                .map(|rank| {
                    sum += 1.0 / rank as f64;
                    sum
                })
                .collect(),
        )
    }

    fn pick(&self, random: &mut Random) -> usize {
        let end = self.0[self.0.len() - 1];
        let point = (random.next() >> 11) as f64 / (1_u64 << 53) as f64 * end;
        self.0.partition_point(|sum| *sum < point)
    }
}
