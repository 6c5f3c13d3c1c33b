//! Reading files and hashing them: small ones many together, large ones in chunks.
//!
//! Guarantees:
//! - A file whose size, change time, modification time or inode differ after reading, or that gave
//!   another number of bytes than its size, is read again, at most `ATTEMPTS` times, and then
//!   reported as changing; its digest is never given.
//! - Memory is one arena and one chunk a thread, whatever the files' sizes. Nothing is mapped.
//!
//! A small file's digest comes later, from `finish`, under the token it was given.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Stat, fstat};
use rustix::io::{Errno, read};
use sha2::Digest as _;

use crate::algorithm::Algorithm;
use crate::control::Progress;
use crate::digest::{Digest, Streaming};
use crate::throttle::Throttle;

/// Files that are hashed together lie in here; a quarter of a core's second-level cache.
const ARENA: usize = 256 * 1024;
/// A larger file gains nothing from company.
const SMALL: usize = 64 * 1024;
/// What one read of a large file asks for; more measured no faster.
const CHUNK: usize = 128 * 1024;
/// A larger file becomes a task of its own, so that the few that make up a folder share the threads.
const HEAVY: u64 = 4 * 1024 * 1024;
/// How often a file that changes while it is read is read.
const ATTEMPTS: usize = 3;

/// Say whether a file is worth a task of its own.
pub(crate) fn is_heavy(stat: &Stat) -> bool {
    u64::try_from(stat.st_size).is_ok_and(|size| size > HEAVY)
}

/// What reading a file gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Digest(Digest),
    /// The digest comes from `finish`.
    Later,
    /// Each attempt saw the file change.
    Changing,
    /// The scan was stopped.
    Stopped,
}

struct Waiting {
    start: u32,
    length: u32,
    token: u64,
}

/// One thread's buffers.
pub(crate) struct Hasher<'a> {
    algorithm: Algorithm,
    progress: &'a Progress,
    stop: &'a AtomicBool,
    throttle: Option<&'a Throttle>,
    arena: Vec<u8>,
    used: usize,
    waiting: Vec<Waiting>,
    chunk: Vec<u8>,
    /// Bytes read, and how many of them `progress` knows of.
    pub(crate) bytes: u64,
    published: u64,
}

impl<'a> Hasher<'a> {
    pub(crate) fn new(
        algorithm: Algorithm,
        progress: &'a Progress,
        stop: &'a AtomicBool,
        throttle: Option<&'a Throttle>,
    ) -> Self {
        Self {
            algorithm,
            progress,
            stop,
            throttle,
            arena: Vec::new(),
            used: 0,
            waiting: Vec::new(),
            chunk: Vec::new(),
            bytes: 0,
            published: 0,
        }
    }

    /// Say whether a file of this size can be read; if not, `finish` first.
    pub(crate) fn has_room(&self, size: u64) -> bool {
        size > SMALL as u64 || self.used + SMALL < ARENA
    }

    /// Tell `progress` of the bytes read since; counting each file would make threads wait.
    pub(crate) fn publish(&mut self) {
        self.progress.add_bytes(self.bytes - self.published);
        self.published = self.bytes;
    }

    /// Count bytes that were read, and wait where they came too fast.
    fn charge(&mut self, count: usize) {
        self.bytes += count as u64;
        if let Some(throttle) = self.throttle {
            throttle.charge(count as u64, self.stop);
        }
    }

