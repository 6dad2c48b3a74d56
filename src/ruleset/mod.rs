//! Rule files: from an analyst's YAML to typed documents, with every mistake
//! told at its place.
//!
//! `yaml` reads text into nodes; `shape` says what a file may hold and checks
//! it; `spec` lists the keys of rule files in the words of `words`; `view`
//! reads a checked map; `read` and `read_cases` fill the documents of `doc`
//! (`decimal`, `json`: values as written; `departments`, `code_map`: who receives
//! clues, and national codes); `lints` judge what a shape cannot;
//! `schema` turns shapes into JSON Schema for editors and `page` into reference
//! pages; `digest` and `lock` name content.

pub mod code_map;
pub mod compile;
pub mod decimal;
pub mod departments;
pub mod digest;
pub mod doc;
pub mod json;
pub mod lints;
pub mod lock;
pub mod nearest;
pub mod page;
pub mod read;
mod read_cases;
pub mod schema;
pub mod shape;
pub mod spec;
pub mod view;
pub mod words;
pub mod yaml;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
