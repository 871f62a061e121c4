//! A Kafka of a test's own: what `dev/services` runs, on other ports.

use crate::process::Process;
use crate::{find_service, free_port, until};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One process that is broker and controller. It ends with this.
pub struct Broker {
    folder: tempfile::TempDir,
    jars: PathBuf,
    address: String,
    process: Process,
}

impl Broker {
    /// One without topics.
    pub fn start() -> Broker {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services/kafka/lib");
        let jars = find_service("CURTAIL_TEST_KAFKA_JARS").map_or(services, PathBuf::from);
        assert!(jars.is_dir(), "no Kafka in {}: run dev/services start", jars.display());
        let folder = tempfile::tempdir().expect("a folder");
        let (broker, controller) = (free_port(), free_port());
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{broker}\ncontroller.listener.names=CONTROLLER\n\
             log.dirs={}\nauto.create.topics.enable=false\noffsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n",
            folder.path().join("data").display()
        );
        fs::write(folder.path().join("server.properties"), properties).expect("a file can be written");
        let mut broker =
            Broker { folder, jars, address: format!("127.0.0.1:{broker}"), process: Process::default() };
        let id = ["format", "--cluster-id", "Y3VydGFpbC10ZXN0LWlkMQ", "--config", "server.properties"];
        broker.tool("kafka.tools.StorageTool", &id);
        broker.start_again();
        broker
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a topic with so many partitions.
    pub fn make_topic(&self, name: &str, partitions: u32) {
        let partitions = partitions.to_string();
        let what =
            ["--bootstrap-server", &self.address, "--create", "--topic", name, "--partitions", &partitions];
        self.tool("org.apache.kafka.tools.TopicCommand", &what);
    }

    /// Starts it after it was killed, on what it had.
    pub fn start_again(&mut self) {
        let before = self.starts();
        let mut server = self.java("kafka.Kafka");
        self.process.start(server.arg("server.properties"), "java runs");
        until("Kafka has started", || self.starts() > before);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: it hangs and keeps its connections.
    pub fn hang(&self) {
        self.process.hang();
    }

    /// SIGCONT
    pub fn go_on(&self) {
        self.process.go_on();
    }

    /// Runs one of Kafka's own programs to its end.
    fn tool(&self, program: &str, arguments: &[&str]) {
        let ended = self
            .java(program)
            .args(arguments)
            .status()
            .expect("java is not installed: run dev/services start");
        assert!(ended.success(), "{}", self.log());
    }

    fn java(&self, program: &str) -> Command {
        let log =
            File::options().append(true).create(true).open(self.folder.path().join("log")).expect("a log");
        let mut java = Command::new("java");
        java.arg("-Xmx256m").arg("-Dorg.slf4j.simpleLogger.logFile=System.out");
        java.arg("-cp").arg(self.jars.join("*")).arg(program).current_dir(self.folder.path());
        java.stdin(Stdio::null()).stderr(log.try_clone().expect("a descriptor")).stdout(log);
        java
    }

    fn starts(&self) -> usize {
        self.log().matches("Kafka Server started").count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
