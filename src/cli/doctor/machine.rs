//! The machine: the data folder, its room, the clock, the limit of open files, the geo database.

use super::finding::{Finding, Verdict};
use crate::cli::key::show_time;
use crate::config::{Role, Settings};
use crate::data_folder::{self, check_not_moved};
use crate::engines;
use crate::roles;
use curtail_cache::Strategy;
use curtail_clicks::clock::now;
use curtail_clicks::geo::Geo;
use curtail_model::Timestamp;
use curtail_store::sqlite;
use rustix::fs::{Access, access, statvfs};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// With less room than this a server is about to refuse links and drop clicks.
const ROOM_MIN: u64 = 64 << 20;
/// No machine that Curtail runs on has an earlier time: 2026-01-01.
const TIME_MIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Files of the folder may be as much newer than the clock says, in milliseconds: it may be set a little at
/// any time.
const AHEAD_MAX: i64 = Timestamp::MINUTE;

pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let settings = settings.clone();
    // A disk that hangs holds up a thread of its own.
    let looked = tokio::task::spawn_blocking(move || {
        let data = &settings.server.data;
        let mut findings = data_folder(data);
        // Of what is in a folder that may not be looked into nothing can be told.
        let may_look = !findings.iter().any(|finding| finding.verdict == Verdict::Wrong);
        if may_look && settings.database.url.is_none() && data.is_dir() {
            findings.extend(store(&settings));
        }
        if may_look {
            findings.extend(new_links(&settings));
        }
        findings.push(room(&settings));
        findings.push(clock(may_look.then_some(data)));
        findings.push(open_files(&settings));
        findings.extend(settings.geo.path.as_deref().map(geo));
        findings
    });
    looked.await.unwrap_or_else(|died| vec![Finding::refused("machine", &died)])
}

fn data_folder(path: &Path) -> Vec<Finding> {
    const CHECK: &str = "data folder";
    let shown = path.display();
    if !path.exists() {
        let above = nearest(path);
        return vec![if may_write(above) {
            Finding::ok(CHECK, format!("{shown} is not there yet: the first start makes it"))
        } else {
            let said =
                format!("{shown} is not there, and cannot be made: {} takes no writes", above.display());
            Finding::wrong(
                CHECK,
                said,
                "Let the user that runs Curtail write there, or choose another folder with --data or CURTAIL_DATA",
            )
        }];
    }
    if !path.is_dir() || !may_write(path) {
        let said = format!("{shown} is no folder that this user may read and write");
        return vec![Finding::wrong(
            CHECK,
            said,
            "Run as the user that the server runs as, or give the folder to that user (chown)",
        )];
    }
    let used = match data_folder::owner(path) {
        Some(process) => {
            format!("{shown} can be written to, and a running Curtail has it (process {process})")
        }
        None => format!("{shown} can be written to, and no server has it"),
    };
    let mut findings = vec![Finding::ok(CHECK, used)];
    let mode = fs::metadata(path).map_or(0, |about| about.permissions().mode());
    if mode & 0o077 != 0 {
        let said = format!("others on this machine may look into {shown}, or write there");
        findings.push(Finding::warning(CHECK, said, "chmod 700"));
    }
    findings
}

/// The store on SQLite.
fn store(settings: &Settings) -> Vec<Finding> {
    let data = &settings.server.data;
    let moved = check_not_moved(data).err().map(|error| Finding::refused("store", &error));
    let opened = sqlite::check(data, settings.codes.scheme, settings.codes.alphabet);
    let opened = opened.err().map(|error| Finding::refused("store", &error));
    let found: Vec<Finding> = moved.into_iter().chain(opened).collect();
    if found.is_empty() { vec![Finding::ok("store", "SQLite in the data folder")] } else { found }
}

