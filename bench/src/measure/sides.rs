//! The two servers under the same load, round by round in turn.

use crate::accounting;
use crate::load::response::Response;
use crate::load::{self, Exchange, Outcome, Pace, Plan, Until};
use crate::report::{Figure, Measured};
use crate::server::Process;
use crate::server::curtail::Curtail;
use crate::server::floor;
use crate::server::nginx::Nginx;
use crate::settings::Settings;
use crate::workload::Redirects;
use crate::workload::agents::Headers;
use crate::wrk;
use anyhow::{Result, ensure};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Who loads them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// Our own client, which judges every answer.
    Ours,
    /// `wrk`.
    Wrk,
}

/// How both are loaded.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) client: Client,
    pub(super) headers: Headers,
    pub(super) connections: usize,
    pub(super) keep_alive: bool,
    pub(super) rate: Rate,
    /// Whether a server that does nothing but answer has its rounds between theirs: the kernel's share.
    pub(super) beside_bare: bool,
}

/// How fast each of the two is asked.
#[derive(Clone, Copy)]
pub(super) enum Rate {
    /// As fast as it answers.
    Greatest,
    /// So many requests in a second.
    Fixed { ours: f64, peer: f64 },
}

/// What one round on one server has shown.
pub(super) struct Round {
    /// Answers in a second.
    pub(super) rate: f64,
    /// CPU of the server for each request, from the first request to the last answer.
    pub(super) cpu_micros: f64,
    /// The same until all clicks were counted, or logged.
    pub(super) cpu_drained_micros: f64,
    /// What the server has written to disks by then, for each request.
    pub(super) disk_bytes: f64,
    /// The share of the time that the server was on its core.
    pub(super) server_busy: f64,
    /// The share of the time that the client was on its core.
    pub(super) client_busy: f64,
    pub(super) client_cpu_micros: f64,
    /// What else ran on the machine, as a share of one core: figures of a busy machine are not worth much.
    pub(super) others_busy: f64,
    pub(super) p50_micros: f64,
    pub(super) p99_micros: f64,
    /// How late the client itself was.
    pub(super) lateness_p99_micros: f64,
}

/// The rounds of both under one load.
pub(super) struct Compared {
    ours: Vec<Round>,
    peer: Vec<Round>,
    bare: Vec<Round>,
}

/// The servers that take part.
pub(super) struct Sides<'a> {
    settings: &'a Settings,
    /// How long each round is.
    round: Duration,
    folder: &'a Path,
    ours: Option<Curtail>,
    peer: Option<Nginx>,
    bare: Option<(Process, SocketAddr)>,
    /// Redirects that Curtail has given since its data folder was made.
    redirected: u64,
}

impl<'a> Sides<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        round: Duration,
        folder: &'a Path,
        ours: Option<Curtail>,
        peer: Option<Nginx>,
    ) -> Result<Sides<'a>> {
        ensure!(ours.is_some() || peer.is_some(), "there is nothing to measure");
        Ok(Sides { settings, round, folder, ours, peer, bare: None, redirected: 0 })
    }

    /// Asks both for all of these once, so that what is measured is warm.
    pub(super) fn warm(&mut self, load: Load, each_once: &mut Redirects<'_>) -> Result<()> {
        let until = Until::Requests(each_once.distinct());
        self.round_of_ours(load, until, each_once)?;
        self.round_of_peer(load, until, each_once)?;
        Ok(())
    }

    /// Rounds on ours and on the peer, in turn.
    pub(super) fn compare(
        &mut self,
        load: Load,
        rounds: usize,
        redirects: &mut Redirects<'_>,
    ) -> Result<Compared> {
        let until = Until::Elapsed(self.round);
        let mut compared = Compared { ours: Vec::new(), peer: Vec::new(), bare: Vec::new() };
        for _ in 0..rounds {
            compared.ours.extend(self.round_of_ours(load, until, redirects)?);
            compared.peer.extend(self.round_of_peer(load, until, redirects)?);
            compared.bare.extend(self.round_of_bare(load, until, redirects)?);
        }
        Ok(compared)
    }

    fn round_of_ours(
        &mut self,
        load: Load,
        until: Until,
        redirects: &mut Redirects<'_>,
    ) -> Result<Option<Round>> {
        let Some(curtail) = &self.ours else { return Ok(None) };
        let pace = match load.rate {
            Rate::Greatest => Pace::Closed,
            Rate::Fixed { ours, .. } => Pace::Open { per_second: ours },
        };
        let plan = self.plan(curtail.address, load, pace, until);
        let (round, redirected) = round(
            &curtail.process,
            "curtail",
            || self.load(load, &plan, redirects),
            |outcome| {
                if outcome.abandoned_max == 0 {
                    curtail.wait_until_counted(self.redirected + outcome.answered)?;
                } else {
                    curtail.process.wait_until_at_rest()?;
                    curtail.wait_until_written()?;
                }
                Ok(curtail.counted()? - self.redirected)
            },
        )?;
        self.redirected += redirected;
        Ok(Some(round))
    }

    fn round_of_peer(
        &self,
        load: Load,
        until: Until,
        redirects: &mut Redirects<'_>,
    ) -> Result<Option<Round>> {
        let Some(nginx) = &self.peer else { return Ok(None) };
        let pace = match load.rate {
            Rate::Greatest => Pace::Closed,
            Rate::Fixed { peer, .. } => Pace::Open { per_second: peer },
        };
        let plan = self.plan(nginx.address, load, pace, until);
        let load = || self.load(load, &plan, redirects);
        let (round, _) = round(&nginx.process, "nginx", load, |_| nginx.take_log_lines())?;
        Ok(Some(round))
    }

    /// A round on a server that does nothing but answer, where one is wanted.
    fn round_of_bare(
        &mut self,
        load: Load,
        until: Until,
        redirects: &mut Redirects<'_>,
    ) -> Result<Option<Round>> {
        if !load.beside_bare {
            return Ok(None);
        }
        let (process, address) = match self.bare.take() {
            Some(started) => started,
            None => floor::start(self.folder, Some(self.settings.server_core))?,
        };
        let plan = self.plan(address, load, Pace::Closed, until);
        let load = || load::run(&plan, &mut AnyAnswer(redirects));
        let round = round(&process, "the bare server", load, |outcome| Ok(outcome.answered))?.0;
        self.bare = Some((process, address));
        Ok(Some(round))
    }

    fn load(&self, load: Load, plan: &Plan, redirects: &mut Redirects<'_>) -> Result<Outcome> {
        match load.client {
            Client::Ours => load::run(plan, redirects),
            Client::Wrk => wrk::run(plan, redirects, self.folder),
        }
    }

    fn plan(&self, server: SocketAddr, load: Load, pace: Pace, until: Until) -> Plan {
        let core = Some(self.settings.client_core);
        Plan { server, connections: load.connections, keep_alive: load.keep_alive, pace, until, core }
    }
}

