//! What a store was made with: the scheme, the alphabet and
//! the key that give its generated codes their meaning.

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
    if let Some(identity) = known(connection, directory, settings.scheme, settings.alphabet)? {
        return Ok(identity);
    }
    let path = LINKS.path(directory);
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .map_err(|error| OpenError::Io { path: path.clone(), error: error.to_string() })?;
    write(connection, key, settings.scheme, settings.alphabet).map_err(|error| explain(&path, &error))?;
    Ok(Identity { key, codes: Codes::new(settings.scheme, settings.alphabet, key) })
}

/// The identity of a store that must have one.
pub(super) fn find(
    connection: &Connection,
    directory: &Path,
    scheme: CodeScheme,
    alphabet: Alphabet,
) -> Result<Identity, OpenError> {
    known(connection, directory, scheme, alphabet)?.ok_or_else(|| OpenError::Damaged {
        path: LINKS.path(directory),
        error: "it does not say what its codes were made with".into(),
    })
}

/// The identity, if there is one yet; it must be by these settings.
pub(super) fn known(
    connection: &Connection,
    directory: &Path,
    scheme: CodeScheme,
    alphabet: Alphabet,
) -> Result<Option<Identity>, OpenError> {
    let stored = read(connection).map_err(|error| explain(&LINKS.path(directory), &error))?;
    let Some((key, made_scheme, made_alphabet)) = stored else { return Ok(None) };
    let asked = (scheme.as_str().to_owned(), alphabet.as_str().to_owned());
    let made = (made_scheme, made_alphabet);
    if made != asked {
        return Err(OpenError::MadeDifferently { made, asked });
    }
    Ok(Some(Identity { key, codes: Codes::new(scheme, alphabet, key) }))
}

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Option<([u8; 16], String, String)>> {
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
