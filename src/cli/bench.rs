//! `bench`, hidden: a piece of the work with nothing around it, for tests/bench to hold the whole against.

use std::io::Write;

use anyhow::anyhow;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::time::Instant;

use super::Failure;
use super::arguments::Bench;
use crate::system;

/// As long as the headers a signature is made of.
const INPUT: [u8; 1_024] = [b'x'; 1_024];

/// Makes so many RSA-2048 signatures, shared out among threads, and says how many that is a second.
pub fn run(options: &Bench, out: &mut dyn Write) -> Result<(), Failure> {
    let threads = options.threads.max(1);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(system::rsa_key()));
    let unfit = || anyhow!("the key just made is of no use");
    let pair = any_supported_type(&key).map_err(|_| unfit())?;
    let sign = || -> anyhow::Result<()> {
        let signer = pair.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(unfit)?;
        (0..options.signatures / threads).try_for_each(|_| signer.sign(&INPUT).map(drop).map_err(Into::into))
    };
    let start = Instant::now();
    let done = std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(sign)).collect();
        working.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err(anyhow!("a thread died"))))
    });
    done?;
    writeln!(out, "{:.1}", f64::from(options.signatures / threads * threads) / start.elapsed().as_secs_f64())?;
    Ok(())
}
