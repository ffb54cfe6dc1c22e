//! The edge of the application, asked over every route there is: who gets what, what every answer carries, what bad input does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test that fails stops"
)]

mod bad_input;
mod forms;
mod headers;
mod json;

mod kept;
mod kit;
mod matrix;
