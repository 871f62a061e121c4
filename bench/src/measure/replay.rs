//! Real input: the urls of a file are made links, each user agent of another follows one of them, and then
//! each crawler of a third. All have to be counted, each as what it is.

use crate::http;
use crate::load::response::Response;
use crate::load::{self, Exchange, Pace, Plan, Until};
use crate::report::{Figure, Measured, Report};
use crate::server::curtail::{self, Curtail, KEY};
use crate::settings::{self, Settings};
use crate::workload::agents::{self, Headers};
use anyhow::{Context, Result, ensure};
use curtail_model::destination;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What to replay.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file of urls, one on each line
    #[arg(long, value_name = "FILE")]
    urls: PathBuf,
    /// A file of user agents, one on each line
    #[arg(long, value_name = "FILE")]
    user_agents: PathBuf,
    /// A file of user agents of crawlers
    #[arg(long, value_name = "FILE")]
    crawlers: PathBuf,
}

const CONNECTIONS: usize = 32;

/// A link that was made, and where it has to lead.
struct Made {
    code: String,
    location: String,
}

/// Replays all of it.
pub(crate) fn run(settings: &Settings, options: &Options) -> Result<()> {
    let folder = settings::scratch()?;
    let urls = lines(&options.urls)?;
    let visitors = agents::from_file(&options.user_agents)?;
    let crawlers = agents::from_file(&options.crawlers)?;
    let curtail = curtail::start(&settings.binary()?, &folder.path().join("data"), None, &[])?;

    let made = make(&curtail, &urls)?;
    ensure!(!made.is_empty(), "no url of {} made a link", options.urls.display());
    follow(&curtail, &made, &visitors)?;
    curtail.wait_until_counted(visitors.len() as u64)?;
    let counted = curtail.counted()?;
    let bots_before = curtail.counted_as("bot")?;
    let people = curtail.counted_as("human")?;
    follow(&curtail, &made, &crawlers)?;
    curtail.wait_until_counted((visitors.len() + crawlers.len()) as u64)?;
    let found = curtail.counted_as("bot")? - bots_before;
    curtail.process.stop()?;

    let mut report = Report::new("replay", "none");
    report.add(share("urls that are links", made.len() as u64, urls.len()));
    report.add(share("clicks of user agents that are counted", counted, visitors.len()));
    report.add(share("  of these, as people", people, visitors.len()));
    report.add(share("  of these, as bots", bots_before, visitors.len()));
    report.add(share("clicks of crawlers that are counted as bots", found, crawlers.len()));
    report.note(format!(
        "{} urls, {} user agents, {} crawlers; every redirect led where its url says, and was counted once",
        urls.len(),
        visitors.len(),
        crawlers.len()
    ));
    report.publish(&settings.results())
}

fn share(what: &str, part: u64, whole: usize) -> Figure {
    Figure::new(format!("{what}, of {whole}"), "").ours(Measured::once(part as f64))
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Makes a link of each url that may be one; says which were refused.
fn make(curtail: &Curtail, urls: &[String]) -> Result<Vec<Made>> {
    let bodies = urls.iter().map(|url| json!({ "url": url }).to_string());
    let mut made = Vec::with_capacity(urls.len());
    let mut answered = 0;
    http::post_lines(curtail.address, "/api/v1/links/bulk", KEY, bodies, |answer| {
        let answer: Value = serde_json::from_str(answer)?;
        let url = urls.get(answered).context("more answers than lines")?;
        answered += 1;
        match answer["link"]["code"].as_str() {
            Some(code) => {
                made.push(Made { code: code.to_owned(), location: destination::location(url).into_owned() });
            }
            None => println!("refused: {url}: {}", answer["error"]["errors"]),
        }
        Ok(())
    })?;
    ensure!(answered == urls.len(), "{} lines gave {answered} answers", urls.len());
    Ok(made)
}

/// Has each of these follow one of the links.
fn follow(curtail: &Curtail, made: &[Made], agents: &[String]) -> Result<()> {
    let plan = Plan {
        server: curtail.address,
        connections: CONNECTIONS,
        keep_alive: true,
        pace: Pace::Closed,
        until: Until::Requests(agents.len() as u64),
        core: None,
    };
    let mut visits = Visits { made, tails: agents::tails(Headers::Browser, agents, true), next: 0 };
    load::run(&plan, &mut visits)?.expect_all_right("real input")
}

/// One link after the other, and one visitor after the other.
struct Visits<'a> {
    made: &'a [Made],
    tails: Vec<Vec<u8>>,
    next: usize,
}

impl Exchange for Visits<'_> {
    fn request(&mut self, out: &mut Vec<u8>) -> u32 {
        let link = self.next % self.made.len();
        out.extend_from_slice(b"GET /");
        out.extend_from_slice(self.made[link].code.as_bytes());
        out.extend_from_slice(&self.tails[self.next % self.tails.len()]);
        self.next += 1;
        u32::try_from(link).unwrap_or(u32::MAX)
    }

    fn is_right(&mut self, tag: u32, response: &Response<'_>) -> bool {
        let expected = self.made.get(tag as usize).map(|made| made.location.as_bytes());
        response.status == 302 && response.location == expected
    }
}
