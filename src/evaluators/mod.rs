//! Kinds of judging, by what they remember.
//!
//! - rows: nothing but the row itself; their masks come from `expr`
//! - [`contact`]: in-person care before an online consultation
//! - [`overlap`]: supplies of one substance that overlap
//! - [`ratio`]: sums of a group against what its baseline expects
//!
//! [`supply`] joins the halves that rules on supply judge; [`dosage`] counts
//! their packs, doses and days.

pub mod contact;
pub mod dosage;
pub mod overlap;
pub mod ratio;
pub mod supply;
