//! A published file: its bytes in every coding, each made once, and the answer
//! to one request for it.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::negotiate::{self, Coding};
use crate::domain::Timestamp;

/// How long anybody may keep a copy without asking again.
const CACHE_CONTROL: &str = "public, max-age=300";

/// Above this many bytes the slow brotli levels cost more than they save.
const LARGE: usize = 1 << 20;

/// Not the best there is: the levels above take several times as long for a few bytes.
const ZSTD_LEVEL: i32 = 9;

/// The smaller forms of a body. Each is made once: before anybody asks by
/// [`Asset::prepare`], or for the first who does.
#[derive(Debug, Default)]
struct Forms {
    /// gzip (RFC 1952) without a time stamp.
    gzip: OnceLock<Option<Arc<[u8]>>>,
    /// RFC 7932.
    brotli: OnceLock<Option<Arc<[u8]>>>,
    /// RFC 8878.
    zstd: OnceLock<Option<Arc<[u8]>>>,
}

/// They follow from the body: of equal files it does not matter which are made.
impl PartialEq for Forms {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A file of the published site. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// The `Content-Type`.
    pub media_type: &'static str,
    /// The bytes themselves.
    pub body: Arc<[u8]>,
    /// The same in the other codings.
    forms: Arc<Forms>,
    /// Strong validator of `body`, quoted. The other three forms have validators
    /// of their own, as their bytes differ (RFC 9110 section 8.8.3.3).
    pub etag: String,
    /// When it last changed.
    pub modified: Timestamp,
    /// The id of a feed, which stays when it moves; empty for other files.
    pub feed_id: String,
    /// The `Link` header of a feed: its own address and its hubs (WebSub section 4).
    pub links: String,
    /// Stands for all that it was made of, in this run; 0 when that is not known.
    pub made_of: u64,
}

/// What a file was when it last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// [`Asset::etag`].
    pub etag: String,
    /// [`Asset::modified`].
    pub modified: Timestamp,
    /// [`Asset::feed_id`].
    pub feed_id: String,
}

/// What to send back, for any HTTP library.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// 200, 304, 405 or 406.
    pub status: u16,
    /// Names in lower case, each once.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Empty for HEAD and for every status but 200.
    pub body: Arc<[u8]>,
}

