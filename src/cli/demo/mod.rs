//! `postroom demo`: a whole Postroom in one temporary folder.

pub mod catcher;
mod folder;
mod guide;
pub mod inbox;
mod lines;
pub mod mailbox;
pub mod samples;
pub mod screens;
