//! Paths and raw digests, one after the other: what a long process keeps of `checksums.json`.
//!
//! Guarantees: it is made in the place of the JSON, so the two are never in memory together; then
//! what is left over is given back. An entry takes its path, its digest and four bytes.

use super::json::{Entry, decoded_path, digits_of, range_of};
use super::offset;
use crate::algorithm::Algorithm;
use crate::format::hex_value;

#[derive(Clone)]
pub(super) struct Compact {
    bytes: Box<[u8]>,
    /// Where each entry begins, and where the last one ends.
    starts: Box<[u32]>,
    digest_length: usize,
}

impl Compact {
    /// Write the entries of `data` over it.
    pub(super) fn new(
        mut data: Vec<u8>,
        entries: &[Entry],
        decoded: &[(u32, Box<[u8]>)],
        algorithm: Algorithm,
    ) -> Self {
        let mut starts = Vec::with_capacity(entries.len() + 1);
        let mut end = 0;
        // The quotes alone make an entry longer in the JSON, so nothing is written over what is still
        // to be read.
        for (index, entry) in entries.iter().enumerate() {
            starts.push(offset(end));
            if entry.escaped {
                let path = decoded_path(decoded, index);
                data[end..end + path.len()].copy_from_slice(path);
                end += path.len();
            } else {
                data.copy_within(range_of(*entry), end);
                end += usize::from(entry.length);
            }
            for at in digits_of(*entry, algorithm).step_by(2) {
                data[end] = value(data[at]) << 4 | value(data[at + 1]);
                end += 1;
            }
        }
        starts.push(offset(end));
        data.truncate(end);
        Self {
            bytes: data.into_boxed_slice(),
            starts: starts.into_boxed_slice(),
            digest_length: algorithm.digest_length(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn path(&self, index: usize) -> &[u8] {
        let end = self.starts[index + 1] as usize - self.digest_length;
        &self.bytes[self.starts[index] as usize..end]
    }

    pub(super) fn digest(&self, index: usize) -> &[u8] {
        let end = self.starts[index + 1] as usize;
        &self.bytes[end - self.digest_length..end]
    }
}

fn value(digit: u8) -> u8 {
    hex_value(digit).expect("a lower-case hexadecimal digit")
}
