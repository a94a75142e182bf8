//! `rotate.toml`: what is found, what is read, and what is refused with which words.

mod alerts;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rotate::alert::Kind;
use rotate::config::{
    self, Config, Environment, Origin, ProbeKind, ProviderSettings, Scope, SecretReference, SlotsSettings,
    TargetKind,
};
use rotate::error::Failure;
use rotate::exit::ExitCode;
use rotate::rotation::evidence::Item;

const MINUTE: Duration = Duration::from_secs(60);
const INLINE_SECRET: &str = "sk-ant-admin01-CANARYCANARYCANARY";

/// The configuration of INTERFACE.md.
const FULL: &str = r#"
state = "/var/lib/rotate"

[defaults]
longest_job = "45m"
grace       = "60m"
rotate_every = "90d"

[providers.anthropic]
base_url  = "https://api.anthropic.com"
admin_key = "env:ANTHROPIC_ADMIN_KEY"

[keys.prod-publish]
provider      = "anthropic"
workspace     = "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"
environment   = "production"
purpose       = "Production article generation (scheduled)"
owner         = "platform team"
monthly_limit = "200 USD"
revoke_scope  = "only this workspace's key"
primary_env   = "ANTHROPIC_API_KEY_PRIMARY"
secondary_env = "ANTHROPIC_API_KEY_SECONDARY"
probe         = "models"
probe_attempts = 3
probe_interval = "1s"
require       = ["usage"]
usage_quiet   = "5m"
usage_lag     = "15m"
slots         = { type = "file" }

[[keys.prod-publish.targets]]
type     = "dotenv"
path     = "/srv/publish/.env"
variable = "ANTHROPIC_API_KEY"
refresh  = "10m"
"#;

/// A directory with a configuration, and an environment of its own.
struct Bench {
    directory: tempfile::TempDir,
    variables: BTreeMap<String, OsString>,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home").into_os_string();
        Self { directory, variables: BTreeMap::from([("HOME".to_owned(), home)]) }
    }

    fn with(text: &str) -> Self {
        let bench = Self::new();
        bench.write("rotate.toml", text);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    fn environment(&self) -> Environment {
        let variables = self.variables.clone();
        Environment::new(self.directory.path(), move |name| variables.get(name).cloned())
    }

    fn find(&self, explicit: Option<&str>) -> Result<PathBuf, Failure> {
        config::find(explicit.map(Path::new), &self.environment())
    }

    fn load(&self, scope: Scope<'_>) -> Result<Config, Failure> {
        config::load(&self.path("rotate.toml"), scope, None, &self.environment())
    }
}

fn load(text: &str) -> Result<Config, Failure> {
    Bench::with(text).load(Scope::Everything)
}

/// Loading fails with exit 3, and message and hint contain these words.
#[track_caller]
fn refused(text: &str, words: &[&str]) -> Failure {
    let failure = load(text).map(|_| ()).unwrap_err();
    assert_eq!(failure.exit, ExitCode::Configuration, "{failure:?}");
    says(&failure, words);
    failure
}

#[track_caller]
fn says(failure: &Failure, words: &[&str]) {
    let said = format!("{failure}\n{}", failure.hint);
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
    assert!(!failure.hint.is_empty());
    assert!(!said.contains("CANARY"), "repeats a secret: {said}");
}

/// One key with these lines in it.
fn key(lines: &str) -> String {
    format!("[keys.prod]\nprovider = \"anthropic\"\n{lines}\n")
}

/// One key with a target of these lines.
fn target(lines: &str) -> String {
    key(&format!("[[keys.prod.targets]]\n{lines}"))
}

// --- finding ---------------------------------------------------------------------------------------

#[test]
fn the_first_place_that_holds_a_file_wins() {
    let mut bench = Bench::new();
    let home = bench.write("home/.config/rotate/rotate.toml", "");
    assert_eq!(bench.find(None).unwrap(), home);
    bench.set("XDG_CONFIG_HOME", "relative/is/ignored");
    assert_eq!(bench.find(None).unwrap(), home);
    let xdg = bench.write("xdg/rotate/rotate.toml", "");
    bench.set("XDG_CONFIG_HOME", bench.path("xdg"));
    assert_eq!(bench.find(None).unwrap(), xdg);
    let here = bench.write("rotate.toml", "");
    assert_eq!(bench.find(None).unwrap(), here);
    let named = bench.write("named.toml", "");
    bench.set("ROTATE_CONFIG", "");
    assert_eq!(bench.find(None).unwrap(), here);
    bench.set("ROTATE_CONFIG", "named.toml");
    assert_eq!(bench.find(None).unwrap(), named);
    let explicit = bench.write("explicit.toml", "");
    assert_eq!(bench.find(Some("explicit.toml")).unwrap(), explicit);
}

#[test]
fn a_named_file_that_is_missing_is_not_replaced_by_another() {
    let mut bench = Bench::with("");
    let failure = bench.find(Some("missing.toml")).unwrap_err();
    assert_eq!(failure.exit, ExitCode::Configuration);
    says(&failure, &["missing.toml", "--config", "does not exist"]);
    bench.set("ROTATE_CONFIG", "missing.toml");
    says(&bench.find(None).unwrap_err(), &["missing.toml", "ROTATE_CONFIG"]);
}

#[test]
fn without_any_file_the_hint_shows_one_that_loads() {
    let bench = Bench::new();
    let failure = bench.find(None).unwrap_err();
    assert_eq!(failure.exit, ExitCode::Configuration);
    says(&failure, &["home/.config/rotate/rotate.toml", "/etc/rotate/rotate.toml"]);
    let (_, example) = failure.hint.split_once('\n').unwrap();
    load(example).unwrap();
}

