//! Sealing and comparing, from Python.

use std::num::NonZeroU64;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use duri_core::{Finding, Look, Notice, Part, Patterns, Request, ScanError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple};

use crate::artifacts::{Attributes, Checksums, algorithm};
use crate::errors;
use crate::memory::Memory;
use crate::watcher::Watcher;

/// Beyond this, threads only wait for each other.
const MAX_THREADS: usize = 256;

/// Counters that a running scan adds to, readable from another thread.
#[pyclass(frozen, module = "duri.tree._core")]
#[derive(Default)]
pub(crate) struct Progress(duri_core::Progress);

#[pymethods]
impl Progress {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[getter]
    fn files(&self) -> u64 {
        self.0.files()
    }

    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// Ask the scan to end; it raises `ScanCancelled`.
    fn cancel(&self) {
        self.0.cancel();
    }
}

/// A compiled policy.
#[pyclass(frozen, module = "duri.tree._core")]
pub(crate) struct Rules(pub(crate) duri_core::Rules);

#[pymethods]
impl Rules {
    #[new]
    #[pyo3(signature = (
        *, ignore = Vec::new(), mutable = Vec::new(), append_only = Vec::new(),
        external_links = Vec::new(), owners = false, case_twins = false
    ))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python objects")]
    fn new(
        ignore: Vec<String>,
        mutable: Vec<String>,
        append_only: Vec<String>,
        external_links: Vec<String>,
        owners: bool,
        case_twins: bool,
    ) -> PyResult<Self> {
        let patterns = Patterns {
            ignore: &ignore,
            mutable: &mutable,
            append_only: &append_only,
            external_links: &external_links,
        };
        let rules = duri_core::Rules::new(patterns, owners, case_twins);
        rules.map(Self).map_err(|error| errors::of_format(&error))
    }
}

/// What sealing a tree found.
#[pyclass(frozen, get_all, module = "duri.tree._core")]
pub(crate) struct Sealed {
    checksums: Py<PyBytes>,
    attributes: Py<PyBytes>,
    file_count: usize,
    total_bytes: u64,
    duration_ns: u64,
    refusals: Py<PyList>,
    warnings: Py<PyList>,
}

/// What comparing a tree with its seal found.
#[pyclass(frozen, get_all, module = "duri.tree._core")]
pub(crate) struct Comparison {
    findings: Py<PyList>,
    total_files: usize,
    verified_files: usize,
    bytes_hashed: u64,
    duration_ns: u64,
    whole_needed: bool,
    modified_files: usize,
    missing_files: usize,
    new_files: usize,
    unnamed_findings: usize,
}

/// Findings as (kind, path, expected, actual).
fn tuples(py: Python<'_>, findings: Vec<Finding>) -> PyResult<Py<PyList>> {
    let list = PyList::empty(py);
    for finding in findings {
        let path = PyBytes::new(py, &finding.path);
        let row = (finding.kind.name(), path, finding.expected, finding.actual);
        let row: Bound<'_, PyTuple> = row.into_pyobject(py)?;
        list.append(row)?;
    }
    Ok(list.unbind())
}

