//! Watching the folders below a root, from Python.

use std::os::fd::{AsFd as _, AsRawFd as _};

use duri_core::Source;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::errors;
use crate::scan::{Rules, borrow_root};

/// Events below one root: which folders are to be looked at again.
#[pyclass(frozen, module = "duri.tree._core")]
pub(crate) struct Watcher(pub(crate) duri_core::Watcher);

#[pymethods]
impl Watcher {
    #[new]
    #[pyo3(signature = (*, rules, exclude, source))]
    fn new(rules: &Rules, exclude: Option<&[u8]>, source: &str) -> PyResult<Self> {
        let source = match source {
            "fanotify" => Source::Fanotify,
            "inotify" => Source::Inotify,
            _ => return Err(PyValueError::new_err("source must be \"fanotify\" or \"inotify\"")),
        };
        let watcher = duri_core::Watcher::new(source, rules.0.clone(), exclude);
        watcher.map(Self).map_err(|errno| errors::of_errno(&errno.into()))
    }

    #[getter]
    fn source(&self) -> &'static str {
        match self.0.source() {
            Source::Fanotify => "fanotify",
            Source::Inotify => "inotify",
        }
    }

    fn fileno(&self) -> i32 {
        self.0.as_fd().as_raw_fd()
    }

    /// Watch a folder; with `artifacts`, for the artifacts in it.
    #[pyo3(signature = (folder_fd, path, *, artifacts = false))]
    fn watch(&self, py: Python<'_>, folder_fd: i32, path: &[u8], artifacts: bool) -> PyResult<()> {
        let folder = borrow_root(folder_fd)?;
        let result = py.detach(|| {
            if artifacts {
                self.0.watch_artifacts(folder, path)
            } else {
                self.0.watch(folder, path)
            }
        });
        result.map_err(|errno| errors::of_errno(&errno.into()))
    }

    /// Take what waits, up to a bound.
    fn read(&self, py: Python<'_>) -> PyResult<Changes> {
        let changes = py.detach(|| self.0.read());
        Changes::new(py, changes)
    }

    #[getter]
    fn watches(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.watches())
    }

    #[getter]
    fn refused(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.refused())
    }

    #[getter]
    fn refusal(&self, py: Python<'_>) -> Option<i32> {
        number_of(py.detach(|| self.0.refusal()))
    }

    /// Drop all watches.
    fn forget(&self, py: Python<'_>) {
        py.detach(|| self.0.forget());
    }
}

/// What changed since the last reading.
#[pyclass(frozen, get_all, module = "duri.tree._core")]
pub(crate) struct Changes {
    folders: Py<PyList>,
    artifacts: bool,
    root_gone: bool,
    lost: bool,
    events: u64,
    failed: Option<i32>,
    origins: Py<PyList>,
}

impl Changes {
    fn new(py: Python<'_>, changes: duri_core::Changes) -> PyResult<Self> {
        let origins = PyList::empty(py);
        for origin in changes.origins() {
            let path = PyBytes::new(py, &origin.path);
            origins.append((path, origin.pid, origin.uid, origin.command))?;
        }
        let folders = PyList::empty(py);
        for (path, deep) in changes.folders {
            folders.append((PyBytes::new(py, &path), deep))?;
        }
        Ok(Self {
            folders: folders.unbind(),
            artifacts: changes.artifacts,
            root_gone: changes.root_gone,
            lost: changes.lost,
            events: changes.events,
            failed: number_of(changes.failed),
            origins: origins.unbind(),
        })
    }
}

fn number_of(errno: Option<impl Into<std::io::Error>>) -> Option<i32> {
    errno.and_then(|errno| errno.into().raw_os_error())
}
