//! Targets over real files and real child processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rotate::rotation::credential::ReadBack;
use rotate::secret::Secret;
use rotate::target::command::CommandTarget;
use rotate::target::dotenv::DotenvTarget;
use rotate::target::file::FileTarget;
use rotate::target::{Moving, Target, TargetError};

const OLD: &str = "sk-ant-api03-old-value-0001";
const NEW: &str = "sk-ant-api03-new-value-0002";

fn secret(text: &str) -> Secret {
    Secret::from_text(text.to_owned()).unwrap()
}

fn holds(text: &str) -> ReadBack {
    ReadBack::Holds(secret(text).fingerprint())
}

fn says(error: &TargetError, words: &str) {
    assert!(error.message.contains(words), "{error:?}");
    assert!(!error.remedy.is_empty(), "{error:?}");
    for value in [OLD, NEW] {
        assert!(!format!("{error:?}").contains(value), "{error:?}");
    }
}

async fn refuses(target: &dyn Target, words: &str) {
    says(&target.check().await.unwrap_err(), words);
    says(&target.write(&secret(NEW), Moving::ON).await.unwrap_err(), words);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
}

/// A directory with a consumer's file in it, and rotate's own directory beside it.
struct Place {
    root: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn with(content: &str) -> Self {
        let place = Self::empty();
        fs::write(&place.path, content).unwrap();
        set_mode(&place.path, 0o600);
        place
    }

    fn empty() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("srv")).unwrap();
        let path = root.path().join("srv/.env");
        Self { root, path }
    }

    fn locks(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn dotenv(&self, variable: &str) -> DotenvTarget {
        DotenvTarget::new(self.path.clone(), vec![variable.to_owned()], self.locks())
    }

    fn pair(&self) -> DotenvTarget {
        let variables = ["AWS_ID", "AWS_SECRET"].map(str::to_owned).to_vec();
        DotenvTarget::new(self.path.clone(), variables, self.locks())
    }

    fn file(&self) -> FileTarget {
        FileTarget::new(self.path.clone(), self.locks())
    }

    /// Whatever is true of both kinds.
    fn both(&self) -> [Box<dyn Target>; 2] {
        [Box::new(self.dotenv("KEY")), Box::new(self.file())]
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap()
    }
}

#[tokio::test]
async fn a_file_keeps_its_line_end() {
    let value = "sk-value";
    for line_end in ["", "\n", "\r\n"] {
        for before in ["", OLD] {
            let place = Place::with(&format!("{before}{line_end}"));
            let target = place.file();
            target.check().await.unwrap();
            assert_eq!(
                target.read_back().await,
                if before.is_empty() { ReadBack::Absent } else { holds(before) }
            );
            for _ in 0..2 {
                target.write(&secret(value), Moving::ON).await.unwrap();
                assert_eq!(text(&place.path), format!("{value}{line_end}"));
                assert_eq!(target.read_back().await, holds(value));
            }
        }
    }
}

#[tokio::test]
async fn a_file_with_other_content_is_refused() {
    for content in ["KEY=a\nB=c\n", "two words\n", "\"quoted\"\n", "  \n", "a\u{0}b"] {
        let place = Place::with(content);
        refuses(&place.file(), "something other than one credential").await;
        assert_eq!(text(&place.path), content);
        assert!(matches!(place.file().read_back().await, ReadBack::Unknown(_) | ReadBack::Absent));
    }
}

#[tokio::test]
async fn both_halves_of_a_pair_change_in_one_replacement() {
    let place =
        Place::with("# mine\r\nexport AWS_ID = \"AKIAOLD\" # why\r\nX=1\r\nAWS_SECRET=old/secret\r\n");
    let target = place.pair();
    assert_eq!(target.id().0, format!("dotenv:{}#AWS_ID+AWS_SECRET", place.path.display()));
    target.check().await.unwrap();
    assert_eq!(target.read_back().await, holds("AKIAOLD:old/secret"));
    let inode = fs::metadata(&place.path).unwrap().ino();
    target.write(&secret("AKIANEW:new+secret="), Moving::ON).await.unwrap();
    assert_eq!(
        text(&place.path),
        "# mine\r\nexport AWS_ID = \"AKIANEW\" # why\r\nX=1\r\nAWS_SECRET=new+secret=\r\n"
    );
    assert_ne!(fs::metadata(&place.path).unwrap().ino(), inode, "replaced as a whole");
    assert_eq!(target.read_back().await, holds("AKIANEW:new+secret="));
}

