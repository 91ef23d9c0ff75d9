//! Which column of a list holds what, by the headers other programs write:
//! Mailchimp, Substack, Buttondown, Ghost, listmonk, WordPress.com with
//! Jetpack, Mailman, and ours. Adding a program is a line in a table.

use crate::domain::subscription::Status;
use crate::domain::{Address, Timestamp};

/// What a column tells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The address.
    Address,
    /// How often.
    Cadence,
    /// Whether they are subscribed, in the program's own word.
    Status,
    /// `false` when they want no mail.
    Wanted,
    /// `true` when they must get no mail.
    Disabled,
    /// Something when they left.
    Left,
    /// Something when their address bounced.
    Bounced,
    /// Since when.
    Since,
}

/// Names of columns in lower case without signs, as [`plain`] makes them, the
/// better one of a role first.
const NAMES: [(Role, &[&str]); 8] = [
    (
        Role::Address,
        &[
            "email",
            "emailaddress",
            "subscriberemail",
            "useremail",
            "mail",
            "emailadresse",
            "courriel",
            "correo",
            "correoelectronico",
            "adresseemail",
            "address",
        ],
    ),
    (Role::Cadence, &["cadence", "frequency"]),
    // Not `state`: in lists of people that is where they live. Nor `type` alone.
    (Role::Status, &["status", "subscriptionstatus", "subscriberstatus", "subscribertype", "emailsubscription"]),
    (Role::Wanted, &["subscribedtoemails"]),
    (Role::Disabled, &["emaildisabled"]),
    (Role::Left, &["unsubtime", "unsubscriptiondate", "unsubscribed", "unsubscribedat", "deletedat"]),
    (Role::Bounced, &["cleantime"]),
    (
        Role::Since,
        &[
            "confirmtime",
            "optintime",
            "subscriptiondate",
            "subscribedat",
            "createdat",
            "creationdate",
            "created",
            "since",
        ],
    ),
];

/// Columns that only one program writes, and its name.
const PROGRAMS: [(&str, &[&str]); 7] = [
    ("Mailchimp", &["emailaddress", "memberrating"]),
    ("Substack", &["email", "emaildisabled", "activesubscription"]),
    ("Buttondown", &["email", "subscribertype"]),
    ("Ghost", &["email", "subscribedtoemails"]),
    ("listmonk", &["uuid", "email", "attributes"]),
    ("WordPress.com", &["emailsubscription"]),
    ("Postroom", &["address", "newsletter", "cadence"]),
];

/// Words for where somebody stands, of Postroom and of other programs. One that
/// is nowhere here is nobody's guess: who is a subscriber is not made up.
const STATUSES: [(Status, &[&str]); 3] = [
    (
        Status::Active,
        &[
            "active",
            "subscribed",
            "confirmed",
            "enabled",
            "optedin",
            "regular",
            "premium",
            "gifted",
            "trialed",
            "pastdue",
            "churning",
            "churned",
            "free",
            "paid",
            "comped",
        ],
    ),
    (Status::Pending, &["pending", "unconfirmed", "notconfirmed", "unactivated"]),
    (
        Status::Unsubscribed,
        &[
            "unsubscribed",
            "inactive",
            "disabled",
            "optedout",
            "nonsubscribed",
            "notsubscribed",
            "notsending",
            "archived",
            "deleted",
            "removed",
            "cleaned",
            "bounced",
            "undeliverable",
            "complained",
            "spam",
            "spammy",
            "blocked",
            "blocklisted",
            "blacklisted",
        ],
    ),
];

/// Words that tell more than that somebody left: their address must not be
/// mailed by anybody, and why, in the words of suppressions.
const BARRED: [(&str, &[&str]); 3] = [
    ("hard bounce", &["cleaned", "bounced", "undeliverable"]),
    ("complaint", &["complained", "spam", "spammy"]),
    ("by hand", &["blocked", "blocklisted", "blacklisted"]),
];

/// Which column holds what, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// What stands between two cells.
    pub delimiter: u8,
    /// Names of the columns, when the first row is a header.
    pub header: Option<Vec<String>>,
    /// The program that wrote it, when the header tells.
    pub program: Option<&'static str>,
    roles: Vec<(Role, usize)>,
}

