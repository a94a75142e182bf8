//! Where a process is: what must be the same before its id means anything.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::store::actor;

/// A machine, a boot of it, and the namespaces in which process ids and start times are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub host: String,
    /// machine-id(5): names an installation, and stays the same over a reboot. `None` where there is none.
    pub machine_id: Option<String>,
    /// The kernel's random id of this boot; `None` off Linux.
    pub boot_id: Option<String>,
    /// The process id namespace, pid_namespaces(7), and the time namespace, by which start times are shifted,
    /// time_namespaces(7); `None` off Linux.
    pub namespaces: Option<String>,
}

impl Place {
    /// Where this process is.
    pub fn here() -> Self {
        Self {
            host: actor::host(),
            machine_id: machine_id(),
            boot_id: clock::boot_id(),
            namespaces: namespaces(),
        }
    }
}

/// An image that is meant to be copied has an empty file, or the word `uninitialized` in it.
fn machine_id() -> Option<String> {
    let text = std::fs::read_to_string("/etc/machine-id").ok()?;
    let id = text.trim();
    (!id.is_empty() && id != "uninitialized").then(|| id.to_owned())
}

fn namespaces() -> Option<String> {
    let of = |kind: &str| std::fs::read_link(format!("/proc/self/ns/{kind}")).ok();
    let processes = of("pid")?.display().to_string();
    // Kernels before 5.6 have one time for all.
    let time = of("time").map(|time| format!(" {}", time.display())).unwrap_or_default();
    Some(processes + &time)
}
