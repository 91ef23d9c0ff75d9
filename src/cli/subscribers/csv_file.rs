//! A file of subscribers as other programs write it: found out rather than
//! asked for are the delimiter, whether there is a header, and which column
//! holds the addresses. Read row by row, never as a whole.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use super::columns::{self, Columns, Role, bare, instant, truth};
use crate::domain::subscription::Status;
use crate::domain::{Address, Cadence, Timestamp};

/// Bytes looked at to find out what kind of file it is.
const SAMPLE: usize = 64 * 1024;
/// A longer row is no row: somewhere a quote is not closed.
const LONGEST_ROW: usize = 1024 * 1024;

/// One good row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// Who.
    pub address: Address,
    /// How often, when the row says so.
    pub cadence: Option<Cadence>,
    /// Whether: who left elsewhere stays out here too.
    pub status: Option<Status>,
    /// Why it must not be mailed by anybody, when the row says so.
    pub barred: Option<&'static str>,
    /// Since when, when the row says so.
    pub since: Option<Timestamp>,
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// The column, counted from 1, when one is to blame.
    pub column: Option<usize>,
    /// Lower case, no full stop; never repeats the cell.
    pub reason: String,
}

/// The rows of a file, good and bad.
pub struct Rows<'a> {
    reader: csv::Reader<Metered<'a>>,
    since: Rc<Cell<usize>>,
    columns: Columns,
    now: Timestamp,
    ended: bool,
    record: ByteRecord,
}

impl<'a> Rows<'a> {
    /// Looks at the beginning of a file and finds out how to read it.
    ///
    /// # Errors
    /// One sentence when it is no list of subscribers.
    pub fn open(mut file: impl Read + 'a, now: Timestamp) -> Result<Self, BadRow> {
        let mut sample = Vec::new();
        file.by_ref().take(SAMPLE as u64).read_to_end(&mut sample).map_err(|error| bad(1, None, error.to_string()))?;
        if sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff") || sample.contains(&0) {
            return Err(bad(1, None, "this file is UTF-16 or binary; save it as CSV in UTF-8"));
        }
        if sample.starts_with(b"\xef\xbb\xbf") {
            sample.drain(..3);
        }
        let columns = find_columns(&sample)?;
        let since = Rc::new(Cell::new(0));
        let reader = Metered { inner: Box::new(Cursor::new(sample).chain(file)), since: since.clone() };
        let reader = ReaderBuilder::new()
            .delimiter(columns.delimiter)
            .has_headers(columns.header.is_some())
            .flexible(true)
            .from_reader(reader);
        Ok(Self { reader, since, columns, now, ended: false, record: ByteRecord::new() })
    }

    /// How the file is read.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    fn row(&self, line: u64) -> Result<Row, BadRow> {
        let cell = |column: usize| {
            let bytes = self.record.get(column).unwrap_or_default();
            std::str::from_utf8(bytes).map(str::trim).map_err(|_| bad(line, Some(column), "it is not UTF-8"))
        };
        // A cell of a role that is there and says something.
        let said = |role: Role| match self.columns.of(role) {
            Some(column) => Ok(Some((column, cell(column)?)).filter(|(_, cell)| !cell.is_empty())),
            None => Ok(None),
        };
        let column = self.columns.of(Role::Address).unwrap_or_default();
        let address = Address::parse(bare(cell(column)?)).map_err(|reason| bad(line, Some(column), reason))?;
        let cadence =
            match said(Role::Cadence)? {
                Some((column, word)) => Some(word.to_lowercase().parse().map_err(|_| {
                    bad(line, Some(column), "it is not a cadence; it is each, daily, weekly or monthly")
                })?),
                None => None,
            };
        let mut status =
            match said(Role::Status)? {
                Some((column, word)) => Some(columns::status(word).ok_or_else(|| {
                    bad(line, Some(column), "it is not a status; it is active, pending or unsubscribed")
                })?),
                None => None,
            };
        let bounced = said(Role::Bounced)?.map(|_| "hard bounce");
        let barred = bounced.or(said(Role::Status)?.and_then(|(_, word)| columns::barred(word)));
        let is = |role: Role, answer: bool| Ok(said(role)?.is_some_and(|(_, cell)| truth(cell) == Some(answer)));
        if barred.is_some() || said(Role::Left)?.is_some() || is(Role::Wanted, false)? || is(Role::Disabled, true)? {
            status = Some(Status::Unsubscribed);
        }
        let since = said(Role::Since)?.and_then(|(_, cell)| instant(cell, self.now));
        Ok(Row { line, address, cadence, status, barred, since })
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended {
                return None;
            }
            let before = self.reader.position().line();
            self.since.set(0);
            match self.reader.read_byte_record(&mut self.record) {
                Ok(false) => return None,
                Ok(true) if self.record.iter().all(|cell| cell.trim_ascii().is_empty()) => {}
                Ok(true) => {
                    let line = self.record.position().map_or(before, csv::Position::line);
                    return Some(self.row(line));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(bad(before, None, unreadable(&error))));
                }
            }
        }
    }
}

