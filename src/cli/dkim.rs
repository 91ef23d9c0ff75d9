//! `dkim`: makes a key and says what to publish, or says it once more.

use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::arguments::{Dkim, NewKey};
use super::{Failure, Stage};
use crate::settings::{Settings, secrets};
use crate::system;
use crate::transport::dkim::{self, Signer};

/// Longest string of a TXT record (RFC 1035 section 3.3).
const STRING: usize = 255;

/// Makes a key, or shows those there are.
pub fn run(command: &Dkim, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        Dkim::New(options) => new(options, stage, out),
        Dkim::Show => show(&stage.settings()?, out),
    }
}

fn new(options: &NewKey, stage: &Stage, out: &mut dyn Write) -> Result<(), Failure> {
    let (settings, domain) = match &options.domain {
        // A key that is still to be made may be what is wrong with the settings.
        Some(domain) => (stage.settings().ok(), domain.to_lowercase()),
        None => {
            let settings = stage.settings()?;
            let domain =
                settings.dkim.first().map_or_else(|| settings.mail.from.domain(), |key| &key.domain).to_owned();
            (Some(settings), domain)
        }
    };
    let selector = options.selector.as_deref().unwrap_or(if options.ed25519 { "postroom-ed25519" } else { "postroom" });
    let known = settings.iter().flat_map(|settings| &settings.dkim);
    if known.clone().any(|key| (key.domain.as_str(), key.selector.as_str()) == (&domain, selector)) {
        return Err(Failure::refused(
            format!("there is a key with the selector {selector}, and receivers know it"),
            "give the new one a selector of its own: postroom dkim new SELECTOR",
        ));
    }
    let pem = dkim::pem(&if options.ed25519 { system::ed25519_key() } else { system::rsa_key() });
    let signer = Signer::new(&domain, selector, pem.as_bytes())
        .map_err(|reason| Failure::usage(reason, "write them like example.org and postroom"))?;
    let file = options.out.clone().unwrap_or_else(|| beside(stage.file().as_deref(), selector));
    if file.exists() {
        let shown = file.display();
        return Err(Failure::refused(
            format!("{shown} is there already, and nothing is overwritten"),
            "name another file with --out",
        ));
    }
    secrets::write_new(&file, &pem).map_err(|fault| Failure::Settings(vec![fault]))?;
    writeln!(out, "Wrote {}, readable by you alone\n", file.display())?;
    publish(&signer, out)?;
    let is_first = known.count() == 0;
    writeln!(out, "\nThen add to postroom.toml{}:\n", if is_first { "" } else { ", where [dkim] becomes [[dkim]]" })?;
    writeln!(out, "  {}", if is_first { "[dkim]" } else { "[[dkim]]" })?;
    let line = |key: &str, value: &str| format!("  {key} = {}", serde_json::Value::from(value));
    writeln!(out, "{}", line("domain", &domain))?;
    writeln!(out, "{}", line("selector", selector))?;
    writeln!(out, "{}", line("key_file", &key_file(&file, stage.file().as_deref())))?;
    Ok(())
}

fn show(settings: &Settings, out: &mut dyn Write) -> Result<(), Failure> {
    if settings.dkim.is_empty() {
        return Err(Failure::refused("mail is not signed here", "to make a key: postroom dkim new"));
    }
    for (index, key) in settings.dkim.iter().enumerate() {
        let signer = Signer::new(&key.domain, &key.selector, key.key.expose_secret().as_bytes());
        let signer = signer.map_err(|reason| Failure::refused(reason, "to make another one: postroom dkim new"))?;
        if index > 0 {
            writeln!(out)?;
        }
        publish(&signer, out)?;
    }
    Ok(())
}

/// The record, as a form of a DNS provider takes it and as a zone file does.
fn publish(signer: &Signer, out: &mut dyn Write) -> std::io::Result<()> {
    let (name, record) = (signer.record_name(), signer.record());
    writeln!(out, "Publish in DNS, as a TXT record:\n\n  name   {name}\n  value  {record}")?;
    if record.len() > STRING {
        let strings: Vec<_> =
            record.as_bytes().chunks(STRING).map(|part| format!("\"{}\"", part.escape_ascii())).collect();
        writeln!(
            out,
            "\nIn a zone file, whose strings are no longer than {STRING}:\n\n  {name}. TXT ( {} )",
            strings.join(" ")
        )?;
    }
    Ok(())
}

/// Where a key is looked for that is named without a folder.
fn beside(settings: Option<&Path>, selector: &str) -> PathBuf {
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    folder.join(format!("dkim-{selector}.pem"))
}

/// The file as the settings name it: from their own folder.
fn key_file(file: &Path, settings: Option<&Path>) -> String {
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let named = match file.strip_prefix(folder) {
        Ok(short) => short.to_owned(),
        Err(_) => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
    };
    named.display().to_string()
}