impl Asset {
    /// `body` as a file. Its smaller forms are made by [`Asset::prepare`], or
    /// when they are asked for.
    pub fn new(media_type: &'static str, body: Vec<u8>, modified: Timestamp) -> Self {
        let hash = digest(&SHA256, &body);
        // 144 of the 256 bits: no reader or cache meets two bodies with the same.
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash.as_ref()[..18]));
        let (feed_id, links) = (String::new(), String::new());
        Self { media_type, forms: Arc::default(), body: body.into(), etag, modified, feed_id, links, made_of: 0 }
    }

    /// The same, last changed then.
    #[must_use]
    pub fn modified_at(self, modified: Timestamp) -> Self {
        Self { modified, ..self }
    }

    /// Makes every form there is not yet: some ten milliseconds for a large feed.
    pub fn prepare(&self) {
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            self.form(coding);
        }
    }

    /// Whether every form is made.
    pub fn is_prepared(&self) -> bool {
        let Forms { gzip, brotli, zstd } = &*self.forms;
        [gzip, brotli, zstd].iter().all(|form| form.get().is_some())
    }

    /// The asset for `body`, sharing the prepared forms of `previous` where it
    /// has the same bytes. A body that is not what it `was` when it last
    /// changed is modified later, `now` at the earliest, even when its newest
    /// post is older: a reader that sends dates only must not miss an edit or a
    /// removed post, restarts of ours included.
    pub fn following(
        previous: Option<&Self>,
        was: Option<&Stamp>,
        media_type: &'static str,
        body: Vec<u8>,
        modified: Timestamp,
        now: Timestamp,
    ) -> Self {
        if let Some(old) = previous.filter(|old| *old.body == *body && old.media_type == media_type) {
            return old.clone();
        }
        let mut asset = Self::new(media_type, body, modified);
        if let Some(was) = was {
            let later = now.max(Timestamp(was.modified.0 + 1000));
            asset.modified = if was.etag == asset.etag { was.modified } else { later };
        }
        asset
    }

    /// What to remember of it.
    pub fn stamp(&self) -> Stamp {
        Stamp { etag: self.etag.clone(), modified: self.modified, feed_id: self.feed_id.clone() }
    }

    /// Answers a request from the values of its headers; several lines of one
    /// header are joined by commas.
    pub fn answer(
        &self,
        method: &str,
        accept_encoding: Option<&str>,
        if_none_match: Option<&str>,
        if_modified_since: Option<&str>,
    ) -> Answer {
        let vary = ("vary", Cow::Borrowed("Accept-Encoding"));
        let refuse = |status, headers| Answer { status, headers, body: Arc::default() };
        if !matches!(method, "GET" | "HEAD") {
            return refuse(405, vec![vary, ("allow", "GET, HEAD".into())]);
        }
        let Some(coding) = negotiate::coding(accept_encoding) else { return refuse(406, vec![vary]) };
        let etag = self.etag_of(coding);
        let mut headers = vec![
            vary,
            ("cache-control", CACHE_CONTROL.into()),
            ("last-modified", negotiate::http_date(self.modified).into()),
        ];
        // If-None-Match decides alone where it is given (RFC 9110 section 13.2.2).
        let is_known = match (if_none_match, if_modified_since) {
            (Some(tags), _) => negotiate::names(tags, &etag),
            (None, Some(date)) => negotiate::is_unchanged_since(date, self.modified),
            (None, None) => false,
        };
        headers.push(("etag", etag.into()));
        if is_known {
            return Answer { status: 304, headers, body: Arc::default() };
        }
        let (coding, body) = self.form(coding);
        // Said, so that nobody tries to resume: a part of a feed is of no use.
        headers.push(("accept-ranges", "none".into()));
        headers.push(("content-type", self.media_type.into()));
        if !self.links.is_empty() {
            headers.push(("link", self.links.clone().into()));
        }
        headers.push(("content-length", body.len().to_string().into()));
        if let Some(name) = name(coding) {
            headers.push(("content-encoding", name.into()));
        }
        Answer { status: 200, headers, body: if method == "HEAD" { Arc::default() } else { Arc::clone(body) } }
    }

    /// The validator of one representation.
    fn etag_of(&self, coding: Coding) -> String {
        let suffixed = |suffix: &str| format!("{}{suffix}\"", self.etag.trim_end_matches('"'));
        match coding {
            Coding::Identity => self.etag.clone(),
            Coding::Gzip => suffixed("-gz"),
            Coding::Brotli => suffixed("-br"),
            Coding::Zstd => suffixed("-zs"),
        }
    }

    /// One representation; the body as it is where a compressor failed, which
    /// writing to memory does not.
    fn form(&self, coding: Coding) -> (Coding, &Arc<[u8]>) {
        let form = match coding {
            Coding::Identity => None,
            Coding::Gzip => self.forms.gzip.get_or_init(|| gzip(&self.body).ok()).as_ref(),
            Coding::Brotli => self.forms.brotli.get_or_init(|| brotli(&self.body).ok()).as_ref(),
            Coding::Zstd => self.forms.zstd.get_or_init(|| zstd(&self.body).ok()).as_ref(),
        };
        form.map_or((Coding::Identity, &self.body), |form| (coding, form))
    }
}

/// What `Content-Encoding` says of it.
fn name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Brotli => Some("br"),
        Coding::Zstd => Some("zstd"),
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Arc<[u8]>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 3), flate2::Compression::best());
    encoder.write_all(body)?;
    Ok(encoder.finish()?.into())
}

/// One frame that tells its size. At this level the window is 8 MiB at most,
/// which every reader has to accept (RFC 9659).
fn zstd(body: &[u8]) -> std::io::Result<Arc<[u8]>> {
    Ok(zstd::bulk::compress(body, ZSTD_LEVEL)?.into())
}

