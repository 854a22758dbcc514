//! Completions and the manual page, from the same definition as the parser.

use super::args::Cli;
use super::outcome::{Failure, Outcome};
use clap::CommandFactory;
use std::io::{self, Write};

/// Prints a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sigmabus", &mut script);
    print(&script)
}

/// Prints the manual page, one section for each command.
pub(super) fn page() -> Result<Outcome, Failure> {
    let mut page = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(|error| Failure::output(&error))?;
    for inner in command.get_subcommands() {
        let title = format!("sigmabus {}", inner.get_name());
        let man = clap_mangen::Man::new(inner.clone().display_name(title.clone()));
        let section = |page: &mut Vec<u8>| {
            writeln!(page, ".SH \"{}\"", title.to_uppercase())?;
            man.render_synopsis_section(page)?;
            man.render_description_section(page)?;
            man.render_options_section(page)
        };
        section(&mut page).map_err(|error| Failure::output(&error))?;
    }
    print(&page)
}

fn print(bytes: &[u8]) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}
