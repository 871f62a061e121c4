//! What a store was made with: the scheme, the alphabet and the key that give its generated codes their meaning.

use super::file::{LINKS, explain};
use super::{OpenError, Settings};
use curtail_model::{Alphabet, CodeScheme, Codes};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// What tells this store from all others, and the codes it was made with.
pub(super) struct Identity {
    pub(super) key: [u8; 16],
    pub(super) codes: Codes,
}

/// Reads the identity, or makes it at the first start.
pub(super) fn establish(
    connection: &mut Connection,
    directory: &Path,
    settings: &Settings,
) -> Result<Identity, OpenError> {
    let path = LINKS.path(directory);
    let explain = |error| explain(&path, &error);
    let (scheme, alphabet) = (settings.scheme.as_str(), settings.alphabet.as_str());
    let stored = read(connection).map_err(explain)?;
    let key = match stored {
        Some((_, made_scheme, made_alphabet)) if (&*made_scheme, &*made_alphabet) != (scheme, alphabet) => {
            return Err(OpenError::MadeDifferently {
                made: (made_scheme, made_alphabet),
                asked: (scheme.to_owned(), alphabet.to_owned()),
            });
        }
        Some((key, ..)) => key,
        None => {
            let mut key = [0; 16];
            getrandom::fill(&mut key)
                .map_err(|error| OpenError::Io { path: path.clone(), error: error.to_string() })?;
            write(connection, key, settings.scheme, settings.alphabet).map_err(explain)?;
            key
        }
    };
    Ok(Identity { key, codes: Codes::new(settings.scheme, settings.alphabet, key) })
}

fn read(connection: &Connection) -> rusqlite::Result<Option<([u8; 16], String, String)>> {
    let mut get = connection.prepare(include_str!("sql/meta_get.sql"))?;
    let Some(key) = get.query_row(["codes.key"], |row| row.get(0)).optional()? else { return Ok(None) };
    let mut text = |name: &str| {
        let bytes: Vec<u8> = get.query_row([name], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Some((key, text("codes.scheme")?, text("codes.alphabet")?)))
}

fn write(
    connection: &mut Connection,
    key: [u8; 16],
    scheme: CodeScheme,
    alphabet: Alphabet,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut put = transaction.prepare(include_str!("sql/meta_put.sql"))?;
    put.execute(("codes.key", key))?;
    put.execute(("codes.scheme", scheme.as_str().as_bytes()))?;
    put.execute(("codes.alphabet", alphabet.as_str().as_bytes()))?;
    drop(put);
    transaction.commit()
}
