//! What did the operator ask?

pub mod args;
pub mod config;
