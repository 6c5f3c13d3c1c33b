//! The JSON as it is, and where in it paths and digests are: what one verification needs.

use std::ops::Range;
use std::sync::Arc;

use crate::algorithm::Algorithm;

/// A path beyond `path::MAX_PATH`, each byte as an escape of six, still fits sixteen bits.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) at: u32,
    pub(super) length: u16,
    pub(super) escaped: bool,
}

#[derive(Clone)]
pub(super) struct Json {
    data: Arc<dyn AsRef<[u8]> + Send + Sync>,
    entries: Vec<Entry>,
    /// The few paths whose bytes differ from their JSON, by entry.
    decoded: Vec<(u32, Box<[u8]>)>,
}

impl Json {
    pub(super) fn new(
        data: Arc<dyn AsRef<[u8]> + Send + Sync>,
        entries: Vec<Entry>,
        decoded: Vec<(u32, Box<[u8]>)>,
    ) -> Self {
        Self { data, entries, decoded }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        (*self.data).as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn path(&self, index: usize) -> &[u8] {
        let entry = self.entries[index];
        if entry.escaped {
            return decoded_path(&self.decoded, index);
        }
        &self.bytes()[range_of(entry)]
    }

    pub(super) fn hex(&self, index: usize, algorithm: Algorithm) -> &str {
        let digits = &self.bytes()[digits_of(self.entries[index], algorithm)];
        std::str::from_utf8(digits).expect("hexadecimal digits")
    }
}

pub(super) fn decoded_path(decoded: &[(u32, Box<[u8]>)], index: usize) -> &[u8] {
    let found = decoded.binary_search_by_key(&index, |(of, _)| *of as usize);
    &decoded[found.expect("a decoded path for each escaped one")].1
}

/// Where in the JSON an entry's path is, as it is written there.
pub(super) fn range_of(entry: Entry) -> Range<usize> {
    let start = entry.at as usize;
    start..start + usize::from(entry.length)
}

/// Where in the JSON an entry's digest is.
pub(super) fn digits_of(entry: Entry, algorithm: Algorithm) -> Range<usize> {
    let start = range_of(entry).end + b"\": \"".len();
    start..start + 2 * algorithm.digest_length()
}

/// Say whether the lower-case digits `text` stand for `bytes`.
pub(super) fn is_hex_of(text: &str, bytes: &[u8]) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.len() == 2 * bytes.len()
        && text.as_bytes().chunks_exact(2).zip(bytes).all(|(two, byte)| {
            let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
            two == [high, low]
        })
}