#[tokio::test]
async fn halves_that_do_not_belong_together_are_nobodys_value() {
    for (content, expected) in [
        ("", "absent"),
        ("AWS_ID=\nAWS_SECRET=\n", "absent"),
        ("AWS_ID=AKIA\n", "one half"),
        ("AWS_SECRET=x\n", "one half"),
        ("AWS_ID=AKIA\nAWS_ID=AKIB\nAWS_SECRET=x\n", "several times"),
    ] {
        let place = Place::with(content);
        match place.pair().read_back().await {
            ReadBack::Absent => assert_eq!(expected, "absent", "{content}"),
            ReadBack::Unknown(why) => assert!(why.contains(expected), "{content}: {why}"),
            other => panic!("{content}: {other:?}"),
        }
        place.pair().write(&secret("AKIA:both"), Moving::ON).await.unwrap();
        assert_eq!(place.pair().read_back().await, holds("AKIA:both"));
    }
    let place = Place::with("AWS_ID=a\nAWS_SECRET=b\n");
    says(&place.pair().write(&secret(NEW), Moving::ON).await.unwrap_err(), "the value is no pair");
    assert_eq!(text(&place.path), "AWS_ID=a\nAWS_SECRET=b\n");
}

#[tokio::test]
async fn a_dotenv_file_changes_in_one_value_only() {
    let place =
        Place::with("\u{feff}# KEY=x\r\nA=1\r\nexport KEY = \"old\" # why\r\nKEY='old'\r\nB=\"\r\nKEY=y\"");
    let target = place.dotenv("KEY");
    assert_eq!(target.id().0, format!("dotenv:{}#KEY", place.path.display()));
    target.check().await.unwrap();
    assert_eq!(target.read_back().await, holds("old"));
    for _ in 0..2 {
        target.write(&secret("new"), Moving::ON).await.unwrap();
        assert_eq!(
            text(&place.path),
            "\u{feff}# KEY=x\r\nA=1\r\nexport KEY = \"new\" # why\r\nKEY='new'\r\nB=\"\r\nKEY=y\""
        );
        assert_eq!(target.read_back().await, holds("new"));
    }
}

#[tokio::test]
async fn a_shell_reads_what_was_written() {
    let values = [
        "sk-ant_0-9",
        "a$b",
        "a$(id)b",
        "a#b",
        "#a",
        "a\\b",
        "a\\\\b",
        "ab\\",
        "a\\\\$b;c&d|e<f>g",
        "~a*?[b]{c,d}!",
    ];
    for quote in ["", "'", "\""] {
        for value in values {
            let place = Place::with(&format!("A=1\nexport KEY={quote}old{quote} # why\nB='2'\n"));
            place.dotenv("KEY").write(&secret(value), Moving::ON).await.unwrap();
            let shell = std::process::Command::new("sh")
                .args(["-c", ". \"$1\"; printf '%s %s %s' \"$A\" \"$KEY\" \"$B\"", "sh"])
                .arg(&place.path)
                .output()
                .unwrap();
            assert_eq!(
                String::from_utf8_lossy(&shell.stdout),
                format!("1 {value} 2"),
                "{}",
                text(&place.path)
            );
        }
    }
}

#[tokio::test]
async fn a_missing_variable_is_absent_and_then_appended() {
    let place = Place::with("A=1");
    let target = place.dotenv("KEY");
    assert_eq!(target.read_back().await, ReadBack::Absent);
    target.write(&secret("new"), Moving::ON).await.unwrap();
    assert_eq!(text(&place.path), "A=1\nKEY=new\n");
}

