//! Links that may be there already, so that what is there is asked for first: an earlier request with the
//! same idempotency key, or a link to the same destination that may be given again.
//!
//! Whoever asks for the same waits for an advisory lock, so that the question and what follows from it are
//! one step. Of several in one group that ask for the same, one goes first and the others look again.

use super::super::advisory_locks;
use super::super::connections::{Session, Sql, sql};
use super::super::failure::Failure;
use super::super::ids::Leasing;
use super::super::row::{self, bucket_column, column, id_column, link_id};
use super::acknowledged::WAL_POSITION;
use super::create::{Maker, Outcome};
use super::insert::{RENEW, Rows, versions};
use crate::{Create, Idempotency, Refused, StoreError, WhenMade};
use curtail_model::{Code, Codes, DEFAULT_DOMAIN, Link, LinkId, Timestamp};
use futures_util::future::{try_join, try_join3};
use std::collections::{HashMap, HashSet};

static LOCK: Sql = sql!("keys_lock", INT8_ARRAY);
static REMEMBERED: Sql = sql!("idempotency_get", BYTEA_ARRAY);
static REMEMBER: Sql = sql!("idempotency_put", BYTEA_ARRAY, BYTEA_ARRAY, INT8_ARRAY, INT8_ARRAY, BOOL_ARRAY);
static PRUNE: Sql = sql!("idempotency_prune", INT8, INT8);
static SAME_URL: Sql = sql!("links_same_url", INT8_ARRAY);
static FIND: Sql =
    sql!("links_find", INT2_ARRAY, INT8_ARRAY, INT8_ARRAY, INT2_ARRAY, TEXT_ARRAY, INT8_ARRAY, TEXT_ARRAY);

/// Links of one transaction. Each may hold two locks, of
/// which a server has some thousands for all its sessions.
pub(super) const LINKS_AT_ONCE: usize = 128;
/// Expired keys that are forgotten with each one that is remembered.
const PRUNED_AT_ONCE: usize = 4;
/// Sets locks on destinations apart from those on keys.
const URL_LOCK: u64 = 0x5572_6c20_6c6f_636b;

/// What was there before.
struct Before {
    /// By idempotency key.
    remembered: HashMap<Vec<u8>, Remembered>,
    /// Links that keys were answered with, as far as they still
    /// are, and those with the codes that are chosen for reuse.
    found: HashMap<LinkId, Link>,
    /// Links that lead to the destinations asked for, the newest first.
    candidates: Vec<Link>,
}

/// A link that is to be inserted.
struct Wanted {
    /// Its place among the links that were asked for.
    place: usize,
    id: LinkId,
    code: Code,
    /// Whether its id stands for another code.
    keeps_code: bool,
    is_generated: bool,
}

/// What an earlier request was answered with.
struct Remembered {
    request: Vec<u8>,
    link: LinkId,
    until: Timestamp,
    reused: bool,
}

/// Makes links in one transaction.
pub(super) async fn make(
    maker: &Maker,
    session: &Session,
    creates: &[&Create],
) -> Result<Vec<Outcome>, Failure> {
    let mut locks: Vec<i64> = creates.iter().flat_map(|create| locks_of(create)).collect();
    locks.sort_unstable();
    locks.dedup();
    let mut codes = creates.iter().filter_map(|create| create.link.code.as_ref());
    let chosen = codes.clone().count();
    maker.ids.have_ready(session, creates.len() - chosen, chosen).await?;
    let is_shaped = codes.any(|code| maker.codes.decode(code.as_str().as_bytes()).is_some());
    let begin = session.begin(if is_shaped { advisory_locks::CHOOSING } else { "" });
    let lock = session.ready(&LOCK);
    let ((), lock) = try_join(begin, lock).await?;
    session.send(&lock, &[&locks]).await?;
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(creates.len(), || None);
    let mut open: Vec<usize> = (0..creates.len()).collect();
    while !open.is_empty() {
        let before = Before::read(session, creates, &open, &maker.codes).await?;
        let turn = before.first_of_each(creates, &open, &mut outcomes);
        insert(maker, session, creates, &turn, &mut outcomes).await?;
        let resolved = open.iter().filter_map(|&place| Some((creates[place], outcomes[place].as_ref()?)));
        remember(session, resolved).await?;
        open.retain(|&place| outcomes[place].is_none());
    }
    let keys = creates.iter().filter(|create| create.idempotency.is_some()).count();
    let oldest = creates.iter().map(|create| create.now.millis()).min().unwrap_or_default();
    let prunes = i64::try_from(keys * PRUNED_AT_ONCE).unwrap_or(i64::MAX);
    let (prune, position) = (session.ready(&PRUNE).await?, session.ready(&WAL_POSITION).await?);
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&oldest, &prunes];
    let pruned = session.send(&prune, &parameters);
    let (_, (), position) =
        try_join3(pruned, session.command("COMMIT"), session.send(&position, &[])).await?;
    maker.acknowledged.note(&position)?;
    Ok(outcomes.into_iter().flatten().collect())
}