#[test]
fn a_file_here_that_belongs_to_somebody_else_has_to_be_named() {
    let bench = Bench::with("");
    let here = bench.path("rotate.toml");
    if here.metadata().unwrap().uid() != 0 {
        return; // only root can give a file away
    }
    // Root runs the test: a stranger's file is one of another user.
    std::os::unix::fs::chown(&here, Some(12345), None).unwrap();
    says(&bench.find(None).unwrap_err(), &["belongs to another user (id 12345)", "--config"]);
    assert_eq!(bench.find(Some("rotate.toml")).unwrap(), here);
}

#[test]
fn files_that_cannot_be_a_configuration_are_refused() {
    let bench = Bench::with(&key(""));
    let path = bench.path("rotate.toml");
    let failed = || bench.load(Scope::Everything).map(|_| ()).unwrap_err();

    fs::set_permissions(&path, fs::Permissions::from_mode(0o646)).unwrap();
    says(&failed(), &["can be written by everybody", "chmod o-w"]);
    assert_eq!(failed().exit, ExitCode::Configuration);
    let emergency = bench.load(Scope::OnlyKey("prod")).map(|_| ()).unwrap_err();
    says(&emergency, &["can be written by everybody"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    bench.load(Scope::Everything).unwrap();

    fs::write(&path, b"# fine\n# not \xff fine\n").unwrap();
    says(&failed(), &["not UTF-8", "line 2"]);
    fs::remove_file(&path).unwrap();
    says(&failed(), &["cannot read the configuration file"]);
    fs::create_dir(&path).unwrap();
    says(&failed(), &["is a directory"]);
}

// --- resolving -------------------------------------------------------------------------------------

#[test]
fn the_example_of_the_interface_is_read_whole() {
    let config = load(FULL).unwrap();
    assert_eq!(config.state_directory, Path::new("/var/lib/rotate"));
    assert!(!config.allow_network_state);
    assert!(config.set_aside.is_none());
    let key = config.key(None).unwrap();
    assert_eq!(key.name, "prod-publish");
    let ProviderSettings::Anthropic(provider) = &key.provider else { panic!() };
    assert_eq!(provider.base_url, "https://api.anthropic.com");
    assert_eq!(provider.admin_key, Some(SecretReference::Environment("ANTHROPIC_ADMIN_KEY".into())));
    assert_eq!(key.workspace.as_deref(), Some("wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"));
    assert_eq!(key.environment.as_deref(), Some("production"));
    assert_eq!(key.monthly_limit.as_deref(), Some("200 USD"));
    assert_eq!(key.revoke_scope.as_deref(), Some("only this workspace's key"));
    assert_eq!(key.primary_env, "ANTHROPIC_API_KEY_PRIMARY");
    assert_eq!(key.probe, ProbeKind::Models);
    assert!(key.require.iter().eq([&Item::Usage]));
    assert_eq!(key.slots, SlotsSettings::File);
    let target = &key.targets[0];
    assert_eq!(target.id.to_string(), "dotenv:/srv/publish/.env#ANTHROPIC_API_KEY");
    assert_eq!(target.refresh, 10 * MINUTE);
    assert_eq!(key.grace_floor(), 55 * MINUTE);
}

#[test]
fn what_is_not_said_has_the_documented_defaults() {
    let bench = Bench::with("[keys.my-key]\nprovider = \"anthropic\"");
    let config = bench.load(Scope::Everything).unwrap();
    assert_eq!(config.state_directory, bench.path("home/.local/state/rotate"));
    let key = config.key(Some("my-key")).unwrap();
    let ProviderSettings::Anthropic(provider) = &key.provider else { panic!() };
    assert_eq!(provider.base_url, "https://api.anthropic.com");
    assert_eq!(provider.admin_key, None);
    assert_eq!(provider.timeout, Duration::from_secs(10));
    assert_eq!(key.provider.propagation(), Duration::ZERO);
    assert_eq!(
        (key.primary_env.as_str(), key.secondary_env.as_str()),
        ("MY_KEY_PRIMARY", "MY_KEY_SECONDARY")
    );
    assert_eq!((key.probe, key.probe_attempts), (ProbeKind::Models, 3));
    assert_eq!(key.probe_interval, Duration::from_secs(1));
    assert_eq!((key.longest_job, key.grace), (45 * MINUTE, 60 * MINUTE));
    assert_eq!((key.usage_quiet, key.usage_lag), (5 * MINUTE, 15 * MINUTE));
    assert_eq!((key.rotate_every, key.undo_window), (90 * 24 * 60 * MINUTE, 7 * 24 * 60 * MINUTE));
    assert_eq!((key.revoke_timeout, key.manual_revoke_wait), (2 * MINUTE, MINUTE / 2));
    assert_eq!(key.lock_wait, Duration::from_secs(10));
    assert_eq!(key.slots, SlotsSettings::File);
    assert!(key.require.is_empty() && key.targets.is_empty() && key.workspace.is_none());
    assert_eq!(key.auth_failure_patterns, None);
}

#[test]
fn what_a_refused_key_looks_like_can_be_said_and_must_not_be_found_everywhere() {
    let said =
        |value: &str| load(&format!("[keys.a]\nprovider = \"anthropic\"\nauth_failure_patterns = {value}"));
    let patterns = |value: &str| said(value).unwrap().key(None).unwrap().auth_failure_patterns.clone();
    assert_eq!(
        patterns("[\"no entry\", \"x-api-key\"]"),
        Some(vec!["no entry".to_owned(), "x-api-key".to_owned()])
    );
    assert_eq!(patterns("[]"), Some(Vec::new()));
    for value in ["[\"\"]", "[\"fine text\", \"401\"]", "[\"    x\"]", "\"no list\"", "[1]"] {
        let failure = said(value).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Configuration, "{value}");
        assert!(failure.to_string().contains("auth_failure_patterns"), "{failure}");
    }
}

#[test]
fn a_key_overrides_the_defaults_and_takes_the_rest_from_them() {
    let config = load(
        "[defaults]\nprovider = \"anthropic\"\ngrace = \"3h\"\nlongest_job = \"2h\"\n\
         owner = \"all\"\nslots.type = \"env\"\n\
         [keys.a]\ngrace = \"4h\"\n\
         [keys.b]\nowner = \"b\"\nslots = { type = \"file\" }\n[keys.2c]\nprobe_attempts = 5",
    )
    .unwrap();
    let key = |name| config.key(Some(name)).unwrap();
    assert_eq!((key("a").grace, key("b").grace), (240 * MINUTE, 180 * MINUTE));
    assert_eq!(key("a").owner.as_deref(), Some("all"));
    assert_eq!(key("b").owner.as_deref(), Some("b"));
    assert_eq!((&key("a").slots, &key("b").slots), (&SlotsSettings::Env, &SlotsSettings::File));
    assert_eq!(key("2c").primary_env, "KEY_2C_PRIMARY");
    assert_eq!(key("2c").probe_attempts, 5);
}

#[test]
fn relative_paths_are_taken_from_the_directory_of_the_file() {
    let bench = Bench::with(
        "state = \"state\"\n[providers.anthropic]\nadmin_key = \"file:admin\"\n\
         [keys.a]\nprovider = \"anthropic\"\n\
         [[keys.a.targets]]\ntype = \"file\"\npath = \"out/key\"\n\
         [[keys.a.targets]]\ntype = \"command\"\ncommand = [\"bin/push\", \"./x\"]\n\
         read_back = [\"cat\", \"y\"]",
    );
    let config = bench.load(Scope::Everything).unwrap();
    assert_eq!(config.state_directory, bench.path("state"));
    let key = config.key(None).unwrap();
    let ProviderSettings::Anthropic(provider) = &key.provider else { panic!() };
    assert_eq!(provider.admin_key, Some(SecretReference::File(bench.path("admin"))));
    assert_eq!(key.targets[0].kind, TargetKind::File { path: bench.path("out/key") });
    let TargetKind::Command { command, read_back, timeout, stdin_newline } = &key.targets[1].kind else {
        panic!("not a command");
    };
    assert_eq!(command, &[bench.path("bin/push").to_str().unwrap(), "./x"]);
    assert_eq!(read_back.as_deref(), Some(&["cat".to_owned(), "y".to_owned()][..]));
    assert_eq!((*timeout, *stdin_newline), (Duration::from_secs(30), false));
}

#[test]
fn the_state_directory_is_the_first_that_is_named() {
    let mut bench = Bench::with("state = \"/from-file\"\n[keys.a]\nprovider = \"anthropic\"");
    let state = |bench: &Bench, flag: Option<&str>| {
        let file = bench.path("rotate.toml");
        config::load(&file, Scope::Text, flag.map(Path::new), &bench.environment())
            .map(|it| it.state_directory)
    };
    bench.set("XDG_STATE_HOME", "/xdg");
    assert_eq!(state(&bench, None).unwrap(), Path::new("/from-file"));
    bench.write("rotate.toml", key(""));
    assert_eq!(state(&bench, None).unwrap(), Path::new("/xdg/rotate"));
    bench.set("ROTATE_STATE", "from-variable");
    assert_eq!(state(&bench, None).unwrap(), bench.path("from-variable"));
    assert_eq!(state(&bench, Some("/flag")).unwrap(), Path::new("/flag"));

    let tilde = state(&bench, Some("~/state")).unwrap_err();
    assert_eq!(tilde.exit, ExitCode::Usage);
    says(&tilde, &["--state", "~", "full path"]);
    bench.set("ROTATE_STATE", "~/state");
    assert_eq!(state(&bench, None).unwrap_err().exit, ExitCode::Configuration);
    bench.variables.clear();
    says(&state(&bench, None).unwrap_err(), &["no state directory", "--state DIR"]);
}

#[test]
fn command_targets_are_known_by_their_name_or_command_line() {
    let config = load(&key(
        "[[keys.prod.targets]]\ntype = \"command\"\nname = \"vault\"\ncommand = [\"push\", \"now\"]\n\
         [[keys.prod.targets]]\ntype = \"command\"\ncommand = [\"push\", \"later\"]\n\
         [[keys.prod.targets]]\ntype = \"command\"\ncommand = [\"push\", \"with space\"]\n\
         timeout = \"1s\"\nstdin_newline = true",
    ))
    .unwrap();
    let ids: Vec<String> =
        config.key(None).unwrap().targets.iter().map(|target| target.id.to_string()).collect();
    assert_eq!(ids[..2], ["command:vault", "command:push later"]);
    assert!(ids[2].starts_with("command:push#"), "{}", ids[2]);
}

// --- which key -------------------------------------------------------------------------------------

#[test]
fn a_key_may_be_left_out_only_where_there_is_one() {
    let both =
        load("[keys.prod]\nprovider = \"anthropic\"\n[keys.staging]\nprovider = \"anthropic\"").unwrap();
    let failure = both.key(None).map(|_| ()).unwrap_err();
    assert_eq!(failure.exit, ExitCode::Usage);
    says(&failure, &["which key", "prod, staging"]);
    for (name, words) in
        [("porD", &["no key `porD`", "did you mean `prod`?"]), ("other", &["`other`", "prod, staging"])]
    {
        let failure = both.key(Some(name)).map(|_| ()).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Usage);
        says(&failure, words);
    }
    let secret = both.key(Some(INLINE_SECRET)).map(|_| ()).unwrap_err();
    says(&secret, &["not repeated here"]);
    assert_eq!(load(FULL).unwrap().key(None).unwrap().name, "prod-publish");
}

