//! The one integration binary: black-box tests, a module each.

mod golden;
mod house;
mod real;