fn brotli(body: &[u8]) -> std::io::Result<Arc<[u8]>> {
    let quality = if body.len() < LARGE { 9 } else { 5 };
    let params = brotli::enc::BrotliEncoderParams { quality, size_hint: body.len(), ..Default::default() };
    let mut out = Vec::with_capacity(body.len() / 4);
    brotli::BrotliCompress(&mut &body[..], &mut out, &params)?;
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn asset() -> Asset {
        let body = "a body that is long enough to be made smaller, ".repeat(20).into_bytes();
        Asset::new("text/css; charset=utf-8", body, Timestamp(784_111_777_000))
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| &**value)
    }

    #[test]
    fn all_four_forms_are_the_same_body_with_validators_of_their_own() {
        let asset = asset();
        assert!(!asset.is_prepared());
        asset.prepare();
        assert!(asset.is_prepared() && asset.clone().is_prepared());
        let [gzip, brotli, zstd] = [Coding::Gzip, Coding::Brotli, Coding::Zstd].map(|coding| asset.form(coding).1);
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut unzipped).unwrap();
        assert_eq!(unzipped, &asset.body[..]);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &brotli[..], &mut unpacked).unwrap();
        assert_eq!(unpacked, &asset.body[..]);
        assert_eq!(zstd::bulk::decompress(zstd, asset.body.len()).unwrap(), &asset.body[..]);
        for smaller in [gzip, brotli, zstd] {
            assert!(smaller.len() < asset.body.len());
        }
        assert_eq!(&gzip[4..8], [0; 4], "gzip carries no time stamp");

        let seen: Vec<_> =
            [None, Some("gzip"), Some("br"), Some("zstd")].map(|accept| asset.answer("GET", accept, None, None)).into();
        let of = |name| seen.iter().map(|answer| header(answer, name).unwrap_or("")).collect::<Vec<_>>();
        assert_eq!(of("content-encoding"), ["", "gzip", "br", "zstd"]);
        let stem = asset.etag.trim_matches('"');
        assert_eq!(of("etag"), ["", "-gz", "-br", "-zs"].map(|suffix| format!("\"{stem}{suffix}\"")));
        assert_eq!(
            seen.iter().map(|a| a.body.clone()).collect::<Vec<_>>(),
            [&asset.body, gzip, brotli, zstd].map(Arc::clone)
        );
    }

    #[test]
    fn conditions_are_answered_as_rfc_9110_says() {
        let asset = asset();
        let (same, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Mon, 07 Nov 1994 00:00:00 GMT");
        let earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
        let own = asset.etag.clone();
        let weak = format!("\"old\", W/{own}");
        let zipped = format!("{}-gz\"", own.trim_end_matches('"'));
        // method, Accept-Encoding, If-None-Match, If-Modified-Since -> status
        type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>, u16);
        let table: Vec<Row<'_>> = vec![
            ("GET", None, None, None, 200),
            ("GET", None, Some(&own), None, 304),
            ("GET", None, Some(&weak), None, 304),
            ("GET", None, Some("*"), None, 304),
            ("GET", None, Some("\"other\""), None, 200),
            ("GET", None, Some("not a tag"), None, 200),
            ("GET", Some("gzip"), Some(&own), None, 200),
            ("GET", Some("gzip"), Some(&zipped), None, 304),
            ("GET", Some("br"), Some(&zipped), None, 200),
            ("GET", None, Some(&zipped), None, 200),
            ("GET", None, None, Some(same), 304),
            ("GET", None, None, Some(later), 304),
            ("GET", None, None, Some(earlier), 200),
            ("GET", None, None, Some("some day"), 200),
            ("GET", None, Some("\"other\""), Some(same), 200),
            ("GET", None, Some(&own), Some(earlier), 304),
            ("HEAD", None, None, None, 200),
            ("HEAD", None, Some(&own), None, 304),
            ("POST", None, Some(&own), None, 405),
            ("GET", Some("identity;q=0"), Some(&own), None, 406),
        ];
        for (method, accept, tags, date, status) in table {
            let answer = asset.answer(method, accept, tags, date);
            let case = format!("{method} {accept:?} {tags:?} {date:?}");
            assert_eq!(answer.status, status, "{case}");
            assert_eq!(header(&answer, "vary"), Some("Accept-Encoding"), "{case}");
            assert_eq!(answer.body.is_empty(), status != 200 || method == "HEAD", "{case}");
            let kept = ["etag", "last-modified", "cache-control"].iter().all(|name| header(&answer, name).is_some());
            assert_eq!(kept, matches!(status, 200 | 304), "{case}");
            assert_eq!(header(&answer, "content-length").is_some(), status == 200, "{case}");
        }
    }

    #[test]
    fn head_says_what_get_would_send() {
        let asset = asset();
        let [get, head] = ["GET", "HEAD"].map(|method| asset.answer(method, Some("br"), None, None));
        assert_eq!(get.headers, head.headers);
        assert_eq!(header(&head, "content-length"), Some(asset.form(Coding::Brotli).1.len().to_string().as_str()));
    }

    #[test]
    fn a_changed_body_is_modified_later_and_an_equal_one_is_the_same_asset() {
        let first = asset();
        let (kind, late, was) = (first.media_type, Timestamp(999_999_999_000), first.stamp());
        let again = Asset::following(Some(&first), Some(&was), kind, first.body.to_vec(), late, late);
        assert!(Arc::ptr_eq(&again.forms, &first.forms));
        assert_eq!(again.modified, first.modified);
        let shorter = |now| Asset::following(Some(&first), Some(&was), kind, b"shorter".to_vec(), Timestamp(0), now);
        let changed = shorter(Timestamp(0));
        assert_eq!(changed.modified, Timestamp(first.modified.0 + 1000));
        assert_eq!(shorter(late).modified, late, "not before anybody could have seen it");
        assert_ne!(changed.etag, first.etag);
    }
}