// --- what is refused -------------------------------------------------------------------------------

#[test]
fn unknown_fields_are_refused_with_line_and_nearest_name() {
    refused(&key("grcae = \"60m\""), &["rotate.toml:3:", "unknown field `grcae` in [keys.prod]", "`grace`?"]);
    refused(&format!("sate = \"/s\"\n{}", key("")), &[":1:", "`sate` in the top level", "`state`"]);
    refused(&format!("[key.a]\n{}", key("")), &[":1:", "`key`", "`keys`"]);
    refused(
        &format!("[defaults]\nlongest_jbo = \"1m\"\n{}", key("")),
        &[":2:", "[defaults]", "`longest_job`"],
    );
    refused(&format!("[defaults]\ntargets = []\n{}", key("")), &[":2:", "[[keys.NAME.targets]]"]);
    refused(
        &format!("[providers.anthropic]\nadmin = 1\n{}", key("")),
        &[":2:", "[providers.anthropic]", "admin_key"],
    );
    refused(
        &target("type = \"file\"\npath = \"/x\"\npth = 1"),
        &[":6:", "`pth` in [keys.prod.targets]", "`path`"],
    );
    refused(
        &target("type = \"file\"\npath = \"/x\"\nvariable = \"X\""),
        &["`variable`", "[[keys.NAME.targets]]"],
    );
    refused(&key("slots = { type = \"file\", typ = 1 }"), &[":3:", "[keys.prod.slots]", "`type`"]);
    refused(&key("admin_key = \"env:X\""), &[":3:", "belongs in [providers.NAME]"]);
    refused(&format!("grace = \"1h\"\n{}", key("")), &[":1:", "belongs in [keys.NAME] or [defaults]"]);
    refused(&key("zzzzzzzzzz = 1"), &["`zzzzzzzzzz`", "provider, workspace"]);
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    refused("[keys.a]\nprovider = \"antropic\"", &[":2:", "`antropic`", "did you mean `anthropic`?"]);
    refused("[keys.a]\nprovider = \"openai\"", &["`openai`", "known are: anthropic"]);
    refused(&format!("[providers.antropic]\n{}", key("")), &[":1:", "no known provider", "`anthropic`"]);
    refused("[keys.a]\nowner = \"x\"", &[":1:", "`a` has no provider", "provider = \"anthropic\""]);
    refused(&target("type = \"dotnev\""), &[":4:", "`dotnev`", "`dotenv`"]);
    refused(&target("path = \"/x\""), &["no `type`"]);
    refused(&key("slots = { type = \"files\" }"), &["`files`", "`file`"]);
    refused(&key("slots = {}"), &["no `type`"]);
    refused(&key("probe = \"model\""), &["`model`", "`models`"]);
    refused(&key("require = [\"usgae\"]"), &["`usgae`", "`usage`"]);
}

