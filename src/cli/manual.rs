//! Completions and manual pages, from the same definition as the parser.

use super::args::Cli;
use super::outcome::{Failure, Outcome};
use clap::{Command, CommandFactory};
use std::io::{self, Write};

/// Prints a completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sigmabus", &mut script);
    print(&script)
}

/// Prints the manual page of sigmabus, or of the command that `words` name.
pub(super) fn page(words: &[String]) -> Result<Outcome, Failure> {
    let mut command = Cli::command();
    command.build();
    let mut wanted = &command;
    let mut title = "sigmabus".to_owned();
    for word in words {
        wanted =
            wanted.find_subcommand(word).ok_or_else(|| Failure::usage(format!("no command `{word}` in {title}")))?;
        title = format!("{title}-{word}");
    }
    let mut page = Vec::new();
    let named: Command = wanted.clone().display_name(title);
    clap_mangen::Man::new(named).render(&mut page).map_err(|error| Failure::output(&error))?;
    print(&page)
}

fn print(bytes: &[u8]) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Outcome::Done)
}
