//! The command line of `editions`.

use clap::Subcommand;

use crate::cli::arguments::{Read, address};
use crate::domain::Address;
use crate::domain::delivery::{State, Verdict};

/// `editions`
#[derive(Debug, Subcommand)]
pub enum Editions {
    /// List editions, newest first
    List {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        read: Read,
    },
    /// Show one edition: its posts, its tally, its failures
    Show {
        /// Its number
        number: i64,
        /// List its deliveries in this state
        #[arg(long, value_name = "STATE")]
        state: Option<State>,
        /// List the deliveries that failed: refused and expired
        #[arg(long, conflicts_with = "state")]
        failed: bool,
        /// List the deliveries that may or may not have arrived
        #[arg(long, conflicts_with_all = ["state", "failed"])]
        uncertain: bool,
        /// List everyone who may have got it twice
        #[arg(long, conflicts_with_all = ["state", "failed", "uncertain"])]
        duplicates: bool,
        #[command(flatten)]
        read: Read,
    },
    /// Let an edition go that waits for you
    Approve {
        /// Its number
        number: i64,
    },
    /// Stop an edition until `resume`
    Pause {
        /// Its number
        number: i64,
    },
    /// Let a paused edition go on
    Resume {
        /// Its number
        number: i64,
    },
    /// Stop an edition for good; what has not left never will
    Cancel {
        /// Its number
        number: i64,
    },
    /// Try once more those it failed to reach: refused and expired
    ///
    /// Whoever unsubscribed or must not be mailed is left out. An edition that was
    /// finished is being sent again.
    Retry {
        /// Its number
        number: i64,
        /// Only these; all when absent
        #[arg(value_name = "ADDRESS", value_parser = address)]
        addresses: Vec<Address>,
    },
    /// Settle deliveries that may or may not have arrived
    ///
    /// For those you know more of than Postroom does, from the log of your relay or
    /// from the reader. `editions show N --uncertain` lists them.
    Resolve {
        /// Its number
        number: i64,
        /// accepted: the relay has it; refused: it has not and shall not; resend: once more
        #[arg(value_name = "VERDICT")]
        verdict: Verdict,
        /// Which ones
        #[arg(value_name = "ADDRESS", value_parser = address, required_unless_present = "all")]
        addresses: Vec<Address>,
        /// All that are uncertain now
        #[arg(long, conflicts_with = "addresses")]
        all: bool,
    },
    /// Check that every recipient of an edition is accounted for
    ///
    /// Names every inconsistency in its books. Exit code 1 when there is one.
    Verify {
        /// Its number
        number: i64,
        #[command(flatten)]
        read: Read,
    },
}
