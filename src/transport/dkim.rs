//! DKIM: one signature over a finished message (RFC 6376), relaxed/relaxed,
//! `rsa-sha256` or `ed25519-sha256` (RFC 8463) as the key decides. The same
//! message at the same `now` gives the same bytes, so that a copy sent again is
//! the same copy. No `l=`: the whole body counts.

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::{canonical, header};
use crate::domain::Timestamp;

/// What is signed, and named once more than it stands in the message: a field
/// that somebody adds later, even one we did not send, breaks the signature.
const SIGNED: [&str; 12] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Characters of a signature on one line.
const CHUNK: usize = 72;

/// Signs for one domain with one key.
#[derive(Debug)]
pub struct Signer {
    domain: String,
    selector: String,
    key: Box<dyn rustls::sign::Signer>,
    public: Vec<u8>,
}

impl Signer {
    /// Takes a private key in PEM: RSA in PKCS#1 or PKCS#8, or Ed25519 in PKCS#8.
    ///
    /// # Errors
    /// One sentence that says nothing of the key: it cannot be read, is too
    /// weak, or domain or selector could not stand in DNS.
    pub fn new(domain: &str, selector: &str, key_pem: &[u8]) -> Result<Self, String> {
        let is_name = |name: &str| {
            let label =
                |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            name.len() <= 253 && name.split('.').all(label)
        };
        if !is_name(domain) || !is_name(selector) {
            return Err("DKIM needs a domain and a selector that can stand in DNS".into());
        }
        let der = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| "the DKIM key is no private key in PEM")?;
        let unfit = "the DKIM key is neither RSA of 2048 bits or more nor Ed25519";
        let pair = any_supported_type(&der).map_err(|_| unfit)?;
        let key = pair.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::ED25519]).ok_or(unfit)?;
        let public = pair.public_key().ok_or(unfit)?.to_vec();
        Ok(Self { domain: domain.to_owned(), selector: selector.to_owned(), key, public })
    }

    /// The DNS name that has to publish [`Signer::record`].
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The TXT record that lets receivers check the signatures.
    pub fn record(&self) -> String {
        if self.is_ed25519() {
            // RFC 8463 section 4: the bare key, which ends its SubjectPublicKeyInfo.
            let bare = &self.public[self.public.len().saturating_sub(32)..];
            format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(bare))
        } else {
            format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(&self.public))
        }
    }

    fn is_ed25519(&self) -> bool {
        self.key.scheme() == SignatureScheme::ED25519
    }

    /// The `DKIM-Signature` field to put before the header fields `head`, CRLF
    /// included. `now` becomes `t=`: the message's own date, not the time of an attempt.
    ///
    /// # Errors
    /// When the key fails to sign, which is a fault of the machine.
    pub fn sign(&self, head: &str, body: &Hashed, now: Timestamp) -> Result<String, String> {
        let fields = canonical::fields(head.as_bytes());
        let words = self.tags(&fields, body, now);
        let mut input = signed_fields(&fields);
        let mut unsigned = String::new();
        header::push(&mut unsigned, "DKIM-Signature", &words)?;
        canonical::push_field(&mut input, unsigned.as_bytes());
        input.truncate(input.len() - 2);

        let signed = if self.is_ed25519() {
            // RFC 8463 section 3: the signature is over the digest.
            self.key.sign(digest(&SHA256, &input).as_ref())
        } else {
            self.key.sign(&input)
        };
        let signature = STANDARD.encode(signed.map_err(|e| format!("DKIM: {e}"))?);
        let mut field = String::new();
        header::push(&mut field, "DKIM-Signature", &with_signature(words, &signature))?;
        Ok(field)
    }

    /// Everything the field says, the signature itself still empty.
    fn tags(&self, fields: &[(&[u8], &[u8])], body: &Hashed, now: Timestamp) -> Vec<String> {
        let algorithm = if self.is_ed25519() { "ed25519-sha256" } else { "rsa-sha256" };
        let mut words = vec![
            "v=1;".to_owned(),
            format!("a={algorithm};"),
            "c=relaxed/relaxed;".to_owned(),
            format!("d={};", self.domain),
            format!("s={};", self.selector),
            format!("t={};", now.0.max(0) / 1_000),
        ];
        for (index, name) in SIGNED.into_iter().enumerate() {
            let count = fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).count();
            let start = if index == 0 { "h=" } else { "" };
            let end = if index + 1 == SIGNED.len() { ";" } else { ":" };
            words.push(format!("{start}{}{end}", vec![name; count + 1].join(":")));
        }
        words.push(format!("bh={};", body.0));
        words.push("b=".to_owned());
        words
    }
}

/// A private key (PKCS#8) as text (RFC 7468).
pub fn pem(pkcs8: &[u8]) -> String {
    let text = STANDARD.encode(pkcs8);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| line.escape_ascii().to_string()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// The hash of a body, which is the same for every signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed(String);

/// The hash of a body while it grows.
#[derive(Clone)]
pub(super) struct Hash(Context);

impl Default for Hash {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash")
    }
}

