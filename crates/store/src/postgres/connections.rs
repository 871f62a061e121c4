//! Sessions with a server, kept in pools. A session that did
//! not end its work well is closed and never used again.

use super::OpenError;
use super::address::{Address, with_causes};
use super::failure::Failure;
use super::hosts::Connector;
use super::presence::Presence;
use super::retries::Retries;
use super::timeline;
use crate::StoreError;
use curtail_runtime::retry::Budget;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool as Deadpool, PoolError, QueueMode, RecyclingMethod,
    Runtime, Timeouts,
};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{NoTls, Row, Statement};

/// How long somebody waits for a session while all are in use.
pub(super) const WAIT: Duration = Duration::from_secs(2);
/// How long work may take beyond what the server allows a statement: by then the server has gone.
const GRACE: Duration = Duration::from_secs(1);

/// A statement. All that are ever sent stand in `sql/`, so that no session prepares without end.
pub(super) struct Sql {
    pub(super) text: &'static str,
    pub(super) types: &'static [Type],
    /// Planned anew each time, for what it is given: what is rare in one search is everywhere in another.
    pub(super) planned_anew: bool,
}

/// A statement from a file, and the types of its parameters.
macro_rules! sql {
    ($file:literal $(, $type:ident)*) => {
        crate::postgres::connections::Sql {
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/postgres/sql/", $file, ".sql")),
            types: &[$(tokio_postgres::types::Type::$type),*],
            planned_anew: false,
        }
    };
}
pub(super) use sql;

/// How the server plans prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plans {
    /// Once for a session: ours step down indexes whatever they
    /// are given, and planning one costs more than running it.
    Once,
    /// As it thinks best.
    Free,
}

/// Sessions with one server for one kind of work.
#[derive(Clone)]
pub(super) struct Pool {
    name: String,
    sessions: Deadpool,
    prepared: bool,
    begin: Arc<str>,
    patience: Duration,
    /// Whether the server is there, where that is known.
    presence: Option<Arc<Presence>>,
    /// Whether what is committed must be on the disk when it is answered.
    writes: bool,
    retry_budget: Arc<Budget>,
}

/// A session on loan. Unless its work ends well it is closed:
/// nobody gets a transaction that somebody else began.
pub(super) struct Session {
    object: Option<Object>,
    prepared: bool,
    begin: Arc<str>,
    patience: Duration,
    presence: Option<Arc<Presence>>,
    ended_well: bool,
}

/// A statement that can be sent without another trip to the
/// server, so that several can go together in a known order.
pub(super) enum Ready {
    Prepared(Statement),
    Whole(&'static Sql),
}

impl Pool {
    /// A pool of at most `sessions_max` sessions, which are made when they are needed.
    pub(super) fn new(
        address: &Address,
        sessions_max: usize,
        plans: Plans,
        prepared: bool,
        statement_timeout: Duration,
    ) -> Result<Pool, OpenError> {
        // What is not clean does not come back, so nothing need be cleaned when it is lent again.
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let mut server = address.config.clone();
        if prepared && plans == Plans::Once {
            let options = server.get_options().unwrap_or_default().to_owned();
            server.options(format!("{options} -c plan_cache_mode=force_generic_plan"));
        }
        let (hosts, home) = (Arc::clone(&address.hosts), Arc::clone(&address.hosts));
        let manager = match &address.tls {
            None => Manager::from_connect(server, Connector { hosts, tls: NoTls }, config),
            Some(tls) => Manager::from_connect(server, Connector { hosts, tls: tls.clone() }, config),
        };
        let is_at_home = Hook::sync_fn(move |_, session| match home.is_older(session.created) {
            false => Ok(()),
            true => Err(HookError::message("it is of the time before another server took over")),
        });
        let timeouts = Timeouts { wait: Some(WAIT), create: Some(WAIT * 2), recycle: Some(WAIT) };
        let sessions = Deadpool::builder(manager)
            .max_size(sessions_max.max(1))
            .runtime(Runtime::Tokio1)
            // What a session has planned and read is warm in the one that was used last.
            .queue_mode(QueueMode::Lifo)
            .timeouts(timeouts)
            .pre_recycle(is_at_home)
            .build()
            .map_err(OpenError::io)?;
        Ok(Pool {
            name: address.name.clone(),
            sessions,
            prepared,
            begin: begin(prepared, statement_timeout).into(),
            patience: statement_timeout + GRACE,
            presence: address.presence.clone(),
            writes: false,
            retry_budget: Arc::clone(&address.retry_budget),
        })
    }

    /// The same for whoever writes.
    pub(super) fn that_writes(self) -> Pool {
        Pool { writes: true, ..self }
    }

    /// Refuses when the server is known not to answer. To be asked by
    /// whoever would have to wait behind others before they get a session.
    pub(super) fn must_be_there(&self) -> Result<(), StoreError> {
        if self.presence.as_ref().is_some_and(|presence| !presence.is_there()) {
            return Err(self.away("it does not answer; it is asked again all the time"));
        }
        Ok(())
    }

    fn away(&self, error: &str) -> StoreError {
        StoreError::Unavailable(format!("{}: {error}", self.name))
    }