#[tokio::test]
async fn assignments_that_differ_are_unknown() {
    let place = Place::with("KEY=a\nKEY=b\n");
    assert!(
        matches!(place.dotenv("KEY").read_back().await, ReadBack::Unknown(why) if why.contains("several"))
    );
    let place = Place::with("KEY=a b\n");
    assert!(
        matches!(place.dotenv("KEY").read_back().await, ReadBack::Unknown(why) if why.contains("white space"))
    );
}

#[tokio::test]
async fn an_unclear_dotenv_file_stays_as_it_was() {
    let content = "A=\"open\nKEY=old\n";
    let place = Place::with(content);
    refuses(&place.dotenv("KEY"), "the quote opened on line 1 is never closed").await;
    assert!(matches!(place.dotenv("KEY").read_back().await, ReadBack::Unknown(_)));
    assert_eq!(text(&place.path), content);

    let place = Place::with("");
    refuses(&place.dotenv("A B"), "cannot be the name of a variable").await;
    refuses(&place.dotenv(""), "cannot be the name of a variable").await;
}

#[tokio::test]
async fn mode_and_owner_stay() {
    for mode in [0o600, 0o640, 0o644, 0o4755] {
        let place = Place::with("");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&place.path, Some(1234), Some(5678)).unwrap();
        }
        set_mode(&place.path, mode);
        let before = fs::metadata(&place.path).unwrap();
        for target in place.both() {
            fs::write(&place.path, "").unwrap();
            set_mode(&place.path, mode);
            target.write(&secret(NEW), Moving::ON).await.unwrap();
            let after = fs::metadata(&place.path).unwrap();
            assert_eq!(after.mode() & 0o7777, mode);
            assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        }
        assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 1, "no other file is left");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn attributes_stay() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let place = Place::with("");
    if setxattr(&place.path, "user.owner", b"platform", XattrFlags::empty()).is_err() {
        return; // the temporary directory's file system has none
    }
    place.dotenv("KEY").write(&secret(NEW), Moving::ON).await.unwrap();
    let mut value = [0; 32];
    let length = getxattr(&place.path, "user.owner", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"platform");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_access_list_stays_and_none_is_inherited() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    // Version 2; then tag, permissions and id of: owner, user 1234, group, mask, others (acl(5), acl_ea.h).
    let entry = |tag: u16, permissions: u16, id: u32| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let list = [
        2_u32.to_le_bytes().to_vec(),
        entry(1, 6, u32::MAX),
        entry(2, 4, 1234),
        entry(4, 0, u32::MAX),
        entry(16, 4, u32::MAX),
        entry(32, 0, u32::MAX),
    ]
    .concat();
    let access = |path: &Path| {
        let mut value = [0; 256];
        getxattr(path, "system.posix_acl_access", &mut value[..]).map(|length| value[..length].to_vec())
    };
    let place = Place::with("");
    if setxattr(&place.path, "system.posix_acl_access", &list, XattrFlags::empty()).is_err() {
        return;
    }
    place.dotenv("KEY").write(&secret(NEW), Moving::ON).await.unwrap();
    assert_eq!(access(&place.path).unwrap(), list);

    let place = Place::with("");
    setxattr(place.directory(), "system.posix_acl_default", &list, XattrFlags::empty()).unwrap();
    place.dotenv("KEY").write(&secret(NEW), Moving::ON).await.unwrap();
    access(&place.path).unwrap_err();
    assert_eq!(fs::metadata(&place.path).unwrap().mode() & 0o7777, 0o600);
}

#[tokio::test]
async fn a_symlink_stays_and_the_real_file_changes() {
    for index in 0..2 {
        let place = Place::empty();
        let real = place.root.path().join("real");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("env"), "").unwrap();
        symlink("../real/env", &place.path).unwrap();
        let target = &place.both()[index];
        target.check().await.unwrap();
        target.write(&secret(NEW), Moving::ON).await.unwrap();
        assert!(fs::symlink_metadata(&place.path).unwrap().is_symlink());
        assert!(text(&real.join("env")).contains(NEW));
        assert_eq!(target.read_back().await, holds(NEW));
    }
}

