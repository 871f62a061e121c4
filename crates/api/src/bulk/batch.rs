//! A batch of lines: checked, made durable together, and answered in order.

use crate::dto::link::LinkJson;
use crate::origin::Origin;
use crate::problem::{Kind, Problem, ProblemJson};
use crate::service::Service;
use crate::validate::link::{Rules, WantedLink, wanted_link};
use axum::body::Bytes;
use curtail_model::Timestamp;
use curtail_store::rollups::Totals;
use curtail_store::{Create, Created, Idempotency, WhenMade};
use serde::Serialize;
use std::sync::Arc;
use tokio::task::JoinError;

/// Lines of a batch: enough that what a commit costs is shared by many.
const LINES_MAX: usize = 16_384;

/// Bytes of the lines of a batch: what a bulk holds in memory is a small multiple of it.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Lines that are answered in one piece.
const LINES_PER_PIECE: usize = 256;

/// About how many bytes the answer to a line has.
const ANSWER_BYTES: usize = 640;

/// Lines that are gathered.
#[derive(Default)]
pub(super) struct Batch {
    lines: Vec<(u64, Option<Problem>)>,
    /// The links of the lines without a problem, in order.
    creates: Vec<Create>,
    /// Passwords to hash, by the places of their links in `creates`.
    passwords: Vec<(usize, String)>,
    bytes: usize,
}

/// What is answered to the lines of a batch.
pub(super) struct Answers {
    lines: std::vec::IntoIter<(u64, Result<Created, Problem>)>,
    /// Clicks of those links that are not new, in order.
    totals: std::vec::IntoIter<Totals>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum AnswerJson<'a> {
    Made { line: u64, status: u16, link: LinkJson<'a> },
    Refused { line: u64, status: u16, error: ProblemJson<'a> },
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= LINES_MAX || self.bytes >= BYTES_MAX
    }

    /// Adds a line that is a problem whatever it says.
    pub(super) fn refuse(&mut self, number: u64, problem: Problem) {
        self.lines.push((number, Some(problem)));
    }

    /// Checks and adds a line.
    pub(super) fn add(
        &mut self,
        number: u64,
        line: &[u8],
        rules: Rules<'_>,
        idempotency: Option<Idempotency>,
        now: Timestamp,
    ) {
        self.bytes += line.len();
        match wanted_link(line, rules) {
            Ok(WantedLink { link, password }) => {
                self.passwords.extend(password.map(|password| (self.creates.len(), password)));
                self.creates.push(Create { link, now, idempotency });
                self.lines.push((number, None));
            }
            Err(problem) => self.refuse(number, problem),
        }
    }

    /// Makes the links of the batch durable.
    pub(super) async fn commit(self, service: Arc<Service>) -> Answers {
        let Batch { lines, creates, passwords, .. } = self;
        match make(&service, creates, passwords).await {
            Ok((made, totals)) => {
                let mut made = made.into_iter();
                let mut next = || made.next().expect("the store answers every link it was asked for");
                let lines =
                    lines.into_iter().map(|(number, problem)| (number, problem.map_or_else(&mut next, Err)));
                Answers { lines: lines.collect::<Vec<_>>().into_iter(), totals: totals.into_iter() }
            }
            Err(failed) => {
                let lines = lines.into_iter();
                let lines =
                    lines.map(|(number, problem)| (number, Err(problem.unwrap_or_else(|| failed.clone()))));
                Answers { lines: lines.collect::<Vec<_>>().into_iter(), totals: Vec::new().into_iter() }
            }
        }
    }
}

type Made = (Vec<Result<Created, Problem>>, Vec<Totals>);

async fn make(
    service: &Service,
    mut creates: Vec<Create>,
    passwords: Vec<(usize, String)>,
) -> Result<Made, Problem> {
    for (place, password) in passwords {
        creates[place].link.password_hash = Some(service.passwords.hash(password).await?);
    }
    if creates.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let made = service.links.create(creates).await?;
    let older: Vec<_> =
        made.iter().flatten().filter(|made| made.when != WhenMade::Now).map(|made| made.link.id).collect();
    let totals = if older.is_empty() { Vec::new() } else { service.rollups.totals(older).await? };
    Ok((made.into_iter().map(|made| made.map_err(Problem::from)).collect(), totals))
}

impl Answers {
    /// What is said when a batch died on its way. Whether its links were made is not known.
    pub(super) fn lost(error: &JoinError) -> Answers {
        tracing::error!(%error, "a batch of a bulk failed");
        let problem = Problem::new(
            Kind::Internal,
            "What became of some lines before this one is not known. It has been logged.",
        );
        Answers { lines: vec![(0, Err(problem))].into_iter(), totals: Vec::new().into_iter() }
    }

    /// The answers to the next lines.
    pub(super) fn next_piece(&mut self, origin: &Origin) -> Option<Bytes> {
        let count = self.lines.len().min(LINES_PER_PIECE);
        if count == 0 {
            return None;
        }
        let mut piece = Vec::with_capacity(count * ANSWER_BYTES);
        for (line, made) in self.lines.by_ref().take(count) {
            match &made {
                Ok(made) => {
                    let (status, totals) = match made.when {
                        WhenMade::Now => (201, Totals::default()),
                        WhenMade::Replayed => (201, self.totals.next().unwrap_or_default()),
                        WhenMade::Reused => (200, self.totals.next().unwrap_or_default()),
                    };
                    write(
                        &mut piece,
                        &AnswerJson::Made { line, status, link: LinkJson::new(&made.link, totals, origin) },
                    );
                }
                Err(problem) => write_problem(&mut piece, line, problem),
            }
        }
        Some(piece.into())
    }
}

/// The answer to a bulk that broke off: what went wrong, and with which line.
pub(super) fn last_words(line: u64, problem: &Problem) -> Bytes {
    let mut piece = Vec::new();
    write_problem(&mut piece, line, problem);
    piece.into()
}

fn write_problem(piece: &mut Vec<u8>, line: u64, problem: &Problem) {
    write(piece, &AnswerJson::Refused { line, status: problem.status().as_u16(), error: problem.json() });
}

fn write(piece: &mut Vec<u8>, answer: &AnswerJson<'_>) {
    serde_json::to_writer(&mut *piece, answer)
        .expect("answers are strings, numbers and lists, which are always JSON");
    piece.push(b'\n');
}
