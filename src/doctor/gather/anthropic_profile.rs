//! Profiles of Anthropic's SDKs: `active_config` selects one, `configs/default.json` is there without being selected
//! (Anthropic's SDK for Python, `lib/credentials`, constants and chain).

use super::files;
use crate::config::Environment;
use crate::doctor::seen::Seen;

pub(super) fn look(environment: &Environment, seen: &mut Seen) {
    let own = environment.path("ANTHROPIC_CONFIG_DIR").map(|path| environment.directory().join(path));
    let usual = || environment.path("HOME").map(|home| home.join(".config").join("anthropic"));
    let Some(directory) = own.or_else(usual) else { return };
    let pointer = directory.join("active_config");
    let is_selected = files::read_if_there(&pointer, seen).is_some_and(|text| !text.trim_ascii().is_empty());
    seen.selected_profile = is_selected.then(|| files::shown(&pointer));
    let default = directory.join("configs").join("default.json");
    seen.default_profile = default.is_file().then(|| files::shown(&default));
}