#[tokio::test]
async fn a_missing_file_is_refused_with_the_command_that_creates_it() {
    let place = Place::empty();
    for target in place.both() {
        refuses(&*target, "does not exist").await;
        let remedy = target.check().await.unwrap_err().remedy;
        assert!(remedy.contains(&format!("install -m 600 /dev/null '{}'", place.path.display())), "{remedy}");
        assert!(matches!(target.read_back().await, ReadBack::Unknown(_)));
    }
    symlink("nowhere", &place.path).unwrap();
    refuses(&place.file(), "does not exist").await;
    assert!(!place.path.exists());
}

#[tokio::test]
async fn what_is_not_a_file_is_refused() {
    let place = Place::empty();
    fs::create_dir(&place.path).unwrap();
    for target in place.both() {
        refuses(&*target, "is a directory").await;
        assert!(matches!(target.read_back().await, ReadBack::Unknown(_)));
    }
    fs::remove_dir(&place.path).unwrap();
    make_fifo(&place.path);
    for target in place.both() {
        refuses(&*target, "a device or pipe").await;
    }
}

#[tokio::test]
async fn a_read_only_file_or_directory_is_refused() {
    let place = Place::with("");
    set_mode(&place.path, 0o444);
    for target in place.both() {
        refuses(&*target, "is read-only").await;
    }
    set_mode(&place.path, 0o600);
    set_mode(place.directory(), 0o555);
    for target in place.both() {
        refuses(&*target, "is not readable and writable").await;
    }
    set_mode(place.directory(), 0o755);
    assert_eq!(text(&place.path), "");
}

#[tokio::test]
async fn a_huge_file_and_a_hard_linked_one_are_refused() {
    let place = Place::with(&"A=1\n".repeat(300_000));
    for target in place.both() {
        refuses(&*target, "larger than 1 MiB").await;
    }
    let place = Place::with("");
    fs::hard_link(&place.path, place.root.path().join("other")).unwrap();
    for target in place.both() {
        refuses(&*target, "other hard links").await;
    }
}

#[tokio::test]
async fn what_a_killed_write_left_is_swept() {
    let place = Place::with("");
    let leftover = place.directory().join(".env.rotate-abc123");
    let named_like_it = place.directory().join("..env.rotate-abc123");
    for path in [&leftover, &named_like_it] {
        fs::write(path, OLD).unwrap();
    }
    place.dotenv("KEY").write(&secret(NEW), Moving::ON).await.unwrap();
    assert!(!named_like_it.exists(), "a copy of .env, with the dot that hides it");
    assert!(leftover.exists(), "not rotate's");
}

#[test]
fn writers_of_one_file_lose_nothing() {
    const WRITERS: usize = 8;
    const WRITES: usize = 10;
    let place = Place::with("A=1\n");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let place = &place;
            scope.spawn(move || {
                let target = place.dotenv(&format!("KEY_{writer}"));
                for write in 0..WRITES {
                    pollster::block_on(target.write(&secret(&format!("value-{writer}-{write}")), Moving::ON))
                        .unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                assert!(text(&place.path).starts_with("A=1\n"), "readers always see a whole file");
            }
        });
    });
    for writer in 0..WRITERS {
        let last = format!("value-{writer}-{}", WRITES - 1);
        assert_eq!(pollster::block_on(place.dotenv(&format!("KEY_{writer}")).read_back()), holds(&last));
    }
    assert_eq!(text(&place.path).lines().count(), 1 + WRITERS);
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A shell script as a program's argument: no file, so nothing that could be busy when it is started.
fn script(text: &str) -> Vec<String> {
    words(&["/bin/sh", "-c", text])
}

fn command(text: &str) -> CommandTarget {
    CommandTarget::new(script(text), None, Duration::from_secs(20), false, Vec::new())
}

