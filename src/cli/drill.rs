//! `rotate drill`

use super::context::Context;
use super::definition::Drill;
use crate::drill::{self, Options, Report};
use crate::error::Failure;
use crate::exit::ExitCode;
use crate::ui::{Output, render};

pub(super) fn run(context: &Context, arguments: &Drill) -> Result<Output, Failure> {
    let options =
        Options { agents: arguments.agents, job_seconds: arguments.job_seconds, naive: arguments.naive };
    let report = drill::run(&options, context.ui.narrator())?;
    Ok(rendered(&report, options.naive))
}

/// A request that failed in a real rotation is a broken promise, and must not look like success.
fn rendered(report: &Report, naive: bool) -> Output {
    let exit = (!report.is_promise_kept() && !naive).then_some(ExitCode::Attention);
    Output { text: report.text(), json: render::fields(report), exit }
}
