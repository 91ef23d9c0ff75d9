//! Postroom: feeds and email digests for a blog kept as files.
pub mod app;
pub mod archive;
pub mod cli;
pub mod context;
pub mod domain;
pub mod feeds;
pub mod http;
pub mod settings;
pub mod store;
pub mod system;
pub mod tasks;
pub mod telemetry;
pub mod transport;
pub mod views;