/// What is left of links that were written behind, where that is not done any more.
fn new_links(settings: &Settings) -> Option<Finding> {
    const CHECK: &str = "new links";
    if settings.cache.strategy == Strategy::WriteBehind {
        return None;
    }
    match engines::left_behind(settings, &settings.server.data) {
        Ok(false) => None,
        Ok(true) => Some(Finding::warning(
            CHECK,
            "links that were acknowledged wait in the data folder, and cache.strategy is not write-behind any more",
            "Start the server once: it brings them to PostgreSQL before it serves",
        )),
        Err(error) => Some(Finding::refused(CHECK, &error)),
    }
}

fn room(settings: &Settings) -> Finding {
    const CHECK: &str = "disk";
    let data = &settings.server.data;
    let about = match statvfs(nearest(data)) {
        Ok(about) => about,
        Err(error) => {
            return Finding::wrong(
                CHECK,
                format!("how full it is cannot be told: {error}"),
                "Look at the disk",
            );
        }
    };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let journal = if settings.server.role == Role::Worker { 0 } else { settings.clicks.journal_bytes };
    let wanted = journal.saturating_sub(bytes_in(&data.join("journal")));
    if free < ROOM_MIN {
        let said = format!("{} are free: soon links are refused and clicks dropped", mebibytes(free));
        Finding::wrong(CHECK, said, "Make room on the disk of the data folder, or move the folder")
    } else if free < wanted {
        let said = format!(
            "{} are free, and the journal may grow by {} (clicks.journal_bytes)",
            mebibytes(free),
            mebibytes(wanted)
        );
        Finding::warning(
            CHECK,
            said,
            "Make room on the disk of the data folder, or lower clicks.journal_bytes",
        )
    } else {
        Finding::ok(CHECK, format!("{} are free", mebibytes(free)))
    }
}

/// The clock, held against the files of the data folder where they may be looked at.
fn clock(data: Option<&Path>) -> Finding {
    const CHECK: &str = "clock";
    const REMEDY: &str =
        "Set the clock, and keep it with NTP: clicks are counted under the time that it says";
    let now = now();
    if now < TIME_MIN {
        return Finding::wrong(CHECK, format!("it is {}: that cannot be", show_time(now)), REMEDY);
    }
    let written = ["clicks.db-wal", "clicks.db", "links.db-wal", "links.db", "lock"];
    let newest = written.iter().filter_map(|name| {
        let written =
            fs::metadata(data?.join(name)).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(written.as_millis()).ok()
    });
    let newest = newest.max();
    let ahead = newest.map_or(0, |newest| newest - now.millis());
    if ahead > AHEAD_MAX {
        let said = format!("files of the data folder were written {} s from now", ahead / 1_000);
        return Finding::warning(CHECK, said, REMEDY);
    }
    let beside = if newest.is_some() { ", and nothing in the data folder is newer" } else { "" };
    Finding::ok(CHECK, format!("it is {}{beside}", show_time(now)))
}

fn open_files(settings: &Settings) -> Finding {
    const CHECK: &str = "open files";
    let (wanted, possible) = (settings.limits.connections, roles::connections_possible());
    if settings.server.role == Role::Worker || possible >= wanted {
        return Finding::ok(CHECK, format!("their limit leaves {possible} for connections"));
    }
    let said = format!("their limit leaves {possible} for connections, and limits.connections is {wanted}");
    Finding::warning(
        CHECK,
        said,
        "Raise the hard limit (LimitNOFILE= in a unit, ulimit -Hn), or lower limits.connections",
    )
}

fn geo(path: &Path) -> Finding {
    match Geo::open(path) {
        Ok(_) => Finding::ok("geo database", path.display().to_string()),
        Err(error) => Finding::refused("geo database", &error),
    }
}

/// The folder, or the one above it that is there.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."))
}

fn may_write(path: &Path) -> bool {
    access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// What the files below a folder take, as far as they can be seen.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => bytes_in(&entry.path()),
            about => about.map_or(0, |about| about.len()),
        })
        .sum()
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
