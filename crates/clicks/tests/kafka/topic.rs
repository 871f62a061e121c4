//! Topics of a test's own, on the broker that `dev/services` starts.

use curtail_clicks::kafka::Config;
use curtail_servers::{PATIENCE, service};
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::{Duration, Instant};

/// The brokers that are there.
pub(crate) fn brokers() -> String {
    service("CURTAIL_TEST_KAFKA")
}

/// A topic that is there as long as this is.
pub(crate) struct Topic {
    pub(crate) config: Config,
    partitions: i32,
}

impl Topic {
    pub(crate) fn new(partitions: i32) -> Topic {
        Topic::on(&brokers(), partitions)
    }

    pub(crate) fn on(brokers: &str, partitions: i32) -> Topic {
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_str().unwrap();
        let topic = format!("test-{}-{}", std::process::id(), unique.trim_start_matches('.'));
        let topic =
            Topic { config: Config { brokers: brokers.to_owned(), topic, replaces: None }, partitions };
        let begun = Instant::now();
        // A request that is lost is sent again; if it was heard all the same, there is one of this name.
        while let Err(error) = topic.make() {
            assert!(begun.elapsed() < PATIENCE, "{} does not make a topic: {error}", topic.config.brokers);
        }
        topic
    }

    /// Makes it on the broker, unless there is one.
    pub(crate) fn try_make(&self) -> bool {
        self.make().unwrap()
    }

    fn make(&self) -> Result<bool, KafkaError> {
        let new = NewTopic::new(&self.config.topic, self.partitions, TopicReplication::Fixed(1));
        let made = wait(self.admin().create_topics([&new], &options()))?;
        Ok(made.iter().all(Result::is_ok))
    }

    /// The same with more partitions.
    pub(crate) fn grow(mut self, partitions: i32) -> Topic {
        let new = NewPartitions::new(&self.config.topic, partitions.try_into().unwrap());
        let made = wait(self.admin().create_partitions([&new], &options())).unwrap();
        made.into_iter().for_each(|made| _ = made.unwrap());
        self.partitions = partitions;
        self
    }

    /// Removes it from the broker, with all that is in it.
    pub(crate) fn remove(&self) {
        wait(self.admin().delete_topics(&[&self.config.topic], &options())).unwrap();
    }

    /// Changes a setting of it.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let config = AlterConfig::new(ResourceSpecifier::Topic(&self.config.topic)).set(name, value);
        let altered = wait(self.admin().alter_configs([&config], &options())).unwrap();
        altered.into_iter().for_each(|altered| _ = altered.unwrap());
    }

    /// Where each partition ends.
    pub(crate) fn ends(&self) -> Vec<u64> {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let end = |partition| consumer.fetch_watermarks(&self.config.topic, partition, PATIENCE).unwrap().1;
        (0..self.partitions).map(|partition| end(partition).cast_unsigned()).collect()
    }

    /// Puts a record there that is not Curtail's.
    pub(crate) fn put(&self, partition: i32, bytes: &[u8]) {
        let producer: BaseProducer = self.client().create().unwrap();
        let record = BaseRecord::<(), [u8]>::to(&self.config.topic).partition(partition).payload(bytes);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// Puts records there that are never handed out, though they have offsets. Answers how many offsets.
    pub(crate) fn put_and_take_back(&self, records: u64) -> u64 {
        let mut client = self.client();
        let producer: BaseProducer = client.set("transactional.id", &self.config.topic).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        for _ in 0..records {
            let record = BaseRecord::<(), [u8]>::to(&self.config.topic).partition(0).payload(b"taken back");
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        producer.abort_transaction(PATIENCE).unwrap();
        // The end of a transaction has an offset too.
        records + 1
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.config.brokers);
        client
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().unwrap()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // A broker that is gone has taken it along.
        let _ = wait(self.admin().delete_topics(&[&self.config.topic], &options()));
    }
}

fn options() -> AdminOptions {
    const ANSWER_MAX: Duration = Duration::from_secs(30);
    AdminOptions::new().operation_timeout(Some(ANSWER_MAX)).request_timeout(Some(ANSWER_MAX))
}

/// Waits for a future; it may use blocking threads.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
