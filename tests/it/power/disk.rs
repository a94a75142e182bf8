//! A disk in memory, and the changes that make it what it is.
//!
//! A node is a file or a directory by itself; names are entries of directories. So a name can reach the disk before
//! or after what it names.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;

/// The number of a file or directory, for as long as the model lives.
pub type Node = usize;

pub const ROOT: Node = 0;

/// One change that reaches the disk as a whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A name is made, or taken away.
    Name {
        directory: Node,
        name: String,
        node: Option<Node>,
    },
    /// A file goes to another name in the same directory, over whatever is there.
    Move {
        directory: Node,
        from: String,
        to: String,
        node: Node,
    },
    Bytes {
        node: Node,
        offset: usize,
        bytes: Rc<[u8]>,
    },
    Length {
        node: Node,
        length: usize,
    },
    Mode {
        node: Node,
        mode: u32,
    },
}

impl Change {
    /// What must be synced for the change to be durable.
    pub fn subject(&self) -> Node {
        match self {
            Change::Name { directory, .. } | Change::Move { directory, .. } => *directory,
            Change::Bytes { node, .. } | Change::Length { node, .. } | Change::Mode { node, .. } => *node,
        }
    }
}

#[derive(Clone, Debug)]
enum Content {
    File(Vec<u8>),
    Directory(BTreeMap<String, Node>),
}

#[derive(Clone, Debug)]
struct Stored {
    content: Content,
    mode: u32,
    hash: OnceCell<u64>,
}

/// All nodes, reachable or not.
#[derive(Clone, Debug)]
pub struct Disk {
    nodes: Vec<Rc<Stored>>,
}

impl Disk {
    /// The disk as a directory of the machine is now, without what `skip` names.
    pub fn of(directory: &Path, skip: impl Fn(&str) -> bool + Copy) -> Self {
        let mut disk = Self { nodes: Vec::new() };
        disk.add(directory, skip);
        disk
    }

    fn add(&mut self, path: &Path, skip: impl Fn(&str) -> bool + Copy) -> Node {
        let metadata = path.symlink_metadata().unwrap();
        let node = self.new_node(metadata.is_dir(), metadata.permissions().mode() & 0o7777);
        if metadata.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if !skip(&name) {
                    let child = self.add(&path.join(&name), skip);
                    self.apply(&Change::Name { directory: node, name, node: Some(child) });
                }
            }
        } else {
            self.change(node).content = Content::File(std::fs::read(path).unwrap());
        }
        node
    }

    /// A node without a name; it takes no part until it gets one.
    pub fn new_node(&mut self, is_directory: bool, mode: u32) -> Node {
        let content =
            if is_directory { Content::Directory(BTreeMap::new()) } else { Content::File(Vec::new()) };
        self.nodes.push(Rc::new(Stored { content, mode, hash: OnceCell::new() }));
        self.nodes.len() - 1
    }

    fn change(&mut self, node: Node) -> &mut Stored {
        let stored = Rc::make_mut(&mut self.nodes[node]);
        stored.hash = OnceCell::new();
        stored
    }

    /// Makes a change. Bytes past the end of the file are not seen: its length was lost.
    pub fn apply(&mut self, change: &Change) {
        let stored = self.change(change.subject());
        match (change, &mut stored.content) {
            (Change::Name { name, node: Some(node), .. }, Content::Directory(entries)) => {
                entries.insert(name.clone(), *node);
            }
            (Change::Name { name, node: None, .. }, Content::Directory(entries)) => {
                entries.remove(name);
            }
            (Change::Move { from, to, node, .. }, Content::Directory(entries)) => {
                if entries.get(from) == Some(node) {
                    entries.remove(from);
                }
                entries.insert(to.clone(), *node);
            }
            (Change::Bytes { offset, bytes, .. }, Content::File(content)) => {
                let end = content.len().min(offset + bytes.len());
                if *offset < end {
                    content[*offset..end].copy_from_slice(&bytes[..end - offset]);
                }
            }
            (Change::Length { length, .. }, Content::File(content)) => content.resize(*length, 0),
            (Change::Mode { mode, .. }, _) => stored.mode = *mode,
            (change, _) => panic!("not for such a node: {change:?}"),
        }
    }

    pub fn child(&self, directory: Node, name: &str) -> Option<Node> {
        match &self.nodes[directory].content {
            Content::Directory(entries) => entries.get(name).copied(),
            Content::File(_) => None,
        }
    }

    /// The node at a path from the root.
    pub fn at(&self, path: &str) -> Option<Node> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(ROOT, |node, name| self.child(node, name))
    }

    /// The bytes of the file at a path.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match &self.nodes[self.at(path)?].content {
            Content::File(bytes) => Some(bytes),
            Content::Directory(_) => None,
        }
    }

    pub fn length(&self, node: Node) -> usize {
        match &self.nodes[node].content {
            Content::File(bytes) => bytes.len(),
            Content::Directory(_) => 0,
        }
    }

    /// What tells this disk from every other, by all that can be reached.
    pub fn hash(&self) -> u64 {
        self.hash_of(ROOT)
    }

    fn hash_of(&self, node: Node) -> u64 {
        let stored = &self.nodes[node];
        let mut hasher = DefaultHasher::new();
        match &stored.content {
            Content::File(bytes) => {
                stored
                    .hash
                    .get_or_init(|| {
                        let mut hasher = DefaultHasher::new();
                        (bytes, stored.mode).hash(&mut hasher);
                        hasher.finish()
                    })
                    .hash(&mut hasher);
            }
            Content::Directory(entries) => {
                stored.mode.hash(&mut hasher);
                for (name, child) in entries {
                    (name, self.hash_of(*child)).hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }

    /// Makes a directory of the machine hold just this, but for what `skip` names.
    pub fn write_to(&self, directory: &Path, skip: impl Fn(&str) -> bool + Copy) {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()) {
            if skip(entry.file_name().to_str().unwrap()) {
            } else if entry.file_type().unwrap().is_dir() {
                std::fs::remove_dir_all(entry.path()).unwrap();
            } else {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        self.write_entries(ROOT, directory);
    }

    fn write_entries(&self, node: Node, directory: &Path) {
        let Content::Directory(entries) = &self.nodes[node].content else { return };
        for (name, child) in entries {
            let path = directory.join(name);
            match &self.nodes[*child].content {
                Content::File(bytes) => std::fs::write(&path, bytes).unwrap(),
                Content::Directory(_) => {
                    std::fs::create_dir(&path).unwrap();
                    self.write_entries(*child, &path);
                }
            }
            let mode = std::fs::Permissions::from_mode(self.nodes[*child].mode);
            std::fs::set_permissions(&path, mode).unwrap();
        }
    }
}
