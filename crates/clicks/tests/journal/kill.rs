//! `kill -9` of a recording process at random points: every click that it had acknowledged is in the journal.

use crate::support::{click, config, open};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// Names the folder of the child's journal; the test runs itself with it.
const CHILD: &str = "CURTAIL_JOURNAL_CHILD";
const CHILDREN: u64 = 12;

/// The child: records clicks for ever and says the number of each one that was kept.
fn record_for_ever(dir: &Path) {
    let (mut recorders, _reader, mut keeper) = open(&config(dir), &[]);
    let (_stop, stopped) = mpsc::channel();
    std::thread::spawn(move || keeper.run(&stopped));
    let mut acknowledged = BufWriter::with_capacity(64, std::io::stderr());
    for n in 0..u64::MAX {
        let agent = format!("agent {}", n % 97);
        while !crate::support::record_one(&mut recorders[0], &click(n, &agent, "")) {
            std::thread::yield_now();
        }
        acknowledged.write_all(&n.to_le_bytes()).expect("the parent reads until it kills");
    }
}

#[test]
fn an_acknowledged_click_survives_kill() {
    if let Some(dir) = std::env::var_os(CHILD) {
        record_for_ever(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut positions: Vec<(u64, u64)> = Vec::new();
    for round in 0..CHILDREN {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::an_acknowledged_click_survives_kill", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A different number of clicks each round: the child is somewhere else in its work each time.
        let acknowledgements = 1 + round * round * 397;
        let mut pipe = child.stderr.take().unwrap();
        let mut number = [0; 8];
        for n in 0..acknowledgements {
            pipe.read_exact(&mut number).unwrap();
            assert_eq!(u64::from_le_bytes(number), n);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = Vec::new();
        pipe.read_to_end(&mut rest).unwrap();
        let said = acknowledgements + rest.len() as u64 / 8;

        let (_, mut reader, _keeper) = open(&config(dir.path()), &positions);
        let mut next = 0;
        let progress = reader.read(usize::MAX, &mut |_, entry| {
            assert_eq!(entry.at.millis(), next, "round {round}: in order, each once");
            assert_eq!(entry.user_agent.bytes, format!("agent {}", next % 97).as_bytes());
            next += 1;
        });
        assert!(next as u64 >= said, "round {round}: {said} were acknowledged, {next} are there");
        assert!(next as u64 <= said + 16, "round {round}: only the pipe's buffer was not yet said");
        assert_eq!(reader.take_damage(), []);
        for (stream, position) in progress.positions {
            positions.retain(|(other, _)| *other != stream);
            positions.push((stream, position));
        }
    }
}
