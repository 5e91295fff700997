//! What a parser process gives up before it reads its first text.
//!
//! A text can take over a parser that writes out of bounds. What it has then is a process that can compute, and write
//! to the socket that it was started with: it opens no file and no connection, starts nothing, sends no signal, makes
//! no memory executable, and ends when its memory or its time is used up.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Address space in bytes. The largest texts that are parsed take half of it, and two such processes fit into the
/// memory that a run has.
const MAX_MEMORY: u64 = 768 << 20;
/// Processor time of one process in seconds; it is replaced long before.
const MAX_SECONDS: u64 = 120;

/// Confines the whole process, for good.
pub(super) fn enter() -> Result<(), String> {
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nofile, 0)?;
    limit(Resource::Cpu, MAX_SECONDS)?;
    #[cfg(target_os = "linux")]
    {
        limit(Resource::As, MAX_MEMORY)?;
        filter::install().map_err(|error| format!("system calls cannot be filtered: {error}"))?;
    }
    Ok(())
}

fn limit(resource: Resource, most: u64) -> Result<(), String> {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|error| format!("the limit {resource:?} cannot be set: {error}"))
}

#[cfg(target_os = "linux")]
mod filter {
    //! The system calls that remain. Any other fails as if it were not permitted.

    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch, apply_filter_all_threads,
    };

    /// What reading, computing, answering and dying take. None names a file, a host or another process.
    const CALLS: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    pub(super) fn install() -> Result<(), Error> {
        let not_executable = SeccompCondition::new(
            2,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(libc::PROT_EXEC.unsigned_abs().into()),
            0,
        )?;
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
            CALLS.iter().map(|call| (*call, Vec::new())).collect();
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            rules.insert(call, vec![SeccompRule::new(vec![not_executable.clone()])?]);
        }
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        let filter: BpfProgram = SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?.try_into()?;
        apply_filter_all_threads(&filter)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use rustix::process::{Signal, getppid, kill_process};

    use super::*;

    /// The other half of the test below: confined for good, so it takes a process.
    #[test]
    #[ignore = "a process, which another test starts"]
    fn confined() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let parent = getppid().unwrap();
        enter().unwrap();
        assert!(File::open("/proc/self/environ").is_err(), "a file");
        assert!(std::fs::read_dir("/").is_err(), "a folder");
        assert!(std::fs::metadata("/").is_err(), "a name");
        assert!(File::create("/tmp/parse-worker").is_err(), "a new file");
        assert!(TcpStream::connect(address).is_err(), "a connection");
        assert!(TcpListener::bind("127.0.0.1:0").is_err(), "a listener");
        assert!(listener.accept().is_err(), "a listener from before");
        assert!(UnixStream::pair().is_err(), "a pair of sockets");
        assert!(Command::new("/bin/true").status().is_err(), "a program");
        assert!(std::thread::Builder::new().spawn(|| ()).is_err(), "a thread");
        assert!(kill_process(parent, Signal::CONT).is_err(), "a signal");
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 30).is_err(), "a gigabyte");
        assert!(setrlimit(Resource::Cpu, Rlimit { current: None, maximum: None }).is_err(), "more time");
        // What is left.
        assert_eq!(vec![7_u8; 8 << 20].iter().map(|byte| u64::from(*byte)).sum::<u64>(), 7 * (8 << 20));
        assert!(std::panic::catch_unwind(|| panic!("caught")).is_err());
        std::process::exit(42);
    }

    #[test]
    fn a_confined_process_can_compute_and_nothing_else() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["parser::sandbox::tests::confined", "--exact", "--ignored", "--nocapture"])
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), Some(42), "{}", String::from_utf8_lossy(&said));
    }
}
