//! `[relay]`, or several `[[relay]]`.

use secrecy::SecretString;

use super::read::{Reader, Section, Wrong};
use super::{Deadlines, Relay, Route, secrets, values};

/// All relays; none when one of them is at fault.
pub fn relays(reader: &Reader<'_>) -> Option<Vec<Relay>> {
    let places = reader.sheet.places("relay");
    let read: Vec<_> = places.iter().map(|place| relay(reader, place)).collect();
    let relays = read.into_iter().collect::<Option<Vec<_>>>()?;
    for (index, relay) in relays.iter().enumerate() {
        if relays[..index].iter().any(|other| other.route == relay.route) {
            reader.section("relay", &places[index]).wrong("url", "there is another relay with this address");
        }
    }
    Some(relays)
}

fn relay(reader: &Reader<'_>, place: &str) -> Option<Relay> {
    let section = reader.section("relay", place);
    let address = section.need("url", values::relay);
    let file = section.may("password_file", values::line);
    let connections = section.need("connections", |raw| raw.whole(1..=1_000));
    let rates = section.may("rate", values::rates);
    let warm_up = section.may("warm_up", values::warm_up);
    let per_domain = section.may("per_domain", values::per_domain);
    let weight = section.need("weight", |raw| raw.whole(1..=1_000));
    let messages = section.need("connection_messages", |raw| raw.whole(1..=1_000_000));
    let age = section.need("connection_age", values::span);
    let deadlines = deadlines(&section);
    let password = password(reader, &section, address.as_ref(), file?.as_deref());
    if !section.is_given("url") {
        section.warn(
            "url",
            "mail goes to the mail server of this machine",
            "name your relay, or write this value to keep it",
        );
    }
    let (route, user) = address?;
    if let Route::Folder(_) = route {
        section.warn(
            "url",
            "mail is written into a folder and reaches nobody",
            "name a server once you have tried it out",
        );
    }
    let route = match route {
        Route::Folder(folder) => Route::Folder(reader.sheet.resolve(folder)),
        server => server,
    };
    Some(Relay {
        route,
        user,
        password: password?,
        connections: usize::try_from(connections?).ok()?,
        rates: rates?.unwrap_or_default(),
        warm_up: warm_up?,
        per_domain: per_domain?.unwrap_or_default(),
        weight: u32::try_from(weight?).ok()?,
        connection_messages: u32::try_from(messages?).ok()?,
        connection_age: age?,
        deadlines: deadlines?,
    })
}

fn deadlines(section: &Section<'_>) -> Option<Deadlines> {
    let deadline = |key| section.need(key, values::span);
    let (connect, command, data) =
        (deadline("connect_deadline"), deadline("command_deadline"), deadline("data_deadline"));
    let (write, dot, message) = (deadline("write_deadline"), deadline("dot_deadline"), deadline("message_deadline"));
    let read =
        Deadlines { connect: connect?, command: command?, data: data?, write: write?, dot: dot?, message: message? };
    if read.message <= read.dot {
        section.wrong("message_deadline", "it has to be longer than dot_deadline, which is a part of it");
        return None;
    }
    Some(read)
}

/// The password of the user that the relay's address names.
#[expect(clippy::option_option, reason = "the outer is a fault, the inner a relay that wants none")]
fn password(
    reader: &Reader<'_>,
    section: &Section<'_>,
    address: Option<&(Route, Option<String>)>,
    file: Option<&str>,
) -> Option<Option<SecretString>> {
    let user = address.is_some_and(|(_, user)| user.is_some());
    let path = match file {
        Some(_) if address.is_some() && !user => {
            section.wrong("password_file", "relay.url names no user for this password");
            return None;
        }
        Some(name) => Some(secrets::locate(reader.sheet, name)),
        None if user => secrets::credential(reader.sheet, "relay-password"),
        None => None,
    };
    if user && path.is_none() {
        section.wrong(
            "url",
            Wrong::with_help(
                "it names a user and there is no password",
                "set relay.password_file to a file that holds it",
            ),
        );
        return None;
    }
    path.map(|path| secrets::read(&path)).transpose().map_err(|fault| section.wrong("password_file", fault)).ok()
}
