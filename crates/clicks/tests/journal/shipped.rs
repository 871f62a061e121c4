//! A journal that was shipped, and is counted by its own process from now on.

use crate::support::{Click, click, config, open, record_all};
use curtail_clicks::journal::{JournalError, Shipped, end_shipping};
use std::fs;
use std::path::Path;

/// What a reader hands out, by time.
fn read(dir: &Path, consumed: &[(u64, u64)]) -> (Vec<i64>, Vec<(u64, u64)>) {
    let (_recorders, mut reader, _keeper) = open(&config(dir), consumed);
    let mut times = Vec::new();
    let progress = reader.read(usize::MAX, &mut |_, entry| times.push(entry.at.millis()));
    (times, progress.positions)
}

#[test]
fn clicks_that_may_have_been_shipped_are_counted_by_nobody_else_until_it_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let clicks: Vec<Click> = (0..2_000).map(|number| click(number, "agent", "")).collect();
    let (position, end) = {
        let (mut recorders, mut reader, mut keeper) = open(&config(dir.path()), &[]);
        record_all(&mut recorders[0], &mut keeper, &clicks);
        let some = reader.read(1_500, &mut |_, _| {}).positions;
        let all = reader.read(usize::MAX, &mut |_, _| {}).positions;
        (some[0], all[0])
    };
    // Nobody has shipped: there is nothing to end, and all is left.
    end_shipping(dir.path(), &[]).unwrap();
    assert_eq!(read(dir.path(), &[]).0.len(), 2_000);

    let mut shipped = Shipped::open(dir.path(), &[position.0]).unwrap();
    shipped.moved(&[position]).unwrap();
    let refused = end_shipping(dir.path(), &[]).unwrap_err();
    assert!(matches!(&refused, JournalError::Shipping { path } if path.ends_with("shipped")), "{refused}");
    assert_eq!(read(dir.path(), &[]).0, (1_500..2_000).collect::<Vec<_>>(), "nothing has changed");

    // All that waits is known to be safe, be it by the file or because it was counted before.
    shipped.moved(&[end]).unwrap();
    end_shipping(dir.path(), &[]).unwrap();
    assert_eq!(read(dir.path(), &[]).0, Vec::<i64>::new(), "what was shipped is not counted here");
    let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
    record_all(&mut recorders[0], &mut keeper, &clicks[..10]);
    // It has ended: clicks that wait now are nobody else's.
    end_shipping(dir.path(), &[]).unwrap();
    let (times, positions) = read(dir.path(), &[]);
    assert_eq!(times.len(), 10);
    Shipped::open(dir.path(), &[]).unwrap();
    end_shipping(dir.path(), &positions).unwrap();
}

#[test]
fn a_file_that_cannot_be_read_says_that_all_may_have_been_shipped() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorders, _, mut keeper) = open(&config(dir.path()), &[]);
    record_all(&mut recorders[0], &mut keeper, &[click(1, "agent", "")]);
    fs::write(dir.path().join("shipped"), "torn").unwrap();
    let refused = end_shipping(dir.path(), &[]).unwrap_err();
    assert!(refused.to_string().contains("kafka.brokers"), "{refused}");
    fs::remove_file(dir.path().join("shipped")).unwrap();
    end_shipping(dir.path(), &[]).unwrap();
    assert_eq!(read(dir.path(), &[]).0, [1]);
}
