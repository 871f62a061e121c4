//! Why a store could not be opened: what an operator reads, with what to do about it.

use super::super::VERSION_MIN;
use super::super::address::{Address, with_causes};
use super::super::failure::Failure;
use super::super::tls;
use crate::StoreError;
use rustls::CertificateError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// The setting that most failures are about.
const PRIMARY: &str = "database.url";
/// What must be granted to a user who owns nothing.
const GRANTS: &str = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public and USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA \
                      public";

/// Why a store could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The address of a server cannot be understood.
    #[error(
        "{setting} cannot be understood: {error}. Write it as postgres://user:password@host:5432/database"
    )]
    Address {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        error: String,
    },
    /// Connections to a server cannot be encrypted as its address asks for.
    #[error("{setting}: {error}")]
    Tls {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        error: String,
    },
    /// A server does not answer.
    #[error(
        "{setting}: the server {server} cannot be reached ({error}). Start it, or correct host, port and sslmode in \
         {setting}"
    )]
    Unreachable {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What the system says.
        error: String,
    },
    /// A server does not prove that it is who it should be: nobody who is trusted has signed its certificate.
    #[error(
        "{setting}: the certificate of {server} is by an authority that is not trusted ({error}). Name the file with the \
         certificate of that authority in {setting}, as sslrootcert=FILE"
    )]
    Untrusted {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What is wrong with the certificate.
        error: String,
    },
    /// A server proves to be another one than was asked for.
    #[error(
        "{setting}: the certificate of {server} is for another name ({error}). Connect by a name that is in the certificate, or \
         set sslmode=verify-ca in {setting}, where any name of that authority will do"
    )]
    OtherName {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What is wrong with the certificate.
        error: String,
    },
    /// A server's certificate would not be good whoever were trusted.
    #[error(
        "{setting}: the certificate of {server} cannot be used ({error}). Give the server one that is valid now and is no \
         authority's own (basicConstraints CA:FALSE)"
    )]
    BadCertificate {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What is wrong with the certificate.
        error: String,
    },
    /// A server asks for a password, and there is none to give.
    #[error(
        "{setting}: the server {server} asks for a password, and there is none in {setting}. Write it as \
         postgres://user:password@host:5432/database, best in the environment, as {}",
        variable_of(setting)
    )]
    NoPassword {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
    },
    /// A server does not let us in.
    #[error(
        "{setting}: the server {server} refuses the user ({error}). Correct user and password in {setting}, or let the user \
         in by pg_hba.conf"
    )]
    Refused {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What the server says.
        error: String,
    },
    /// There is no such database.
    #[error(
        "{setting}: there is no such database at {server} ({error}). Make it with createdb, or correct {setting}"
    )]
    NoDatabase {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What the server says.
        error: String,
    },
    /// The server has no room for more connections.
    #[error(
        "{setting}: the server {server} takes no more connections ({error}). Raise max_connections there, or lower \
         database.connections here"
    )]
    Crowded {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What the server says.
        error: String,
    },
    /// A pooler in front of the server does not do what is asked of it.
    #[error(
        "{setting}: {server} is a pooler that does not hand on how sessions are set up ({error}). Set database.prepared to \
         false, which is made for poolers in transaction mode"
    )]
    Pooler {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// What the pooler says.
        error: String,
    },
    /// The server is older than what is used here.
    #[error(
        "{setting}: {server} is PostgreSQL {found}; {}.0 is the oldest that can be used. Use a newer server",
        VERSION_MIN / 10_000
    )]
    TooOld {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// Its version.
        found: String,
    },
    /// The server only reads.
    #[error(
        "{setting}: {server} is a replica, which takes no writes. Name its primary, and the replica in \
         database.replica_urls"
    )]
    ReadOnly {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
    },
    /// The database keeps texts in another encoding.
    #[error(
        "{setting}: {server} keeps texts as {found}, and links need UTF8. Make a database with \
         createdb --encoding=UTF8 --template=template0"
    )]
    Encoding {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
        /// Its encoding.
        found: String,
    },
    /// The server acknowledges what it has not made durable.
    #[error(
        "{setting}: synchronous_commit is off at {server}, so acknowledged links could be lost. Set it on: ALTER ROLE \
         or ALTER DATABASE ... SET synchronous_commit = on"
    )]
    NotDurable {
        /// The setting.
        setting: &'static str,
        /// Host, port and database.
        server: String,
    },
    /// The user may not do what has to be done.
    #[error(
        "{setting}: the user may not do what it must ({error}). Make it the owner of its database, or let the owner GRANT it \
         USAGE, CREATE ON SCHEMA public, {}",
        GRANTS
    )]
    Forbidden {
        /// The setting.
        setting: &'static str,
        /// What the server says.
        error: String,
    },
    /// Somebody has what a migration needs, and does not let go of it.
    #[error(
        "{setting}: the schema cannot be brought up to date while others use it ({error}). Look in pg_stat_activity for who has \
         been at it for long, end that with pg_terminate_backend, and start again"
    )]
    Locked {
        /// The setting.
        setting: &'static str,
        /// What the server says.
        error: String,
    },
    /// The tables that are there are not those of a store.
    #[error(
        "{setting}: the tables in the database are not those of a whole store of Curtail ({error}). Another program uses it, or \
         some were removed: give Curtail a database of its own, or restore a backup"
    )]
    OtherTables {
        /// The setting.
        setting: &'static str,
        /// What the server says.
        error: String,
    },
    /// A newer Curtail has changed the schema.
    #[error(
        "database.url: the database has schema version {found}, and this Curtail knows {known} at most: it is used by a \
         newer one. Use that, or restore a backup from before"
    )]
    Newer {
        /// Its version.
        found: usize,
        /// The last version that is known here.
        known: usize,
    },
    /// The settings of codes are not those that the store was made with.
    #[error(
        "the store was made with codes.scheme = {:?} and codes.alphabet = {:?}, but the settings say {:?} and {:?}. Links \
         that exist depend on them: set them back, or use another database", made.0, made.1, asked.0, asked.1
    )]
    MadeDifferently {
        /// Scheme and alphabet of the store.
        made: (String, String),
        /// Scheme and alphabet of the settings.
        asked: (String, String),
    },
    /// No store has been made here yet.
    #[error(
        "database.url: there is no store in this database yet. Start `curtail serve` once to make it, or correct database.url"
    )]
    NoStore,
    /// Another store is in the database than the one that is to move there.
    #[error(
        "database.url: there is another store in this database, with codes of its own: move to an empty database, or to one \
         where moving this very store began"
    )]
    OtherStore,
    /// A store is moving here, and not all of it has arrived.
    #[error(
        "database.url: a store is still moving into this database, and not all of it is here. Stop the server that it moves \
         from, and run `curtail migrate-store` once more as before: its last pass says when all is here"
    )]
    Moving,
    /// The store has moved here before, and was used here since.
    #[error(
        "database.url: this store has moved here already and has been used here since; moving it again would undo what was \
         changed here. To begin anew, move to an empty database"
    )]
    InUse,
    /// The address past the pooler leads elsewhere.
    #[error(
        "database.direct_url: {direct} is another database than {server} of database.url. Name the same database in both, \
         database.direct_url without the pooler"
    )]
    Elsewhere {
        /// Host, port and database.
        direct: String,
        /// Those of database.url.
        server: String,
    },
    /// Something else went wrong.
    #[error("{setting}: the database cannot be opened: {error}")]
    Io {
        /// The setting.
        setting: &'static str,
        /// What the system says.
        error: String,
    },
}

