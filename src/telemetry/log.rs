//! Structured logs on standard error, as text or as JSON lines.
//!
//! No value of a tagged column may be given to a log call: numbers, names of
//! fields, digests and offsets are all that a log needs.

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::base::fault::Fault;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Sends this process's logs to standard error, once per process. `filter` has
/// tracing's form: `info`, `warn,claimsift::runtime=debug`.
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn start(format: LogFormat, filter: &str) -> Result<(), Fault> {
    let subscriber = subscriber(format, filter, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| Fault::stop("start the log", error))
}

fn subscriber<W>(format: LogFormat, filter: &str, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, Fault>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).map_err(|error| Fault::stop(format!("read log filter `{filter}`"), error))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(true);
    Ok(match format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn told(format: LogFormat, filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(shard = 3, "epoch committed");
            tracing::debug!("details");
        });
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_carry_fields_at_the_top() {
        let text = told(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!((&line["message"], &line["shard"], &line["level"]), (&"epoch committed".into(), &3.into(), &"INFO".into()));
    }

    #[test]
    fn the_filter_decides_what_is_told() {
        assert_eq!(told(LogFormat::Text, "warn"), "");
        assert_eq!(told(LogFormat::Text, "debug").lines().count(), 2);
        assert!(told(LogFormat::Text, "info").contains("epoch committed shard=3"));
        assert!(subscriber(LogFormat::Text, "claimsift=loud", std::io::sink).is_err());
    }
}
