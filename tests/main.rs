//! The one integration binary: black-box tests, a module each.

mod cli;
mod faultsink;
mod feeds;
mod golden;
mod house;
mod real;
mod transport;
