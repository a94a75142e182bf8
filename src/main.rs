//! Parse, run, exit code: nothing else.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    rotate::cli::main()
}
