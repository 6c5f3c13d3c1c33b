//! The core of `DuRi`: walk a tree, hash it, seal it, and compare it with its seal.
//!
//! Guarantees:
//! - It never follows a symbolic link, never opens what could block, and opens every entry relative to
//!   its folder's descriptor, so that nothing outside the root is read whatever is swapped meanwhile.
//! - What cannot be read is a finding; nothing unread is ever called unchanged.
//! - Paths are bytes. Formats are canonical: a reader accepts only what the writer writes.
//! - No unsafe code, no recursion on the depth of the tree, memory linear in the number of entries
//!   and independent of the files' sizes.
//!
//! It knows no Python (see `duri-py`), no signatures, no policy beyond patterns, and no verdict.

#![forbid(unsafe_code)]

mod algorithm;
mod attributes;
mod checksums;
mod compare;
mod control;
mod descriptors;
mod digest;
mod expected;
mod finding;
mod fingerprint;
mod folder;
mod format;
mod free;
mod hard_links;
mod hasher;
mod join;
mod listing;
mod memory;
mod notice;
mod open;
mod path;
mod pool;
mod rename;
mod rooted;
mod rules;
mod scan;
mod seal;
mod symlinks;
mod throttle;
mod twins;
mod watcher;

pub use algorithm::Algorithm;
pub use attributes::Attributes;
pub use checksums::Checksums;
pub use compare::{Comparison, Look, Part, Tally, compare};
pub use control::Progress;
pub use digest::hex_sha256;
pub use duri_sha256::kernel;
pub use finding::{Finding, Kind, printable};
pub use format::FormatError;
pub use memory::Memory;
pub use notice::Notice;
pub use rename::{exchange, rename_new};
pub use rooted::open_in_root;
pub use rules::{Patterns, Rules};
pub use scan::{Request, ScanError};
pub use seal::{Sealed, seal};
pub use watcher::{Changes, Origin, Source, Watcher};
