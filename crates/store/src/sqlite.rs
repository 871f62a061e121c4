//! The embedded engine: SQLite, with one writer's thread and some readers for each of three files.
//!
//! | file | what | when it is safe |
//! |---|---|---|
//! | `links.db` | links, API keys and the feed of changes: the truth | before it is answered |
//! | `clicks.db` | rollups and positions | before it is answered |
//! | `search.db` | the words of links | made anew from `links.db` when it is missing or damaged |
//!
//! Their schemas are in `sqlite/migrations`, their statements in `sqlite/sql`. One process at a time may
//! [`open`] them; whoever opens them sees to that. A second one may manage keys meanwhile ([`open_keys`]).

mod backup;
mod export;
mod failure;
mod file;
mod identity;
mod keys;
mod links;
mod losses;
mod paced_writes;
mod queue;
mod readers;
mod rollups;
mod row;
mod search;
mod wal;
mod writer;

pub use export::Exporter;

use crate::{Keys, Links, Rollups};
use curtail_model::{Alphabet, CodeScheme, Codes};
use file::{CLICKS, File, LINKS, explain};
use keys::{KeyWriterState, SqliteKeys};
use links::SqliteLinks;
use links::writer_state::{Counters, LinkWriterState};
use readers::Readers;
use rollups::{ClickWriterState, SqliteRollups, positions};
use rusqlite::Connection;
use search::{Feed, Search};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use writer::Writer;

/// What is wrong with a folder that has counts and no links.
const LINKS_LOST: &str = "it is missing or empty, though clicks.db beside it counts clicks on its links; without a backup, move \
     clicks.db and journal/ away too and begin anew";

/// The same the other way round, and the file that says that it is known.
const CLICKS_LOST: &str = "it is missing or empty, though links.db beside it has links: all that was counted is gone. Put it back; \
     or, to begin all counts at 0, make an empty file clicks.anew beside it and start again";
const CLICKS_ANEW: &str = "clicks.anew";

/// More would slow small commits down: SQLite looks through its whole table of pages at the end of a
/// transaction that has split a page (it numbers pages beyond the end while it sorts them). A large batch
/// changes 8 MB, and what is read again comes from the system's memory.
const LINKS_WRITER_CACHE_MAX: usize = 16 << 20;
/// Rollups of links that are asked for once are on pages of their own: what counting has just written is
/// seldom what it touches next, and the system has it too.
const CLICKS_WRITER_CACHE_MAX: usize = 8 << 20;

/// How far the thread that writes counted clicks steps back: redirects go first, and counting still gets a
/// tenth of a core that they would use up.
const COUNTING_NICENESS: i32 = 10;

/// How to open a store.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How ids become codes; fixed when the store is made.
    pub scheme: CodeScheme,
    /// The characters of generated codes; fixed when the store is made.
    pub alphabet: Alphabet,
    /// Threads that look links up; as many again, at most two, make lists. At least one.
    pub readers: usize,
    /// Memory for pages of the files, in bytes, over all connections. It is taken as it is used.
    pub page_cache_bytes: usize,
}

/// An open store.
pub struct Sqlite {
    /// The memory of links.
    pub links: Arc<dyn Links>,
    /// The memory of API keys.
    pub keys: Arc<dyn Keys>,
    /// The memory of counted clicks.
    pub rollups: Arc<dyn Rollups>,
    /// The codes of this store.
    pub codes: Codes,
    /// What only this store knows, to make keys of.
    pub secret: [u8; 16],
    parts: Parts,
}

struct Parts {
    links: Arc<SqliteLinks>,
    rollups: Arc<SqliteRollups>,
}

