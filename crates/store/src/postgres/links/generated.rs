//! Links with generated codes.

use super::super::connections::Session;
use super::super::failure::Failure;
use super::super::ids::Leasing;
use super::acknowledged::WAL_POSITION;
use super::create::{Maker, Outcome};
use super::insert::{INSERT, Rows, versions};
use crate::{Create, Refused};
use curtail_model::Code;
use futures_util::future::try_join;

/// Makes links with generated codes: one statement, unless somebody has chosen one of the codes before.
pub(super) async fn make(
    maker: &Maker,
    session: &Session,
    creates: &[&Create],
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(creates.len(), || None);
    let mut open: Vec<usize> = (0..creates.len()).collect();
    while !open.is_empty() {
        let ids = maker.ids.generated(session, open.len(), Leasing::Block).await?;
        let (given, without) = open.split_at(ids.len());
        for place in without {
            outcomes[*place] = Some(Outcome::Refused(Refused::CodesUsedUp));
        }
        let mut rows = Rows::default();
        for ((id, code), place) in ids.iter().zip(given) {
            let Create { link, now, .. } = creates[*place];
            rows.push(*id, code, false, true, link, *now);
        }
        if rows.is_empty() {
            break;
        }
        let (insert, position) = (session.ready(&INSERT).await?, session.ready(&WAL_POSITION).await?);
        let parameters = rows.parameters();
        let inserted = session.send(&insert, &parameters);
        let (inserted, position) = try_join(inserted, session.send(&position, &[])).await?;
        maker.acknowledged.note(&position)?;
        let versions = versions(&inserted)?;
        drop(rows);
        let mut taken = Vec::new();
        for ((id, code), place) in ids.into_iter().zip(given) {
            match versions.get(&id) {
                Some(&version) => {
                    outcomes[*place] = Some(Outcome::Made { id, version, code: Code::known(code) });
                }
                None => taken.push(*place),
            }
        }
        open = taken;
    }
    Ok(outcomes.into_iter().flatten().collect())
}
