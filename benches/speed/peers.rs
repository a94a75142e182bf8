//! Programs that ./scripts/peers installs beside the build. What is not there is left out.

use std::path::Path;

/// The program's path, where it is installed.
pub fn program(name: &str) -> Option<String> {
    let peers = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/").join("peers");
    let path = peers.join(name);
    path.exists().then(|| path.display().to_string())
}
