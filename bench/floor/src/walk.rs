//! Walk, open, read, hash.
//!
//! Guarantees: links are not followed and other types than regular files and folders are not opened.
//! An error ends the run: a bound over a part of the tree would be no bound.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, RawDir};
use rustix::io::{Errno, Result};
use rustix::thread::UnshareFlags;
use sha2::{Digest as _, Sha256};

use crate::Algorithm;
use crate::share::{Share, Work};

/// One read of at most this; larger ones were not faster, since a level-2 cache holds no more.
const BUFFER_BYTES: usize = 128 * 1024;

/// `getdents64` fills this at once for folders of about a thousand names.
const ENTRIES_BYTES: usize = 32 * 1024;

#[derive(Default)]
pub struct Total {
    pub files: u64,
    pub bytes: u64,
    pub digest: [u8; 32],
    /// Whether every thread had a descriptor table of its own.
    pub private: bool,
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.private &= other.private;
        self.mix(&other.digest);
    }

    fn mix(&mut self, digest: &[u8; 32]) {
        for (mine, theirs) in self.digest.iter_mut().zip(digest) {
            *mine ^= theirs;
        }
    }
}

/// Hash every regular file below `root` with `threads` threads, this one included.
pub fn hash_tree(root: &OwnedFd, threads: usize, algorithm: Algorithm) -> Result<Total> {
    let share = Share::new(threads, Work::Folder(b".\0".to_vec()));
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads)
            .map(|_| scope.spawn(|| Worker::new(&share, root.as_fd(), algorithm).run()))
            .collect();
        let mut total = Worker::new(&share, root.as_fd(), algorithm).run()?;
        for helper in helpers {
            total.add(&helper.join().expect("a worker returns its errors")?);
        }
        Ok(total)
    })
}

struct Worker<'a> {
    share: &'a Share,
    root: BorrowedFd<'a>,
    algorithm: Algorithm,
    stack: Vec<Vec<u8>>,
    names: Vec<u8>,
    entries: Vec<u8>,
    buffer: Vec<u8>,
    total: Total,
}

impl<'a> Worker<'a> {
    fn new(share: &'a Share, root: BorrowedFd<'a>, algorithm: Algorithm) -> Self {
        Self {
            share,
            root,
            algorithm,
            stack: Vec::new(),
            names: Vec::new(),
            entries: Vec::with_capacity(ENTRIES_BYTES),
            buffer: vec![0; BUFFER_BYTES],
            total: Total::default(),
        }
    }

    fn run(mut self) -> Result<Total> {
        // With a shared table, two threads spend a seventh of the run on its lock and counters.
        // SAFETY: from here on this thread uses descriptors that it opens itself, and `root`, which is
        // open in the copied table under the same number; it hands none to another thread.
        // A sandbox may refuse this; then the table stays shared, and the bound is higher than it need be.
        self.total.private = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::FILES) }.is_ok();
        let outcome = self.work();
        if outcome.is_err() {
            self.share.stop();
        }
        outcome.map(|()| self.total)
    }

    fn work(&mut self) -> Result<()> {
        while let Some(work) = self.share.take() {
            match work {
                Work::Folder(folder) => self.stack.push(folder),
                Work::Files { folder, names } => {
                    self.names = names;
                    let opened = self.open_folder(&folder)?;
                    self.files(&folder, opened.as_fd())?;
                }
            }
            while let Some(folder) = self.stack.pop() {
                self.folder(&folder)?;
            }
        }
        Ok(())
    }

    fn open_folder(&self, folder: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(self.root, terminated(folder), flags, Mode::empty())
    }

    /// List one folder: its folders go on the stack, its files are hashed.
    fn folder(&mut self, folder: &[u8]) -> Result<()> {
        let opened = self.open_folder(folder)?;
        self.names.clear();
        let mut listing = RawDir::new(&opened, self.entries.spare_capacity_mut());
        while let Some(entry) = listing.next() {
            let entry = entry?;
            let name = entry.file_name();
            match entry.file_type() {
                FileType::RegularFile => self.names.extend_from_slice(name.to_bytes_with_nul()),
                FileType::Directory if name != c"." && name != c".." => {
                    self.stack.push(joined(folder, name));
                }
                // A file system that does not fill d_type would need a stat for each entry.
                FileType::Unknown => return Err(Errno::NOTSUP),
                _ => {}
            }
        }
        self.files(folder, opened.as_fd())
    }

    /// Hash the files named in `self.names`, giving work away whenever it is wanted.
    fn files(&mut self, folder: &[u8], opened: BorrowedFd<'_>) -> Result<()> {
        let mut names = std::mem::take(&mut self.names);
        let mut start = 0;
        while start < names.len() {
            let name = CStr::from_bytes_until_nul(&names[start..]).map_err(|_| Errno::INVAL)?;
            start += name.count_bytes() + 1;
            self.file(opened, name)?;
            if self.share.wanted() {
                if self.stack.is_empty() {
                    let middle = middle(&names, start);
                    if middle < names.len() {
                        let (folder, names) = (folder.to_vec(), names.split_off(middle));
                        self.share.offer(Work::Files { folder, names });
                    }
                } else {
                    // The oldest is the nearest to the root and so, mostly, the largest.
                    self.share.offer(Work::Folder(self.stack.remove(0)));
                }
            }
        }
        self.names = names;
        Ok(())
    }

    fn file(&mut self, folder: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
        let size = u64::try_from(rustix::fs::fstat(&file)?.st_size).map_err(|_| Errno::INVAL)?;
        let digest = match self.algorithm {
            Algorithm::Sha256 => {
                let mut hash = Sha256::new();
                self.read(&file, size, |part| hash.update(part))?;
                hash.finalize().into()
            }
            Algorithm::Blake3 => {
                let mut hash = blake3::Hasher::new();
                self.read(&file, size, |part| {
                    hash.update(part);
                })?;
                hash.finalize().into()
            }
        };
        self.total.mix(&digest);
        self.total.files += 1;
        self.total.bytes += size;
        Ok(())
    }

    /// Read `size` bytes, in one call where they fit the buffer.
    fn read(&mut self, file: &OwnedFd, size: u64, mut update: impl FnMut(&[u8])) -> Result<()> {
        let mut left = size;
        while left > 0 {
            let count = rustix::io::read(file, &mut self.buffer[..])?;
            if count == 0 {
                return Err(Errno::IO);
            }
            update(&self.buffer[..count]);
            left = left.saturating_sub(count as u64);
        }
        Ok(())
    }
}

fn terminated(path: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(path).expect("every path is stored with its NUL")
}

fn joined(folder: &[u8], name: &CStr) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + name.count_bytes() + 1);
    path.extend_from_slice(&folder[..folder.len() - 1]);
    path.push(b'/');
    path.extend_from_slice(name.to_bytes_with_nul());
    path
}

/// Return where the second half of `names[start..]` begins; its length when there is nothing to split.
fn middle(names: &[u8], start: usize) -> usize {
    let half = start + (names.len() - start) / 2;
    names[half..].iter().position(|&byte| byte == 0).map_or(names.len(), |offset| half + offset + 1)
}
