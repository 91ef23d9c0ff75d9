//! A file of subscribers as other programs write it: found out rather than
//! asked for are the delimiter, whether there is a header, and which column
//! holds the addresses. Read row by row, never as a whole.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use crate::domain::subscription::Status;
use crate::domain::{Address, Cadence};

/// Bytes looked at to find out what kind of file it is.
const SAMPLE: usize = 64 * 1024;
/// A longer row is no row: somewhere a quote is not closed.
const LONGEST_ROW: usize = 1024 * 1024;

/// Which column holds what, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// What stands between two cells.
    pub delimiter: u8,
    /// Names of the columns, when the first row is a header.
    pub header: Option<Vec<String>>,
    /// The addresses.
    pub address: usize,
    /// How often.
    pub cadence: Option<usize>,
    /// Whether they are subscribed at all.
    pub status: Option<usize>,
}

/// One good row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// Who.
    pub address: Address,
    /// How often, when the row says so.
    pub cadence: Option<Cadence>,
    /// Whether: rows of people who left elsewhere stay out here too.
    pub status: Option<Status>,
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

const ADDRESS_NAMES: [&str; 9] = [
    "email",
    "emailaddress",
    "mail",
    "emailadresse",
    "courriel",
    "correo",
    "correoelectronico",
    "adresseemail",
    "address",
];
const CADENCE_NAMES: [&str; 2] = ["cadence", "frequency"];
// Not `state`: in lists of people that is where they live.
const STATUS_NAMES: [&str; 3] = ["status", "subscriptionstatus", "subscriberstatus"];

/// The rows of a file, good and bad.
pub struct Rows<'a> {
    reader: csv::Reader<Metered<'a>>,
    since: Rc<Cell<usize>>,
    columns: Columns,
    ended: bool,
    record: ByteRecord,
}

impl<'a> Rows<'a> {
    /// Looks at the beginning of a file and finds out how to read it.
    ///
    /// # Errors
    /// One sentence when it is no list of subscribers.
    pub fn open(mut file: impl Read + 'a) -> Result<Self, BadRow> {
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
        Ok(Self { reader, since, columns, ended: false, record: ByteRecord::new() })
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
            let text = std::str::from_utf8(bytes).map_err(|_| bad(line, Some(column), "it is not UTF-8"))?;
            // Our own export puts a quote before what a spreadsheet would run.
            let text = text.trim();
            Ok(text.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(text))
        };
        let column = self.columns.address;
        let address = Address::parse(cell(column)?).map_err(|reason| bad(line, Some(column), reason))?;
        let cadence = match self.columns.cadence {
            Some(column) => match cell(column)? {
                "" => None,
                word => Some(word.to_lowercase().parse().map_err(|_| {
                    bad(line, Some(column), "it is not a cadence; it is each, daily, weekly or monthly")
                })?),
            },
            None => None,
        };
        let status = match self.columns.status {
            Some(column) => match cell(column)? {
                "" => None,
                word => Some(status(word).ok_or_else(|| {
                    bad(line, Some(column), "it is not a status; it is active, pending or unsubscribed")
                })?),
            },
            None => None,
        };
        Ok(Row { line, address, cadence, status })
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

/// The words of Postroom and of other programs. One that is neither is nobody's
/// guess: who is a subscriber is not made up.
fn status(word: &str) -> Option<Status> {
    match word.to_lowercase().as_str() {
        "active" | "subscribed" | "confirmed" | "enabled" | "opted-in" => Some(Status::Active),
        "pending" | "unconfirmed" => Some(Status::Pending),
        "unsubscribed" | "inactive" | "disabled" | "opted-out" | "non-subscribed" | "archived" | "deleted"
        | "cleaned" | "bounced" | "complained" | "spam" | "blocked" | "blocklisted" | "blacklisted" => {
            Some(Status::Unsubscribed)
        }
        _ => None,
    }
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
    let Some(first) = rows.first() else { return Err(bad(1, None, "this file is empty")) };
    let is_address = |cell: &String| Address::parse(cell.trim_start_matches('\'')).is_ok();
    if let Some(address) = first.iter().position(is_address) {
        return Ok(Columns { delimiter, header: None, address, cadence: None, status: None });
    }
    let named = |names: &[&str]| {
        let plain = |cell: &String| cell.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        names.iter().find_map(|name| first.iter().position(|cell| plain(cell) == *name))
    };
    let by_content = || rows.iter().skip(1).find_map(|row| row.iter().position(is_address));
    let Some(address) = named(&ADDRESS_NAMES).or_else(by_content) else {
        return Err(bad(1, None, "no column holds addresses; name one `email` in the first row"));
    };
    Ok(Columns {
        delimiter,
        header: Some(first.clone()),
        address,
        cadence: named(&CADENCE_NAMES),
        status: named(&STATUS_NAMES),
    })
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

    fn read(text: &str) -> Vec<Result<Row, BadRow>> {
        match Rows::open(text.as_bytes()) {
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
        let reason = |bytes: &[u8]| Rows::open(bytes).err().map(|bad| bad.reason).unwrap_or_default();
        assert!(reason(b"\xff\xfea\0@\0").contains("UTF-16"));
        assert!(reason(b"").contains("empty"));
        assert!(reason(b"one,two\n1,2\n").contains("no column holds addresses"));
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let endless = b"email\na@x.test\n\"".chain(io::repeat(b'x'));
        let rows: Vec<_> = Rows::open(endless).unwrap().collect();
        assert_eq!(rows.len(), 2);
        assert!(rows[1].as_ref().unwrap_err().reason.contains("a quote is not closed"), "{rows:?}");
    }

    #[test]
    fn a_file_in_another_encoding_is_told_by_row() {
        let mut text = b"email\n".to_vec();
        text.extend_from_slice(b"j\xe4ne@x.test\n");
        let rows: Vec<_> = Rows::open(&text[..]).unwrap().collect();
        assert_eq!(rows[0].as_ref().unwrap_err().reason, "it is not UTF-8");
    }
}
