//! Tokens: what links in mail carry. Each is bound to one purpose by its MAC,
//! so that one cannot do another's job, and tells nothing about its reader.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::address::Address;
use super::time::{Span, Timestamp};

/// How long a token that confirms, a subscription or an address, works after it
/// was issued; the mail says so, and the page keeps to it.
pub const CONFIRM_WITHIN: Span = Span::days(7);

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Confirm a subscription.
    Confirm,
    /// See and change preferences.
    Manage,
    /// Leave, and take that back.
    Unsubscribe,
    /// Read a feed of one's own.
    Feed,
    /// Take a new address.
    Move,
    /// Take the address before again.
    Return,
    /// Read what is for subscribers, by a cookie.
    Read,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Confirm => b"postroom confirm v1\0",
            Self::Manage => b"postroom manage v1\0",
            Self::Unsubscribe => b"postroom unsubscribe v1\0",
            Self::Feed => b"postroom feed v1\0",
            Self::Move => b"postroom move v1\0",
            Self::Return => b"postroom return v1\0",
            Self::Read => b"postroom read v1\0",
        }
    }
}

/// What a checked token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Row id of the subscription.
    pub subscription: i64,
    /// When it was made.
    pub issued: Timestamp,
}

/// The keys tokens and Message-IDs are made with: the first signs, all verify,
/// so that links in old mail keep working after a new key was put in front.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<hmac::Key>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

const MAC: usize = 16;
const SECONDS: usize = 5;
const PAYLOAD: usize = 8 + SECONDS;
const ASKED: &[u8] = b"postroom asked v1\0";

impl KeyRing {
    /// A ring of at least one key of 32 bytes.
    ///
    /// # Errors
    /// When it is empty or a key has another length.
    pub fn new(keys: &[Vec<u8>]) -> Result<Self, String> {
        if keys.is_empty() || keys.iter().any(|key| key.len() != 32) {
            return Err(
                "a token key ring holds one or more keys of 32 bytes, each on a line of 64 hexadecimal digits".into()
            );
        }
        Ok(Self { keys: keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect() })
    }

    /// Makes a token: base64url of 8 bytes subscription, 5 bytes issue time in
    /// seconds, 16 bytes MAC; always 39 characters, none of which any mail
    /// encoding touches.
    pub fn seal(&self, purpose: Purpose, token: Token) -> String {
        self.sealed(purpose, token, b"")
    }

    /// A token that is good together with one address only: what is mailed
    /// there opens nothing for another.
    pub fn seal_for(&self, purpose: Purpose, token: Token, address: &Address) -> String {
        self.sealed(purpose, token, address.key().as_bytes())
    }

    fn sealed(&self, purpose: Purpose, token: Token, with: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(PAYLOAD + MAC);
        bytes.extend_from_slice(&token.subscription.to_be_bytes());
        bytes.extend_from_slice(&token.issued.0.div_euclid(1_000).to_be_bytes()[3..]);
        let mac = tag(&self.keys[0], purpose.label(), &[&bytes, with].concat());
        bytes.extend_from_slice(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Checks a token against every key; `None` for anything not made here for
    /// this purpose. Whether it is too old is the caller's rule.
    pub fn open(&self, purpose: Purpose, text: &str) -> Option<Token> {
        self.opened(purpose, text, b"")
    }

    /// Checks a token that goes with this address.
    pub fn open_for(&self, purpose: Purpose, text: &str, address: &Address) -> Option<Token> {
        self.opened(purpose, text, address.key().as_bytes())
    }

    /// What a token says of itself, whoever made it: enough to find the
    /// address it has to be opened with, and for nothing else.
    pub fn claim(text: &str) -> Option<Token> {
        token_of(&decoded(text)?)
    }

    fn opened(&self, purpose: Purpose, text: &str, with: &[u8]) -> Option<Token> {
        let bytes = decoded(text)?;
        let (payload, mac) = bytes.split_at(PAYLOAD);
        let payload = [payload, with].concat();
        let genuine = |key: &hmac::Key| {
            constant_time::verify_slices_are_equal(&tag(key, purpose.label(), &payload)[..MAC], mac).is_ok()
        };
        self.keys.iter().any(genuine).then(|| token_of(&bytes))?
    }

    /// Marks that a browser sent an address in at an instant, without showing
    /// it: base64url of 5 bytes of seconds and 16 bytes MAC, 28 characters.
    pub fn seal_address(&self, address: &Address, at: Timestamp) -> String {
        let mut bytes = at.0.div_euclid(1_000).to_be_bytes()[3..].to_vec();
        let mac = tag(&self.keys[0], ASKED, &[&bytes, address.key().as_bytes()].concat());
        bytes.extend_from_slice(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// When such a mark of this very address was made, if it was made here.
    pub fn open_address(&self, text: &str, address: &Address) -> Option<Timestamp> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == SECONDS + MAC)?;
        let (seconds, mac) = bytes.split_at(SECONDS);
        let payload = [seconds, address.key().as_bytes()].concat();
        let genuine = |key| constant_time::verify_slices_are_equal(&tag(key, ASKED, &payload)[..MAC], mac).is_ok();
        self.keys.iter().any(genuine).then(|| time_of(seconds))
    }

    /// The local part of a delivery's Message-ID: the same for every try, told
    /// by nobody without the key, 26 characters of base32.
    pub fn message_id(&self, delivery: i64) -> String {
        let mac = tag(&self.keys[0], b"postroom message-id v1\0", &delivery.to_be_bytes());
        base32(&mac[..16])
    }
}

/// An instant from its seconds in 5 bytes.
fn time_of(seconds: &[u8]) -> Timestamp {
    Timestamp(seconds.iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte)).saturating_mul(1_000))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == PAYLOAD + MAC)
}