fn reading_back(text: &str) -> CommandTarget {
    CommandTarget::new(
        script("cat >/dev/null"),
        Some(script(text)),
        Duration::from_secs(20),
        false,
        Vec::new(),
    )
}

async fn fails(target: &CommandTarget) -> TargetError {
    target.write(&secret(NEW), Moving::ON).await.unwrap_err()
}

#[cfg(target_os = "linux")] // for /proc
#[tokio::test]
async fn a_command_gets_the_value_on_stdin_only() {
    let directory = tempfile::tempdir().unwrap();
    let dump = |name: &str| directory.path().join(name);
    let text = format!(
        "cat > {0}/stdin; cat /proc/$$/environ > {0}/environ; cat /proc/$$/cmdline > {0}/cmdline",
        directory.path().display()
    );
    for (newline, expected) in [(false, NEW.to_owned()), (true, format!("{NEW}\n"))] {
        let removed = words(&["ADMIN_KEY"]);
        let target = CommandTarget::new(script(&text), None, Duration::from_secs(20), newline, removed)
            .with_environment(|| {
                let variable = |name: &str, value: &str| (name.into(), value.into());
                vec![
                    variable("PATH", "/usr/bin:/bin"),
                    variable("ADMIN_KEY", "sk-admin"),
                    variable("KEY_SECONDARY", NEW),
                    variable("URL", &format!("https://user:{NEW}@host/")),
                    variable("REGION", "eu-1"),
                ]
            });
        target.check().await.unwrap();
        target.write(&secret(NEW), Moving::ON).await.unwrap();
        assert_eq!(fs::read_to_string(dump("stdin")).unwrap(), expected);
        let environ = fs::read_to_string(dump("environ")).unwrap();
        assert!(environ.contains("REGION=eu-1"), "{environ}");
        for absent in [NEW, "ADMIN_KEY", "sk-admin", "KEY_SECONDARY", "URL"] {
            assert!(!environ.contains(absent), "{absent}: {environ}");
        }
        assert!(!fs::read_to_string(dump("cmdline")).unwrap().contains(NEW));
    }
}

#[tokio::test]
async fn a_failing_command_is_reported_with_its_last_words() {
    let error =
        fails(&command("cat >/dev/null; echo first >&2; echo 'no such secret' >&2; echo >&2; exit 3")).await;
    says(&error, "exit status: 3, saying: no such secret");
    says(&fails(&command("exit 1")).await, "exit status: 1");
    says(&fails(&command("kill -9 $$")).await, "signal: 9");
}

#[tokio::test]
async fn a_command_that_prints_the_value_is_not_repeated() {
    let target = command("value=$(cat); echo \"$value\"; echo \"bad key $value for prod\" >&2; exit 1");
    says(&fails(&target).await, "saying: bad key [redacted] for prod");
    let target = command("value=$(cat); printf '\\033[31mbad %s' \"$value\" | cut -c 1-30 >&2; exit 1");
    let error = fails(&target).await;
    says(&error, "saying: bad [redacted]");
    assert!(!error.message.contains("sk-ant-api03-new"), "{error}");
}

#[tokio::test]
async fn a_command_that_ignores_stdin_is_judged_by_its_status() {
    command("exec <&-; exit 0").write(&secret(NEW), Moving::ON).await.unwrap();
    command("true").write(&secret(NEW), Moving::ON).await.unwrap();
    says(&fails(&command("exec <&-; exit 4")).await, "exit status: 4");
}

