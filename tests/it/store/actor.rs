//! Who acts, as entries and locks name it.

use rotate::store::actor::{Actor, host};

#[test]
fn this_process_is_named_with_its_command() {
    let actor = Actor::of_this_process("stage");
    assert_eq!((actor.command.as_str(), actor.pid), ("stage", std::process::id()));
    assert!(actor.user.contains("uid "), "{actor:?}");
    assert_eq!(actor.running("promote"), Actor { command: "promote".to_owned(), ..actor.clone() });
}

#[test]
fn this_machine_is_named_as_the_kernel_names_it() {
    let uname = std::process::Command::new("uname").arg("-n").output().unwrap();
    assert_eq!(host(), String::from_utf8(uname.stdout).unwrap().trim());
    assert_eq!(Actor::of_this_process("stage").host, host());
}
