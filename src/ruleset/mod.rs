//! Rule files: from an analyst's YAML to typed documents, with every mistake
//! told at its place.
//!
//! `yaml` reads text into nodes; `shape` says what a file may hold and checks
//! it; `spec` lists the keys of rule files; `read` fills the documents of
//! `doc`; `lints` judge what the shape cannot; `schema` turns shapes into JSON
//! Schema for editors; `digest` and `lock` name content.

pub mod decimal;
pub mod doc;
pub mod json;
pub mod words;
pub mod yaml;
