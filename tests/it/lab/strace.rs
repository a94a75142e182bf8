//! The real executable under strace(1): what it asks of the system, and calls that are cut short.

use std::process::{Command, Stdio};

use super::Lab;

impl Lab {
    /// `rotate` with these arguments under strace with these options.
    pub fn under_strace(&self, options: &[&str], arguments: &[&str]) -> Command {
        let rotate = self.command(arguments);
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-e", "signal=none"]).args(options);
        strace.arg(rotate.get_program()).args(rotate.get_args());
        strace.current_dir(self.path(".")).env_clear().stdin(Stdio::null());
        strace.envs(rotate.get_envs().filter_map(|(name, value)| Some((name, value?))));
        strace
    }
}
