//! Laws that hold for any bytes. tests/fuzz looks for bytes that break them, for as long as it is told; here a few
//! hundred of each kind are tried, put together from what matters to the law.

mod dots;
mod mail;
mod relay;

use proptest::collection::vec;
use proptest::prelude::*;

/// So many of these pieces, one after the other.
fn pieces(pieces: &'static [&'static [u8]], most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(proptest::sample::select(pieces), 0..most).prop_map(|pieces| pieces.concat())
}

/// What a relay may say, well or badly. 0xFF: it waits for us.
const REPLIES: &[&[u8]] = &[
    b"250 ok\r\n",
    b"250",
    b"\r\n",
    b"-",
    b" 2.0.0 ok\xe9\0",
    b"250-more\r\n",
    b"354 go on\r\n",
    b"354 go on\r\n250 ok\r\n",
    b"354 go on\r\n250 ok\r\n",
    b"421 4.3.2 bye\r\n",
    b"450 4.2.0 later\r\n",
    b"550 5.1.1 no such user\r\n",
    b"503 5.5.1 what?\r\n",
    b"220 relay\r\n",
    b"250-relay\r\n250-PIPELINING\r\n250 SIZE 99\r\n",
    b"250 PIPELINING\r\n",
    b"250 STARTTLS\r\n",
    b"\n",
    b"99",
    b"\xff",
    b"\xff",
    b"\xff",
];

/// Mostly such that the relay's own words begin where a message is under way, with one command at a time or several.
fn circumstances() -> impl Strategy<Value = u8> {
    prop_oneof![3 => proptest::sample::select(&[5, 5 | 1 << 6, 6, 3 | 1 << 3, 4 | 1 << 3]), 1 => any::<u8>()]
}

/// What matters to dots, and what no message may hold.
const LINES: &[&[u8]] = &[b".", b".", b"a", b"\r\n", b"\r\n"];
const BYTES: &[&[u8]] = &[b".", b"a", b"\r\n", b"\r", b"\n", b"\0", b"\xe9"];

/// What a person may type, with what matters to headers and to both encodings. U+0011 and U+0012 are personal fields.
const WORDS: &str = "(=\\?utf-8\\?Q\\?a\\?=|\\PC|[a-z .=?_\"<>,\\t]|[а-яё]){0,90}";
const LINK: &str = "[!#-+\\--;=?-\\[\\]-~]{0,90}";
const VALUE: &str = "(\\PC|[a-z .=?_\"<>,]|[а-яё]{1,9}|[\\x11\\x12\\t]|\r\n|[\\r\\n]|[a-z .=]{0,90}){0,60}";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_relay_reads_what_was_meant(lines in pieces(LINES, 20), bytes in pieces(BYTES, 8)) {
        dots::holds(&[&lines[..], b"\r\n"].concat());
        dots::holds(&bytes);
    }

    #[test]
    fn whatever_a_mail_says_it_reads_back_the_same(head in vec(WORDS, 4), link in LINK, rest in vec(VALUE, 4)) {
        let values = head.iter().chain([&link]).chain(&rest).map(String::as_bytes);
        mail::holds(&values.collect::<Vec<_>>().join(&0xff));
    }

    #[test]
    fn a_mail_says_what_it_was_given_or_is_refused(values in vec("(\\PC|[\\x00-\\x20]|[a-z]){0,9}", 9)) {
        mail::holds(&values.iter().map(String::as_bytes).collect::<Vec<_>>().join(&0xff));
    }

    #[test]
    fn no_answer_but_a_complete_yes_accepts(answer in pieces(REPLIES, 6)) {
        relay::reads(&answer);
    }

    #[test]
    fn whatever_a_relay_says_the_report_is_what_happened(how in circumstances(), said in pieces(REPLIES, 16)) {
        relay::holds(&[&[how][..], &said].concat());
    }
}