    /// Read a whole file whose `before` was taken on the same descriptor; it then is what the file was
    /// before the reading that counts.
    pub(crate) fn read(
        &mut self,
        fd: &OwnedFd,
        before: &mut Stat,
        token: u64,
    ) -> Result<Content, Errno> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                rustix::fs::seek(fd, rustix::fs::SeekFrom::Start(0))?;
            }
            let size = u64::try_from(before.st_size).unwrap_or(0);
            let small = usize::try_from(size).ok().filter(|&size| size <= SMALL);
            let content = match small.filter(|_| self.has_room(size)) {
                Some(size) => self.read_small(fd, size, token)?,
                None => self.read_large(fd, Some(size))?,
            };
            let after = fstat(fd)?;
            match content {
                Some(Content::Later) if !same(before, &after) => self.forget(),
                Some(_) if !same(before, &after) => {}
                Some(content) => return Ok(content),
                None if self.stop.load(Ordering::Relaxed) => return Ok(Content::Stopped),
                None => {}
            }
            *before = after;
        }
        Ok(Content::Changing)
    }

    /// Give the file that was read last into the arena another token.
    pub(crate) fn relabel(&mut self, token: u64) {
        if let Some(last) = self.waiting.last_mut() {
            last.token = token;
        }
    }

    /// Drop the file that was read last into the arena.
    fn forget(&mut self) {
        if let Some(last) = self.waiting.pop() {
            self.used = last.start as usize;
        }
    }

    /// Read a file into the arena; None when it does not have `size` bytes.
    fn read_small(
        &mut self,
        fd: &OwnedFd,
        size: usize,
        token: u64,
    ) -> Result<Option<Content>, Errno> {
        if self.arena.is_empty() {
            self.arena = vec![0; ARENA];
        }
        // One byte more than the size: a short read then says that the file ends there.
        let space = &mut self.arena[self.used..=self.used + size];
        let mut filled = 0;
        while filled < space.len() {
            let count = retry(|| read(fd, &mut space[filled..]))?;
            filled += count;
            if count == 0 || filled == size {
                break;
            }
        }
        self.charge(filled);
        if filled != size {
            return Ok(None);
        }
        let start = u32::try_from(self.used).expect("an offset in the arena");
        let length = u32::try_from(size).expect("a length in the arena");
        self.waiting.push(Waiting { start, length, token });
        self.used += size;
        Ok(Some(Content::Later))
    }

    /// Read and hash in chunks: `size` bytes and the end, or None.
    fn read_large(&mut self, fd: &OwnedFd, size: Option<u64>) -> Result<Option<Content>, Errno> {
        let mut state = Streaming::new(self.algorithm);
        let mut total = 0;
        if self.chunk.is_empty() {
            self.chunk = vec![0; CHUNK];
        }
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let count = retry(|| read(fd, &mut self.chunk[..]))?;
            if count == 0 {
                break;
            }
            state.update(&self.chunk[..count]);
            self.charge(count);
            self.publish();
            total += count as u64;
            // A file that grows as fast as it is read would never end.
            if size.is_some_and(|size| total > size) {
                return Ok(None);
            }
        }
        let whole = size.is_none_or(|size| size == total);
        Ok(whole.then(|| Content::Digest(state.finish())))
    }

    /// Hash the first `length` bytes of a file that may grow meanwhile; None when it has fewer.
    pub(crate) fn read_prefix(
        &mut self,
        fd: &OwnedFd,
        length: u64,
    ) -> Result<Option<Content>, Errno> {
        let mut state = Streaming::new(self.algorithm);
        let mut left = length;
        if self.chunk.is_empty() {
            self.chunk = vec![0; CHUNK];
        }
        while left > 0 {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Some(Content::Stopped));
            }
            let wanted = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let count = retry(|| read(fd, &mut self.chunk[..wanted]))?;
            if count == 0 {
                return Ok(None);
            }
            state.update(&self.chunk[..count]);
            self.charge(count);
            self.publish();
            left -= count as u64;
        }
        Ok(Some(Content::Digest(state.finish())))
    }

    /// Hash what lies in the arena, and give each digest to `sink` with its token.
    pub(crate) fn finish(&mut self, mut sink: impl FnMut(u64, &[u8])) {
        if self.waiting.is_empty() {
            return;
        }
        let slice = |file: &Waiting| {
            let start = file.start as usize;
            &self.arena[start..start + file.length as usize]
        };
        match self.algorithm {
            Algorithm::Sha256 => {
                let buffers: Vec<&[u8]> = self.waiting.iter().map(slice).collect();
                let mut digests = vec![[0; 32]; buffers.len()];
                duri_sha256::digest_many(&buffers, &mut digests);
                for (file, digest) in self.waiting.iter().zip(&digests) {
                    sink(file.token, digest);
                }
            }
            Algorithm::Sha512 => {
                for file in &self.waiting {
                    sink(file.token, &sha2::Sha512::digest(slice(file)));
                }
            }
            Algorithm::Blake3 => {
                for file in &self.waiting {
                    sink(file.token, blake3::hash(slice(file)).as_bytes());
                }
            }
        }
        self.waiting.clear();
        self.used = 0;
    }
}

/// Say whether a file is as it was, as far as its facts tell.
pub(crate) fn same(before: &Stat, after: &Stat) -> bool {
    let facts = |stat: &Stat| {
        let changed = (stat.st_ctime, stat.st_ctime_nsec);
        (stat.st_size, changed, (stat.st_mtime, stat.st_mtime_nsec), stat.st_ino, stat.st_dev)
    };
    facts(before) == facts(after)
}

fn retry(mut call: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
