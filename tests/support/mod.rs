//! What several test binaries need.

pub mod broker;
pub mod effective;
pub mod feed;
pub mod oracle;
pub mod site;
pub mod taken_back;
