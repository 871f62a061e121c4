//! `curtail doctor`: looks at the settings and at everything that a server with them would need, changes
//! nothing, and says what is wrong and what to do.
//!
//! What a start would refuse is said in the words of that refusal; the engines have them.

mod addresses;
mod finding;
#[cfg(feature = "kafka")]
mod kafka;
mod machine;
mod postgres;
mod redis;

use super::flags::SettingsFlags;
use super::output;
use crate::config::{Mistakes, Origin, Row, Settings};
use anyhow::bail;
use curtail_store::rollups::Positions;
use finding::{Finding, Verdict, as_json, as_text};
use std::future::Future;
use std::time::Duration;

/// How long a check may take, whatever it waits for. Connections are given up earlier, with what is wrong
/// with them.
const CHECK_MAX: Duration = Duration::from_secs(12);

/// What only a store knows.
type Secret = [u8; 16];

/// What `curtail doctor` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsFlags,
}

/// Looks at everything and shows what was found.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let findings = match arguments.settings.load() {
        Ok(loaded) => {
            let mut findings = vec![understood(&loaded.rows)];
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            findings.extend(runtime.block_on(look(&loaded.settings)));
            // What hangs is not waited for.
            runtime.shutdown_background();
            findings
        }
        Err(error) => {
            let mistakes = error.downcast::<Mistakes>()?.0;
            mistakes.iter().map(|mistake| Finding::refused("settings", mistake)).collect()
        }
    };
    output::print(&if arguments.json { as_json(&findings) } else { as_text(&findings) })?;
    match findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count() {
        0 => Ok(()),
        1 => bail!("one check found something wrong"),
        wrong => bail!("{wrong} checks found something wrong"),
    }
}

fn understood(rows: &[Row]) -> Finding {
    let given = rows.iter().filter(|row| row.origin != Origin::Default).count();
    Finding::ok("settings", format!("{given} given and understood, all others have their defaults"))
}

/// Settings that name Kafka are refused before anything is looked at.
#[cfg(not(feature = "kafka"))]
mod kafka {
    use super::{Finding, Positions, Settings};
    use tokio::sync::oneshot::Receiver;

    pub(super) async fn look(_: &Settings, _: Receiver<Positions>) -> Vec<Finding> {
        Vec::new()
    }
}

/// All checks, side by side, in the order in which they are shown.
async fn look(settings: &Settings) -> Vec<Finding> {
    // How many partitions the topic must have, and which keys in Redis are ours, the database knows.
    let (positions, positions_answer) = tokio::sync::oneshot::channel::<Positions>();
    let (secret, secret_answer) = tokio::sync::oneshot::channel::<Secret>();
    let (machine, addresses, postgres, redis, kafka) = tokio::join!(
        in_time("machine", machine::look(settings)),
        in_time("addresses", addresses::look(settings)),
        in_time("PostgreSQL", postgres::look(settings, positions, secret)),
        in_time("Redis", redis::look(settings, secret_answer)),
        in_time("Kafka", kafka::look(settings, positions_answer)),
    );
    [machine, addresses, postgres, redis, kafka].into_iter().flatten().collect()
}

async fn in_time(check: &'static str, look: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    tokio::time::timeout(CHECK_MAX, look).await.unwrap_or_else(|_| {
        let said = format!("the check did not end within {} s", CHECK_MAX.as_secs());
        vec![Finding::wrong(check, said, "Look whether what it asks hangs: a disk, a name server, a server")]
    })
}
