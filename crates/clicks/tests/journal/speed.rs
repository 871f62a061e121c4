//! What a click costs on the redirect path. Run with `--release --nocapture` to see it in nanoseconds; what
//! is held here does not depend on the machine.

use crate::support::{click, config, open, record_one};
use curtail_clicks::journal::Config;
use curtail_model::Timestamp;
use std::time::{Duration, Instant};

const BURSTS: u64 = 300;
/// What one core records between two rounds of the keeper at 200,000 clicks a second and 50 ms.
const BURST_CLICKS: u64 = 10_000;

#[test]
fn a_warm_click_takes_48_bytes_and_prints_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { segment_bytes: 8 << 20, bytes_max: 256 << 20, ..config(dir.path()) };
    let (mut recorders, mut reader, mut keeper) = open(&config, &[]);
    let clicks: Vec<_> = (0..200)
        .map(|n| {
            let agent =
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome";
            click(n, &format!("{agent}/{n}.0.0.0 Safari/537.36"), "https://news.example/")
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    let (mut first, mut last) = (None, 0);
    for _ in 0..BURSTS {
        let started = Instant::now();
        for n in 0..BURST_CLICKS {
            assert!(record_one(&mut recorders[0], &clicks[(n.wrapping_mul(7919) % 200) as usize]));
        }
        times.push(started.elapsed());
        let progress = reader.read(usize::MAX, &mut |_, _| {});
        reader.committed(&progress.positions);
        last = progress.positions[0].1;
        first.get_or_insert(last);
        keeper.tick(Timestamp::default());
    }
    times.sort_unstable();
    let per_click = |time: Duration| time.as_nanos() as f64 / BURST_CLICKS as f64;
    println!(
        "ns per click: best {:.1}, median {:.1}",
        per_click(times[0]),
        per_click(times[times.len() / 2])
    );
    // 174,000 clicks of 48 bytes fill a segment of 8 MiB;
    // the texts of each segment take less than one per cent.
    let segments = (last >> 32) - (first.unwrap() >> 32);
    assert_eq!(segments, BURSTS * BURST_CLICKS / 174_000);
}