#[test]
fn wrong_types_say_what_is_wanted_and_never_the_value() {
    refused(
        &key("grace = 60"),
        &[":3:", "`grace` in [keys.prod] must be a duration in quotes", "a number", "\"45m\""],
    );
    refused(&key("owner = [\"x\"]"), &["must be a text, but it is a list"]);
    refused(&key("require = \"usage\""), &["must be a list of texts"]);
    refused(&key("require = [1]"), &["must be a list of texts"]);
    refused(&key("probe_attempts = \"3\""), &["must be a whole number"]);
    refused(&key("slots = \"file\""), &["must be a table"]);
    refused(&key("targets = \"x\""), &["must be a list of tables", "[[keys.prod.targets]]"]);
    refused(&key("targets = [1]"), &["must be a list of tables"]);
    refused("keys = 3", &["`keys` must be a table"]);
    refused(&format!("allow_network_state = \"yes\"\n{}", key("")), &["must be true or false"]);
    for place in [
        format!("[providers]\n{INLINE_SECRET} = 1\n{}", key("")),
        key(&format!("grace = \"1h {INLINE_SECRET}\"")),
        format!("keys = \"{INLINE_SECRET}\""),
        format!("[keys]\nprod = \"{INLINE_SECRET}\""),
        key(&format!("grace = \"{INLINE_SECRET}\"")),
        key(&format!("probe = \"{INLINE_SECRET}\"")),
        key(&format!("slots = \"{INLINE_SECRET}\"")),
        key(&format!("primary_env = \"{INLINE_SECRET}\"")),
        key(&format!("probe_attempts = \"{INLINE_SECRET}\"")),
        key(&format!("{INLINE_SECRET} = 1")),
        key(INLINE_SECRET),
        key(&format!("owner = {INLINE_SECRET}")),
        key(&format!("owner = \"{INLINE_SECRET}")),
        format!("[providers.anthropic]\nbase_url = \"https://{INLINE_SECRET}@host\"\n{}", key("")),
        format!("[providers.anthropic]\nbase_url = \"{INLINE_SECRET}\"\n{}", key("")),
    ] {
        refused(&place, &[]);
    }
}

#[test]
fn text_that_is_not_toml_is_refused_by_line() {
    refused(&key("owner = \"open"), &[":3:", "not valid TOML"]);
    refused(&key("provider = \"anthropic\""), &[":3:", "not valid TOML", "duplicate"]);
    refused("", &["no key"]);
    refused("[keys]", &["no key"]);
}

