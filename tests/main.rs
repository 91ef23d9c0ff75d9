//! The one integration binary: black-box tests, a module each.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod cli;
mod demo;
mod faultsink;
mod feeds;
mod golden;
mod house;
mod http;
mod laws;
mod mail;
mod model;
mod pipeline;
mod real;
mod remote;
mod transport;
