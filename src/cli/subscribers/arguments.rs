//! The command line of `subscribers`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::arguments::{Read, address};
use crate::domain::subscription::Status;
use crate::domain::{Address, Cadence};

/// `subscribers`
#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// List subscriptions
    List {
        /// Only those whose address contains this
        containing: Option<String>,
        /// Only this newsletter
        #[arg(long, value_name = "ID")]
        newsletter: Option<String>,
        /// Only pending, active or unsubscribed ones
        #[arg(long, value_name = "STATUS")]
        status: Option<Status>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        read: Read,
    },
    /// Show one subscriber: subscriptions, consent, every mail
    Show {
        /// Whose
        #[arg(value_parser = address)]
        address: Address,
        #[command(flatten)]
        read: Read,
    },
    /// Add one subscriber who told you so
    Add {
        /// Who
        #[arg(value_parser = address)]
        address: Address,
        /// To what; the only newsletter when there is one
        #[arg(long, value_name = "ID")]
        newsletter: Option<String>,
        /// How often; the newsletter's default when absent
        #[arg(long, value_name = "CADENCE")]
        cadence: Option<Cadence>,
        /// How you know they want it, kept as proof; without it they stay pending and get no mail
        #[arg(long, value_name = "TEXT")]
        consent_source: Option<String>,
    },
    /// Unsubscribe an address from one newsletter, or from all
    Unsubscribe {
        /// Who
        #[arg(value_parser = address)]
        address: Address,
        /// Only this newsletter
        #[arg(long, value_name = "ID")]
        newsletter: Option<String>,
    },
    /// Import subscribers from a CSV file; sends no mail
    ///
    /// Understood are the exports of Mailchimp (each of its files), Substack,
    /// Buttondown, Ghost, listmonk, WordPress.com and Jetpack, Mailman's list of
    /// members, our own, and any list with a column of addresses. Used are the
    /// addresses, cadence, status and since when; -n shows what was found. Commas,
    /// semicolons and tabs are understood. A file is imported whole or not at all.
    /// Whoever unsubscribed here or there or must not be mailed stays out. Without
    /// --consent-source the imported stay pending and get no mail; imported again
    /// with it, they are active.
    Import(Import),
    /// Take the last import back
    ///
    /// Whoever came with it is forgotten; to whom mail has gone already is pending
    /// from now on and gets no more; who was there before is as before. Whoever has
    /// done something since (confirmed, chosen, left) stays as they are.
    Undo {
        /// Say which import it is and take nothing back
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Export subscriptions as CSV, or everything known of them
    ///
    /// With --history one JSON object a line: each subscription with its consents and
    /// every mail, then each address that must not be mailed.
    Export(Export),
}

/// `subscribers import`
#[derive(Debug, Args)]
pub struct Import {
    /// The file, UTF-8; `-` is standard input
    pub file: PathBuf,
    /// To what; the only newsletter when there is one
    #[arg(long, value_name = "ID")]
    pub newsletter: Option<String>,
    /// How often, for rows that do not say; the newsletter's default when absent
    #[arg(long, value_name = "CADENCE")]
    pub cadence: Option<Cadence>,
    /// How you know these people want it, kept as proof for each
    #[arg(long, value_name = "TEXT")]
    pub consent_source: Option<String>,
    /// Import the good rows although others are faulty
    #[arg(long)]
    pub partial: bool,
    /// Show what would be imported and import nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// `subscribers export`
#[derive(Debug, Args)]
pub struct Export {
    /// Where to write; standard output when absent
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only this newsletter
    #[arg(long, value_name = "ID")]
    pub newsletter: Option<String>,
    /// Only pending, active or unsubscribed ones
    #[arg(long, value_name = "STATUS")]
    pub status: Option<Status>,
    /// Everything known: consents, mails, addresses that must not be mailed
    #[arg(long, conflicts_with = "raw")]
    pub history: bool,
    /// Write cells as they are, also those a spreadsheet would run as formulas
    #[arg(long)]
    pub raw: bool,
}
