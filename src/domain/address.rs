//! An address that mail can be sent to.

use email_address::{EmailAddress, Options};

/// A checked address. The domain is lower case and in its ASCII form
/// (IDNA 2008); the local part is kept as its owner wrote it, for only the
/// receiving system may say what its case means (RFC 5321 section 2.4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// Checks and normalises what somebody typed.
    ///
    /// # Errors
    /// One sentence that says what is wrong and never repeats the input, so
    /// that it can go to a log or a page.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or("an address has an @ in it")?;
        if local.starts_with('"') {
            return Err("quoted addresses are not supported".into());
        }
        if local.contains('@') {
            return Err("an address has one @ in it, not several".into());
        }
        if domain.starts_with('[') {
            return Err("an address with a number for its domain is not supported".into());
        }
        if !local.is_ascii() {
            return Err("letters outside ASCII before the @ are not supported".into());
        }
        let domain = idna::domain_to_ascii_strict(domain.trim_end_matches('.'))
            .map_err(|_| "the part after the @ is not a domain name")?;
        let whole = format!("{local}@{domain}");
        // RFC 5321 section 4.5.3.1: 64 octets before the @, 254 in all.
        if local.len() > 64 || whole.len() > 254 {
            return Err("the address is too long".into());
        }
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        EmailAddress::parse_with_options(&whole, options).map_err(|_| "this is not an email address")?;
        Ok(Self(whole))
    }

    /// The address as mail is sent to it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain, lower case ASCII.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The form under which two spellings are the same subscriber: all lower case.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The inbox behind the address, as providers make many addresses of one: what
    /// follows a plus sign is no part of it, and at Gmail dots are none either.
    /// Good for counting, not for sending.
    pub fn inbox(&self) -> String {
        let key = self.key();
        let (local, domain) = key.rsplit_once('@').unwrap_or((&key, ""));
        let local = local.split_once('+').map_or(local, |(before, _)| before);
        match domain {
            "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
            _ => format!("{local}@{domain}"),
        }
    }

    /// What a page or a log may show: `j***@example.com`.
    pub fn masked(&self) -> String {
        let first = self.0.chars().next().unwrap_or('*');
        format!("{first}***@{}", self.domain())
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_addresses_of_one_inbox_are_one() {
        let inbox = |text: &str| Address::parse(text).unwrap().inbox();
        for alias in ["j.a.n.e@gmail.com", "JANE+news@gmail.com", "jane@googlemail.com", "ja.ne+a+b@GoogleMail.com"] {
            assert_eq!(inbox(alias), "jane@gmail.com", "{alias}");
        }
        assert_eq!(inbox("jane.doe+x@example.com"), "jane.doe@example.com");
    }

    #[test]
    fn the_domain_is_folded_and_the_local_part_is_kept() {
        let a = Address::parse(" Jane.Doe@Exämple.ORG. ").unwrap();
        assert_eq!(a.as_str(), "Jane.Doe@xn--exmple-cua.org");
        assert_eq!(a.key(), "jane.doe@xn--exmple-cua.org");
        assert_eq!(a.masked(), "J***@xn--exmple-cua.org");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for wrong in [
            "",
            "jane",
            "jane@",
            "@example.org",
            "a@b",
            "a@[127.0.0.1]",
            "\"a b\"@example.org",
            "a b@example.org",
            "a@b@example.org",
            "a@example.org\r\nBcc: x@example.org",
            "a(comment)@example.org",
            "ä@example.org",
            "Jane <jane@example.org>",
            "a..b@example.org",
            "a@-example.org",
            "a,b@example.org",
        ] {
            let error = Address::parse(wrong).unwrap_err();
            assert!(wrong.len() < 3 || !error.contains(wrong), "{error}");
        }
        assert!(Address::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
    }
}
