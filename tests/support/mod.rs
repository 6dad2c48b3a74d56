//! What several test binaries need.

pub mod broker;
pub mod oracle;
pub mod effective;
pub mod feed;
pub mod site;
