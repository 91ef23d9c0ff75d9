//! The whole road from a file in the archive to a mail at the relay and back by an unsubscribe: a real database, a
//! real folder, a relay that does as scripted, and a clock that moves when it is told. Every test ends with an audit.

mod audit;
mod cadences;
mod directives;
mod files;
mod guard;
mod hands;
mod leaving;
mod looking;
mod mail;
mod office;
mod pace;
mod posts;
mod readers;
mod refusals;
mod relay;
mod slots;
mod spoilt;
mod stopping;
mod uncertain;
mod walk;
