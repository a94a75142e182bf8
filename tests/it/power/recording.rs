//! One or more runs of the real executable as steps: changes of the disk, syncs, and what others were told meanwhile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::{Change, Disk, Node, ROOT};
use super::trace::Call;

/// A file is written, and may be lost, in pieces of this size at most.
const SECTOR_BYTES: usize = 512;

/// One step of a recording.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Changes that one call made: more than one where it wrote several sectors.
    Changed(Vec<Change>),
    /// Everything that was done to this node so far is durable.
    Synced(Node),
    /// These bytes went to a server.
    Sent(Rc<[u8]>),
    /// Something was printed on stdout.
    Printed,
    Ended(i32),
}

/// The disk before, and all steps since.
#[derive(Clone, Debug)]
pub struct Recording {
    pub before: Disk,
    pub steps: Vec<Step>,
}

/// Follows calls and turns them into steps.
pub struct Recorder {
    root: PathBuf,
    skip: fn(&str) -> bool,
    /// What the running processes see: every change so far.
    seen: Disk,
    recording: Recording,
    open: BTreeMap<i64, Option<Open>>,
}

#[derive(Clone)]
struct Open {
    node: Node,
    position: usize,
}

impl Recorder {
    /// For the files below `root`; those that `skip` names are not the program's.
    pub fn new(root: &Path, skip: fn(&str) -> bool) -> Self {
        let root = root.canonicalize().unwrap();
        let before = Disk::of(&root, skip);
        let recording = Recording { before: before.clone(), steps: Vec::new() };
        Self { root, skip, seen: before, recording, open: BTreeMap::new() }
    }

    /// One more process, from its start to its end.
    pub fn follow(&mut self, calls: &[Call]) {
        self.open.clear();
        for call in calls {
            self.call(call);
        }
    }

    /// Fails the test where the model and the machine do not agree on what is there now.
    #[track_caller]
    pub fn done(self) -> Recording {
        let real = Disk::of(&self.root, self.skip);
        assert_eq!(self.seen.hash(), real.hash(), "the model does not follow what the program does");
        self.recording
    }

    fn call(&mut self, call: &Call) {
        let Some(result) = call.result.filter(|result| *result >= 0) else {
            if call.name == "exit_group" {
                self.recording.steps.push(Step::Ended(call.number(0) as i32));
            }
            return;
        };
        match call.name.as_str() {
            "openat" => self.opened(call, 1, result),
            "open" => self.opened(call, 0, result),
            "read" => self.moved(call.descriptor(0), result),
            "lseek" => {
                if let Some(Some(open)) = self.open.get_mut(&call.descriptor(0)) {
                    open.position = result as usize;
                }
            }
            "write" | "writev" | "sendto" | "sendmsg" => self.written(call, result as usize),
            "ftruncate" => {
                if let Some(node) = self.node(call, 0) {
                    self.change(vec![Change::Length { node, length: call.number(1) as usize }]);
                }
            }
            "fsync" => {
                if let Some(node) = self.node(call, 0) {
                    self.recording.steps.push(Step::Synced(node));
                }
            }
            "fchmod" => {
                if let Some(node) = self.node(call, 0) {
                    self.change(vec![Change::Mode { node, mode: call.number(1) as u32 }]);
                }
            }
            "mkdir" => self.made(&call.path(0), true, call.number(1) as u32),
            "mkdirat" => self.made(&call.path(1), true, call.number(2) as u32),
            "rename" => self.renamed(&call.path(0), &call.path(1)),
            "renameat" | "renameat2" => self.renamed(&call.path(1), &call.path(3)),
            "unlink" => self.removed(&call.path(0)),
            "unlinkat" => self.removed(&call.path(1)),
            "fcntl" if call.arguments[1].starts_with("F_DUPFD") => {
                let open = self.open.get(&call.descriptor(0)).cloned();
                self.open.insert(result, open.flatten());
            }
            "close" => {
                self.open.remove(&call.descriptor(0));
            }
            "fcntl" | "execve" => {}
            // Reading by position changes nothing.
            "pread64" | "readv" | "preadv" => self.assert_outside(call),
            _ => self.assert_outside(call),
        }
    }

    /// A call that the model does not know is one that does not touch the lab.
    fn assert_outside(&self, call: &Call) {
        let touched = (0..call.arguments.len()).any(|argument| {
            let named = PathBuf::from(String::from_utf8_lossy(&call.bytes(argument)).into_owned());
            self.inside(Path::new(&call.opened(argument))).is_some() || self.inside(&named).is_some()
        });
        assert!(!touched, "the model does not know this call: {call:?}");
    }

