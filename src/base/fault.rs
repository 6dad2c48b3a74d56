//! What the world does wrong, and what the runtime shall do about it.

use std::error::Error;
use std::fmt;

/// What may help against a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The same call again.
    Retry,
    /// A new client or a new process, then recovery from the journal.
    Restart,
    /// A person has to act; doing it again would do harm or nothing.
    Stop,
}

/// A failure outside the program's own data: broker, disk, network.
#[derive(Debug)]
pub struct Fault {
    pub remedy: Remedy,
    /// Verb and object: `read journal`.
    pub doing: String,
    pub source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    pub fn new(remedy: Remedy, doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { remedy, doing: doing.into(), source: source.into() }
    }
    pub fn stop(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Remedy::Stop, doing, source)
    }
    pub fn restart(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Remedy::Restart, doing, source)
    }
    pub fn retry(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Remedy::Retry, doing, source)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed", self.doing)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// An error and its sources as one line: `read journal failed: timed out`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