/// A function of its own: the method's type is tied to one lifetime, and `attach` asks for any.
fn check_signals(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// Run a scan without the interpreter lock, with Python's signal handlers run meanwhile.
fn run<T: Send>(
    py: Python<'_>,
    scan: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<T, ScanError> + Send,
) -> PyResult<T> {
    py.detach(|| {
        let mut signal = None;
        let mut tick = || match Python::attach(check_signals) {
            Ok(()) => true,
            Err(raised) => {
                signal = Some(raised);
                false
            }
        };
        // A memory is trusted with nothing while a scan uses it, so one that panicked left nothing.
        let result = catch_unwind(AssertUnwindSafe(|| scan(&mut tick)));
        let result = result.map_err(|panic| errors::of_panic(&*panic))?;
        result.map_err(|error| errors::of_scan(&error, signal))
    })
}

/// Take the root's number for the time of a call.
pub(crate) fn borrow_root<'a>(root_fd: i32) -> PyResult<BorrowedFd<'a>> {
    if root_fd < 0 {
        return Err(PyValueError::new_err("root_fd must not be negative"));
    }
    // SAFETY: the number is not -1. Whether it is open is the caller's duty for the length of the
    // call, as with every function of `os` that takes a descriptor; a closed one is EBADF.
    Ok(unsafe { BorrowedFd::borrow_raw(root_fd) })
}

/// Seal the tree below `root_fd`.
#[pyfunction]
#[pyo3(signature = (root_fd, *, rules, algorithm, exclude, threads, progress))]
pub(crate) fn seal(
    py: Python<'_>,
    root_fd: i32,
    rules: &Rules,
    algorithm: &str,
    exclude: Option<&[u8]>,
    threads: usize,
    progress: &Progress,
) -> PyResult<Sealed> {
    let request = request(root_fd, rules, algorithm, exclude, threads, progress)?;
    let sealed = run(py, |tick| duri_core::seal(request, tick))?;
    Ok(Sealed {
        checksums: PyBytes::new(py, &sealed.checksums).unbind(),
        attributes: PyBytes::new(py, &sealed.attributes).unbind(),
        file_count: sealed.file_count,
        total_bytes: sealed.total_bytes,
        duration_ns: sealed.duration_ns,
        refusals: tuples(py, sealed.refusals)?,
        warnings: tuples(py, sealed.warnings)?,
    })
}

/// Compare the tree below `root_fd` with its seal.
#[pyfunction]
#[pyo3(signature = (
    root_fd, *, rules, algorithm, checksums, attributes, exclude, threads, progress,
    total_bytes = None, memory = None, reread = true, only = None, watcher = None,
    bytes_per_second = None, most = None
))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments on the Python side")]
pub(crate) fn compare(
    py: Python<'_>,
    root_fd: i32,
    rules: &Rules,
    algorithm: &str,
    checksums: &Checksums,
    attributes: Option<&Attributes>,
    exclude: Option<&[u8]>,
    threads: usize,
    progress: &Progress,
    total_bytes: Option<u64>,
    memory: Option<&Memory>,
    reread: bool,
    only: Option<Vec<(PyBackedBytes, bool)>>,
    watcher: Option<&Watcher>,
    bytes_per_second: Option<u64>,
    most: Option<usize>,
) -> PyResult<Comparison> {
    let mut request = request(root_fd, rules, algorithm, exclude, threads, progress)?;
    request.notice = watcher.map(|watcher| &watcher.0 as &dyn Notice);
    request.bytes_per_second = bytes_per_second.map(rate).transpose()?;
    let only: Option<Vec<Part>> = only.map(|only| {
        only.into_iter().map(|(path, deep)| Part { path: path.to_vec(), deep }).collect()
    });
    let look = Look {
        memory: memory.map(|memory| &memory.0),
        unchanged_unread: !reread,
        only: only.as_deref(),
        most,
    };
    let attributes = attributes.map(|attributes| &attributes.0);
    let found = run(py, |tick| {
        duri_core::compare(request, &checksums.0, attributes, total_bytes, look, tick)
    })?;
    Ok(Comparison {
        findings: tuples(py, found.findings)?,
        total_files: found.total_files,
        verified_files: found.verified_files,
        bytes_hashed: found.bytes_hashed,
        duration_ns: found.duration_ns,
        whole_needed: found.whole_needed,
        modified_files: found.tally.modified,
        missing_files: found.tally.missing,
        new_files: found.tally.new,
        unnamed_findings: found.unnamed_findings,
    })
}

fn request<'a>(
    root_fd: i32,
    rules: &'a Rules,
    algorithm: &str,
    exclude: Option<&'a [u8]>,
    threads: usize,
    progress: &'a Progress,
) -> PyResult<Request<'a>> {
    if threads == 0 || threads > MAX_THREADS {
        return Err(PyValueError::new_err(format!("threads must be from 1 to {MAX_THREADS}")));
    }
    Ok(Request {
        root: borrow_root(root_fd)?,
        rules: &rules.0,
        algorithm: self::algorithm(algorithm)?,
        exclude,
        threads,
        progress: &progress.0,
        notice: None,
        bytes_per_second: None,
    })
}

fn rate(bytes_per_second: u64) -> PyResult<NonZeroU64> {
    NonZeroU64::new(bytes_per_second)
        .ok_or_else(|| PyValueError::new_err("bytes_per_second must be positive"))
}

/// Return the name of the SHA-256 kernel in use.
#[pyfunction]
pub(crate) fn kernel() -> &'static str {
    duri_core::kernel()
}