impl OpenError {
    /// Something went wrong here, not at a server.
    #[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
    pub(in super::super) fn io(error: impl ToString) -> OpenError {
        OpenError::Io { setting: PRIMARY, error: error.to_string() }
    }

    /// The same, of the server that another setting names.
    pub(in super::super) fn at(mut self, address: &Address) -> OpenError {
        if let OpenError::Forbidden { setting, .. }
        | OpenError::Locked { setting, .. }
        | OpenError::OtherTables { setting, .. }
        | OpenError::Io { setting, .. } = &mut self
        {
            *setting = address.setting;
        }
        self
    }

    /// Why no connection to a server could be made.
    pub(in super::super) fn explain(address: &Address, error: &Error) -> OpenError {
        let (setting, server, text) = (address.setting, address.name.clone(), with_causes(error));
        match tls::certificate_error(error) {
            None => {}
            // The last two are said of an authority that has the name of a trusted one, and another key.
            Some(
                CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => return OpenError::Untrusted { setting, server, error: text },
            Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
                return OpenError::OtherName { setting, server, error: text };
            }
            Some(_) => return OpenError::BadCertificate { setting, server, error: text },
        }
        match error.code() {
            // tokio-postgres says so in words only.
            None if text.contains("password missing") => OpenError::NoPassword { setting, server },
            // PgBouncer has another code for it.
            Some(state) if state.code().starts_with("28") || text.contains("authentication failed") => {
                OpenError::Refused { setting, server, error: text }
            }
            Some(state) if *state == SqlState::INVALID_CATALOG_NAME => {
                OpenError::NoDatabase { setting, server, error: text }
            }
            Some(state) if *state == SqlState::TOO_MANY_CONNECTIONS => {
                OpenError::Crowded { setting, server, error: text }
            }
            Some(state) if *state == SqlState::INSUFFICIENT_PRIVILEGE => {
                OpenError::Forbidden { setting, error: text }
            }
            // A server understands what we ask for when a
            // connection begins; PgBouncer names what it does not.
            Some(state) if *state == SqlState::PROTOCOL_VIOLATION && text.contains("startup parameter") => {
                OpenError::Pooler { setting, server, error: text }
            }
            _ => OpenError::Unreachable { setting, server, error: text },
        }
    }
}

/// The variable of the environment that holds a setting.
fn variable_of(setting: &str) -> String {
    format!("CURTAIL_{}", setting.replace('.', "_").to_uppercase())
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> OpenError {
        let setting = PRIMARY;
        let error = match failure.error {
            StoreError::Forbidden(error) => return OpenError::Forbidden { setting, error },
            StoreError::Damaged(error) if failure.state.is_some() => error,
            other => other.to_string(),
        };
        match failure.state {
            Some(SqlState::LOCK_NOT_AVAILABLE) => OpenError::Locked { setting, error },
            Some(
                SqlState::DUPLICATE_TABLE
                | SqlState::DUPLICATE_OBJECT
                | SqlState::UNDEFINED_TABLE
                | SqlState::UNDEFINED_COLUMN,
            ) => OpenError::OtherTables { setting, error },
            _ => OpenError::Io { setting, error },
        }
    }
}