#[test]
fn bad_values_are_refused() {
    refused(&key("grace = \"60\""), &["not a duration", "the unit is missing in `60`", "\"1h30m\""]);
    refused(&key("rotate_every = \"0s\""), &["longer than zero"]);
    refused(&key("revoke_timeout = \"0s\""), &["longer than zero"]);
    refused(&key("probe_attempts = 0"), &["from 1 to 1000"]);
    refused(&key("probe_attempts = -1"), &["from 1 to 1000"]);
    refused(&key("probe_attempts = 99999999999999999999"), &["from 1 to 1000"]);
    refused(&key("owner = \"\""), &["is empty"]);
    refused(&key("purpose = \"a\\u001b[31m\""), &["control character"]);
    refused(&key("primary_env = \"1X\""), &[":3:", "not a variable name", "`1X`"]);
    refused(&key("primary_env = \"A-B\""), &["not a variable name"]);
    refused(&key("primary_env = \"X\"\nsecondary_env = \"X\""), &["both of its slots"]);
    refused(&target("type = \"dotenv\"\npath = \"/x\""), &["no `variable`"]);
    refused(&target("type = \"dotenv\"\npath = \"/x\"\nvariable = \"A B\""), &["not a variable name"]);
    refused(&target("type = \"file\"\npath = \"~/x\""), &["`~`", "full path"]);
    refused(&target("type = \"command\"\ncommand = []"), &["empty command"]);
    refused(&target("type = \"command\"\ncommand = [\" \"]"), &["empty program"]);
    refused(
        &target("type = \"command\"\ncommand = [\"x\"]\nread_back = []"),
        &["`read_back`", "empty command"],
    );
    refused(&target("type = \"command\"\ncommand = \"push\""), &["must be a list of texts"]);
    refused(&target("type = \"command\"\ncommand = [\"x\"]\ntimeout = \"0s\""), &["longer than zero"]);
    refused(&format!("state = \"~/s\"\n{}", key("")), &[":1:", "`~`", "full path"]);
}

#[test]
fn key_names_are_fit_for_file_names() {
    let long = "a".repeat(65);
    for name in ["", ".hidden", "-flag", "a b", "a/b", "../up", "ключ", &long] {
        refused(&format!("[keys.\"{name}\"]\nprovider = \"anthropic\""), &[":1:", "rename it"]);
    }
    load(&format!("[keys.\"{}\"]\nprovider = \"anthropic\"", &long[..64])).unwrap();
    let both = "[keys.Prod]\nprovider = \"anthropic\"\n[keys.prod]\nprovider = \"anthropic\"";
    refused(both, &[":3:", "`Prod` (line 1)", "`prod`", "state file"]);
}

#[test]
fn grace_must_exceed_its_floor_and_the_message_says_which_term_dominates() {
    let failure = refused(
        &key("grace = \"45m\""),
        &[":3:", "grace 45m of [keys.prod]", "floor of 45m", "longest_job dominates"],
    );
    says(&failure, &["longest_job 45m + refresh 0s + provider propagation 0s", "grace = \"46m\""]);
    let slow = "grace = \"2h\"\nlongest_job = \"30m\"\n\
                [[keys.prod.targets]]\ntype = \"file\"\npath = \"/x\"\nrefresh = \"90m\"";
    refused(
        &key(slow),
        &["floor of 2h", "refresh 1h 30m of file:/x", "refresh dominates", "grace = \"2h1m\""],
    );
    let provider = "[providers.anthropic]\npropagation = \"3h\"\n[defaults]\ngrace = \"1h\"\n";
    refused(&format!("{provider}{}", key("")), &[":4:", "3h 45m", "provider propagation dominates"]);
    refused(&key("longest_job = \"2h\""), &[":1:", "grace 1h", "floor of 2h"]);
    load(&key("grace = \"2s\"\nlongest_job = \"1s\"")).unwrap();
    refused(&key("grace = \"1s\"\nlongest_job = \"1s\""), &["grace = \"2s\""]);
}

#[test]
fn base_urls_send_keys_over_tls_or_to_this_machine_only() {
    let base_url = |url: &str| {
        load(&format!("[providers.anthropic]\nbase_url = \"{url}\"\n{}", key(""))).map(|config| {
            let ProviderSettings::Anthropic(provider) = config.key(None).unwrap().provider.clone() else {
                panic!()
            };
            provider.base_url
        })
    };
    for (url, kept) in [
        ("https://proxy.example/anthropic/", "https://proxy.example/anthropic"),
        ("https://api.anthropic.com", "https://api.anthropic.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.1.2.3:1", "http://127.1.2.3:1"),
        ("http://[::1]:1", "http://[::1]:1"),
        ("http://localhost:1", "http://localhost:1"),
    ] {
        assert_eq!(base_url(url).unwrap(), kept);
    }
    for (url, word) in [
        ("http://api.anthropic.com", "clear text"),
        ("http://localhost.evil.example", "clear text"),
        ("http://127.0.0.1.evil.example", "clear text"),
        ("http://10.0.0.1", "clear text"),
        ("https://user@host", "user name or password"),
        ("https://user:CANARY@host", "user name or password"),
        ("https://host/?x=1", "query"),
        ("https://host/#x", "query or fragment"),
        ("ftp://host", "not an https URL"),
        ("file:///etc", "not an https URL"),
        ("api.anthropic.com", "not a URL"),
    ] {
        let failure = base_url(url).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Configuration);
        says(&failure, &[":2:", "`base_url` in [providers.anthropic]", word]);
    }
}

#[test]
fn secrets_do_not_stand_in_the_configuration() {
    let admin = |text: &str| format!("[providers.anthropic]\nadmin_key = \"{text}\"\n{}", key(""));
    refused(&admin(INLINE_SECRET), &[":2:", "a secret value itself", "consider it exposed"]);
    refused(&admin(&format!("env:{INLINE_SECRET}")), &["a secret value itself"]);
    refused(&admin("CANARYWITHOUTPREFIX"), &["not a secret reference"]);
    refused(&admin("-"), &["a configuration has no stdin"]);
    refused(&admin("evn:X"), &["did you mean `env:`?"]);
    refused(&admin("env:$X"), &["not a variable name"]);
    refused(&admin("file:~/x"), &["full path"]);
    refused(&format!("[providers.anthropic]\nadmin_key = 3\n{}", key("")), &["must be a secret reference"]);
}

// --- targets that are one ---------------------------------------------------------------------------

