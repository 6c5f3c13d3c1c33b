//! Times one process from outside: `duri-stopwatch OUTPUT COMMAND [ARGUMENT …]`.
//!
//! Guarantees: COMMAND's standard output goes to the file OUTPUT; one JSON line on standard output
//! says its wall and processor time, its peak resident memory and how it ended.
//!
//! It exists because Linux charges a new process with the peak memory of the one that started it
//! (`exec` keeps the old high-water mark in the process's accounting): started from Python, nothing
//! would ever seem to need less than Python. This program needs one megabyte.
//! Peak memory is that of the largest single process of COMMAND and the children it waited for.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Instant;

fn seconds(time: libc::timeval) -> f64 {
    // Processor times of minutes, in microseconds, are far below what a double holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let (whole, part) = (time.tv_sec as f64, time.tv_usec as f64);
    whole + part / 1e6
}

fn watch(output: &str, command: &str, arguments: &[String]) -> std::io::Result<String> {
    let mut prepared = Command::new(command);
    prepared.args(arguments).stdout(File::create(output)?);
    let start = Instant::now();
    // Without a hook that must run between fork and exec, the standard library uses posix_spawn.
    let child = prepared.spawn()?;
    let pid = child.id().cast_signed();
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the pointers are to live variables of the right types, and zeroes are a valid rusage.
    while unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) } != pid {
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let elapsed = start.elapsed().as_nanos();
    // SAFETY: wait4 succeeded and has filled it.
    let usage = unsafe { usage.assume_init() };
    let status = ExitStatus::from_raw(status);
    // A signal is reported as shells do, so that no two ends look alike.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(format!(
        r#"{{"wall_ns": {elapsed}, "user_s": {}, "system_s": {}, "peak_kib": {}, "code": {code}}}"#,
        seconds(usage.ru_utime),
        seconds(usage.ru_stime),
        usage.ru_maxrss
    ))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [output, command, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: duri-stopwatch OUTPUT COMMAND [ARGUMENT ...]");
        return ExitCode::from(2);
    };
    match watch(output, command, rest) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("duri-stopwatch: {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
