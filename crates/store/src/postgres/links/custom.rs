//! Links with custom codes, and their ids. A code that looks like a generated one has the id that it names,
//! the first time; once a link with that id was removed, it gets others: an id is never given twice, because
//! clicks of the removed link may still be counted.

use super::acknowledged::WAL_POSITION;
use super::create::{Maker, Outcome};
use super::insert::{INSERT, RENEW, Rows, versions};
use crate::postgres::advisory_locks;
use crate::postgres::connections::{Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::ids::Leasing;
use crate::postgres::row::{column, id_column, link_id};
use crate::{Create, Refused, StoreError};
use curtail_model::{Code, DEFAULT_DOMAIN, LinkId};
use futures_util::future::{try_join, try_join3};
use std::collections::{HashMap, HashSet};

static CUSTOM_BEFORE: Sql = sql!("links_custom_before", INT8_ARRAY);

/// Makes links with custom codes.
pub(super) async fn make(
    maker: &Maker,
    session: &Session,
    creates: &[&Create],
) -> Result<Vec<Outcome>, Failure> {
    let codes: Vec<&Code> = creates.iter().filter_map(|create| create.link.code.as_ref()).collect();
    let wanted = maker.ids_of(session, &codes, Leasing::Block).await?;
    // In one order everywhere: two groups that want the same codes never wait for each other.
    let mut order: Vec<usize> = (0..creates.len()).collect();
    order.sort_by_key(|&place| creates[place].link.code.as_ref().map(Code::as_str));
    let mut rows = Rows::default();
    for &place in &order {
        let Create { link, now, .. } = creates[place];
        if let (Some((id, is_shaped)), Some(code)) = (wanted[place], &link.code) {
            rows.push(id, code.as_str(), !is_shaped, false, link, *now);
        }
    }
    let is_shaped = wanted.iter().flatten().any(|(_, is_shaped)| *is_shaped);
    let begin = session.begin(if is_shaped { advisory_locks::CHOOSING } else { "" });
    let insert = session.ready(&INSERT);
    let ((), insert) = try_join(begin, insert).await?;
    let mut made = versions(&session.send(&insert, &rows.parameters()).await?)?;
    let ids: Vec<i64> = made.keys().map(|id| id.get().cast_signed()).collect();
    let (renew, position) = (session.ready(&RENEW).await?, session.ready(&WAL_POSITION).await?);
    let parameters = [&ids as &(dyn tokio_postgres::types::ToSql + Sync)];
    let renewed = session.send(&renew, &parameters);
    let (renewed, (), position) =
        try_join3(renewed, session.command("COMMIT"), session.send(&position, &[])).await?;
    maker.acknowledged.note(&position)?;
    made.extend(versions(&renewed)?);
    let mut outcomes: HashMap<usize, Outcome> = HashMap::new();
    for place in order {
        // Of two that want one code the first gets it.
        let version = wanted[place].and_then(|(id, _)| Some((id, made.remove(&id)?)));
        let outcome = match (version, wanted[place], &creates[place].link.code) {
            (Some((id, version)), _, Some(code)) => Outcome::Made { id, version, code: code.clone() },
            (None, None, _) => Outcome::Refused(Refused::CodesUsedUp),
            _ => Outcome::Refused(Refused::CodeTaken),
        };
        outcomes.insert(place, outcome);
    }
    Ok((0..creates.len()).filter_map(|place| outcomes.remove(&place)).collect())
}

impl Maker {
    /// For each of these codes an id, and whether it is the one
    /// that the code names. Nothing when numbers are used up.
    pub(super) async fn ids_of(
        &self,
        session: &Session,
        codes: &[&Code],
        leasing: Leasing,
    ) -> Result<Vec<Option<(LinkId, bool)>>, Failure> {
        let named: Vec<Option<LinkId>> =
            codes.iter().map(|code| self.codes.decode(code.as_str().as_bytes())).collect();
        let had = had_by_others(session, &named).await?;
        let mut ids = Vec::with_capacity(codes.len());
        for (code, named) in codes.iter().zip(named) {
            ids.push(match named.filter(|id| !had.contains(id)) {
                Some(id) => Some((id, true)),
                None => {
                    let bucket = self.codes.bucket_of(DEFAULT_DOMAIN, code.as_str().as_bytes());
                    self.ids.custom(session, bucket, leasing).await?.map(|id| (id, false))
                }
            });
        }
        Ok(ids)
    }
}

/// Those of these ids that removed links had whose codes are free.
async fn had_by_others(session: &Session, named: &[Option<LinkId>]) -> Result<HashSet<LinkId>, Failure> {
    let ids: Vec<i64> = named.iter().flatten().copied().map(id_column).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = session.query(&CUSTOM_BEFORE, &[&ids]).await?;
    Ok(rows.iter().map(|row| link_id(column(row, 0)?)).collect::<Result<_, StoreError>>()?)
}
