//! Pages for people: the rule catalogue.
//!
//! `html` has the one function that escapes; `page.css` is the look of every
//! page. `words` puts SQL into words, `blocks` is a page that reads the same in
//! Markdown and in HTML, and `catalogue` fills one per rule.

pub mod blocks;
pub mod catalogue;
pub mod html;
pub mod words;
