//! Ids for chosen codes. A code that looks like a generated one has the id that it names, the first time; once a link with
//! that id was removed, it gets others: an id is never given twice, because clicks of the removed link may still be counted.

use super::create::Maker;
use crate::StoreError;
use crate::postgres::connections::{Session, Sql, sql};
use crate::postgres::failure::Failure;
use crate::postgres::row::{column, id_column, link_id};
use curtail_model::{Code, LinkId};
use std::collections::HashSet;

static CHOSEN_BEFORE: Sql = sql!("links_chosen_before", INT8_ARRAY);

impl Maker {
    /// For each of these codes an id, and whether it is the one that the code names. Nothing when numbers are used up.
    pub(super) async fn ids_of(
        &self,
        session: &Session,
        codes: &[&Code],
    ) -> Result<Vec<Option<(LinkId, bool)>>, Failure> {
        let named: Vec<Option<LinkId>> =
            codes.iter().map(|code| self.codes.decode(code.as_str().as_bytes())).collect();
        let had = had_by_others(session, &named).await?;
        let mut ids = Vec::with_capacity(codes.len());
        for (code, named) in codes.iter().zip(named) {
            ids.push(match named.filter(|id| !had.contains(id)) {
                Some(id) => Some((id, true)),
                None => {
                    let bucket = self.codes.bucket_of(0, code.as_str().as_bytes());
                    self.ids.custom(session, bucket).await?.map(|id| (id, false))
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
    let rows = session.query(&CHOSEN_BEFORE, &[&ids]).await?;
    Ok(rows.iter().map(|row| link_id(column(row, 0)?)).collect::<Result<_, StoreError>>()?)
}
