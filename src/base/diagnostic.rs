//! What is wrong in a file that a person wrote: place, words and help.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::AnnotationKind;
use annotate_snippets::Level;
use annotate_snippets::Renderer;
use annotate_snippets::Snippet;

/// A file's name and text, shared by all diagnostics about it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The path as the user gave it.
    pub name: String,
    pub text: String,
}

/// One mistake. Readers collect them all and never stop at the first.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub source: Arc<SourceText>,
    /// Bytes of the text that the caret marks.
    pub span: Range<usize>,
    /// Names the check that found it, for those that have a page.
    pub code: Option<&'static str>,
    /// Lower case, no full stop, names the thing and quotes the input.
    pub message: String,
    /// A full sentence that says what to do.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn new(source: &Arc<SourceText>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { source: Arc::clone(source), span, code: None, message: message.into(), help: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Line of the mistake, from 1.
    pub fn line(&self) -> usize {
        let end = self.span.start.min(self.source.text.len());
        1 + self.source.text.as_bytes().iter().take(end).filter(|byte| **byte == b'\n').count()
    }
}

/// Renders diagnostics with line, caret and help, in the order of files and lines.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by(|a, b| (&a.source.name, a.span.start, &a.message).cmp(&(&b.source.name, b.span.start, &b.message)));
    let renderer = Renderer::plain();
    let mut out = String::new();
    for diagnostic in sorted {
        let text = &diagnostic.source.text;
        let start = floor_char(text, diagnostic.span.start);
        let end = floor_char(text, diagnostic.span.end.max(start));
        let snippet =
            Snippet::source(text.as_str()).path(diagnostic.source.name.as_str()).annotation(AnnotationKind::Primary.span(start..end));
        let title = Level::ERROR.primary_title(diagnostic.message.as_str());
        let title = if let Some(code) = diagnostic.code { title.id(code) } else { title };
        let mut group = title.element(snippet);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let _ = writeln!(out, "{}\n", renderer.render(&[group]));
    }
    out
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