fn token_of(bytes: &[u8]) -> Option<Token> {
    let subscription = i64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
    Some(Token { subscription, issued: time_of(bytes.get(8..PAYLOAD)?) })
}

fn tag(key: &hmac::Key, label: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    context.update(label);
    context.update(payload);
    context.sign().as_ref().to_vec()
}

fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(ALPHABET[(buffer >> bits & 31) as usize] as char);
        }
    }
    if bits > 0 {
        out.push(ALPHABET[(buffer << (5 - bits) & 31) as usize] as char);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(seeds: &[u8]) -> KeyRing {
        KeyRing::new(&seeds.iter().map(|seed| vec![*seed; 32]).collect::<Vec<_>>()).unwrap()
    }

    const TOKEN: Token = Token { subscription: 7_000_000_000, issued: Timestamp(1_700_000_000_000) };

    #[test]
    fn a_token_does_one_job_and_survives_a_new_key() {
        let old = ring(&[1]);
        let text = old.seal(Purpose::Unsubscribe, TOKEN);
        assert_eq!(text.len(), 39);
        assert_eq!(ring(&[2, 1]).open(Purpose::Unsubscribe, &text), Some(TOKEN));
        assert_eq!(ring(&[2]).open(Purpose::Unsubscribe, &text), None);
        for other in [Purpose::Confirm, Purpose::Manage, Purpose::Feed, Purpose::Move, Purpose::Return, Purpose::Read] {
            assert_eq!(old.open(other, &text), None);
        }
    }

    #[test]
    fn a_token_for_an_address_is_none_for_another_and_none_without() {
        let (ring, [jane, joe]) = (ring(&[1]), ["jane@x.test", "joe@x.test"].map(|text| Address::parse(text).unwrap()));
        let text = ring.seal_for(Purpose::Move, TOKEN, &jane);
        assert_eq!((ring.open_for(Purpose::Move, &text, &jane), KeyRing::claim(&text)), (Some(TOKEN), Some(TOKEN)));
        assert_eq!((ring.open_for(Purpose::Move, &text, &joe), ring.open(Purpose::Move, &text)), (None, None));
    }

    #[test]
    fn any_changed_character_is_refused() {
        let ring = ring(&[1]);
        let text = ring.seal(Purpose::Manage, TOKEN);
        for i in 0..text.len() {
            for c in ['A', 'z', '0', '-', '=', '\n'] {
                let mut wrong: Vec<char> = text.chars().collect();
                if wrong[i] == c {
                    continue;
                }
                wrong[i] = c;
                let wrong: String = wrong.into_iter().collect();
                assert_eq!(ring.open(Purpose::Manage, &wrong), None, "{wrong}");
            }
        }
        for wrong in ["", "a", &text[1..], &format!("{text}A")] {
            assert_eq!(ring.open(Purpose::Manage, wrong), None);
        }
    }

    #[test]
    fn a_browser_is_known_by_the_address_it_sent_in_and_no_other() {
        let (old, address) = (ring(&[1]), |text| Address::parse(text).unwrap());
        let mark = old.seal_address(&address("jane@example.com"), TOKEN.issued);
        assert_eq!(mark.len(), 28);
        assert_eq!(ring(&[2, 1]).open_address(&mark, &address("Jane@example.com")), Some(TOKEN.issued));
        assert_eq!(old.open_address(&mark, &address("joe@example.com")), None);
        assert_eq!(ring(&[2]).open_address(&mark, &address("jane@example.com")), None);
        for wrong in ["", &mark[1..], &mark.to_lowercase()] {
            assert_eq!(old.open_address(wrong, &address("jane@example.com")), None);
        }
    }

    #[test]
    fn a_message_id_is_the_same_every_time() {
        let ring = ring(&[1]);
        assert_eq!(ring.message_id(5), ring.message_id(5));
        assert_ne!(ring.message_id(5), ring.message_id(6));
        assert_eq!(ring.message_id(5).len(), 26);
    }
}
