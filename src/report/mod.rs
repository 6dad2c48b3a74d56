//! Pages for people: the rule catalogue, and what a month of clues came to.
//!
//! `html` has the one function that escapes; `page.css` is the look of every
//! page. `words` puts SQL into words, `blocks` is a page that reads the same in
//! Markdown and in HTML, `catalogue` fills one per rule, and `month` is the
//! page of the demo.

pub mod blocks;
pub mod catalogue;
pub mod html;
pub mod month;
pub mod words;
