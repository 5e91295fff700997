//! *Ready* means that this process holds its message. It is a file, which `ai-agent probe` looks for: the startup probe of
//! the pod. While a pod is not ready, KEDA takes its message for one that still needs a Job.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use shared::env::catalog::AGENT_READY_FILE;
use shared::env::{Environment, SettingError};

/// Where the file is, for the one who writes it and the one who looks.
pub fn path(env: &Environment) -> Result<PathBuf, SettingError> {
    Ok(env.find(&AGENT_READY_FILE)?.unwrap_or_else(|| std::env::temp_dir().join("task-ready")))
}

/// Tells that the message is held. The file appears whole, and what was there before, a link also, is replaced.
pub fn ready(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::NamedTempFile::new_in(folder)?.persist(path).map(drop).map_err(|error| error.error)
}

/// Takes the file away, if it is there.
pub fn unready(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether the message is held.
pub fn is_ready(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_a_file_of_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready");
        assert!(!is_ready(&path));
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(!is_ready(&path), "a link is not ours");
        ready(&path).unwrap();
        ready(&path).unwrap();
        assert!(is_ready(&path));
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
        unready(&path).unwrap();
        unready(&path).unwrap();
        assert!(!is_ready(&path));
    }
}
