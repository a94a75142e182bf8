//! Who acts: the user, host and process that journal entries and lock files name.

use serde::{Deserialize, Serialize};

use crate::readable;

const NAME_CHARACTERS: usize = 64;

/// The process that wrote an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub user: String,
    pub host: String,
    pub pid: u32,
    pub command: String,
}

impl Actor {
    /// This process, running `command`.
    ///
    /// The user is who the kernel says owns the process, with the name the environment gives it; under
    /// sudo the invoking user is added, as sudo reports it.
    pub fn of_this_process(command: &str) -> Self {
        let uid = rustix::process::getuid().as_raw();
        let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok();
        let mut user = match name {
            Some(name) => format!("{} (uid {uid})", readable::line(&name, NAME_CHARACTERS)),
            None => format!("uid {uid}"),
        };
        if let Ok(invoker) = std::env::var("SUDO_USER") {
            user.push_str(&format!(" via sudo by {}", readable::line(&invoker, NAME_CHARACTERS)));
        }
        Self { user, host: host(), pid: std::process::id(), command: command.to_owned() }
    }

    /// The same process with another command.
    pub fn running(&self, command: &str) -> Self {
        Self { command: command.to_owned(), ..self.clone() }
    }
}

/// This machine's name (uname(2)), fit for a message.
pub fn host() -> String {
    readable::line(&rustix::system::uname().nodename().to_string_lossy(), NAME_CHARACTERS)
}