/// Why a store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The settings of codes are not those that the store was made with.
    #[error(
        "the store was made with codes.scheme = {:?} and codes.alphabet = {:?}, but the settings say {:?} and {:?}. Links \
         that exist depend on them: set them back, or use another data folder", made.0, made.1, asked.0, asked.1
    )]
    MadeDifferently {
        /// Scheme and alphabet of the store.
        made: (String, String),
        /// Scheme and alphabet of the settings.
        asked: (String, String),
    },
    /// A newer Curtail has changed the file.
    #[error(
        "{} has schema version {found}, and this Curtail knows {known} at most: it was used by a newer one. Use that, or \
         restore a backup from before", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The last version that is known here.
        known: usize,
    },
    /// An older Curtail made the file, and nobody has brought it up to date.
    #[error(
        "{} has schema version {found}, and this Curtail works with {known}: start `curtail serve` of this version on it, \
         which brings it up to date", path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The version that is known here.
        known: usize,
    },
    /// The file is not what it should be.
    #[error("{} is damaged ({error}). Restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: String,
    },
    /// It is a backup that nobody has gone on from yet.
    #[error(
        "{} was put back from a backup: start `curtail serve` on this folder once, which sees to it that nothing is given again that \
         was given since", path.display()
    )]
    Backup {
        /// The file.
        path: PathBuf,
    },
    /// There is no room to open it.
    #[error(
        "{} cannot be opened, for the disk is full ({error}). Make room where it is, or move the data folder to a larger disk",
        path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        error: String,
    },
    /// The file cannot be reached.
    #[error("{} cannot be opened: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
}

/// Opens the store in a folder, or makes it there. Takes milliseconds, however much there is.
pub fn open(directory: &Path, settings: Settings) -> Result<Sqlite, OpenError> {
    start(directory, &settings, open_to_write(directory, &settings)?)
}

/// Both files of truth, whole, opened by whoever writes to them.
struct Opened {
    links: Connection,
    clicks: Connection,
    identity: identity::Identity,
    /// The last version that was given.
    version: u64,
}

/// Opens what is written to, or makes it. What is lost is said, and nothing of it will be given again; where
/// what is needed is gone, this refuses.
fn open_to_write(directory: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    let cache = |share: usize| settings.page_cache_bytes / share;
    let is_there = |file: &File| fs::metadata(file.path(directory)).is_ok_and(|found| found.len() > 0);
    let (has_links, has_clicks) = (is_there(&LINKS), is_there(&CLICKS));
    let lost = |file: &File, error: &str| {
        Err(OpenError::Damaged { path: file.path(directory), error: error.to_owned() })
    };
    // It is made first: counts without it are those of links
    // that were lost, and new ones would be taken for them.
    if has_clicks && !has_links {
        return lost(&LINKS, LINKS_LOST);
    }
    let explain_links = |error| explain(&LINKS.path(directory), &error);
    let (lost_links, lost_clicks) = (losses::look(&LINKS, directory)?, losses::look(&CLICKS, directory)?);
    let mut links = LINKS.open_to_write(directory, cache(4).min(LINKS_WRITER_CACHE_MAX))?;
    let known = identity::known(&links, directory, settings.scheme, settings.alphabet)?;
    let is_new = known.is_none();
    if has_clicks && is_new {
        return lost(&LINKS, LINKS_LOST);
    }
    let identity = identity::establish(&mut links, directory, settings)?;
    if is_new {
        // What a store is must not be in a log alone, which somebody may take for a file that can go.
        file::checkpoint(&links).map_err(explain_links)?;
    } else {
        // Before anything may refuse: what is lost shows no more once this has opened the file.
        lost_links.repair_links(&links, directory, identity.key)?;
    }
    // At once, so that a start that is refused and tried again does not go on later each time.
    backup::note(directory, identity.key)?;
    let version = Counters::read(&links).map_err(explain_links)?.version;
    let anew = directory.join(CLICKS_ANEW);
    if !has_clicks && version > 0 && !anew.exists() {
        return lost(&CLICKS, CLICKS_LOST);
    }
    let clicks = CLICKS.open_to_write(directory, cache(2).min(CLICKS_WRITER_CACHE_MAX))?;
    let path = CLICKS.path(directory);
    lost_clicks.end_log(&clicks).map_err(|error| explain(&path, &error))?;
    // Where it is not there, nothing was asked of it.
    let _ = fs::remove_file(anew);
    if positions::find(&clicks).map_err(|error| explain(&path, &error))?.is_none() {
        return Err(OpenError::Damaged { path, error: positions::UNREADABLE.to_owned() });
    }
    Ok(Opened { links, clicks, identity, version })
}

