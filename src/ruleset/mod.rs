//! Rule files: from an analyst's YAML to typed documents, with every mistake
//! told at its place.
//!
//! `yaml` reads text into nodes; `shape` says what a file may hold and checks
//! it; `spec` lists the keys of rule files in the words of `words`; `view`
//! reads a checked map; `read` and `read_cases` fill the documents of `doc`
//! (`decimal`, `json`: values as written); `lints` judge what a shape cannot;
//! `schema` turns shapes into JSON Schema for editors and `page` into reference
//! pages; `digest` and `lock` name content.

pub mod words;
pub mod decimal;
pub mod json;
pub mod yaml;
pub mod nearest;
pub mod shape;
pub mod doc;
pub mod view;
pub mod spec;
pub mod read;
mod read_cases;
pub mod lints;
pub mod digest;
pub mod lock;
pub mod schema;
pub mod page;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