#[tokio::test]
async fn huge_output_neither_blocks_nor_shows() {
    let flood =
        "cat >/dev/null; head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' y >&2";
    command(flood).write(&secret(NEW), Moving::ON).await.unwrap();
    let error = fails(&command(&format!("{flood}; exit 1"))).await;
    says(&error, "saying: yyyy");
    assert!(error.message.len() < 600, "{}", error.message.len());
    assert!(
        matches!(reading_back(flood).read_back().await, ReadBack::Unknown(why) if why.contains("more than"))
    );
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("pid");
    let text = format!("sleep 60 & echo $! > {}; wait", pid_file.display());
    let hanging = |arguments: Vec<String>, read_back: Option<Vec<String>>| {
        CommandTarget::new(arguments, read_back, Duration::from_millis(200), false, Vec::new())
    };
    let started = Instant::now();
    says(&fails(&hanging(script(&text), None)).await, "was killed after 0.2 s");
    let target = hanging(script("true"), Some(script("sleep 60")));
    assert!(matches!(target.read_back().await, ReadBack::Unknown(why) if why.contains("killed")));
    assert!(started.elapsed() < Duration::from_secs(10));

    let child: i32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    // Gone, or dead and not yet reaped by whoever inherited it.
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.contains("sleep") && !stat.contains(") Z ")
    };
    while runs() {
        assert!(started.elapsed() < Duration::from_secs(10), "the child of the command still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_daemon_left_behind_does_not_make_a_command_hang() {
    let started = Instant::now();
    command("cat >/dev/null; sleep 8 & exit 0").write(&secret(NEW), Moving::ON).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(7));
}

#[tokio::test]
async fn read_back_takes_the_value_or_its_fingerprint() {
    let fingerprint = secret(OLD).fingerprint();
    assert_eq!(reading_back(&format!("echo {OLD}")).read_back().await, holds(OLD));
    assert_eq!(reading_back(&format!("printf %s {OLD}")).read_back().await, holds(OLD));
    assert_eq!(reading_back(&format!("echo {fingerprint}")).read_back().await, holds(OLD));
    assert_eq!(reading_back("true").read_back().await, ReadBack::Absent);
    assert_eq!(command("true").read_back().await, ReadBack::NotReadable);
    for (text, words) in [
        (format!("echo {OLD} >&2; exit 1"), "exit status: 1"),
        (format!("echo {OLD}; exit 1"), "exit status: 1"),
        (format!("echo 'the key is {OLD}'"), "white space"),
        (format!("echo {OLD}; echo {OLD}"), "more than one line"),
    ] {
        match reading_back(&text).read_back().await {
            ReadBack::Unknown(why) => assert!(why.contains(words) && !why.contains(OLD), "{why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_named_before_anything_changes() {
    let directory = tempfile::tempdir().unwrap();
    let plain = directory.path().join("plain");
    fs::write(&plain, "").unwrap();
    let plain = plain.display().to_string();
    for program in ["no-such-program-of-rotate", "/no/such/program", &plain, "/", ""] {
        let target = CommandTarget::new(words(&[program]), None, Duration::from_secs(1), false, Vec::new());
        says(&target.check().await.unwrap_err(), "program");
        says(&fails(&target).await, "program");
        let target = CommandTarget::new(
            script("true"),
            Some(words(&[program])),
            Duration::from_secs(1),
            false,
            Vec::new(),
        );
        says(&target.check().await.unwrap_err(), "read_back");
        assert!(matches!(target.read_back().await, ReadBack::Unknown(_)));
    }
    let target = CommandTarget::new(Vec::new(), None, Duration::from_secs(1), false, Vec::new());
    says(&target.check().await.unwrap_err(), "names no program");
    CommandTarget::new(words(&["sh"]), None, Duration::from_secs(1), false, Vec::new())
        .check()
        .await
        .unwrap();
}

#[test]
fn names_of_commands_are_stable_and_short() {
    let name = |arguments: &[&str]| {
        CommandTarget::new(words(arguments), None, Duration::from_secs(1), false, Vec::new()).id().0.clone()
    };
    assert_eq!(name(&["put-key", "--env", "prod"]), "command:put-key --env prod");
    let long = "x".repeat(200);
    assert!(name(&["put", &long]).chars().count() < 130);
    assert_ne!(name(&["put", &long, "a"]), name(&["put", &long, "b"]));
    assert_eq!(name(&["put\x1b[31m\n"]), "command:put?[31m?");
}