/// Starts the threads that write, read and index.
fn start(directory: &Path, settings: &Settings, opened: Opened) -> Result<Sqlite, OpenError> {
    let Opened { links, clicks, identity, version } = opened;
    let io = |error: std::io::Error| OpenError::Io { path: directory.to_owned(), error: error.to_string() };
    let feed = Arc::new(Feed::new(version));
    let state = LinkWriterState::new(links, identity.codes.clone(), Arc::clone(&feed))
        .map_err(|error| explain(&LINKS.path(directory), &error))?;
    paced_writes::pace(&clicks);

    let lookups = settings.readers.max(1);
    let lists = lookups.min(2);
    let reader_cache = settings.page_cache_bytes / 4 / (lookups + lists + lists + 3);
    let connections = |file: &File, count| -> Result<Vec<Connection>, OpenError> {
        (0..count).map(|_| file.open_to_read(directory, reader_cache)).collect()
    };
    let writer = Arc::new(Writer::start("links-writer", 0, state).map_err(io)?);
    let search = Search::start(directory, &identity, feed, &writer, reader_cache)?;
    let links = Arc::new(SqliteLinks {
        writer: Arc::clone(&writer),
        lookups: Arc::new(Readers::start("links-lookup", connections(&LINKS, lookups)?).map_err(io)?),
        lists: Readers::start("links-list", connections(&LINKS, lists)?).map_err(io)?,
        search,
        codes: identity.codes.clone(),
    });
    let keys = Arc::new(SqliteKeys { writer, lookups: Arc::clone(&links.lookups) });
    let rollups = Arc::new(SqliteRollups {
        writer: Writer::start("clicks-writer", COUNTING_NICENESS, ClickWriterState(clicks)).map_err(io)?,
        readers: Readers::start("clicks-reader", connections(&CLICKS, lists)?).map_err(io)?,
    });
    let parts = Parts { links: Arc::clone(&links), rollups: Arc::clone(&rollups) };
    Ok(Sqlite { links, keys, rollups, codes: identity.codes, secret: identity.key, parts })
}

/// Refuses a store whose log is damaged, for whoever opens it in another way than [`open`], which says what
/// is lost of it. Nobody may have the store open.
pub fn refuse_what_is_lost(directory: &Path) -> Result<(), OpenError> {
    losses::refuse(directory)
}

/// Opens the API keys of a store that exists, also while another process has it open.
pub fn open_keys(directory: &Path) -> Result<Arc<dyn Keys>, OpenError> {
    const CACHE_BYTES: usize = 1 << 20;
    let io = |path: &Path, error: std::io::Error| OpenError::Io {
        path: path.to_owned(),
        error: error.to_string(),
    };
    let path = LINKS.path(directory);
    // Opening it to write would make it, and a store that is
    // made here would not have the codes of its settings.
    std::fs::metadata(&path).map_err(|error| io(&path, error))?;
    let state = KeyWriterState(LINKS.open_to_write(directory, CACHE_BYTES)?);
    let lookups = vec![LINKS.open_to_read(directory, CACHE_BYTES)?];
    Ok(Arc::new(SqliteKeys {
        writer: Arc::new(Writer::start("keys-writer", 0, state).map_err(|error| io(directory, error))?),
        lookups: Arc::new(Readers::start("keys-lookup", lookups).map_err(|error| io(directory, error))?),
    }))
}

/// Whether [`open`] could open what is in a folder, as far as that
/// can be told beside a server and without changing anything.
pub fn check(directory: &Path, scheme: CodeScheme, alphabet: Alphabet) -> Result<(), OpenError> {
    for file in [&LINKS, &CLICKS] {
        let Some(connection) = file.open_to_look(directory)? else { continue };
        match file.check_version(directory, &connection) {
            // That is what opening it is for.
            Err(OpenError::Older { .. }) => continue,
            checked => checked?,
        }
        if file.name == LINKS.name {
            identity::known(&connection, directory, scheme, alphabet)?;
        }
    }
    Ok(())
}

impl Sqlite {
    /// Finishes what was asked for, brings it into the files and ends all threads.
    /// What is asked for later is refused as unavailable. Without it the same
    /// happens when the last handle is dropped, and nothing is lost by a kill.
    pub fn close(self) {
        self.parts.links.search.close();
        self.parts.links.lists.close();
        self.parts.links.lookups.close();
        self.parts.links.writer.close();
        self.parts.rollups.readers.close();
        self.parts.rollups.writer.close();
    }
}