/// Two keys, each with one target of these lines.
fn two_targets(one: &str, other: &str) -> String {
    format!(
        "[keys.a]\nprovider = \"anthropic\"\n[[keys.a.targets]]\n{one}\n\
         [keys.b]\nprovider = \"anthropic\"\n[[keys.b.targets]]\n{other}\n"
    )
}

#[test]
fn two_keys_do_not_share_a_target() {
    let dotenv = |path: &str, variable: &str| {
        format!("type = \"dotenv\"\npath = \"{path}\"\nvariable = \"{variable}\"")
    };
    let file = |path: &str| format!("type = \"file\"\npath = \"{path}\"");
    let command = |arguments: &str| format!("type = \"command\"\ncommand = [{arguments}]");
    let words = &["the keys `a` (line 3) and `b` share the target"];
    refused(&two_targets(&dotenv("/x", "V"), &dotenv("/x", "V")), words);
    refused(&two_targets(&dotenv("/y/../x", "V"), &dotenv("//x/.", "V")), words);
    refused(&two_targets(&dotenv("/x", "V"), &file("/x")), words);
    refused(&two_targets(&file("/x"), &file("/x")), words);
    refused(&two_targets(&command("\"p\", \"x\""), &command("\"p\", \"x\"")), words);
    load(&two_targets(&dotenv("/x", "V"), &dotenv("/x", "W"))).unwrap();
    load(&two_targets(&file("/x"), &file("/y"))).unwrap();
    load(&two_targets(&command("\"p\", \"x\""), &command("\"p\", \"y\""))).unwrap();

    let twice = format!("{}\n[[keys.prod.targets]]\n{}", dotenv("/x", "V"), dotenv("/x", "V"));
    refused(&target(&twice), &[":7:", "[keys.prod] has the target dotenv:/x#V twice", "line 3"]);
    let named = |argument: &str| format!("name = \"same\"\n{}", command(&format!("\"p\", \"{argument}\"")));
    let twice = format!("{}\n[[keys.prod.targets]]\n{}", named("x"), named("y"));
    refused(&target(&twice), &["two targets known as command:same", "`name`"]);
}

#[test]
fn a_pair_has_a_place_for_each_half() {
    let dotenv = |variables: &str| target(&format!("type = \"dotenv\"\npath = \"/x\"\n{variables}"));
    let pair = "{ access_key_id = \"A\", secret_access_key = \"B\" }";
    let config = load(&dotenv(&format!("variables = {pair}"))).unwrap();
    assert_eq!(config.key(None).unwrap().targets[0].id.0, "dotenv:/x#A+B");
    refused(&dotenv(&format!("variable = \"C\"\nvariables = {pair}")), &["beside variable"]);
    refused(
        &dotenv("variables = { access_key_id = \"A\" }"),
        &["has no `secret_access_key`", "AWS_SECRET_ACCESS_KEY"],
    );
    refused(
        &dotenv("variables = { access_key_id = \"A\", secret_access_key = \"A\" }"),
        &["one place for both halves"],
    );
    refused(&dotenv("variables = { access_key_id = \"A\", secret = \"B\" }"), &["secret_access_key"]);
    let secret = |keys: &str| target(&format!("type = \"aws-secrets-manager\"\nsecret_id = \"s\"\n{keys}"));
    let config = load(&secret(&format!("json_keys = {pair}"))).unwrap();
    assert_eq!(config.key(None).unwrap().targets[0].id.0, "aws-secrets-manager:s#A+B");
    refused(&secret(&format!("json_key = \"C\"\njson_keys = {pair}")), &["beside json_key"]);
    let one = "type = \"dotenv\"\npath = \"/x\"\nvariable = \"B\"";
    let other = format!("type = \"dotenv\"\npath = \"/x\"\nvariables = {pair}");
    refused(&two_targets(one, &other), &["share the target"]);
}

#[test]
fn slots_in_a_secret_bring_their_target_and_its_refresh() {
    let key = |slots: &str| format!("[keys.prod]\nprovider = \"anthropic\"\nlongest_job = \"45m\"\n{slots}");
    let slots =
        |more: &str| key(&format!("slots = {{ type = \"aws-secrets-manager\", secret_id = \"s\"{more} }}"));
    let config = load(&slots(", refresh = \"5m\"")).unwrap();
    let [target] = &config.key(None).unwrap().targets[..] else { panic!() };
    assert_eq!((target.id.0.as_str(), target.refresh.as_secs()), ("aws-secrets-manager:s", 300));
    refused(
        &slots(", refresh = \"20m\""),
        &["longer than its floor", "refresh 20m of aws-secrets-manager:s"],
    );
    let again = "\n[[keys.prod.targets]]\ntype = \"aws-secrets-manager\"\nsecret_id = \"s\"";
    refused(&format!("{}{again}", slots("")), &["has the target aws-secrets-manager:s twice"]);
    refused(&key("slots = { type = \"aws-secrets-manager\" }"), &["`secret_id` is missing"]);
    refused(&key("slots = { type = \"file\", secret_id = \"s\" }"), &["secret_id"]);
}

#[test]
fn access_keys_belong_to_a_user() {
    let key = |lines: &str| format!("[keys.prod]\nprovider = \"aws-iam\"\n{lines}");
    let config = load(&key("iam_user = \"publisher\"")).unwrap();
    let key_settings = config.key(None).unwrap();
    assert_eq!(key_settings.iam_user.as_deref(), Some("publisher"));
    assert_eq!(key_settings.provider.propagation().as_secs(), 60);
    let other = key("iam_user = \"p\"").replace("keys.prod", "keys.other");
    let two = format!("{}\n{other}", key("iam_user = \"p\""));
    refused(&two, &["both rotate the access keys of the user p"]);
    refused(&key(""), &["has no iam_user", "add iam_user"]);
    refused(&key("iam_user = \"/path/publisher\""), &["is no name of an IAM user"]);
    refused(&key("iam_user = \"p\"\nworkspace = \"w\""), &["is none of aws-iam"]);
    refused(
        "[keys.prod]\nprovider = \"anthropic\"\niam_user = \"p\"",
        &["is for keys of the provider aws-iam"],
    );
    refused(
        &format!("[providers.aws-iam]\nadmin_key = \"env:X\"\n{}", key("iam_user = \"p\"")),
        &["admin_key"],
    );
    refused(
        &format!("[providers.aws-iam]\nendpoint_url = \"http://example.com\"\n{}", key("iam_user = \"p\"")),
        &["clear text"],
    );
}

