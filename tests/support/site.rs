//! A site of a test's own: PostgreSQL, Redis, Kafka, app servers and a worker, all of them real processes
//! that can be killed, made to hang and brought back.

use super::relay::{Protocol, Relay};
use super::roamer::Doors;
use super::server::{KEY, Server, curtail};
use super::worker::Worker;
use curtail_servers::postgres::{Cluster, Server as Postgres};
use curtail_servers::{Broker, RedisServer};
use std::process::Command;
use std::sync::Arc;
use tempfile::{TempDir, tempdir};

/// Three app servers and a worker have more sessions than one test of the store.
const SESSIONS: &str = "max_connections=200";
const TOPIC: &str = "clicks";
const PARTITIONS: u32 = 4;

/// What a site is made of, beside one primary and one Redis.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) apps: usize,
    pub(crate) replicas: usize,
    /// Kafka, and a worker that counts from it.
    pub(crate) kafka: bool,
    /// App servers reach PostgreSQL and Redis through relays, which can lose what is told unasked.
    pub(crate) relays: bool,
}

/// What can die or hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    // In the order in which they are started again: none without what it needs.
    Primary,
    Replicas,
    Redis,
    Kafka,
    Worker,
    App(usize),
}

/// All of it. What serves ends before what it is served by.
pub(crate) struct Site {
    apps: Vec<Option<Server>>,
    worker: Option<Worker>,
    relays: Vec<Relay>,
    kafka: Option<Broker>,
    redis: RedisServer,
    cluster: Cluster,
    doors: Arc<Doors>,
    environment: Vec<(&'static str, String)>,
    /// One for each app server, and one for the worker.
    folders: Vec<TempDir>,
}

impl Site {
    /// Starts everything.
    pub(crate) fn start(shape: Shape) -> Site {
        let cluster = Cluster::start(shape.replicas, &[SESSIONS]);
        let redis = RedisServer::start();
        let kafka = shape.kafka.then(Broker::start);
        let mut relays = Vec::new();
        let (mut primary, mut redis_url) = (cluster.primary.url(), redis.url());
        if shape.relays {
            for (url, port, protocol) in [
                (&mut primary, cluster.primary.port(), Protocol::Postgres),
                (&mut redis_url, redis.port(), Protocol::Redis),
            ] {
                let relay = Relay::start(port, protocol);
                *url = url.replace(&format!(":{port}"), &format!(":{}", relay.port()));
                relays.push(relay);
            }
            primary.push_str("?sslmode=disable");
        }
        let mut environment = vec![("CURTAIL_DATABASE_URL", primary), ("CURTAIL_REDIS_URL", redis_url)];
        if shape.replicas > 0 {
            let urls: Vec<String> = cluster.replicas.iter().map(Postgres::url).collect();
            environment.push(("CURTAIL_DATABASE_REPLICA_URLS", urls.join(",")));
        }
        if let Some(broker) = &kafka {
            broker.make_topic(TOPIC, PARTITIONS);
            environment.push(("CURTAIL_KAFKA_BROKERS", broker.address().to_owned()));
            environment.push(("CURTAIL_KAFKA_TOPIC", TOPIC.to_owned()));
        }
        let mut site = Site {
            apps: (0..shape.apps).map(|_| None).collect(),
            worker: None,
            relays,
            kafka,
            redis,
            cluster,
            doors: Arc::new(Doors::new(shape.apps)),
            environment,
            folders: (0..=shape.apps).map(|_| tempdir().unwrap()).collect(),
        };
        (0..shape.apps).for_each(|number| site.start_again(Part::App(number)));
        if shape.kafka {
            site.start_again(Part::Worker);
        }
        site
    }

    /// An app server that runs.
    pub(crate) fn app(&self, number: usize) -> &Server {
        self.apps[number].as_ref().expect("it runs")
    }

    /// All of them.
    pub(crate) fn apps(&self) -> impl Iterator<Item = &Server> {
        self.apps.iter().flatten()
    }

    /// Where clients find them.
    pub(crate) fn doors(&self) -> Arc<Doors> {
        self.doors.clone()
    }

    /// Begins or ends to lose what PostgreSQL and Redis tell app servers unasked: all news of changes.
    pub(crate) fn lose_messages(&self, lost: bool) {
        assert!(!self.relays.is_empty(), "it has no relays");
        self.relays.iter().for_each(|relay| relay.lose_messages(lost));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, part: Part) {
        match part {
            Part::Primary => self.cluster.primary.kill(),
            Part::Replicas => self.cluster.replicas.iter().for_each(Postgres::kill),
            Part::Redis => self.redis.kill(),
            Part::Kafka => self.kafka.as_mut().expect("it has Kafka").kill(),
            Part::Worker => self.worker.take().expect("it runs").kill(),
            Part::App(number) => {
                self.doors.close(number);
                self.apps[number].take().expect("it runs").kill();
            }
        }
    }

    /// Asks an app server to end, and waits until it has.
    pub(crate) fn stop_app(&mut self, number: usize) {
        self.doors.close(number);
        assert!(self.apps[number].take().expect("it runs").terminate().success());
    }

    /// Starts what was killed, on what it had on its disk.
    pub(crate) fn start_again(&mut self, part: Part) {
        match part {
            Part::Primary => self.cluster.primary.start(),
            Part::Replicas => self.cluster.replicas.iter().for_each(Postgres::start),
            Part::Redis => self.redis.start_again(),
            Part::Kafka => self.kafka.as_mut().expect("it has Kafka").start_again(),
            Part::Worker => {
                let folder = self.folders[self.apps.len()].path();
                self.worker = Some(Worker::launch(self.command("worker"), folder));
            }
            Part::App(number) => {
                let shown = ["--admin-listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
                let server = Server::launch(self.command("app"), self.folders[number].path(), shown);
                self.doors.open(number, server.address);
                self.apps[number] = Some(server);
            }
        }
    }

    /// SIGSTOP: it answers nothing and keeps its connections.
    pub(crate) fn hang(&self, part: Part) {
        match part {
            Part::Primary => self.cluster.primary.hang(),
            Part::Replicas => self.cluster.replicas.iter().for_each(Postgres::hang),
            Part::Redis => self.redis.hang(),
            Part::Kafka => self.kafka.as_ref().expect("it has Kafka").hang(),
            Part::Worker => self.worker.as_ref().expect("it runs").signal(rustix::process::Signal::STOP),
            Part::App(number) => self.app(number).signal(rustix::process::Signal::STOP),
        }
    }

    /// SIGCONT
    pub(crate) fn go_on(&self, part: Part) {
        match part {
            Part::Primary => self.cluster.primary.go_on(),
            Part::Replicas => self.cluster.replicas.iter().for_each(Postgres::go_on),
            Part::Redis => self.redis.go_on(),
            Part::Kafka => self.kafka.as_ref().expect("it has Kafka").go_on(),
            Part::Worker => self.worker.as_ref().expect("it runs").signal(rustix::process::Signal::CONT),
            Part::App(number) => self.app(number).signal(rustix::process::Signal::CONT),
        }
    }

    fn command(&self, role: &str) -> Command {
        let mut command = curtail();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("CURTAIL_ROLE", role).env("CURTAIL_ADMIN_KEY", KEY);
        command
    }
}