impl Hash {
    /// Appends lines that are canonical already.
    pub(super) fn canonical(&mut self, lines: &[u8]) {
        self.0.update(lines);
    }

    /// Appends one line, given without its line end.
    pub(super) fn line(&mut self, line: &[u8]) {
        let mut canonical = Vec::with_capacity(line.len() + 2);
        canonical::push_line(&mut canonical, line);
        self.0.update(&canonical);
    }

    pub(super) fn finish(self) -> Hashed {
        Hashed(STANDARD.encode(self.0.finish().as_ref()))
    }
}

/// Puts the signature into the last, empty tag, in pieces that fit a line.
fn with_signature(mut words: Vec<String>, signature: &str) -> Vec<String> {
    let (first, rest) = signature.split_at(signature.len().min(CHUNK - 2));
    if let Some(last) = words.last_mut() {
        last.push_str(first);
    }
    let chunks = rest.as_bytes().chunks(CHUNK);
    words.extend(chunks.map(|chunk| String::from_utf8_lossy(chunk).into_owned()));
    words
}

/// The signed fields in the order of `h=`; of several of one name the last
/// comes first (RFC 6376 section 5.4.2). Names beyond what there is add nothing.
fn signed_fields(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in SIGNED {
        for (known, field) in fields.iter().rev() {
            if known.eq_ignore_ascii_case(name.as_bytes()) {
                canonical::push_field(&mut out, field);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use proptest::prelude::*;

    /// The Ed25519 key of RFC 8463 appendix A.2 and the record it belongs to.
    const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";
    const ED25519_RECORD: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const MAIL: &[u8] =
        b"From: Jane <jane@example.org>\r\nSubject:  two\r\n  lines \r\nX-Other: x\r\n\r\nHi \t there \r\n\r\n\r\n";

    fn pem(label: &str, der: &[u8]) -> Vec<u8> {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).into_bytes()
    }

    fn rsa_der() -> Vec<u8> {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        der.as_ref().to_vec()
    }

    fn ed25519() -> Signer {
        Signer::new("news.example.org", "s2", ED25519_PEM.as_bytes()).unwrap()
    }

    fn text(message: &[u8]) -> String {
        String::from_utf8(message.to_vec()).unwrap()
    }

    fn signed(signer: &Signer, message: &[u8], now: Timestamp) -> String {
        let message = text(message);
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        let mut hash = Hash::default();
        body.trim_end_matches("\r\n").split("\r\n").for_each(|line| hash.line(line.as_bytes()));
        signer.sign(&format!("{head}\r\n"), &hash.finish(), now).unwrap()
    }

    /// A receiver's side, written against the RFC and not against the code above:
    /// tags by name, the header list walked from the bottom up.
    fn verifies(signer: &Signer, signature: &str, message: &str) -> bool {
        let unfold = |field: &str| field.replace("\r\n", "");
        let tag = |name: &str| {
            let all = unfold(signature.split_once(':').unwrap().1);
            let found = all.split(';').find_map(|t| t.trim().strip_prefix(&format!("{name}=")).map(str::to_owned));
            found.unwrap().replace([' ', '\t'], "")
        };
        let squeeze = |text: &str| text.split([' ', '\t']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
        let (head, body) = message.split_once("\r\n\r\n").unwrap();
        let relaxed: Vec<String> = body
            .split("\r\n")
            .map(|line| {
                let lead = if line.starts_with([' ', '\t']) && !line.trim().is_empty() { " " } else { "" };
                format!("{lead}{}\r\n", squeeze(line))
            })
            .collect();
        let relaxed = relaxed.concat();
        let relaxed = format!("{}\r\n", relaxed.trim_end_matches("\r\n"));
        let relaxed = if relaxed == "\r\n" { String::new() } else { relaxed };
        if tag("bh") != STANDARD.encode(digest(&SHA256, relaxed.as_bytes()).as_ref()) {
            return false;
        }
        let canonical = |name: &str, value: &str| format!("{}:{}", name.to_lowercase(), squeeze(&unfold(value)));
        let mut left: Vec<(String, String)> = head
            .replace("\r\n ", "\x01 ")
            .replace("\r\n\t", "\x01\t")
            .split("\r\n")
            .map(|f| f.split_once(':').unwrap())
            .map(|(n, v)| (n.to_lowercase(), canonical(n, &v.replace('\x01', ""))))
            .collect();
        let mut input = String::new();
        for name in tag("h").split(':') {
            if let Some(at) = left.iter().rposition(|(known, _)| *known == name.to_lowercase()) {
                input += &(left.remove(at).1 + "\r\n");
            }
        }
        let own = signature.split_once(':').unwrap().1;
        let own = &own[..own.rfind("b=").unwrap() + 2];
        input += &canonical("DKIM-Signature", own);
        let proof = STANDARD.decode(tag("b")).unwrap();
        if signer.is_ed25519() {
            let record = signer.record();
            let public = STANDARD.decode(record.rsplit_once("p=").unwrap().1).unwrap();
            let digest = digest(&SHA256, input.as_bytes());
            UnparsedPublicKey::new(&ED25519, public).verify(digest.as_ref(), &proof).is_ok()
        } else {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &signer.public).verify(input.as_bytes(), &proof).is_ok()
        }
    }

    #[test]
    fn rsa_keys_come_in_both_forms_and_sign_alike() {
        let pkcs8 = rsa_der();
        // PKCS#8 wraps PKCS#1 in 26 bytes of header for this size (RFC 5958).
        let one = Signer::new("news.example.org", "s1", &pem("PRIVATE KEY", &pkcs8)).unwrap();
        let two = Signer::new("news.example.org", "s1", &pem("RSA PRIVATE KEY", &pkcs8[26..])).unwrap();
        let signature = signed(&one, MAIL, Timestamp(1_790_000_000_999));
        assert_eq!(signature, signed(&two, MAIL, Timestamp(1_790_000_000_000)), "the same second, the same bytes");
        assert_eq!(one.record(), two.record());
        assert!(verifies(&one, &signature, &text(MAIL)), "{signature}");
    }

    #[test]
    fn ed25519_is_signed_as_in_its_rfc() {
        let signer = ed25519();
        assert_eq!(
            (signer.record().as_str(), signer.record_name().as_str()),
            (ED25519_RECORD, "s2._domainkey.news.example.org")
        );
        let signature = signed(&signer, MAIL, Timestamp(1_790_000_000_000));
        assert!(signature.contains("a=ed25519-sha256;") && verifies(&signer, &signature, &text(MAIL)), "{signature}");
    }

    #[test]
    fn every_field_of_the_list_is_signed_once_more_than_it_stands() {
        let signature = signed(&ed25519(), MAIL, Timestamp(1_790_000_000_000)).replace("\r\n", "");
        assert!(signature.contains("t=1790000000; h=From:From: To: Subject:Subject: Date: "), "{signature}");
        assert!(signature.contains(" List-Unsubscribe: List-Unsubscribe-Post; bh="), "{signature}");
        assert!(!signature.contains("X-Other") && !signature.contains("l="));
    }

    #[test]
    fn a_changed_body_and_an_added_or_changed_field_break_it() {
        let signer = ed25519();
        let signature = signed(&signer, MAIL, Timestamp(0));
        let mail = text(MAIL);
        assert!(verifies(&signer, &signature, &mail));
        assert!(verifies(
            &signer,
            &signature,
            &format!("Received: by x\r\n{}\r\n\r\n", mail.replace("X-Other: x", "x-other: y"))
        ));
        for changed in [
            mail.replace("Hi", "Ho"),
            mail.replace("two", "three"),
            format!("List-Unsubscribe: <https://evil.example>\r\n{mail}"),
            format!("Subject: other\r\n{mail}"),
            mail.replace("\r\n\r\nHi", "\r\nReply-To: evil@example.org\r\n\r\nHi"),
        ] {
            assert!(!verifies(&signer, &signature, &changed), "{changed}");
        }
    }

    #[test]
    fn what_cannot_sign_is_refused_without_a_word_about_it() {
        let ed = ED25519_PEM.as_bytes();
        for (domain, selector, key) in [
            ("news.example.org", "s", &b"hello"[..]),
            ("news.example.org", "s", &pem("PRIVATE KEY", b"hello")),
            ("news.example.org", "s", &pem("PUBLIC KEY", &rsa_der())),
            ("news;d=evil", "s", ed),
            ("news.example.org", "", ed),
            ("news.example.org\r\nX: y", "s", ed),
        ] {
            let error = Signer::new(domain, selector, key).unwrap_err();
            assert!(!error.contains("hello") && !error.contains("evil"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_message_we_build_verifies(subject in "\\PC{0,120}", text_part in "(\\PC|[\\r\\n \\t]){0,300}") {
            use crate::transport::message::{Head, Mailbox, Own, build};
            let address = crate::domain::Address::parse("jane@example.org").unwrap();
            let mailbox = Mailbox { name: None, address: &address };
            let head = Head {
                from: mailbox, reply_to: None, subject: &subject, list: None, edition: None, auto_submitted: true,
            };
            let own = Own { to: mailbox, date: Timestamp(0), message_id: "a@b.example", unsubscribe: None };
            let bytes = text(&build(&head, &own, &text_part, &text_part, &[ed25519()]).unwrap().message());
            let end = bytes.find("\r\nFrom:").unwrap() + 2;
            let (signature, message) = bytes.split_at(end);
            prop_assert!(signature.lines().all(|line| line.len() <= 78));
            prop_assert!(verifies(&ed25519(), signature, message));
        }
    }
}
