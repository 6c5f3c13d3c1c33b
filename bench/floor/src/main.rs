//! The lower bound of the benchmark: `duri-floor ROOT --threads N [--algorithm sha256|blake3] [--repeat K]`.
//!
//! Guarantees: every regular file below ROOT is opened once, its size taken, its bytes read once and
//! hashed as one stream; nothing is compared, recorded, checked or reported. What a verifier needs
//! beyond that is its own cost, and is what the ratio to this program shows.
//!
//! What is done to make the bound low, because a slow yardstick flatters whoever is measured:
//! - file names come straight from `getdents64`; files open relative to their folder;
//! - the size from `fstat` saves the second `read` that would only say "end of file";
//! - each thread has its own buffer and, by `unshare(CLONE_FILES)`, its own descriptor table, so that
//!   opening and closing take no lock and no counter that another thread writes;
//! - folders go to whoever is idle, and a folder's remaining files are split with whoever is idle.
//!
//! The digests are exclusive-ored, so that no hash can be optimised away and so that the harness can
//! compare the result with an independent computation.

mod share;
mod walk;

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Instant;

use rustix::fs::{CWD, Mode, OFlags};

/// The hash of one stream; both give 32 bytes.
#[derive(Clone, Copy)]
pub enum Algorithm {
    Sha256,
    Blake3,
}

struct Options {
    root: String,
    threads: usize,
    algorithm: Algorithm,
    repeat: usize,
}

const USAGE: &str = "usage: duri-floor ROOT --threads N [--algorithm sha256|blake3] [--repeat K]";

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let (mut root, mut threads, mut algorithm, mut repeat) = (None, None, Algorithm::Sha256, 1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => threads = arguments.next()?.parse().ok(),
            "--repeat" => repeat = arguments.next()?.parse().ok()?,
            "--algorithm" => {
                algorithm = match arguments.next()?.as_str() {
                    "sha256" => Algorithm::Sha256,
                    "blake3" => Algorithm::Blake3,
                    _ => return None,
                }
            }
            option if option.starts_with('-') => return None,
            _ if root.is_some() => return None,
            _ => root = Some(argument),
        }
    }
    let threads = threads.filter(|&count| (1..=1024).contains(&count))?;
    Some(Options { root: root?, threads, algorithm, repeat })
}

fn measure(root: &OwnedFd, options: &Options) -> rustix::io::Result<String> {
    let start = Instant::now();
    let total = walk::hash_tree(root, options.threads, options.algorithm)?;
    let elapsed = start.elapsed().as_nanos();
    let digest = total.digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Ok(format!(
        r#"{{"elapsed_ns": {elapsed}, "files": {}, "bytes": {}, "threads": {}, "private_tables": {}, "xor": "{digest}"}}"#,
        total.files, total.bytes, options.threads, total.private
    ))
}

fn main() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let lines = rustix::fs::openat(CWD, &options.root, flags, Mode::empty()).and_then(|root| {
        (0..options.repeat).map(|_| measure(&root, &options)).collect::<Result<Vec<_>, _>>()
    });
    match lines {
        Ok(lines) => match writeln!(std::io::stdout(), "{}", lines.join("\n")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            eprintln!("duri-floor: {}: {error}", options.root);
            ExitCode::FAILURE
        }
    }
}