#[test]
fn two_names_of_one_file_are_one_target() {
    let bench = Bench::new();
    bench.write("real/.env", "");
    symlink(bench.path("real"), bench.path("alias")).unwrap();
    fs::hard_link(bench.path("real/.env"), bench.path("hard")).unwrap();
    let line = |path: &str| format!("type = \"dotenv\"\npath = \"{path}\"\nvariable = \"V\"");
    bench.write("rotate.toml", two_targets(&line("real/.env"), &line("alias/.env")));
    says(&bench.load(Scope::Everything).map(|_| ()).unwrap_err(), &["`a` (line 3) and `b` share the target"]);
    bench.load(Scope::Text).unwrap();
    bench.write("rotate.toml", two_targets(&line("real/.env"), &line("hard")));
    bench.load(Scope::Everything).unwrap();
}

#[test]
fn keys_with_env_slots_have_variables_of_their_own() {
    let keys = "[defaults]\nprovider = \"anthropic\"\n[keys.a]\nslots.type = \"env\"\nprimary_env = \"X\"\n\
                [keys.b]\nslots.type = \"env\"\nsecondary_env = \"X\"";
    refused(keys, &["`a` (line 3) and `b` both use the variable X"]);
    load(&keys.replace("\"env\"", "\"file\"")).unwrap();
}

// --- emergencies -----------------------------------------------------------------------------------

#[test]
fn in_an_emergency_the_errors_of_other_keys_are_looked_past() {
    let wanted =
        "[keys.wanted]\nprovider = \"anthropic\"\n[[keys.wanted.targets]]\ntype = \"file\"\npath = \"/x\"\n";
    for broken in [
        "[keys.other]\nprovider = \"anthropic\"\ngrcae = \"1h\"",
        "[keys.other]\nprovider = \"anthropic\"\ngrace = \"1\"",
        "[keys.other]\nprovider = \"anthropic\"\ngrace = \"1s\"",
        "[keys.other]\nprovider = \"anthropic\"\n[[keys.other.targets]]\ntype = \"file\"\npath = \"/x\"",
        "[keys.other]\nowner = \"nobody\"",
        "[keys.other]\nprovider = \"opnai\"",
        "[keys.WANTED]\nprovider = \"anthropic\"",
        "[keys]\nother = 3",
        "[alerts.pager]\ntype = \"pagerduty\"",
        "[providers.openai]\nx = 1",
        "[keys.other]\nprovider = \"open",
        "[keys.other]\n= = =",
        "[keys.other]\nrequire = [\"usage\",",
        "[alerts.pager]\ntype = open",
    ] {
        for text in [format!("{wanted}{broken}\n"), format!("{broken}\n{wanted}")] {
            let bench = Bench::with(&text);
            bench.load(Scope::Everything).map(|_| ()).unwrap_err();
            let config = bench
                .load(Scope::OnlyKey("wanted"))
                .unwrap_or_else(|failure| panic!("{broken}: {failure:?}"));
            assert_eq!(config.keys.len(), 1, "{broken}");
            assert_eq!(config.key(None).unwrap().targets[0].id.to_string(), "file:/x", "{broken}");
            assert!(config.set_aside.is_some());
        }
    }
}

#[test]
fn in_an_emergency_the_errors_of_the_key_itself_still_count() {
    for (broken, words) in [
        ("[keys.wanted]\nprovider = \"anthropic\"\ntarget = []", &["`target`", "`targets`"][..]),
        ("[keys.wanted]\nprovider = \"antropic\"", &["`anthropic`"]),
        ("[keys.wanted]\nprovider = \"open\n", &[":2:", "not valid TOML"]),
        ("[keys.wanted]\nprovider = \"anthropic\"\n[[keys.wanted.targets]\n", &[":3:", "not valid TOML"]),
        (
            "[providers.anthropic]\nadmin_kye = \"env:X\"\n[keys.wanted]\nprovider = \"anthropic\"",
            &["`admin_key`"],
        ),
        ("sate = \"/s\"\n[keys.wanted]\nprovider = \"anthropic\"", &["`sate`", "`state`"]),
    ] {
        let bench = Bench::with(&format!("{broken}\n[keys.other]\nprovider = \"open"));
        let failure = bench.load(Scope::OnlyKey("wanted")).map(|_| ()).unwrap_err();
        assert_eq!(failure.exit, ExitCode::Configuration, "{broken}");
        says(&failure, words);
    }
    let bench = Bench::with(&key(""));
    let failure = bench.load(Scope::OnlyKey("pord")).map(|_| ()).unwrap_err();
    assert_eq!(failure.exit, ExitCode::Usage);
    says(&failure, &["no key `pord`", "`prod`"]);
    let whole = bench.load(Scope::OnlyKey("prod")).unwrap();
    assert!(whole.set_aside.is_none());
}

#[test]
fn in_an_emergency_a_grace_that_is_too_short_does_not_matter() {
    let config = Bench::with(&key("grace = \"1s\"")).load(Scope::OnlyKey("prod")).unwrap();
    says(&config.set_aside.unwrap(), &["longest_job dominates"]);
}

// --- secret references -----------------------------------------------------------------------------

