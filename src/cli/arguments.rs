//! The command line: names, flags and their words. Help, completions and the
//! manual page all come from these definitions; examples stand in `help`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use super::editions::arguments::Editions;
pub use super::subscribers::arguments::Subscribers;
use crate::domain::{Address, Cadence};

/// Feeds and email digests for a blog kept as files
#[derive(Debug, Parser)]
#[command(name = "postroom", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Settings file [default: ./postroom.toml, then /etc/postroom/postroom.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// What to log: a level, or levels by part like `info,postroom::tasks=debug`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "RUST_LOG",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub log: Option<String>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show everything at work on this machine, with sample posts and a mail catcher
    ///
    /// Makes a folder with a sample blog and sample subscribers, catches every mail
    /// in an inbox shown by the browser, and sends nothing anywhere. The folder goes
    /// when you press Ctrl-C.
    Demo(Demo),
    /// Write a first postroom.toml and a sample post
    ///
    /// Never overwrites anything. A folder of posts that is already there (posts,
    /// _posts, content/posts, ...) is used as it is, and so is the one --archive
    /// names; only where there is none a sample post is written.
    Init(Init),
    /// Find faults in settings, posts and templates before readers do
    ///
    /// Reads everything the way `serve` does, the database for damage too, and tells
    /// all faults at once with file and line. Exit code 1 when there is one; warnings
    /// do not count.
    Check(Check),
    /// Watch the archive, serve feeds and pages, send editions when they are due
    ///
    /// Runs until it is stopped; a stop finishes what is in hand. Under systemd it
    /// reports its state and keeps the watchdog quiet.
    Serve,
    /// Write the feeds as files, for a site that is served by something else
    Build(Build),
    /// Show which editions come next, with their posts and how many get them
    Plan(Plan),
    /// Write an edition or a page as it would look to files and show where
    Preview(Preview),
    /// Seal an edition now instead of at its slot
    ///
    /// Seals what subscribers of a newsletter have not had yet, and hands it to the
    /// relay unless a running `serve` does. Slots that come later send only what is
    /// new by then.
    Send(Send),
    /// Send a test mail to one address and tell what the relay said
    Test(Test),
    /// Show what is being sent, what waits and what went wrong
    Status(StatusOptions),
    /// Tell the story of one address, or why it did or did not get a post
    Why(Why),
    /// Stop all sending at once, until `resume`
    ///
    /// Nothing is handed over from then on, letters to readers included; only
    /// `postroom test` still goes. Editions are sealed at their slots as ever and
    /// wait. The time it lasts counts against no mail.
    Pause,
    /// Let sending go on after `pause`
    Resume,
    /// List, show, stop, resume, retry and verify editions
    #[command(subcommand)]
    Editions(Editions),
    /// List, show, add, unsubscribe, import or export subscribers
    #[command(subcommand)]
    Subscribers(Subscribers),
    /// Show the settings in force, or explain a key
    #[command(subcommand)]
    Config(Config),
    /// Make a key that signs your mail (DKIM), and say what to publish
    #[command(subcommand)]
    Dkim(Dkim),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// Write a page for every command into this folder instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Sign with RSA-2048 and do nothing else; for tests/bench
    #[command(hide = true)]
    Bench(Bench),
}

/// `bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// How many signatures
    pub signatures: u32,
    /// On how many threads
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
}

/// For commands that only read.
#[derive(Debug, Args)]
pub struct Read {
    /// Answer with one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Port of the pages; the inbox takes the next one
    #[arg(long, value_name = "PORT", default_value_t = 8025)]
    pub port: u16,
    /// Keep the folder when the demo ends
    #[arg(long)]
    pub keep: bool,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// Where; made when it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    pub folder: PathBuf,
    /// Folder of your posts, when it is somewhere else
    #[arg(long, value_name = "FOLDER")]
    pub archive: Option<PathBuf>,
}

/// `build`
#[derive(Debug, Args)]
pub struct Build {
    /// Where to write; made when it is not there
    #[arg(long, value_name = "DIR", default_value = "public")]
    pub out: PathBuf,
    /// Only feeds and the lists of them, no pages
    #[arg(long)]
    pub feeds_only: bool,
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// As if it were this time: 2026-05-29, 2026-05-29T09:00 (in site.timezone) or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    #[command(flatten)]
    pub read: Read,
}

/// `preview`
#[derive(Debug, Args)]
pub struct Preview {
    /// Which newsletter; the only one when there is one
    pub newsletter: Option<String>,
    /// Which cadence; the default one of the newsletter
    #[arg(long, value_name = "CADENCE")]
    pub cadence: Option<Cadence>,
    /// Where to write; a new temporary folder when absent
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A sample of a mail or page instead of the real edition; `all` for every one
    #[arg(long, value_name = "NAME", conflicts_with = "cadence")]
    pub sample: Option<String>,
}

/// `send`
#[derive(Debug, Args)]
pub struct Send {
    /// Which newsletter
    pub newsletter: String,
    /// Only subscribers of this cadence; all when absent
    #[arg(long, value_name = "CADENCE")]
    pub cadence: Option<Cadence>,
    /// Also posts dated since then that were in the archive before Postroom; once
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Show what would be sent, to how many, and send nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// `test`
#[derive(Debug, Args)]
pub struct Test {
    /// Where it goes
    #[arg(value_parser = address)]
    pub address: Address,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Show it anew every two seconds until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub watch: bool,
    #[command(flatten)]
    pub read: Read,
}

/// `why`
#[derive(Debug, Args)]
pub struct Why {
    /// Whose
    #[arg(value_parser = address)]
    pub address: Address,
    /// A post, by its slug, path or address on the site
    pub post: Option<String>,
    #[command(flatten)]
    pub read: Read,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Follow the links of posts that may still be mailed, and tell those that lead nowhere
    #[arg(long)]
    pub links: bool,
    #[command(flatten)]
    pub read: Read,
}

/// `dkim`
#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// Make a key, and say what to publish in DNS and to add to the settings
    ///
    /// RSA of 2048 bits, which every receiver can check. A second one of the newer
    /// kind, Ed25519, may sign as well. To change a key, make one with another
    /// selector, let both sign while DNS spreads, then drop the old one.
    New(NewKey),
    /// Say once more what to publish for the keys in use
    Show,
}

/// `dkim new`
#[derive(Debug, Args)]
pub struct NewKey {
    /// First part of its name in DNS [default: postroom, or postroom-ed25519]
    pub selector: Option<String>,
    /// Ed25519 instead of RSA; have an RSA key as well, for not every receiver knows it
    #[arg(long)]
    pub ed25519: bool,
    /// Domain that signs; that of the keys there are, else of mail.from
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Where to write it; dkim-SELECTOR.pem beside the settings when absent
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Show every value in force and where it came from
    Show(Read),
    /// Explain a key, or list all of them
    Explain {
        /// A key like mail.from, or a section like relay
        key: Option<String>,
    },
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    Address::parse(text)
}
