//! One thread's part of sealing: files.
//!
//! Guarantees: what is recorded of a file, content and all, is of one descriptor, and of content that
//! did not change while it was read.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::fs::{Stat, fstat};
use rustix::io::Errno;

use super::record::Exception;
use super::worker::{Task, Worker, refused};
use crate::finding::{Finding, Kind};
use crate::folder::Folder;
use crate::hard_links::Name;
use crate::hasher::{Content, is_heavy};
use crate::open::Type;
use crate::pool::Queue;
use crate::scan::capability_of;

impl Worker<'_> {
    pub(crate) fn files(&mut self, folder: &Arc<Folder>, files: &[u32], queue: &Queue<'_, Task>) {
        let alone = files.len() == 1;
        let mut heavy = Vec::new();
        for entry in files {
            if self.scan.stop.load(Ordering::Relaxed) {
                return;
            }
            let path = folder.path(*entry);
            match self.scan.opener.file(&folder.fd, folder.name(*entry), false) {
                Ok(fd) => match fstat(&fd) {
                    Ok(stat) if !alone && is_heavy(&stat) => heavy.push(*entry),
                    stat => {
                        if let Err(errno) = stat.and_then(|stat| self.file(&fd, stat, &path)) {
                            self.findings.push(Finding::of_errno(errno, path));
                        }
                    }
                },
                Err(refusal) => self.findings.push(refused(refusal, path)),
            }
        }
        self.scan.request.progress.add_files((files.len() - heavy.len()) as u64);
        self.hasher.publish();
        queue.push(heavy.into_iter().map(|entry| Task::Files {
            folder: Arc::clone(folder),
            files: Arc::from([entry]),
            range: 0..1,
        }));
    }

    fn file(&mut self, fd: &OwnedFd, mut stat: Stat, path: &[u8]) -> Result<(), Errno> {
        if Type::of(&stat) != Type::File {
            self.findings.push(Finding::new(Kind::Changing, path.to_vec()));
            return Ok(());
        }
        self.exceptions_of(path, &stat, 0o644);
        if let Some(value) = capability_of(fd)? {
            self.records.except(path, Exception::Capability(value));
        }
        let index = self.records.file(path, self.digest_length);
        self.names.extend(Name::of(&stat, Some(index as u64)));
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.records.total_bytes += size;
        let content = if self.scan.request.rules.is_append_only(path) {
            self.records.except(path, Exception::AppendOnly(size));
            self.hasher.read_prefix(fd, size)?.unwrap_or(Content::Changing)
        } else {
            if !self.hasher.has_room(size) {
                self.finish_files();
            }
            self.hasher.read(fd, &mut stat, index as u64)?
        };
        match content {
            Content::Digest(digest) => self.records.set_digest(index, digest.as_bytes()),
            Content::Changing => {
                self.findings.push(Finding::new(Kind::Changing, path.to_vec()));
            }
            Content::Later | Content::Stopped => {}
        }
        Ok(())
    }

    /// Hash the small files that wait.
    pub(crate) fn finish_files(&mut self) {
        let Self { hasher, records, .. } = self;
        hasher.finish(|token, digest| {
            let index = usize::try_from(token).expect("a record's index");
            records.set_digest(index, digest);
        });
        hasher.publish();
    }
}
