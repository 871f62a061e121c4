//! Clicks that own their texts, and a small journal to put them into.

use curtail_clicks::journal::{self, Config, Entry, EntryClicked, Keeper, Reader};
use curtail_clicks::recorder::{Clicked, RawClick, Recorded, Recorder, TEXT_BYTES_MAX};
use curtail_model::{LinkId, Timestamp};
use proptest::prelude::*;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A click; once it was kept, its address is a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Click {
    pub(crate) at: Timestamp,
    pub(crate) link: Result<LinkId, Vec<u8>>,
    pub(crate) address: IpAddr,
    pub(crate) head: bool,
    pub(crate) prefetch: bool,
    pub(crate) texts: [Vec<u8>; 4],
}

impl Click {
    pub(crate) fn raw(&self) -> RawClick<'_> {
        let [user_agent, referrer, language, query] = &self.texts;
        RawClick {
            at: self.at,
            clicked: match &self.link {
                Ok(id) => Clicked::Link(*id),
                Err(path) => Clicked::Orphan { path },
            },
            address: self.address,
            head: self.head,
            prefetch: self.prefetch,
            user_agent,
            referrer,
            language,
            query,
        }
    }

    /// What the journal keeps of it.
    pub(crate) fn as_kept(&self) -> Click {
        let cut = |text: &Vec<u8>| text[..text.len().min(TEXT_BYTES_MAX)].to_vec();
        let address = match self.address {
            IpAddr::V4(address) => {
                IpAddr::from([address.octets()[0], address.octets()[1], address.octets()[2], 0])
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
            }
        };
        Click {
            address,
            link: self.link.as_ref().map_err(cut).copied(),
            texts: self.texts.each_ref().map(cut),
            ..self.clone()
        }
    }
}

impl From<&Entry<'_>> for Click {
    fn from(entry: &Entry<'_>) -> Click {
        Click {
            at: entry.at,
            link: match entry.clicked {
                EntryClicked::Link(id) => Ok(id),
                EntryClicked::Orphan(path) => Err(path.bytes.to_vec()),
            },
            address: entry.network,
            head: entry.head,
            prefetch: entry.prefetch,
            texts: [entry.user_agent, entry.referrer, entry.language, entry.query]
                .map(|text| text.bytes.to_vec()),
        }
    }
}

/// The `n`th click of a row.
pub(crate) fn click(n: u64, user_agent: &str, referrer: &str) -> Click {
    Click {
        at: Timestamp::from_millis(n as i64),
        link: Ok(LinkId::new(n).unwrap()),
        address: IpAddr::from([192, 0, 2, 0]),
        head: false,
        prefetch: false,
        texts: [user_agent.into(), referrer.into(), b"en".to_vec(), Vec::new()],
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (0u8..20).prop_map(|n| vec![n + b'a'; usize::from(n) * 7]),
        1 => proptest::collection::vec(any::<u8>(), 0..700),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    // IPv4 in IPv6 clothes becomes IPv4, so it is left to the recorder's own tests.
    let v6 = any::<[u16; 8]>().prop_filter("mapped", |segments| segments[0] != 0).prop_map(IpAddr::from);
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), v6]
}

/// Any clicks.
pub(crate) fn clicks(count: Range<usize>) -> impl Strategy<Value = Vec<Click>> {
    let link = prop_oneof![
        4 => (0..=LinkId::MAX.get()).prop_map(|id| Ok(LinkId::new(id).unwrap())),
        1 => text().prop_map(Err),
    ];
    let texts = [text(), text(), text(), text()];
    let click = (any::<i64>(), link, address(), any::<[bool; 2]>(), texts).prop_map(
        |(at, link, address, [head, prefetch], texts)| Click {
            at: Timestamp::from_millis(at),
            link,
            address,
            head,
            prefetch,
            texts,
        },
    );
    proptest::collection::vec(click, count)
}

/// A journal of one stream of small segments.
pub(crate) fn config(dir: &Path) -> Config {
    Config {
        folder: dir.to_path_buf(),
        streams: 1,
        segment_bytes: 1 << 16,
        bytes_max: 1 << 24,
        sync_interval: Duration::from_millis(5),
    }
}

pub(crate) fn open(config: &Config, consumed: &[(u64, u64)]) -> (Vec<Recorder>, Reader, Keeper) {
    journal::open(config.clone(), consumed).unwrap()
}

/// Whether it was kept.
pub(crate) fn record_one(recorder: &mut Recorder, click: &Click) -> bool {
    recorder.record(&click.raw()) == Recorded::Kept
}

/// Records all, with the keeper's help when a segment is full.
pub(crate) fn record_all(recorder: &mut Recorder, keeper: &mut Keeper, clicks: &[Click]) {
    for click in clicks {
        if !record_one(recorder, click) {
            keeper.tick(Timestamp::default());
            assert!(record_one(recorder, click), "the keeper has room");
        }
    }
}

/// The folders of the streams, in order.
pub(crate) fn streams(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_dir());
    paths.sort();
    paths
}

/// The segment files of all streams, in order.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = |stream: PathBuf| std::fs::read_dir(stream).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = streams(dir).into_iter().flat_map(files).collect();
    paths.sort();
    paths
}

/// All bytes of all files of the journal.
pub(crate) fn contents(dir: &Path) -> Vec<u8> {
    segments(dir).into_iter().flat_map(|path| std::fs::read(path).unwrap()).collect()
}
