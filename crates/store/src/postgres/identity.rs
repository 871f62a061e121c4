//! What a store was made with: the scheme, the alphabet and
//! the key that give its generated codes their meaning.

use super::connections::{Session, Sql, sql};
use super::failure::Failure;
use super::import::state;
use super::row::column;
use super::{OpenError, Settings};
use curtail_model::Codes;

static GET: Sql = sql!("meta_get", TEXT);
static PUT: Sql = sql!("meta_put", TEXT, BYTEA);

/// What tells this store from all others, and the codes it was made with.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) key: [u8; 16],
    pub(super) codes: Codes,
}

/// Reads the identity, or makes it at the first start, with the key of the store that moves here or a new
/// one. Of several processes that start first at once, one makes it.
pub(super) async fn establish(
    session: &Session,
    settings: &Settings,
    moves: Option<[u8; 16]>,
) -> Result<Identity, OpenError> {
    let (scheme, alphabet) = (settings.scheme.as_str(), settings.alphabet.as_str());
    let mut key = moves.unwrap_or_default();
    if moves.is_none() {
        getrandom::fill(&mut key).map_err(OpenError::io)?;
    }
    let made = [("codes.scheme", scheme.as_bytes()), ("codes.alphabet", alphabet.as_bytes())];
    if self::key(session).await?.is_none() {
        session.begin("").await?;
        // The key goes first: whoever comes second waits for it, and then finds that all is there.
        for (name, value) in [("codes.key", key.as_slice())].into_iter().chain(made) {
            session.query(&PUT, &[&name, &value]).await?;
        }
        if moves.is_some() {
            // With the identity: nobody may take a store that has only that for a whole one.
            state::begin(session).await?;
        }
        session.command("COMMIT").await?;
    }
    let identity = find(session, settings).await?;
    let identity = identity.ok_or_else(|| OpenError::io("the key of its codes is damaged"))?;
    if moves.is_some_and(|moves| moves != identity.key) {
        return Err(OpenError::OtherStore);
    }
    Ok(identity)
}

/// Reads the identity, if there is one; it must be by these settings.
pub(super) async fn find(session: &Session, settings: &Settings) -> Result<Option<Identity>, OpenError> {
    let (scheme, alphabet) = (settings.scheme.as_str(), settings.alphabet.as_str());
    let Some(key) = key(session).await?.and_then(|key| key.try_into().ok()) else { return Ok(None) };
    let text = async |name| {
        let value = get(session, name).await?.unwrap_or_default();
        Ok::<_, Failure>(String::from_utf8_lossy(&value).into_owned())
    };
    let stored = (text("codes.scheme").await?, text("codes.alphabet").await?);
    if (stored.0.as_str(), stored.1.as_str()) != (scheme, alphabet) {
        return Err(OpenError::MadeDifferently {
            made: stored,
            asked: (scheme.to_owned(), alphabet.to_owned()),
        });
    }
    Ok(Some(Identity { key, codes: Codes::new(settings.scheme, settings.alphabet, key) }))
}

/// The key of the codes, by which stores are told apart.
pub(super) async fn key(session: &Session) -> Result<Option<Vec<u8>>, Failure> {
    get(session, "codes.key").await
}

async fn get(session: &Session, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let rows = session.query(&GET, &[&name]).await?;
    Ok(rows.first().map(|row| column(row, 0)).transpose()?)
}
