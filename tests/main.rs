//! The one integration binary: black-box tests, a module each.

mod faultsink;
mod feeds;
mod golden;
mod house;
mod real;
