//! Pictures, episodes and films in XML: Media RSS, in RSS and Atom alike.

use std::collections::BTreeMap;

use super::{address, xml};
use crate::domain::post::Media;

/// The prefix of its elements.
pub const PREFIX: &str = "media";

/// Its namespace.
pub const NAMESPACE: &str = "http://search.yahoo.com/mrss/";

/// The attributes of `media:content` for one file, fit to be written as they are.
pub fn attributes(media: &Media) -> BTreeMap<String, String> {
    let medium = ["image", "audio", "video"].into_iter().find(|medium| media.kind.starts_with(medium));
    let given = [
        ("url", Some(xml::plain(&address(&media.url)))),
        ("type", Some(xml::plain(&media.kind))),
        ("medium", Some(medium.unwrap_or("document").to_owned())),
        ("fileSize", media.bytes.map(|bytes| bytes.to_string())),
        ("duration", media.seconds.map(|seconds| seconds.to_string())),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
