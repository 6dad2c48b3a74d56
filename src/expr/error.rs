//! A mistake in the SQL text of an expression.

use std::ops::Range;

use datafusion_common::DataFusionError;

/// One mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Bytes of the SQL text.
    pub span: Range<usize>,
    /// Lower case, no full stop.
    pub message: String,
    /// A full sentence that says what to do.
    pub help: Option<String>,
}

/// What is wrong, before its place is known.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn at(self, span: Range<usize>) -> ExprError {
        ExprError { span, message: self.message, help: self.help }
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl From<Mistake> for DataFusionError {
    fn from(mistake: Mistake) -> Self {
        Self::External(Box::new(mistake))
    }
}

impl From<DataFusionError> for Mistake {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(source) => match source.downcast::<Self>() {
                Ok(mistake) => *mistake,
                Err(source) => Self::new(tidy(&source.to_string())),
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            other => Self::new(tidy(&other.strip_backtrace())),
        }
    }
}

/// The planner's words in this crate's manner: the first sentence, without
/// the class of the error and without the capital.
fn tidy(message: &str) -> String {
    let mut text = message.lines().next().unwrap_or_default();
    for class in ["Error during planning: ", "This feature is not implemented: ", "Execution error: ", "SQL error: ", "Internal error: "] {
        text = text.strip_prefix(class).unwrap_or(text);
    }
    let text = text.split(" You might need to add explicit type casts").next().unwrap_or(text).trim_end_matches('.');
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