fn resolve(bench: &Bench, reference: &str, stdin: &[u8]) -> Result<String, Failure> {
    let environment = bench.environment();
    let reference = SecretReference::from_argument(reference, &environment)?;
    let secret = reference.resolve(Origin::Argument, &environment, &mut &*stdin)?;
    Ok(secret.expose().to_owned())
}

#[test]
fn references_give_the_value_without_its_trailing_newline() {
    let mut bench = Bench::new();
    bench.set("THE_KEY", "value-of-env");
    bench.write("key", "value-of-file\n");
    for (reference, stdin, value) in [
        ("-", &b"value-of-stdin\n"[..], "value-of-stdin"),
        ("env:THE_KEY", b"", "value-of-env"),
        ("file:key", b"", "value-of-file"),
        ("command:echo  value-of-command", b"", "value-of-command"),
    ] {
        assert_eq!(resolve(&bench, reference, stdin).unwrap(), value, "{reference}");
    }
}

#[test]
fn references_that_give_nothing_usable_are_the_callers_to_mend() {
    let mut bench = Bench::new();
    bench.set("EMPTY", "");
    bench.set("QUOTED", "'CANARY-quoted'");
    bench.write("two", "CANARY-one\nCANARY-two\n");
    bench.write("latin1", b"CANARY\xe9");
    bench.write("large", vec![b'a'; 64 * 1024 + 1]);
    fs::create_dir(bench.path("directory")).unwrap();
    for (reference, words) in [
        ("env:UNSET", &["env:UNSET", "is not set", "export UNSET"][..]),
        ("env:EMPTY", &["the value is empty", "unset variable"]),
        ("env:QUOTED", &["wrapped in quotes", "bare value"]),
        ("file:two", &["more than one line"]),
        ("file:latin1", &["not valid UTF-8"]),
        ("file:large", &["more than 64 KiB"]),
        ("file:missing", &["cannot be read", "No such file"]),
        ("file:directory", &["is a directory"]),
        ("-", &["from stdin", "the value is empty"]),
        ("command:no-such-program-anywhere", &["cannot be started"]),
        ("command:cat", &["the value is empty"]),
        ("sk-ant-api03-CANARYCANARY", &["shell's history", "process list", "consider this key exposed"]),
        ("AKIACANARYCANARY0000", &["consider this key exposed"]),
        ("CANARY", &["not a secret reference", "shell's history"]),
    ] {
        let failure = resolve(&bench, reference, b"").unwrap_err();
        assert_eq!(failure.exit, ExitCode::Usage, "{failure:?}");
        says(&failure, words);
    }
    // This room has no way to AWS of its own; `wiring` gives it one.
    let aws = resolve(&bench, "aws-sm:prod/key", b"").unwrap_err();
    assert_eq!(aws.exit, ExitCode::Usage);
    says(&aws, &["aws-sm:prod/key", "not at hand", "file:PATH"]);
}

#[test]
fn a_reference_from_the_configuration_is_the_configurations_to_mend() {
    let bench = Bench::new();
    let reference: SecretReference = "env:UNSET".parse().unwrap();
    let origin = Origin::Configuration("admin_key");
    let failure = reference.resolve(origin, &bench.environment(), &mut &b""[..]).map(|_| ()).unwrap_err();
    assert_eq!(failure.exit, ExitCode::Configuration);
    says(&failure, &["`admin_key`", "env:UNSET"]);
}

#[test]
fn a_command_that_fails_says_its_last_line_and_exits_21() {
    let bench = Bench::new();
    let script = bench.write(
        "fails",
        "#!/bin/sh\necho CANARY-value\necho first >&2\necho 'locked: CANARY-value' >&2\nexit 7\n",
    );
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let failure = resolve(&bench, "command:./fails", b"").unwrap_err();
    assert_eq!(failure.exit, ExitCode::Unreachable);
    says(&failure, &["exit code 7", "it said: locked: [redacted]"]);
    assert!(!failure.to_string().contains("first"));
}

// --- documentation and speed -----------------------------------------------------------------------

#[test]
fn the_reference_names_every_field_and_its_example_loads() {
    let text = include_str!("../../docs/reference/configuration.md");
    use config::known;
    let targets =
        [known::DOTENV, known::FILE, known::COMMAND, known::AWS_SECRETS_MANAGER, known::AWS_SLOTS].concat();
    let alerts: Vec<&str> = known::ALERT_TYPES.iter().flat_map(|kind| known::alert_fields(kind)).collect();
    let names =
        [known::TOP_LEVEL, known::KEY, known::ANTHROPIC, known::AWS_IAM, known::PAIR, &targets, &alerts];
    for name in names.concat() {
        assert!(text.contains(&format!("| `{name}` |")), "`{name}` has no row");
    }
    for name in known::ALERT_TYPES.iter().copied().chain(Kind::ALL.iter().map(|kind| kind.name())) {
        let is_named = text.contains(&format!("`{name}`")) || text.contains(&format!("type = \"{name}\"`"));
        assert!(is_named, "`{name}` is not named");
    }
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let config = load(example).unwrap();
    assert_eq!(config.key(None).unwrap().name, "prod-publish");
}

#[test]
fn a_hundred_keys_are_read_at_once() {
    let mut text = FULL.to_owned();
    for number in 0..100 {
        text.push_str(
            &FULL[FULL.find("[keys.").unwrap()..]
                .replace("prod-publish", &format!("key-{number}"))
                .replace("/srv/publish", &format!("/srv/{number}")),
        );
    }
    let bench = Bench::with(&text);
    let fastest = (0..5)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(bench.load(Scope::Text).unwrap().keys.len(), 101);
            started.elapsed()
        })
        .min()
        .unwrap();
    // Unoptimised and beside other tests; a release build takes about a millisecond.

    assert!(fastest < Duration::from_millis(250), "{fastest:?}");
}
