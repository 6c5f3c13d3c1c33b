//! One digest, of whichever algorithm, and one on its way.
//!
//! Guarantees: a file that is too large for company is hashed as it is read, in constant memory.

use sha2::Digest as _;

use crate::algorithm::Algorithm;
use crate::finding::hex;

/// A digest of any algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    bytes: [u8; 64],
    length: u8,
}

impl Digest {
    fn new(digest: &[u8]) -> Self {
        let mut bytes = [0; 64];
        bytes[..digest.len()].copy_from_slice(digest);
        Self { bytes, length: if digest.len() == 64 { 64 } else { 32 } }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The lower-case hexadecimal SHA-256 of bytes in memory.
#[must_use]
pub fn hex_sha256(data: &[u8]) -> String {
    hex(&sha2::Sha256::digest(data))
}

/// A digest on its way.
pub(crate) enum Streaming {
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Blake3(Box<blake3::Hasher>),
}

impl Streaming {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Algorithm::Blake3 => Self::Blake3(Box::default()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            Self::Blake3(state) => {
                state.update(bytes);
            }
        }
    }

    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Sha256(state) => Digest::new(&state.finalize()),
            Self::Sha512(state) => Digest::new(&state.finalize()),
            Self::Blake3(state) => Digest::new(state.finalize().as_bytes()),
        }
    }
}