    fn opened(&mut self, call: &Call, argument: usize, result: i64) {
        let path = call.path(argument);
        let flags = call.arguments[argument + 1].clone();
        let Some(inside) = self.inside(&path) else {
            self.open.insert(result, None);
            return;
        };
        assert!(!flags.contains("O_TMPFILE") && !flags.contains("O_APPEND"), "not in the model: {call:?}");
        let node = match self.seen.at(&inside) {
            Some(node) => node,
            None => {
                assert!(flags.contains("O_CREAT"), "opened what is not there: {call:?}");
                self.made(&path, false, call.number(argument + 2) as u32);
                self.seen.at(&inside).unwrap()
            }
        };
        if flags.contains("O_TRUNC") && self.seen.length(node) > 0 {
            self.change(vec![Change::Length { node, length: 0 }]);
        }
        self.open.insert(result, Some(Open { node, position: 0 }));
    }

    fn moved(&mut self, descriptor: i64, by: i64) {
        if let Some(Some(open)) = self.open.get_mut(&descriptor) {
            open.position += by as usize;
        }
    }

    fn written(&mut self, call: &Call, length: usize) {
        let descriptor = call.descriptor(0);
        let bytes: Rc<[u8]> = call.bytes(1)[..length].into();
        match self.open.get(&descriptor) {
            Some(Some(Open { node, position })) => {
                let (node, position) = (*node, *position);
                let changes = write(node, position, &bytes, self.seen.length(node));
                self.change(changes);
                self.moved(descriptor, length as i64);
            }
            _ if call.opened(0).starts_with("socket:") => self.recording.steps.push(Step::Sent(bytes)),
            _ if descriptor == 1 => self.recording.steps.push(Step::Printed),
            _ => self.assert_outside(call),
        }
    }

    fn made(&mut self, path: &Path, is_directory: bool, mode: u32) {
        let Some(inside) = self.inside(path) else { return };
        let node = self.seen.new_node(is_directory, mode);
        assert_eq!(self.recording.before.new_node(is_directory, mode), node);
        let (directory, name) = self.place(&inside);
        self.change(vec![Change::Name { directory, name, node: Some(node) }]);
    }

    fn renamed(&mut self, from: &Path, to: &Path) {
        let (Some(from), Some(to)) = (self.inside(from), self.inside(to)) else {
            assert!(
                self.inside(from).is_none() && self.inside(to).is_none(),
                "moved out of the lab: {from:?}"
            );
            return;
        };
        let node = self.seen.at(&from).unwrap();
        let ((directory, from), (other, to)) = (self.place(&from), self.place(&to));
        assert_eq!(directory, other, "a move between directories is not in the model");
        self.change(vec![Change::Move { directory, from, to, node }]);
    }

    fn removed(&mut self, path: &Path) {
        let Some(inside) = self.inside(path) else { return };
        let (directory, name) = self.place(&inside);
        self.change(vec![Change::Name { directory, name, node: None }]);
    }

    fn change(&mut self, changes: Vec<Change>) {
        for change in &changes {
            self.seen.apply(change);
        }
        self.recording.steps.push(Step::Changed(changes));
    }

    fn node(&self, call: &Call, argument: usize) -> Option<Node> {
        let open = self.open.get(&call.descriptor(argument)).cloned().flatten();
        if open.is_none() {
            self.assert_outside(call);
        }
        open.map(|open| open.node)
    }

    fn place(&self, inside: &str) -> (Node, String) {
        let (directory, name) = inside.rsplit_once('/').unwrap_or(("", inside));
        let node = if directory.is_empty() { Some(ROOT) } else { self.seen.at(directory) };
        (node.unwrap_or_else(|| panic!("no directory for {inside}")), name.to_owned())
    }

    /// The path from the root, if it is below it and not skipped.
    fn inside(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.root).ok()?;
        let plain: PathBuf = below.components().filter(|part| part.as_os_str() != ".").collect();
        let inside = plain.to_str().unwrap().to_owned();
        (!inside.split('/').any(self.skip)).then_some(inside)
    }
}

/// What a write of these bytes changes: the file's length, where it grows, and each sector by itself.
pub fn write(node: Node, position: usize, bytes: &[u8], length_before: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    if position + bytes.len() > length_before {
        changes.push(Change::Length { node, length: position + bytes.len() });
    }
    let mut offset = position;
    while offset < position + bytes.len() {
        let end = ((offset / SECTOR_BYTES + 1) * SECTOR_BYTES).min(position + bytes.len());
        let piece = bytes[offset - position..end - position].into();
        changes.push(Change::Bytes { node, offset, bytes: piece });
        offset = end;
    }
    changes
}
