//! A batch of lines: checked, made durable together, and answered in order.

use crate::dto::bulk::BulkAnswerJson;
use crate::dto::link::LinkJson;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::routes::links::status_of;
use crate::service::Service;
use crate::validate::link::{Rules, WantedLink, wanted_link};
use axum::body::Bytes;
use curtail_model::Timestamp;
use curtail_store::rollups::Totals;
use curtail_store::{Create, Created, Idempotency, Refused, StoreError, WhenMade};
use std::sync::Arc;

/// Lines of a batch: a fraction of a millisecond of work.
const LINES_MAX: usize = 256;

/// Bytes of the lines of a batch.
const BYTES_MAX: usize = 256 * 1024;

/// About how many bytes the answer to a line has.
const ANSWER_BYTES: usize = 640;

/// Lines that are gathered.
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
    lines: Vec<(u64, Option<Problem>)>,
    bytes: usize,
    /// What became of the lines without a problem, in order, or what happened to all of them.
    made: Result<Made, Problem>,
}

/// What became of links: they, and the clicks of those that are not new, both in order. That the clicks
/// cannot be read is said of those alone: the others were made.
struct Made {
    links: Vec<Result<Created, Refused>>,
    totals: Result<Vec<Totals>, StoreError>,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            lines: Vec::with_capacity(LINES_MAX),
            creates: Vec::with_capacity(LINES_MAX),
            passwords: Vec::new(),
            bytes: 0,
        }
    }
}

impl Batch {
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether its links do not go to the store at once.
    pub(super) fn needs_preparation(&self) -> bool {
        !self.passwords.is_empty()
    }

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
        let Batch { lines, creates, passwords, bytes } = self;
        Answers { lines, bytes, made: make(&service, creates, passwords).await }
    }
}

async fn make(
    service: &Service,
    mut creates: Vec<Create>,
    passwords: Vec<(usize, String)>,
) -> Result<Made, Problem> {
    for (place, password) in passwords {
        creates[place].link.password_hash = Some(service.hash(password).await?);
    }
    if creates.is_empty() {
        return Ok(Made { links: Vec::new(), totals: Ok(Vec::new()) });
    }
    let links = service.links.create(creates).await?;
    let older: Vec<_> =
        links.iter().flatten().filter(|made| made.when != WhenMade::Now).map(|made| made.link.id).collect();
    let totals = if older.is_empty() { Ok(Vec::new()) } else { service.totals(older).await };
    Ok(Made { links, totals })
}

impl Answers {
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The answers as they are sent.
    pub(super) fn render(self, origin: &Origin) -> Bytes {
        let mut piece = Vec::with_capacity(self.lines.len() * ANSWER_BYTES);
        let Made { links, totals } = match self.made {
            Ok(made) => made,
            Err(failed) => {
                for (line, problem) in self.lines {
                    write_problem(&mut piece, line, problem.as_ref().unwrap_or(&failed));
                }
                return piece.into();
            }
        };
        let mut links = links.into_iter();
        let mut totals = totals.map(Vec::into_iter);
        for (line, problem) in self.lines {
            let made = problem.map_or_else(
                || {
                    links
                        .next()
                        .expect("the store answers every link it was asked for")
                        .map_err(Problem::from)
                },
                Err,
            );
            match made {
                Ok(made) => {
                    let status = status_of(made.when).as_u16();
                    let totals = match (made.when, &mut totals) {
                        (WhenMade::Now, _) => Ok(Totals::default()),
                        (_, Ok(totals)) => Ok(totals.next().unwrap_or_default()),
                        (_, Err(error)) => Err(error.clone()),
                    };
                    match totals {
                        Ok(totals) => {
                            let link = LinkJson::new(&made.link, totals, origin);
                            write(&mut piece, &BulkAnswerJson::Made { line, status, link });
                        }
                        Err(error) => write_problem(&mut piece, line, &error.into()),
                    }
                }
                Err(problem) => write_problem(&mut piece, line, &problem),
            }
        }
        piece.into()
    }
}

/// The answer to a bulk that broke off: what went wrong, and with which line.
pub(super) fn last_words(line: u64, problem: &Problem) -> Bytes {
    let mut piece = Vec::new();
    write_problem(&mut piece, line, problem);
    piece.into()
}

fn write_problem(piece: &mut Vec<u8>, line: u64, problem: &Problem) {
    write(piece, &BulkAnswerJson::Refused { line, status: problem.status().as_u16(), error: problem.json() });
}

fn write(piece: &mut Vec<u8>, answer: &BulkAnswerJson<'_>) {
    serde_json::to_writer(&mut *piece, answer)
        .expect("answers are strings, numbers and lists, which are always JSON");
    piece.push(b'\n');
}
