//! The *machine*: whether clones find room in the working folder.

use std::path::Path;

use super::{About, Finding, Health};
use crate::git::clone::CloneCaps;
use crate::run::settings::RunSettings;

/// Nothing useful is cloned into less, in bytes.
const LEAST: u64 = 256 * 1024 * 1024;

pub(super) fn examine(settings: &RunSettings) -> Finding {
    let folder = &settings.work_dir;
    match tempfile::Builder::new().prefix("doctor-").tempdir_in(folder) {
        Ok(_) => room(folder),
        Err(error) => {
            let what = format!("no folder can be made in {}: {error}", folder.display());
            Finding::wrong(About::Machine, what, "Set AGENT_WORK_DIR to a folder that can be written.")
        }
    }
}

fn room(folder: &Path) -> Finding {
    let free = match rustix::fs::statvfs(folder) {
        Ok(system) => system.f_bavail.saturating_mul(system.f_frsize),
        Err(error) => {
            let what = format!("the free space of {} is not known: {error}", folder.display());
            return Finding::new(About::Machine, Health::Note, what);
        }
    };
    let what = format!("{} has {} MiB free", folder.display(), free / (1024 * 1024));
    let most = CloneCaps::default().bytes;
    if free < LEAST {
        Finding::wrong(About::Machine, what, "Make room, or set AGENT_WORK_DIR to another folder.")
    } else if free < most {
        let fix =
            format!("A clone may take up to {} MiB; larger repositories will fail.", most / (1024 * 1024));
        Finding::new(About::Machine, Health::Note, what).fix(fix)
    } else {
        Finding::good(About::Machine, what)
    }
}