fn locks_of(create: &Create) -> impl Iterator<Item = i64> {
    let key = create.idempotency.map(|idempotency| {
        let first = idempotency.key.first_chunk().copied().unwrap_or_default();
        i64::from_le_bytes(first)
    });
    let url = create.link.reuse.then(|| (create.link.destination.fingerprint() ^ URL_LOCK).cast_signed());
    key.into_iter().chain(url)
}

impl Before {
    async fn read(
        session: &Session,
        creates: &[&Create],
        open: &[usize],
        codes: &Codes,
    ) -> Result<Before, Failure> {
        let open = || open.iter().map(|&place| creates[place]);
        let keys: Vec<&[u8]> =
            open().filter_map(|create| Some(create.idempotency.as_ref()?.key.as_slice())).collect();
        let urls: HashSet<i64> = open()
            .filter(|create| create.link.reuse && create.link.code.is_none())
            .map(|create| create.link.destination.fingerprint().cast_signed())
            .collect();
        let urls: Vec<i64> = urls.into_iter().collect();
        let (remembered, same) = (session.ready(&REMEMBERED).await?, session.ready(&SAME_URL).await?);
        let (key_parameters, url_parameters) = ([&keys as _], [&urls as _]);
        let (remembered, same) =
            try_join(session.send(&remembered, &key_parameters), session.send(&same, &url_parameters))
                .await?;
        let remembered = remembered.iter().map(|row| {
            let until = Timestamp::from_millis(column(row, 3)?);
            let (request, link, reused) = (column(row, 1)?, link_id(column(row, 2)?)?, column(row, 4)?);
            Ok((column(row, 0)?, Remembered { request, link, until, reused }))
        });
        let remembered: HashMap<_, _> = remembered.collect::<Result<_, StoreError>>()?;
        let candidates: Vec<Link> =
            same.iter().map(|row| row::link(row, 1, codes)).collect::<Result<_, _>>()?;
        let answered = remembered.values().map(|remembered| remembered.link).collect();
        let chosen = open().filter(|create| create.link.reuse).filter_map(|create| create.link.code.as_ref());
        let found = find(session, answered, chosen, codes).await?;
        Ok(Before { remembered, found, candidates })
    }

    /// Answers whatever is there already, and the places of those links that are to be made now: no two of
    /// them by one key, and none for a destination that another of them leads to.
    fn first_of_each(
        &self,
        creates: &[&Create],
        open: &[usize],
        outcomes: &mut [Option<Outcome>],
    ) -> Vec<usize> {
        let (mut keys, mut urls) = (HashSet::new(), HashSet::new());
        let mut turn = Vec::new();
        for &place in open {
            let create = creates[place];
            if let Some(idempotency) = &create.idempotency {
                if let Some(outcome) = self.replay(idempotency, create.now) {
                    outcomes[place] = Some(outcome);
                    continue;
                }
                if !keys.insert(idempotency.key) {
                    continue;
                }
            }
            if create.link.reuse {
                if let Some(link) = self.reusable(create) {
                    outcomes[place] =
                        Some(Outcome::Found { link: Box::new(link.clone()), when: WhenMade::Reused });
                    continue;
                }
                if urls.contains(create.link.destination.normal()) {
                    continue;
                }
            }
            urls.insert(create.link.destination.normal());
            turn.push(place);
        }
        turn
    }

    /// The outcome of the earlier request with this key, if there was one.
    fn replay(&self, idempotency: &Idempotency, now: Timestamp) -> Option<Outcome> {
        let Remembered { request, link, until, reused } = self.remembered.get(idempotency.key.as_slice())?;
        if *until <= now {
            return None;
        }
        if request.as_slice() != idempotency.request {
            return Some(Outcome::Refused(Refused::IdempotencyKeyUsed));
        }
        let when = WhenMade::Replayed { reused: *reused };
        Some(match self.found.get(link) {
            Some(link) => Outcome::Found { link: Box::new(link.clone()), when },
            None => Outcome::Refused(Refused::IdempotentLinkGone),
        })
    }

    /// A link that does now what is asked for: the one with the code, where one is chosen.
    fn reusable(&self, create: &Create) -> Option<&Link> {
        match &create.link.code {
            Some(code) => self.found.values().find(|link| link.code == *code && create.is_done_by(link)),
            None => self.candidates.iter().find(|link| create.is_done_by(link)),
        }
    }
}