impl Columns {
    /// From the first rows of a file; `None` when no column holds addresses.
    pub fn find(delimiter: u8, rows: &[Vec<String>]) -> Option<Self> {
        let first = rows.first()?;
        let is_address = |cell: &String| Address::parse(bare(cell)).is_ok();
        if let Some(address) = first.iter().position(is_address) {
            return Some(Self { delimiter, roles: vec![(Role::Address, address)], ..Self::default() });
        }
        let names: Vec<String> = first.iter().map(|cell| plain(cell)).collect();
        let named = |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|cell| cell == name));
        let mut roles: Vec<_> =
            NAMES.iter().filter_map(|(role, names)| named(names).map(|column| (*role, column))).collect();
        if !roles.iter().any(|(role, _)| *role == Role::Address) {
            let by_content = rows.iter().skip(1).find_map(|row| row.iter().position(is_address));
            roles.push((Role::Address, by_content?));
        }
        let wrote = |marks: &[&str]| marks.iter().all(|mark| names.iter().any(|cell| cell == mark));
        let program = PROGRAMS.iter().find(|(_, marks)| wrote(marks)).map(|(name, _)| *name);
        Some(Self { delimiter, header: Some(first.clone()), program, roles })
    }

    /// The column of a role.
    pub fn of(&self, role: Role) -> Option<usize> {
        self.roles.iter().find(|(one, _)| *one == role).map(|(_, column)| *column)
    }

    /// Every role that has a column, with it.
    pub fn all(&self) -> &[(Role, usize)] {
        &self.roles
    }
}

/// The address of a cell: alone, or as mail programs and Mailman write it,
/// `Jane Doe <jane@example.org>` and `jane@example.org (Jane Doe)`.
pub fn bare(cell: &str) -> &str {
    // Our own export puts a quote before what a spreadsheet would run.
    let cell = cell.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(cell);
    if let Some((_, rest)) = cell.rsplit_once('<')
        && let Some(inside) = rest.trim_end().strip_suffix('>')
    {
        return inside.trim();
    }
    match cell.split_once(" (") {
        Some((address, name)) if name.ends_with(')') => address.trim(),
        _ => cell.trim(),
    }
}

/// Where a word says somebody stands; `None` for a word nobody knows.
pub fn status(word: &str) -> Option<Status> {
    let word = plain(word);
    STATUSES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(status, _)| *status)
}

/// Why a word says that an address must not be mailed; `None` when it does not.
pub fn barred(word: &str) -> Option<&'static str> {
    let word = plain(word);
    BARRED.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(reason, _)| *reason)
}

/// The yes or no of a cell; `None` when it is empty or neither.
pub fn truth(cell: &str) -> Option<bool> {
    match cell.to_lowercase().as_str() {
        "true" | "yes" | "1" | "t" => Some(true),
        "false" | "no" | "0" | "f" => Some(false),
        _ => None,
    }
}

/// An instant as programs write it, to the second, in UTC where no zone is
/// known; `None` for what is none, or not of the time of mail.
pub fn instant(cell: &str, now: Timestamp) -> Option<Timestamp> {
    let zoned = chrono::DateTime::parse_from_rfc3339(cell).ok().map(Timestamp::from);
    let local = || {
        let text: String = cell.chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect();
        chrono::NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").ok()
    };
    let day = || chrono::NaiveDate::parse_from_str(cell.get(..10)?, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let at = zoned.or_else(|| Some(Timestamp(local().or_else(day)?.and_utc().timestamp_millis())))?;
    let eighties = Timestamp(315_532_800_000);
    (eighties < at && at <= now).then_some(at)
}

/// A name in lower case without signs and spaces.
fn plain(cell: &str) -> String {
    cell.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_cell_is_found_among_names() {
        for cell in
            ["jane@a.test", " jane@a.test ", "Jane <jane@a.test>", "\"Doe, J\" <jane@a.test>", "jane@a.test (Jane)"]
        {
            assert_eq!(bare(cell), "jane@a.test", "{cell}");
        }
        assert_eq!((bare("'=x@a.test"), bare("'x@a.test")), ("=x@a.test", "'x@a.test"));
    }

    #[test]
    fn instants_of_all_programs_are_read_and_others_are_none() {
        let now = Timestamp(1_800_000_000_000);
        let told = |cell| instant(cell, now).map(|at| at.rfc3339());
        for (cell, expected) in [
            ("2015-03-16 14:40:47", "2015-03-16T14:40:47"),
            ("2024-01-15T10:00:00.000Z", "2024-01-15T10:00:00"),
            ("2024-01-15T12:00:00+02:00", "2024-01-15T10:00:00"),
            ("2023-05-06 07:08:09.123456 +0000 UTC", "2023-05-06T07:08:09"),
            ("2023-05-06", "2023-05-06T00:00:00"),
        ] {
            assert!(told(cell).unwrap().starts_with(expected), "{cell}: {:?}", told(cell));
        }
        for cell in ["", "soon", "0001-01-01T00:00:00Z", "2999-01-01", "1970-01-01"] {
            assert_eq!(told(cell), None, "{cell}");
        }
    }
}
