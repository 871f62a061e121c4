//! What all clients of Kafka have in common: how they are set up, and where they log.

use super::Config;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::time::Duration;

/// How long a broker may take to answer.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The settings that all clients share. A broker that went away is tried again within a second.
pub(super) fn client(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", "curtail")
        .set("socket.keepalive.enable", "true")
        .set("socket.timeout.ms", ANSWER_MAX.as_millis().to_string())
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Warning);
    client
}

/// Hands what the client library logs to our log. Brokers that are away are told once a second by each
/// client, and shown in the status, so it is no warning here.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "Kafka's client");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::info!(facility, message, "Kafka's client");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(facility, message, "Kafka's client");
        }
    }
}
