//! The command line: one file per command family. A command reads its
//! arguments, asks the rooms below, and writes its answer to `out`.

mod arguments;
mod bench;
mod build;
mod check;
mod completions;
mod config;
mod courier;
pub mod demo;
mod dkim;
mod editions;
mod failure;
mod help;
mod init;
mod json_shapes;
mod moment;
mod output;
mod pause;
mod plan;
mod preview;
mod send;
mod serve;
mod stage;
mod status;
mod subscribers;
mod waiting;
mod why;

use std::io::{BufWriter, Write};

use clap::FromArgMatches;
use clap::error::ErrorKind;

use crate::{system, telemetry};
use arguments::{Cli, Command};
pub use failure::Failure;
use stage::Stage;

/// Reads the command line and does what it says.
///
/// # Errors
/// What the operator is to be told, with its exit code.
pub fn run() -> Result<(), Failure> {
    let matches = match help::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Failure::Other(error.into()))?;
    let level = if matches!(cli.command, Command::Serve) { "info" } else { "warn" };
    let filter = cli.log.as_deref().filter(|filter| !filter.is_empty()).unwrap_or(level);
    telemetry::start(filter, system::now)
        .map_err(|reason| Failure::usage(reason, "write it like info or postroom=debug,sqlx=info"))?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let done = dispatch(cli.command, &Stage { config: cli.config }, &mut out);
    // What was written before a failure is part of the answer.
    let flushed = out.flush().map_err(Failure::from);
    done.and(flushed)
}

fn dispatch(command: Command, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Command::Demo(options) => demo::run(&options, out),
        Command::Init(options) => init::run(&options, out),
        Command::Serve => serve::run(stage),
        Command::Check(options) => check::run(&options, stage, out),
        Command::Status(options) => status::run(&options, stage, out),
        Command::Why(options) => why::run(&options, stage, out),
        Command::Pause => pause::pause(stage, out),
        Command::Resume => pause::resume(stage, out),
        Command::Editions(command) => editions::run(&command, stage, out),
        Command::Subscribers(command) => subscribers::run(&command, stage, out),
        Command::Config(command) => config::run(&command, stage, out),
        Command::Dkim(command) => dkim::run(&command, stage, out),
        Command::Completions { shell } => completions::completions(shell, out),
        Command::Man { out: folder } => completions::man(folder.as_deref(), out),
        Command::Bench(options) => bench::run(&options, out),
        Command::Build(options) => build::run(&options, stage, out),
        Command::Plan(options) => plan::run(&options, stage, out),
        Command::Preview(options) => preview::run(&options, stage, out),
        Command::Send(options) => send::run(&options, stage, out),
        Command::Test(options) => send::test(&options, stage, out),
    }
}

/// What clap has to say: help and version are answers, the rest is an error in
/// our own shape.
fn usage(error: &clap::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Ok(error.print()?),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            error.print()?;
            return Err(Failure::usage("", ""));
        }
        _ => {}
    }
    let text = error.render().to_string().replace('\'', "`");
    let text = text.replace("unrecognized subcommand", "no such command:");
    let text = text.replace("a similar subcommand exists", "a command with a similar name exists");
    let text = text.replace("invalid digit found in string", "this is no whole number");
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut reason = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let mut help = Vec::new();
    for line in lines {
        match (line.strip_prefix("tip: "), line.strip_prefix("Usage: ")) {
            // How to pass a word that begins with -: what was meant was an option.
            (Some(tip), _) if tip.starts_with("to pass") => {}
            (Some(tip), _) => help.push(tip.to_owned()),
            (None, Some(usage)) => help.push(format!("usage: {usage}")),
            // What clap lists below its first line belongs to it: missing arguments, possible values.
            _ if help.is_empty() && !line.starts_with("For more") => reason.push_str(&format!(" {line}")),
            _ => {}
        }
    }
    Err(Failure::Usage { reason, help })
}
