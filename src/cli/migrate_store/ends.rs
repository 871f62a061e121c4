//! Both ends of a move, as they were named.

use crate::config::{Mistake, Origin, Secret, Settings};
use crate::engines;
use std::path::{Path, PathBuf};

/// Where a store moves from and to.
pub(super) struct Ends {
    /// The data folder.
    pub(super) from: PathBuf,
    /// The URL of the database.
    pub(super) to: Secret,
    /// Whether a password stands on the command line.
    pub(super) shows_password: bool,
}

const FROM: Origin = Origin::Flag("--from");
const TO: Origin = Origin::Flag("--to");

impl Ends {
    /// Reads them, as far as settings that are mistaken themselves allow. What is wrong never holds what was
    /// given: it may carry a password.
    pub(super) fn read(
        from: &str,
        to: &str,
        settings: Option<&Settings>,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Ends> {
        let from = folder(from, settings).map_err(|wrong| mistakes.push(Mistake::new(FROM, wrong)));
        let named = database(to, settings).map_err(|wrong| mistakes.push(Mistake::new(TO, wrong)));
        let (from, to) = (from.ok()?, named.ok()?);
        Some(Ends { from: from?, shows_password: to.shows_password, to: to.url? })
    }
}

/// The data folder, where the settings tell.
fn folder(from: &str, settings: Option<&Settings>) -> Result<Option<PathBuf>, String> {
    let path = match from.split_once(':') {
        Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
        Some(("postgres" | "postgresql", _)) => {
            return Err(
                "names PostgreSQL, and stores move one way, from SQLite to PostgreSQL: write sqlite:FOLDER. \
                        pg_dump and pg_restore copy a database"
                    .to_owned(),
            );
        }
        _ => return Err("does not begin with sqlite: write one such as sqlite:/var/lib/curtail".to_owned()),
    };
    let path = match (path, settings) {
        ("", None) => return Ok(None),
        ("", Some(settings)) => settings.server.data.as_path(),
        (path, _) => Path::new(path),
    };
    if !path.join("links.db").is_file() {
        let shown = path.display();
        return Err(format!(
            "there is no store in {shown}, which has no links.db: name the data folder of the server"
        ));
    }
    Ok(Some(path.to_owned()))
}

struct Database {
    url: Option<Secret>,
    shows_password: bool,
}

/// The database, where the settings tell.
fn database(to: &str, settings: Option<&Settings>) -> Result<Database, String> {
    let rest = match to.split_once(':') {
        Some(("postgres" | "postgresql", rest)) => rest,
        Some(("sqlite", _)) => {
            return Err(
                "names SQLite, and stores move one way, from SQLite to PostgreSQL. To move a store on SQLite to another \
                        place, stop its server and copy its data folder"
                    .to_owned(),
            );
        }
        _ => {
            return Err("does not begin with postgres: write one such as postgres://user@host:5432/curtail"
                .to_owned());
        }
    };
    if rest.is_empty() {
        let url = settings.map(|settings| settings.database.url.clone());
        if url == Some(None) {
            return Err(
                "is postgres: alone, which stands for database.url, and that is not set: set it with \
                        CURTAIL_DATABASE_URL, or write --to postgres://user@host:5432/curtail"
                    .to_owned(),
            );
        }
        return Ok(Database { url: url.flatten(), shows_password: false });
    }
    let url = Secret::new(to);
    if let Some(settings) = settings {
        engines::postgres_settings(settings, &url).check().map_err(|wrong| wrong.to_string())?;
    }
    let user = rest.trim_start_matches('/').split(['/', '?']).next().and_then(|host| host.rsplit_once('@'));
    let shows_password = user.is_some_and(|(user, _)| user.contains(':')) || rest.contains("password=");
    Ok(Database { url: Some(url), shows_password })
}

#[cfg(test)]
mod tests {
    use super::{Ends, Mistake};
    use crate::config::{self, Flags, Settings};

    fn settings(url: Option<&str>) -> Settings {
        let variables = url.map(|url| ("CURTAIL_DATABASE_URL".into(), url.into()));
        config::load(&Flags::default(), variables).unwrap().settings
    }

    #[test]
    fn both_ends_are_read_and_everything_wrong_is_told_at_once_without_what_was_given() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("links.db"), "").unwrap();
        let good = format!("sqlite:{}", folder.path().display());
        let read = |from: &str, to: &str, url: Option<&str>| {
            let mut mistakes: Vec<Mistake> = Vec::new();
            let ends = Ends::read(from, to, Some(&settings(url)), &mut mistakes);
            (ends, mistakes.into_iter().map(|mistake| mistake.to_string()).collect::<Vec<_>>())
        };
        for (to, url, expected, shows) in [
            ("postgres://u@h/d", None, "postgres://u@h/d", false),
            ("postgresql://u:p@h/d", None, "postgresql://u:p@h/d", true),
            ("postgres:", Some("postgres://u:p@h/d"), "postgres://u:p@h/d", false),
        ] {
            for from in [good.clone(), good.replace("sqlite:", "sqlite://")] {
                let (ends, mistakes) = read(&from, to, url);
                let ends = ends.unwrap_or_else(|| panic!("{mistakes:?}"));
                assert_eq!((ends.from.as_path(), ends.to.reveal()), (folder.path(), expected));
                assert_eq!(ends.shows_password, shows);
            }
        }
        for (from, to, one, two) in [
            ("postgres://u:hidden@h/d", "sqlite:/x", "pg_dump", "copy its data folder"),
            ("/var/lib/curtail", "mysql://u:hidden@h/d", "sqlite:/var/lib", "postgres://user@host"),
            ("sqlite:/nowhere", "postgres:", "links.db", "CURTAIL_DATABASE_URL"),
            ("sqlite:/nowhere", "postgres://u:hidden@h/d?nonsense=1", "links.db", "cannot be understood"),
        ] {
            let (ends, mistakes) = read(from, to, None);
            assert!(ends.is_none() && mistakes.len() == 2, "{mistakes:?}");
            assert!(mistakes[0].starts_with("--from: ") && mistakes[0].contains(one), "{mistakes:?}");
            assert!(mistakes[1].starts_with("--to: ") && mistakes[1].contains(two), "{mistakes:?}");
            assert!(!mistakes.concat().contains("hidden"), "{mistakes:?}");
        }
    }
}
