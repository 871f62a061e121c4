//! `curtail migrate-store`: moves a store from SQLite to PostgreSQL, beside the server that has it open.
//!
//! Whether a server has it open decides what a pass is: with one, all that is there now goes over and the
//! server goes on; with none, the pass is the last, nobody can open the folder meanwhile, and at its end
//! servers can open the database.

mod ends;
mod shown;

use super::flags::CommonFlags;
use super::output;
use crate::config::{Mistake, Mistakes, Settings};
use crate::data_folder::{self, DataFolder};
use crate::engines;
use anyhow::{Context, anyhow, bail};
use curtail_model::LinkId;
use curtail_store::postgres::{Importer, OpenError};
use curtail_store::sqlite::{self, Exporter};
use curtail_store::transfer::{self, Moved, Pieces};
use ends::Ends;
use rustix::fs::{FlockOperation, flock};
use shown::{Shown, grouped, plain_time};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// What to do when a pass has failed.
const AGAIN: &str = "Run the same command again: it goes on from here.";
/// Damaged links that are named; of more, how many there are.
const NAMED_MAX: usize = 100;

/// What `curtail migrate-store` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data folder of the store; `sqlite:` alone is the one of the settings
    #[arg(long, value_name = "sqlite:FOLDER")]
    from: String,
    /// An empty database, or one where moving this store began;
    /// `postgres:` alone is database.url of the settings
    #[arg(long, value_name = "postgres://USER@HOST:PORT/DATABASE")]
    to: String,
    #[command(flatten)]
    common: CommonFlags,
}

/// Makes a pass.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (settings, ends) = understand(arguments)?;
    if ends.shows_password {
        output::tell(format_args!(
            "Others on this machine can read the password in --to while this runs. With --to postgres: it is taken from \
             CURTAIL_DATABASE_URL."
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(migrate(&settings, &ends))
}

/// The settings and both ends, or everything that is wrong with any of them.
fn understand(arguments: &Arguments) -> anyhow::Result<(Settings, Ends)> {
    let (settings, mut mistakes): (_, Vec<Mistake>) = match arguments.common.load() {
        Ok(loaded) => (Some(loaded.settings), Vec::new()),
        Err(error) => (None, error.downcast::<Mistakes>()?.0),
    };
    let ends = Ends::read(&arguments.from, &arguments.to, settings.as_ref(), &mut mistakes);
    match (settings, ends) {
        (Some(settings), Some(ends)) if mistakes.is_empty() => Ok((settings, ends)),
        _ => Err(Mistakes(mistakes).into()),
    }
}

async fn migrate(settings: &Settings, ends: &Ends) -> anyhow::Result<()> {
    let _only = only_one(&ends.from)?;
    let folder = DataFolder::try_lock(&ends.from)?;
    let (scheme, alphabet) = (settings.codes.scheme, settings.codes.alphabet);
    if folder.is_ok() {
        sqlite::refuse_what_is_lost(&ends.from)?;
    }
    let from = Exporter::open(&ends.from, scheme, alphabet)?;
    let to = engines::postgres_settings(settings, &ends.to);
    let name = to.name()?;
    let to = match Importer::open(to, from.secret()).await {
        Err(OpenError::InUse) if data_folder::moving_to(&ends.from)?.as_deref() == Some(name.as_str()) => {
            return end_of_an_earlier_pass(&ends.from, &name);
        }
        opened => opened.context("cannot move to the database that --to names")?,
    };
    match &folder {
        Ok(_) => {
            output::tell(format_args!("No server has {} open: this is the last pass.", ends.from.display()));
        }
        Err(owner) => output::tell(format_args!("A server (process {owner}) goes on serving meanwhile.")),
    }
    let began = Instant::now();
    let mut shown = Shown::to_stderr();
    let moved = transfer::pass(&from, &to, Pieces::GOOD, &mut |progress| shown.show(progress)).await;
    shown.end();
    let moved = moved.map_err(|error| anyhow!("{error}\n{AGAIN}"))?;
    let is_last = folder.is_ok();
    if is_last {
        let given = from.given()?;
        // From here on nobody opens the folder, whether or not the database hears of it.
        data_folder::note_moving(&ends.from, to.name())?;
        to.finish(given).await.map_err(|error| anyhow!("{error}\n{AGAIN}"))?;
        data_folder::note_moved(&ends.from)?;
    }
    output::print(&said(&moved, is_last, began.elapsed(), &ends.from, to.name()))?;
    to.close();
    match moved.damaged.len() {
        0 => Ok(()),
        1 => bail!("one damaged link was set aside; all others have moved"),
        damaged => bail!("{damaged} damaged links were set aside; all others have moved"),
    }
}

/// A last pass was broken off when the database had been told that it has all: it has been opened since, and
/// only the folder does not know yet.
fn end_of_an_earlier_pass(from: &Path, to: &str) -> anyhow::Result<()> {
    data_folder::note_moved(from)?;
    output::print(&format!(
        "All of the store was at {to} when the last pass was broken off, and is used there. No server opens the one in {} any \
         more.\n",
        from.display()
    ))
}

/// Keeps a second migration of the same store out. The lock ends with the process, however it ends.
fn only_one(folder: &Path) -> anyhow::Result<File> {
    let open = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    if flock(&open, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("the store in {} is being moved by another process: wait for it, or stop it", folder.display());
    }
    Ok(open)
}

/// The links that were set aside, with what to do about them.
fn set_aside(damaged: &BTreeSet<LinkId>, is_last: bool) -> String {
    if damaged.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("Damaged in links.db, and set aside (what an earlier pass sent of them stays there):\n");
    for id in damaged.iter().take(NAMED_MAX) {
        text.push_str(&format!("  link {id}\n"));
    }
    if damaged.len() > NAMED_MAX {
        text.push_str(&format!("  and {} more\n", grouped((damaged.len() - NAMED_MAX) as u64)));
    }
    text.push_str(if is_last {
        "To have them there, make them anew there; a backup of links.db may tell what they were.\n"
    } else {
        "Before the last pass: remove each on the server (DELETE /api/v1/links/ID) and make it anew, or restore a backup of \
         links.db.\n"
    });
    text
}

/// What came of a pass, and what is to be done next.
fn said(moved: &Moved, is_last: bool, took: Duration, from: &Path, to: &str) -> String {
    let Moved { links, links_sent, retired, keys, rows, mended, damaged, .. } = moved;
    let [links, links_sent, retired, keys, rows] =
        [links, links_sent, retired, keys, rows].map(|number| grouped(*number));
    let mended = match mended {
        0 => String::new(),
        mended => format!(" {mended} of them had to be moved again."),
    };
    let what = format!(
        "{links} links ({links_sent} sent by this pass), {retired} codes of removed links, {keys} API keys and {rows} rows of \
         stats are at {to}.\nThe checksums of all 4096 buckets agree, and so do keys and stats.{mended} It took {}.\n",
        plain_time(took)
    );
    let from = from.display();
    let next = if is_last {
        format!(
            "All of the store is there. Start the server on it, with the same data folder: clicks that its journal still \
             holds are counted there, once.\n  CURTAIL_DATABASE_URL=postgres://... curtail serve --data {from}\n"
        )
    } else {
        format!(
            "What changes from now on is not there yet, and servers do not start on it. To finish, when it suits you:\n  \
             1. stop the server that has {from} open (SIGTERM; nobody is redirected from here to 3)\n  \
             2. run the same command again: the last pass sends what has changed, and compares everything\n  \
             3. start the server with database.url and the same data folder\n"
        )
    };
    format!("{what}{}{next}", set_aside(damaged, is_last))
}
