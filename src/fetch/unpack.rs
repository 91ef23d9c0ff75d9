//! Taking a body out of its coding, within a limit: a few bytes can stand for
//! more than fits anywhere.

use std::io::Read;

use super::FetchError;

/// The body without its `Content-Encoding`.
pub fn unpack(coding: Option<&str>, body: Vec<u8>, most: usize) -> Result<Vec<u8>, FetchError> {
    match coding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity") => Ok(body),
        Some("gzip" | "x-gzip") => {
            let mut out = Vec::new();
            let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
            let read = flate2::read::MultiGzDecoder::new(&body[..]).take(limit).read_to_end(&mut out);
            read.map_err(|error| FetchError::Garbled(error.to_string()))?;
            if out.len() > most { Err(FetchError::Large) } else { Ok(out) }
        }
        Some(_) => Err(FetchError::Garbled("it is packed in a way nobody asked for".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_body_that_grows_beyond_the_limit_is_not_unpacked() {
        let packed = |size| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&vec![b'x'; size]).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(unpack(Some("GZIP"), packed(100), 100).unwrap().len(), 100);
        assert_eq!(unpack(Some("gzip"), packed(10_000_000), 100), Err(FetchError::Large));
        assert!(matches!(unpack(Some("gzip"), vec![1, 2, 3], 100), Err(FetchError::Garbled(_))));
        assert!(matches!(unpack(Some("br"), vec![], 100), Err(FetchError::Garbled(_))));
        assert_eq!(unpack(None, vec![7], 100), Ok(vec![7]));
    }
}
