//! The pages readers see, without a line of script: everything works by links
//! and forms. Each file holds the pages of one errand; [`frame`] what stands
//! around all of them. Models are plain and borrowed; `now` is part of [`Site`].

pub mod confirm;
pub mod data;
pub mod editions;
pub mod faults;
pub mod feeds;
pub mod form;
pub mod frame;
pub mod moving;
pub mod posts;
pub mod preferences;
pub mod samples;
pub mod schedule;
pub mod unsubscribe;

pub use frame::{Head, ICON, STYLES, Site, Tab};
