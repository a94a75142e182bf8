//! An agent whose key is refused: once more with another key where there is one, and never in circles.

use super::agent::{ANSWER, Agent, Door, LANGUAGES};
use crate::lab::Lab;

#[test]
fn a_refused_key_is_read_anew_and_the_request_made_once_more() {
    for language in LANGUAGES {
        let lab = Lab::new();
        lab.configure(&lab.key_with("prod-publish", "", &[]));
        let old = lab.console_key("old");
        lab.run("adopt prod-publish --from file:old.key").expect(0);
        let door = Door::before(&lab);
        let mut agent = Agent::start(&lab, &door, language, "command prod-publish 100000");
        assert_eq!(agent.ask("one"), ANSWER, "{language:?}");

        let new = lab.console_key("new");
        lab.run("revoke-now prod-publish --reason leaked --replace-from file:new.key --yes").expect(0);
        assert_eq!(agent.ask("two"), ANSWER, "{language:?}");
        assert_eq!(agent.ask("three"), ANSWER, "{language:?}");
        let seen = door.seen();
        let seen: Vec<_> =
            seen.iter().map(|one| (one.question.as_str(), one.key.as_str(), one.status)).collect();
        let (old, new) = (old.value.as_str(), new.value.as_str());
        let expected = [("one", old, 200), ("two", old, 401), ("two", new, 200), ("three", new, 200)];
        assert_eq!(seen, expected, "{language:?}");
    }
}

#[test]
fn where_there_is_no_other_key_the_agent_fails_at_once() {
    for language in LANGUAGES {
        let lab = Lab::new();
        let key = lab.console_key("only");
        let door = Door::before(&lab);
        let mut agent = Agent::start(&lab, &door, language, "file only.key");
        assert_eq!(agent.ask("one"), ANSWER, "{language:?}");
        lab.console_set(&key.id, "inactive");
        assert_eq!(agent.ask("two"), "", "{language:?}");
        assert_eq!(agent.ended(), Some(1), "{language:?}");
        let statuses: Vec<_> = door.seen().iter().map(|one| one.status).collect();
        assert_eq!(statuses, [200, 401], "{language:?}");
    }
}
