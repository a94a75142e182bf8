//! `rotate man`

use crate::lab::Lab;

#[test]
fn it_makes_the_directory_and_may_be_repeated() {
    let lab = Lab::bare(Default::default());
    for directory in ["pages", "pages", "pages/more/"] {
        lab.run(&format!("man {directory}")).expect(0).says(&[directory]);
        assert!(lab.path(directory).join("rotate-promote.1").exists());
    }
}

#[test]
fn it_makes_no_directory_above_that_one() {
    let lab = Lab::bare(Default::default());
    let ran = lab.run("man no/such/pages").expect(2);
    ran.says(&["cannot write man pages into no/such/pages", "mkdir -p 'no/such'"]);
    assert!(!lab.path("no").exists());
    lab.write("taken", "");
    lab.run("man taken").expect(2).says(&["name a directory"]);
}
