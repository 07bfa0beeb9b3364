//! Writing to stdout. A reader that went away (`| head`) is no failure.

use std::io::{ErrorKind, Write as _, stdout};

use crate::failure::{Exit, Failure};

pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Refused, format!("writing to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn print_line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Says on stderr why a command failed. There is nowhere left to report a failure of this.
pub(crate) fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
