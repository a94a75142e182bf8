//! A lab's files and its sandbox, put back as they were, so that many cases share one preparation.

use std::path::Path;

use rotate::sandbox::Memory;

use super::Lab;

/// A lab at one moment: its directory, and what its sandbox remembers.
pub struct Snapshot {
    files: tempfile::TempDir,
    sandbox: Memory,
}

impl Lab {
    pub fn snapshot(&self) -> Snapshot {
        let files = tempfile::tempdir().unwrap();
        copy(self.directory.path(), files.path());
        Snapshot { files, sandbox: self.sandbox.memory() }
    }

    pub fn restore(&self, snapshot: &Snapshot) {
        for entry in std::fs::read_dir(self.directory.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                std::fs::remove_dir_all(entry.path()).unwrap();
            } else if entry.file_name() != "clock" {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        copy(snapshot.files.path(), self.directory.path());
        self.sandbox.recall(&snapshot.sandbox);
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            std::fs::set_permissions(&target, entry.metadata().unwrap().permissions()).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}
