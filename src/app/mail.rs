//! Settings -> what the transport is told: relays and signatures.

use secrecy::ExposeSecret;

use crate::domain::Fault;
use crate::settings::{self, Settings, Tls};
use crate::transport::dkim::Signer;
use crate::transport::relay::{Deadlines, Reuse, Tls as Encryption};
use crate::transport::{RelayConfig, Route};

/// How a relay is spoken to.
pub(super) fn relay(relay: &settings::Relay) -> RelayConfig {
    let settings::Deadlines { connect, command, data, write, dot, message } = relay.deadlines;
    let usual = RelayConfig::new(route(&relay.route));
    RelayConfig {
        username: relay.user.clone(),
        password: relay.password.clone(),
        connections: relay.connections,
        deadlines: Deadlines {
            connect: connect.duration(),
            command: command.duration(),
            data: data.duration(),
            write: write.duration(),
            dot: dot.duration(),
            whole: message.duration(),
            ..usual.deadlines
        },
        reuse: Reuse { messages: relay.connection_messages, age: relay.connection_age.duration() },
        ..usual
    }
}

fn route(settled: &settings::Route) -> Route {
    match settled {
        settings::Route::Folder(path) => Route::Folder(path.clone()),
        settings::Route::Smtp { host, port, tls } => {
            let tls = match tls {
                Tls::Implicit => Encryption::Implicit,
                Tls::Required => Encryption::Required,
                Tls::IfOffered => Encryption::Opportunistic,
            };
            Route::Smtp { host: host.clone(), port: *port, tls }
        }
    }
}

/// What signs every mail.
///
/// # Errors
/// Which key cannot.
pub(super) fn signers(settings: &Settings) -> Result<Vec<Signer>, Fault> {
    let signer = |dkim: &settings::Dkim| {
        Signer::new(&dkim.domain, &dkim.selector, dkim.key.expose_secret().as_bytes())
            .map_err(|reason| Fault::new("dkim.key_file", format!("{}: {reason}", dkim.selector)))
    };
    settings.dkim.iter().map(signer).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_settings_say_of_a_relay_reaches_it() {
        let text = "[site]\ntitle = \"t\"\nurl = \"https://blog.test\"\n[http]\npublic_url = \"https://news.blog.test\"\n\
                    [mail]\nfrom = \"news@blog.test\"\n[relay]\nurl = \"smtp://mail.blog.test\"\n";
        let config = |more: &str| {
            let settings = Settings::parse(&format!("{text}{more}"), Path::new("/srv"), &Default::default()).unwrap();
            relay(&settings.relays[0])
        };
        let usual = RelayConfig::new(Route::Folder("out".into()));
        assert_eq!((config("").deadlines, config("").reuse), (usual.deadlines, usual.reuse));
        let own = config("dot_deadline = \"7m\"\nwrite_deadline = \"9s\"\nconnection_messages = 3\n");
        assert_eq!(own.deadlines.dot, Duration::from_secs(420));
        assert_eq!(own.deadlines.write, Duration::from_secs(9));
        assert_eq!(own.reuse.messages, 3);
    }
}
