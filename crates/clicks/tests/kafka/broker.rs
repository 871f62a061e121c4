//! A broker of a test's own, which may be killed: what `dev/services` runs, on other ports.

use crate::topic::service;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// One process that is broker and controller.
pub(crate) struct Broker {
    folder: tempfile::TempDir,
    jars: PathBuf,
    pub(crate) address: String,
    process: Option<Child>,
}

impl Broker {
    pub(crate) fn start() -> Broker {
        let services = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/services/kafka/lib");
        let jars = service("CURTAIL_TEST_KAFKA_JARS").map_or(services, PathBuf::from);
        assert!(jars.is_dir(), "no Kafka in {}: run dev/services start", jars.display());
        let folder = tempfile::tempdir().unwrap();
        let [broker, controller] = free_ports();
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{broker}\ncontroller.listener.names=CONTROLLER\n\
             log.dirs={}\nauto.create.topics.enable=false\noffsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n",
            folder.path().join("data").display()
        );
        fs::write(folder.path().join("server.properties"), properties).unwrap();
        let mut broker = Broker { folder, jars, address: format!("127.0.0.1:{broker}"), process: None };
        let id = ["--cluster-id", "Y3VydGFpbC10ZXN0LWlkMQ", "--config"];
        let mut format = broker.java("kafka.tools.StorageTool");
        let format = format.arg("format").args(id).arg("server.properties").status().unwrap();
        assert!(format.success(), "{}", broker.log());
        broker.run();
        broker
    }

    /// Starts it again, on what it had.
    pub(crate) fn run(&mut self) {
        let before = self.log().matches("Kafka Server started").count();
        let mut server = self.java("kafka.Kafka");
        self.process = Some(server.arg("server.properties").spawn().unwrap());
        crate::support::until(|| self.log(), || self.log().matches("Kafka Server started").count() > before);
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn java(&self, program: &str) -> Command {
        let log = File::options().append(true).create(true).open(self.folder.path().join("log")).unwrap();
        let mut java = Command::new("java");
        java.arg("-Xmx256m").arg("-Dorg.slf4j.simpleLogger.logFile=System.out");
        java.arg("-cp").arg(self.jars.join("*")).arg(program).current_dir(self.folder.path());
        java.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        java
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that nobody listens on.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
