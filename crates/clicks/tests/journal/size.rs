//! What a click takes in the journal. What it takes of time is in `dev/bench pipeline`.

use crate::support::{click, config, open, record_one};
use curtail_clicks::journal::Config;
use curtail_model::Timestamp;

const BURSTS: u64 = 300;
/// What one core records between two rounds of the keeper at 200,000 clicks a second and 50 ms.
const BURST_CLICKS: u64 = 10_000;

#[test]
fn a_warm_click_takes_48_bytes() {
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
    let (mut first, mut last) = (None, 0);
    for _ in 0..BURSTS {
        for n in 0..BURST_CLICKS {
            assert!(record_one(&mut recorders[0], &clicks[(n.wrapping_mul(7919) % 200) as usize]));
        }
        let progress = reader.read(usize::MAX, &mut |_, _| {});
        reader.committed(&progress.positions);
        last = progress.positions[0].1;
        first.get_or_insert(last);
        keeper.tick(Timestamp::default());
    }
    // 174,000 clicks of 48 bytes fill a segment of 8 MiB;
    // the texts of each segment take less than one per cent.
    let segments = (last >> 32) - (first.unwrap() >> 32);
    assert_eq!(segments, BURSTS * BURST_CLICKS / 174_000);
}
