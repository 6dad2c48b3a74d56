//! Apache Kafka: the only home of rdkafka.

pub mod admin;
mod archive;
mod asker;
mod context;
pub mod feed;
mod inlet;
mod kafka_log;
mod member;
mod native;
mod reader;
pub mod settings;
pub mod transactions;
mod trouble;
mod writer;

pub use archive::KafkaArchive;
pub use kafka_log::KafkaLog;
pub use native::tune_allocator;
pub use settings::KafkaSettings;
