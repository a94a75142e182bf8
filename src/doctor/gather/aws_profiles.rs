//! Profiles of AWS's shared files, by what they get credentials by (AWS: "SDKs and Tools reference guide", shared config
//! and credentials files, and settings reference).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::files;
use crate::config::Environment;
use crate::doctor::seen::{AwsProfile, ProfileKind, Seen};

/// What decides a profile's kind, the first that is there.
const DECIDING: &[(&str, ProfileKind)] = &[
    ("role_arn", ProfileKind::Role),
    ("sso_session", ProfileKind::Sso),
    ("sso_start_url", ProfileKind::Sso),
    ("login_session", ProfileKind::ConsoleLogin),
    ("credential_process", ProfileKind::Process),
    ("aws_access_key_id", ProfileKind::StaticKeys),
];

/// The settings of each profile, each with the file that has it.
type Profiles = BTreeMap<String, Vec<(String, String)>>;

pub(super) fn look(environment: &Environment, seen: &mut Seen) {
    let place = |variable: &str, name: &str| -> Option<PathBuf> {
        let named = environment.path(variable).map(|path| environment.directory().join(path));
        named.or_else(|| environment.path("HOME").map(|home| home.join(".aws").join(name)))
    };
    let mut profiles = Profiles::new();
    for (variable, name, is_config) in
        [("AWS_CONFIG_FILE", "config", true), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", false)]
    {
        let Some(path) = place(variable, name) else { continue };
        let Some(bytes) = files::read_if_there(&path, seen) else { continue };
        let shown = files::shown(&path);
        settings(&String::from_utf8_lossy(&bytes), is_config, &shown, &mut profiles);
    }
    seen.aws_profiles = profiles.into_iter().map(|(name, settings)| profile(name, &settings)).collect();
}

fn profile(name: String, settings: &[(String, String)]) -> AwsProfile {
    let deciding = DECIDING.iter().find_map(|(setting, kind)| {
        let (_, path) = settings.iter().find(|(known, _)| known == setting)?;
        Some((*kind, path.clone()))
    });
    let path = settings.first().map(|(_, path)| path.clone()).unwrap_or_default();
    let (kind, path) = deciding.unwrap_or((ProfileKind::Nothing, path));
    AwsProfile { name, kind, path }
}

/// Notes the names of the settings, never what they say.
fn settings(text: &str, is_config: bool, path: &str, profiles: &mut Profiles) {
    let mut current: Option<String> = None;
    for line in text.lines() {
        if let Some(section) = line.trim().strip_prefix('[') {
            let section = section.split(']').next().unwrap_or_default().trim();
            current = match (section, is_config) {
                ("default", _) => Some("default".to_owned()),
                (name, false) => Some(name.to_owned()),
                (section, true) => section
                    .strip_prefix("profile")
                    .filter(|name| name.starts_with([' ', '\t']))
                    .map(|name| name.trim().trim_matches(['"', '\'']).to_owned()),
            };
            if let Some(name) = &current {
                profiles.entry(name.clone()).or_default();
            }
            continue;
        }
        // What is indented belongs to the setting above it; what is commented out is not there.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let (Some(name), Some((setting, value))) = (&current, line.split_once('='))
            && !value.trim().is_empty()
        {
            let settings = profiles.entry(name.clone()).or_default();
            settings.push((setting.trim().to_lowercase(), path.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_known_by_what_it_gets_credentials_by() {
        let config = "[default]\nregion = eu-west-1\n[profile dev]\nsso_session = corp\nregion=x\n[sso-session corp]\n\
             sso_start_url = https://x\n[profile ci]\nrole_arn = arn\nsource_profile = dev\n[profile tool]\n\
             credential_process = /bin/x\n[profile \"with space\"]\nlogin_session = arn\n[profiled]\nrole_arn = arn\n\
             [profile bare]\n#role_arn = arn\n  role_arn = nested\nrole_arn =\n";
        let mut profiles = Profiles::new();
        settings(config, true, "config", &mut profiles);
        settings(
            "[default]\naws_access_key_id = x\n[ci]\naws_access_key_id = x\n",
            false,
            "credentials",
            &mut profiles,
        );
        let kinds: Vec<_> = profiles
            .into_iter()
            .map(|(name, settings)| {
                let AwsProfile { name, kind, path } = profile(name, &settings);
                (name, kind, path)
            })
            .collect();
        let expected = [
            ("bare", ProfileKind::Nothing, ""),
            ("ci", ProfileKind::Role, "config"),
            ("default", ProfileKind::StaticKeys, "credentials"),
            ("dev", ProfileKind::Sso, "config"),
            ("tool", ProfileKind::Process, "config"),
            ("with space", ProfileKind::ConsoleLogin, "config"),
        ];
        assert_eq!(kinds, expected.map(|(name, kind, path)| (name.to_owned(), kind, path.to_owned())));
    }
}