fn unreadable(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string().to_lowercase(),
    }
}

fn bad(line: u64, column: Option<usize>, reason: impl Into<String>) -> BadRow {
    BadRow { line, column: column.map(|column| column + 1), reason: reason.into() }
}

fn find_columns(sample: &[u8]) -> Result<Columns, BadRow> {
    let delimiter = find_delimiter(sample);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(sample);
    let rows: Vec<Vec<String>> = reader
        .byte_records()
        .take(20)
        .map_while(Result::ok)
        .map(|record| record.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect())
        .collect();
    if rows.is_empty() {
        return Err(bad(1, None, "this file is empty"));
    }
    Columns::find(delimiter, &rows)
        .ok_or_else(|| bad(1, None, "no column holds addresses; name one `email` in the first row"))
}

/// The sign that occurs most in the first row, outside quotes.
fn find_delimiter(sample: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in sample {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => counts.iter_mut().filter(|(sign, _)| sign == byte).for_each(|(_, n)| *n += 1),
            _ => {}
        }
    }
    // The first of equals: a comma.
    counts.iter().rev().max_by_key(|(_, n)| *n).map_or(b',', |(sign, _)| *sign)
}

/// Counts what is read for one row, and ends a row that never ends.
struct Metered<'a> {
    inner: Box<dyn Read + 'a>,
    since: Rc<Cell<usize>>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since.get() > LONGEST_ROW {
            return Err(io::Error::other("the row that begins here does not end; a quote is not closed"));
        }
        let n = self.inner.read(buffer)?;
        self.since.set(self.since.get() + n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn read(text: &str) -> Vec<Result<Row, BadRow>> {
        match Rows::open(text.as_bytes(), NOW) {
            Ok(rows) => rows.collect(),
            Err(bad) => vec![Err(bad)],
        }
    }

    fn addresses(text: &str) -> Vec<String> {
        read(text).into_iter().map(|row| row.unwrap().address.to_string()).collect()
    }

    #[test]
    fn delimiter_header_and_column_are_found_out() {
        for text in [
            "a@x.test\nb@x.test\n",
            "E-Mail,Name\na@x.test,A\nb@x.test,B\n",
            "\u{feff}name;email\r\n\"A;B\";a@x.test\r\nB;b@x.test\r\n",
            "id\tEmail Address\n1\ta@x.test\n2\tb@x.test\n",
            "who,where\nA,a@x.test\nB,b@x.test",
            "name,email\n\"two\nlines, and a comma\",a@x.test\n\n,,\n\"say \"\"hi\"\"\",b@x.test\n",
        ] {
            assert_eq!(addresses(text), ["a@x.test", "b@x.test"], "{text}");
        }
    }

    #[test]
    fn rows_say_how_often_and_who_had_left_elsewhere() {
        let rows = read(
            "email,Frequency,status\na@x.test,Monthly,active\nb@x.test,,unsubscribed\nc@x.test,,blocklisted\nd@x.test,,\n",
        );
        let told: Vec<_> = rows.into_iter().map(|row| row.map(|row| (row.cadence, row.status)).unwrap()).collect();
        let left = (None, Some(Status::Unsubscribed));
        assert_eq!(told, [(Some(Cadence::Monthly), Some(Status::Active)), left, left, (None, None)]);
    }

    /// The first lines of exports as each program writes them, with what becomes of each row.
    const EXPORTS: [(Option<&str>, &str, &str); 9] = [
        (
            Some("Mailchimp"),
            "\"Email Address\",\"First Name\",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,LEID,EUID,NOTES,TAGS\n\
             a@x.test,Ann,2,\"2015-03-16 14:40:47\",,\"2015-03-16 14:41:00\",1.2.3.4,,,1,ab,,\"\"\"news\"\",\"\"old\"\"\"\n",
            "a@x.test active 2015-03-16",
        ),
        (
            Some("Mailchimp"),
            "Email Address,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON,LEID\n\
             a@x.test,2,2015-03-16 14:40:47,2016-01-02 03:04:05,May,No longer interested,1\n",
            "a@x.test unsubscribed 2015-03-16",
        ),
        (
            Some("Substack"),
            "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n\
             a@x.test,false,,other,false,2024-01-15T10:00:00.000Z,\nb@x.test,true,2027-01-01,yearly,true,2024-02-01,\n",
            "a@x.test active 2024-01-15, b@x.test unsubscribed 2024-02-01",
        ),
        (
            Some("Buttondown"),
            "id,email,notes,subscriber_type,creation_date,ip_address,subscription_date,unsubscription_date,tags,metadata\n\
             1,a@x.test,,regular,2023-01-01,,2023-01-02,,x;y,{}\n2,b@x.test,,unactivated,2023-01-01,,,,,{}\n\
             3,c@x.test,,unsubscribed,2023-01-01,,2023-01-02,2024-01-01,,{}\n",
            "a@x.test active 2023-01-02, b@x.test pending none, c@x.test unsubscribed 2023-01-02",
        ),
        (
            Some("Ghost"),
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n\
             1,a@x.test,Ann,,true,false,,2022-05-06T07:08:09.000Z,,,\n2,b@x.test,Bob,,false,false,,2022-05-06T07:08:09.000Z,,,\n",
            "a@x.test active 2022-05-06, b@x.test unsubscribed 2022-05-06",
        ),
        (
            Some("listmonk"),
            "uuid,email,name,attributes,status,created_at,updated_at\n\
             u,a@x.test,Ann,\"{\"\"city\"\": \"\"Ulm\"\"}\",enabled,2021-05-06 07:08:09.1 +0000 UTC,\nv,b@x.test,Bob,{},blocklisted,,\n",
            "a@x.test active 2021-05-06, b@x.test unsubscribed none",
        ),
        (
            Some("WordPress.com"),
            "Name,Email,Subscription type,Email subscription,Since\nAnn,a@x.test,Free,Subscribed,2020-02-03\n\
             Bob,b@x.test,Free,Not confirmed,2020-02-03\nCyd,c@x.test,Free,Not sending,2020-02-03\n",
            "a@x.test active 2020-02-03, b@x.test pending 2020-02-03, c@x.test unsubscribed 2020-02-03",
        ),
        (None, "\"Doe, Ann\" <a@x.test>\nb@x.test (Bob)\n", "a@x.test active none, b@x.test active none"),
        (None, "a@x.test\nb@x.test\n", "a@x.test active none, b@x.test active none"),
    ];

    #[test]
    fn exports_of_other_programs_are_known_by_their_headers() {
        for (program, text, expected) in EXPORTS {
            let rows = Rows::open(text.as_bytes(), NOW).unwrap();
            assert_eq!(rows.columns().program, program, "{text}");
            let told = |row: Row| {
                let since = row.since.map_or("none".to_owned(), |at| at.rfc3339()[..10].to_owned());
                format!("{} {} {since}", row.address, row.status.unwrap_or(Status::Active).as_str())
            };
            let told: Vec<String> = rows.map(|row| told(row.unwrap())).collect();
            assert_eq!(told.join(", "), expected, "{text}");
        }
    }

    #[test]
    fn where_people_live_is_no_status_and_a_word_nobody_knows_is_told() {
        assert_eq!(read("email,state\na@x.test,CA\n")[0].as_ref().unwrap().status, None);
        let rows = read("email,status\na@x.test,CA\nb@x.test,active\n");
        assert_eq!(rows[0].as_ref().map_err(|bad| (bad.line, bad.column)), Err((2, Some(2))));
        assert_eq!(rows[1].as_ref().unwrap().status, Some(Status::Active));
    }

    #[test]
    fn bad_rows_name_line_and_column_and_stop_nothing() {
        let rows = read("name,email,cadence\n\"x\ny\",nobody,\nB,b@x.test,yearly\nC,c@x.test,daily\nD\n");
        let told: Vec<_> = rows.iter().map(|row| row.as_ref().map_err(|bad| (bad.line, bad.column))).collect();
        assert_eq!(told[0], Err((2, Some(2))));
        assert_eq!(told[1], Err((4, Some(3))));
        assert_eq!(told[2].unwrap().address.as_str(), "c@x.test");
        assert_eq!(told[3], Err((6, Some(2))));
    }

    #[test]
    fn what_is_no_list_is_refused_in_words() {
        let reason = |bytes: &[u8]| Rows::open(bytes, NOW).err().map(|bad| bad.reason).unwrap_or_default();
        assert!(reason(b"\xff\xfea\0@\0").contains("UTF-16"));
        assert!(reason(b"").contains("empty"));
        assert!(reason(b"one,two\n1,2\n").contains("no column holds addresses"));
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let endless = b"email\na@x.test\n\"".chain(io::repeat(b'x'));
        let rows: Vec<_> = Rows::open(endless, NOW).unwrap().collect();
        assert_eq!(rows.len(), 2);
        assert!(rows[1].as_ref().unwrap_err().reason.contains("a quote is not closed"), "{rows:?}");
    }

    #[test]
    fn a_file_in_another_encoding_is_told_by_row() {
        let mut text = b"email\n".to_vec();
        text.extend_from_slice(b"j\xe4ne@x.test\n");
        let rows: Vec<_> = Rows::open(&text[..], NOW).unwrap().collect();
        assert_eq!(rows[0].as_ref().unwrap_err().reason, "it is not UTF-8");
    }
}