    /// Lends a session, unless the server is known not to answer.
    pub(super) async fn session(&self) -> Result<Session, StoreError> {
        self.must_be_there()?;
        let object = self.sessions.get().await.map_err(|error| match error {
            PoolError::Timeout(_) => self.away("no connection was free or could be made in time"),
            PoolError::Backend(error) => self.away(&with_causes(&error)),
            other => self.away(&other.to_string()),
        })?;
        let is_new = Object::metrics(&object).recycle_count == 0;
        let session = self.wrap(object);
        if is_new && self.presence.is_some() {
            // It may lead to another primary than the one before.
            let about = session.within(timeline::keep(&session)).await?;
            if let Some(about) = about.filter(|_| self.writes) {
                about.must_be_durable()?;
            }
        }
        Ok(session)
    }

    /// Lends the very first session, and tells in words for people why there is none.
    pub(super) async fn first(&self, address: &Address) -> Result<Session, OpenError> {
        match self.sessions.get().await {
            Ok(object) => Ok(self.wrap(object)),
            Err(PoolError::Backend(error)) => Err(OpenError::explain(address, &error)),
            Err(error) => Err(OpenError::Unreachable {
                setting: address.setting,
                server: address.name.clone(),
                error: match error {
                    PoolError::Timeout(_) => "it has not answered in time; is it PostgreSQL?".to_owned(),
                    other => other.to_string(),
                },
            }),
        }
    }

    fn wrap(&self, object: Object) -> Session {
        let (prepared, begin, patience) = (self.prepared, Arc::clone(&self.begin), self.patience);
        let presence = self.presence.clone();
        Session { object: Some(object), prepared, begin, patience, presence, ended_well: false }
    }

    /// Asks one thing on a session of its own.
    pub(super) async fn query(
        &self,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let session = self.session().await?;
        let rows = session.within(session.query(sql, parameters)).await;
        session.end(rows)
    }

    /// Attempts at work that others may be in the way of.
    pub(super) fn retries(&self) -> Retries {
        Retries::of(&self.retry_budget)
    }

    /// Closes all sessions that are not on loan.
    pub(super) fn close(&self) {
        self.sessions.close();
    }
}

/// Whatever a database or a role has as its default: who
/// waits for a lock has to see what was committed before.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// What transactions begin with. Where sessions are not set up, the server is told in each one when to give
/// up: whoever has died in the middle of it must not keep its locks.
fn begin(prepared: bool, statement_timeout: Duration) -> String {
    let timeout = statement_timeout.as_millis();
    match prepared {
        true => BEGIN.to_owned(),
        false => format!(
            "{BEGIN}; SET LOCAL statement_timeout = {timeout}; SET LOCAL idle_in_transaction_session_timeout = {timeout}"
        ),
    }
}

impl Session {
    fn client(&self) -> &deadpool_postgres::ClientWrapper {
        self.object.as_ref().expect("a session has its connection until it ends")
    }

    /// Whether what is set on it stays with it, and with nobody else.
    pub(super) fn is_ours_alone(&self) -> bool {
        self.prepared
    }

    /// Makes a statement ready.
    pub(super) async fn ready(&self, sql: &'static Sql) -> Result<Ready, Failure> {
        if !self.prepared || sql.planned_anew {
            return Ok(Ready::Whole(sql));
        }
        Ok(Ready::Prepared(self.client().prepare_typed_cached(sql.text, sql.types).await?))
    }

    /// Sends a statement when this is first polled: those
    /// that are joined arrive in the order in which they are.
    pub(super) async fn send(
        &self,
        ready: &Ready,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        Ok(match ready {
            Ready::Prepared(statement) => self.client().query(statement, parameters).await?,
            Ready::Whole(sql) => {
                let typed: Vec<(&(dyn ToSql + Sync), Type)> =
                    parameters.iter().copied().zip(sql.types.iter().cloned()).collect();
                self.client().query_typed(sql.text, &typed).await?
            }
        })
    }

    /// Makes ready and sends.
    pub(super) async fn query(
        &self,
        sql: &'static Sql,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let ready = self.ready(sql).await?;
        self.send(&ready, parameters).await
    }

    /// Begins a transaction, with a statement that stands at its beginning
    /// or an empty text. It too is sent when this is first polled.
    pub(super) async fn begin(&self, then: &'static str) -> Result<(), Failure> {
        Ok(self.client().batch_execute(&format!("{}; {then}", self.begin)).await?)
    }

    /// A command without parameters, such as `COMMIT`. It too is sent when this is first polled.
    pub(super) async fn command(&self, command: &'static str) -> Result<(), Failure> {
        Ok(self.client().batch_execute(command).await?)
    }

    /// Waits for work no longer than a server that is there would take.
    pub(super) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let late = || StoreError::Unavailable("the database did not answer in time".into());
        timeout(self.patience, work).await.unwrap_or_else(|_| Err(late().into()))
    }

    /// Gives the session back, if its work ended well.
    pub(super) fn end<T, E: From<Failure>>(mut self, outcome: Result<T, Failure>) -> Result<T, E> {
        self.ended_well = outcome.is_ok();
        if let Some(presence) = self.presence.take_if(|_| outcome.is_ok()) {
            presence.has_answered();
        }
        Ok(outcome?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.ended_well
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}
