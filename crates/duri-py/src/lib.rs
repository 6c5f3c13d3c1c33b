//! `duri.tree._core`: the Python face of `duri-core`.
//!
//! Guarantees: every function that works for long releases the interpreter lock; the calling thread
//! waits meanwhile and lets Python's signal handlers run, so that Ctrl-C ends a scan at once. Errors
//! are mapped in `errors` alone. No rule of the scan is here.

mod artifacts;
mod digest;
mod errors;
mod heap;
mod memory;
mod priority;
mod rename;
mod rooted;
mod scan;
mod watcher;

/// The compiled core: walk, hash, compare, and the codecs of what grows with the tree.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use super::artifacts::{Attributes, Checksums};
    #[pymodule_export]
    use super::digest::sha256;
    #[pymodule_export]
    use super::errors::{FormatError, NoThread, ScanCancelled};
    #[pymodule_export]
    use super::heap::{share, trim};
    #[pymodule_export]
    use super::memory::Memory;
    #[pymodule_export]
    use super::priority::set_io_priority;
    #[pymodule_export]
    use super::rename::{exchange, rename_new};
    #[pymodule_export]
    use super::rooted::open_in_root;
    #[pymodule_export]
    use super::scan::{Comparison, Progress, Rules, Sealed, compare, kernel, seal};
    #[pymodule_export]
    use super::watcher::{Changes, Watcher};
}