/// The links with these ids, and those with these custom codes.
async fn find(
    session: &Session,
    mut ids: Vec<LinkId>,
    chosen: impl Iterator<Item = &Code>,
    codes: &Codes,
) -> Result<HashMap<LinkId, Link>, Failure> {
    let (mut shaped, mut buckets, mut texts) = (vec![""; ids.len()], Vec::new(), Vec::new());
    for code in chosen.map(Code::as_str) {
        match codes.decode(code.as_bytes()) {
            Some(id) => {
                ids.push(id);
                shaped.push(code);
            }
            None => {
                buckets.push(codes.bucket_of(DEFAULT_DOMAIN, code.as_bytes()).number().cast_signed());
                texts.push(code);
            }
        }
    }
    if ids.is_empty() && texts.is_empty() {
        return Ok(HashMap::new());
    }
    let id_buckets: Vec<i16> = ids.iter().copied().map(bucket_column).collect();
    let ids: Vec<i64> = ids.into_iter().map(id_column).collect();
    // Each link tells what it is: nobody asks for the number of the question.
    let (id_numbers, numbers) = (vec![0_i64; ids.len()], vec![0_i64; texts.len()]);
    let rows =
        session.query(&FIND, &[&id_buckets, &ids, &id_numbers, &buckets, &texts, &numbers, &shaped]).await?;
    let link = |row| row::link(row, 1, codes).map(|link| (link.id, link));
    Ok(rows.iter().map(link).collect::<Result<_, _>>()?)
}

/// Inserts links with generated and with custom codes; those
/// whose generated code somebody has chosen stay open.
async fn insert(
    maker: &Maker,
    session: &Session,
    creates: &[&Create],
    turn: &[usize],
    outcomes: &mut [Option<Outcome>],
) -> Result<(), Failure> {
    let without_code = turn.iter().filter(|&&place| creates[place].link.code.is_none()).count();
    let mut generated = maker.ids.generated(session, without_code, Leasing::Exact).await?.into_iter();
    let codes: Vec<&Code> = turn.iter().filter_map(|&place| creates[place].link.code.as_ref()).collect();
    let mut chosen = maker.ids_of(session, &codes, Leasing::Exact).await?.into_iter();
    let mut wanted: Vec<Wanted> = Vec::with_capacity(turn.len());
    for &place in turn {
        let identity = match &creates[place].link.code {
            None => generated.next().map(|(id, code)| (id, Code::known(code), false)),
            Some(code) => chosen.next().flatten().map(|(id, is_shaped)| (id, code.clone(), !is_shaped)),
        };
        let is_generated = creates[place].link.code.is_none();
        match identity {
            Some((id, code, keeps_code)) => wanted.push(Wanted { place, id, code, keeps_code, is_generated }),
            None => outcomes[place] = Some(Outcome::Refused(Refused::CodesUsedUp)),
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    // In one order everywhere, as with custom codes that nobody asks about.
    wanted.sort_by(|one, other| one.code.as_str().cmp(other.code.as_str()));
    let mut rows = Rows::default();
    for Wanted { place, id, code, keeps_code, is_generated } in &wanted {
        let Create { link, now, .. } = creates[*place];
        rows.push(*id, code.as_str(), *keeps_code, *is_generated, link, *now);
    }
    let mut made = rows.insert(session).await?;
    drop(rows);
    let is_custom = |id: &&LinkId| wanted.iter().any(|wanted| wanted.id == **id && !wanted.is_generated);
    let chosen: Vec<i64> = made.keys().filter(is_custom).copied().map(id_column).collect();
    if !chosen.is_empty() {
        made.extend(versions(&session.query(&RENEW, &[&chosen]).await?)?);
    }
    for Wanted { place, id, code, is_generated, .. } in wanted {
        match made.remove(&id) {
            Some(version) => outcomes[place] = Some(Outcome::Made { id, version, code }),
            None if is_generated => {}
            None => outcomes[place] = Some(Outcome::Refused(Refused::CodeTaken)),
        }
    }
    Ok(())
}

/// Remembers the keys of links that were made or found.
async fn remember(
    session: &Session,
    resolved: impl Iterator<Item = (&Create, &Outcome)>,
) -> Result<(), Failure> {
    let (mut keys, mut requests, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let (mut until, mut reused) = (Vec::new(), Vec::new());
    for (create, outcome) in resolved {
        let (id, was_there) = match outcome {
            Outcome::Made { id, .. } => (*id, false),
            Outcome::Found { link, when: WhenMade::Reused } => (link.id, true),
            Outcome::Found { .. } | Outcome::Refused(_) => continue,
        };
        let Some(idempotency) = &create.idempotency else { continue };
        keys.push(idempotency.key.as_slice());
        requests.push(idempotency.request.as_slice());
        ids.push(id_column(id));
        until.push(create.now.plus_millis(Idempotency::LIFETIME).millis());
        reused.push(was_there);
    }
    if !keys.is_empty() {
        session.query(&REMEMBER, &[&keys, &requests, &ids, &until, &reused]).await?;
    }
    Ok(())
}