/// Takes every redirect for right: the bare server has one destination only.
struct AnyAnswer<'a, 'b>(&'a mut Redirects<'b>);

impl Exchange for AnyAnswer<'_, '_> {
    fn request(&mut self, out: &mut Vec<u8>) -> u32 {
        self.0.request(out)
    }

    fn is_right(&mut self, _: u32, response: &Response<'_>) -> bool {
        response.status == 302
    }
}

/// Loads one server, asks how many redirects it has counted or logged, and answers what that took and how
/// many those were.
fn round(
    process: &Process,
    name: &str,
    load: impl FnOnce() -> Result<Outcome>,
    counted: impl FnOnce(&Outcome) -> Result<u64>,
) -> Result<(Round, u64)> {
    let machine_before = accounting::machine_cpu()?;
    let cpu_before = process.cpu()?;
    let disk_before = process.disk_written()?;
    let outcome = load()?;
    let cpu = process.cpu()? - cpu_before;
    let machine = accounting::machine_cpu()? - machine_before;
    outcome.expect_all_right(name)?;
    let counted = counted(&outcome)?;
    let most = outcome.answered + outcome.abandoned_max;
    ensure!(
        (outcome.answered..=most).contains(&counted),
        "{name} has counted {counted} of {} redirects, or up to {most}",
        outcome.answered
    );
    let cpu_drained = process.cpu()? - cpu_before;
    let disk = process.disk_written()? - disk_before;
    let others = machine.saturating_sub(cpu).saturating_sub(outcome.client_cpu);
    Ok((Round::of(&outcome, cpu, cpu_drained, disk, others), counted))
}

impl Round {
    fn of(outcome: &Outcome, cpu: Duration, cpu_drained: Duration, disk: u64, others: Duration) -> Round {
        let for_each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / outcome.answered as f64;
        Round {
            rate: outcome.rate(),
            cpu_micros: for_each(cpu),
            cpu_drained_micros: for_each(cpu_drained),
            disk_bytes: disk as f64 / outcome.answered as f64,
            server_busy: cpu.as_secs_f64() / outcome.elapsed.as_secs_f64(),
            client_busy: outcome.client_busy(),
            client_cpu_micros: for_each(outcome.client_cpu),
            others_busy: others.as_secs_f64() / outcome.elapsed.as_secs_f64(),
            p50_micros: outcome.latency.micros_at(0.5),
            p99_micros: outcome.latency.micros_at(0.99),
            lateness_p99_micros: outcome.lateness.micros_at(0.99),
        }
    }
}

impl Compared {
    /// A line with the medians of one column of the rounds.
    pub(super) fn figure(
        &self,
        what: impl Into<String>,
        unit: &'static str,
        column: fn(&Round) -> f64,
    ) -> Figure {
        let [ours, peer] = self.measured(column);
        Figure::new(what, unit).ours(ours).peer(peer)
    }

    /// The same of the bare server, where it had rounds, against the peer.
    pub(super) fn figure_of_bare(
        &self,
        what: impl Into<String>,
        unit: &'static str,
        column: fn(&Round) -> f64,
    ) -> Option<Figure> {
        let [_, peer] = self.measured(column);
        let bare = Measured::of(self.bare.iter().map(column).collect())?;
        Some(Figure::new(what, unit).ours(Some(bare)).peer(peer))
    }

    /// Half of the rate that each of them reached.
    pub(super) fn half_rate(&self) -> Rate {
        let half = |side: Option<Measured>| side.map_or(1.0, |rate| rate.median() / 2.0);
        let [ours, peer] = self.measured(|round| round.rate);
        Rate::Fixed { ours: half(ours), peer: half(peer) }
    }

    fn measured(&self, column: fn(&Round) -> f64) -> [Option<Measured>; 2] {
        [&self.ours, &self.peer].map(|rounds| Measured::of(rounds.iter().map(column).collect()))
    }
}
