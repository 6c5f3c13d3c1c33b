//! A real tree in a temporary folder, and short names for what is done with it.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use duri_core::{
    Algorithm, Attributes, Checksums, Comparison, Finding, Look, Patterns, Progress, Request,
    Rules, Sealed, compare, printable, seal,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};

pub const SHA256: Algorithm = Algorithm::Sha256;
#[allow(dead_code, reason = "not every test file uses all")]
pub const SHA512: Algorithm = Algorithm::Sha512;
#[allow(dead_code, reason = "not every test file uses all")]
pub const BLAKE3: Algorithm = Algorithm::Blake3;

pub fn rules() -> Rules {
    rules_with(|_| (), false, false)
}

pub fn rules_with<'a>(
    change: impl FnOnce(&mut Patterns<'a>),
    owners: bool,
    case_twins: bool,
) -> Rules {
    let mut patterns = Patterns::default();
    change(&mut patterns);
    Rules::new(patterns, owners, case_twins).unwrap()
}

/// Findings as "kind path".
pub fn kinds(findings: &[Finding]) -> Vec<String> {
    let text = |found: &Finding| format!("{} {}", found.kind.name(), printable(&found.path));
    findings.iter().map(text).collect()
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub struct Tree(tempfile::TempDir);

#[allow(dead_code, reason = "not every test file uses all")]
impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn folder(&self, path: &str) -> PathBuf {
        let mut folder = self.root();
        for name in Path::new(path) {
            folder.push(name);
            if fs::create_dir(&folder).is_ok() {
                chmod(&folder, 0o755);
            }
        }
        folder
    }

    pub fn file(&self, path: &str, content: &[u8]) -> PathBuf {
        self.file_bytes(path.as_bytes(), content)
    }

    pub fn file_bytes(&self, path: &[u8], content: &[u8]) -> PathBuf {
        let path = Path::new(OsStr::from_bytes(path));
        if let Some(folder) = path.parent() {
            self.folder(folder.to_str().unwrap());
        }
        let path = self.0.path().join(path);
        let is_new = !path.exists();
        fs::write(&path, content).unwrap();
        if is_new {
            chmod(&path, 0o644);
        }
        path
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    pub fn fifo(&self, path: &str) {
        self.folder(Path::new(path).parent().unwrap().to_str().unwrap());
        mknodat(CWD, self.path(path), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    }

    /// Make folders one in the other until no path reaches them.
    pub fn deep(&self, depth: usize, name: usize) {
        let name = "n".repeat(name);
        let mut folder = rustix::fs::open(
            self.0.path(),
            rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
            Mode::empty(),
        )
        .unwrap();
        for _ in 0..depth {
            rustix::fs::mkdirat(&folder, name.as_str(), Mode::from_raw_mode(0o755)).unwrap();
            folder = rustix::fs::openat(
                &folder,
                name.as_str(),
                rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
                Mode::empty(),
            )
            .unwrap();
        }
    }

    pub fn seal(&self, rules: &Rules) -> Sealed {
        self.seal_with(rules, SHA256, 4)
    }

    pub fn seal_with(&self, rules: &Rules, algorithm: Algorithm, threads: usize) -> Sealed {
        let root = fs::File::open(self.0.path()).unwrap();
        let progress = Progress::default();
        let request = Request {
            root: root.as_fd(),
            rules,
            algorithm,
            exclude: Some(b".duri"),
            threads,
            progress: &progress,
            notice: None,
            bytes_per_second: None,
        };
        seal(request, &mut || true).unwrap()
    }

    pub fn findings(&self, sealed: &Sealed, rules: &Rules) -> Vec<Finding> {
        self.compare_with(sealed, rules, SHA256, 4).findings
    }

    pub fn compare_with(
        &self,
        sealed: &Sealed,
        rules: &Rules,
        algorithm: Algorithm,
        threads: usize,
    ) -> Comparison {
        let root = fs::File::open(self.0.path()).unwrap();
        let progress = Progress::default();
        let request = Request {
            root: root.as_fd(),
            rules,
            algorithm,
            exclude: Some(b".duri"),
            threads,
            progress: &progress,
            notice: None,
            bytes_per_second: None,
        };
        let checksums = Checksums::parse(sealed.checksums.clone(), algorithm).unwrap();
        let attributes = Attributes::parse(&sealed.attributes).unwrap();
        let total = Some(sealed.total_bytes);
        compare(request, &checksums, Some(&attributes), total, Look::default(), &mut || true)
            .unwrap()
    }
}
