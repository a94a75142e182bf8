//! A lab's files and its console, put back as they were, so that many cases share one preparation.

use std::collections::BTreeMap;
use std::path::Path;

use super::Lab;

/// A lab at one moment: its directory without what `rotate` never writes, and the console's statuses.
pub struct Snapshot {
    files: tempfile::TempDir,
    console: BTreeMap<String, String>,
}

impl Lab {
    pub fn snapshot(&self) -> Snapshot {
        let files = tempfile::tempdir().unwrap();
        copy(self.directory.path(), files.path());
        Snapshot { files, console: self.console_list() }
    }

    /// Puts files and statuses back. Not possible once a key was archived.
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
        for (id, status) in self.console_list() {
            let before = snapshot.console.get(&id).map_or("inactive", String::as_str);
            if status != before {
                assert_ne!(status, "archived", "an archived key does not come back");
                self.console_set(&id, before);
            }
        }
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
