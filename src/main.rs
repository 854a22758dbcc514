//! The `sigmabus` command; everything it does is in the library.

fn main() -> std::process::ExitCode {
    sigmabus::cli::main()
}
