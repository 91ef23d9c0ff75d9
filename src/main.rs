//! The binary: runs the command line and turns what came of it into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // At once and for good: a service that goes on with half its tasks would be worse than one restarted.
        eprintln!("error: this is a bug in postroom {}: {panic}", env!("CARGO_PKG_VERSION"));
        eprintln!("  help: please report it with what you did");
        std::process::exit(101);
    }));
    match postroom::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.message());
            ExitCode::from(failure.code())
        }
    }
}
