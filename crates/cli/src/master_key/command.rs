//! The master key as the output of a command: the client of a key management service, a password manager, a hardware
//! token's tool.

use std::{
    io::{self, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use valetkey_domain::SecretString;
use zeroize::Zeroizing;

use super::MasterKeyProvider;

/// How long the command may take: a service far away may have to be asked, and its client to be started.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long after its end its output is waited for: something that it left running may hold it open.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A key has at most 64 characters.
const MAX_OUTPUT: u64 = 4096;
const MAX_COMPLAINT: u64 = 2048;

/// A program and its arguments, run without a shell.
pub(crate) struct KeyCommand {
    words: Vec<String>,
    deadline: Duration,
}

impl KeyCommand {
    /// `words` are the program and its arguments.
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words, deadline: DEADLINE }
    }

    fn spawn(&self) -> Result<Child, String> {
        let [program, arguments @ ..] = self.words.as_slice() else {
            return Err("names no program".to_owned());
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Our own settings, secrets among them, are no business of the command.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VALETKEY_") {
                command.env_remove(name);
            }
        }
        command.spawn().map_err(|error| format!("{program} cannot be started: {error}"))
    }
}

impl MasterKeyProvider for KeyCommand {
    fn setting(&self) -> &'static str {
        "master_key_command"
    }

    fn fetch(&self) -> Result<SecretString, String> {
        let mut child = self.spawn()?;
        let output = read(child.stdout.take(), MAX_OUTPUT);
        let complaint = read(child.stderr.take(), MAX_COMPLAINT);
        let begun = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() < self.deadline => std::thread::sleep(Duration::from_millis(10)),
                Ok(None) => {
                    // It may have ended by itself just now; either way it is over.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(
                        format!("did not end within {} s", self.deadline.as_secs_f32()) + &told(&complaint)
                    );
                }
                Err(error) => return Err(format!("cannot be waited for: {error}")),
            }
        };
        if !status.success() {
            return Err(format!("failed with {status}{}", told(&complaint)));
        }
        let output = output.recv_timeout(LAST_WORDS).map_err(|_| "did not close its output".to_owned())?;
        if output.len() as u64 > MAX_OUTPUT {
            return Err(format!("wrote more than {MAX_OUTPUT} bytes"));
        }
        let text = std::str::from_utf8(&output).map_err(|_| "wrote something else than text".to_owned())?;
        Ok(SecretString::from(text.trim().to_owned()))
    }
}

/// Reads up to one byte more than `limit`, and lets the rest pass, so that the command does not wait for a reader.
fn read(stream: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<Zeroizing<Vec<u8>>> {
    let (told, heard) = channel();
    if let Some(mut stream) = stream {
        std::thread::spawn(move || {
            let mut bytes = Zeroizing::new(Vec::with_capacity(4100));
            // What could be read counts; that it ended early shows in what is missing.
            let _ = stream.by_ref().take(limit + 1).read_to_end(&mut bytes);
            let _ = told.send(bytes);
            let _ = io::copy(&mut stream, &mut io::sink());
        });
    }
    heard
}

/// What the command said on stderr, for the operator's terminal.
fn told(complaint: &Receiver<Zeroizing<Vec<u8>>>) -> String {
    let Ok(bytes) = complaint.recv_timeout(LAST_WORDS) else { return String::new() };
    let text: String =
        String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

#[cfg(test)]
mod tests {
    use valetkey_domain::ExposeSecret;

    use super::*;

    fn fetch(words: &[&str]) -> Result<String, String> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let command = KeyCommand { words, deadline: Duration::from_millis(500) };
        command.fetch().map(|text| text.expose_secret().to_owned())
    }

    #[test]
    fn command_that_prints_a_key_gives_it() {
        assert_eq!(fetch(&["echo", "a key"]).unwrap(), "a key");
        assert_eq!(fetch(&["echo", "$HOME; true"]).unwrap(), "$HOME; true", "there is no shell");
    }

    #[test]
    fn command_that_fails_says_what_it_said() {
        let failed = fetch(&["sh", "-c", "echo no such key >&2; echo half; exit 3"]).unwrap_err();
        assert!(failed.contains("exit status: 3") && failed.contains("no such key"), "{failed}");
        assert!(!failed.contains("half"), "what may be a part of a key is not repeated");
        assert!(fetch(&["/nowhere/at/all"]).unwrap_err().contains("cannot be started"));
        assert!(fetch(&[]).is_err());
    }

    #[test]
    fn command_without_end_is_ended() {
        let late = fetch(&["sh", "-c", "echo waiting for the service >&2; exec sleep 60"]).unwrap_err();
        assert!(late.contains("did not end within 0.5 s") && late.contains("waiting"), "{late}");
        let endless = fetch(&["yes"]).unwrap_err();
        assert!(endless.contains("did not end"), "{endless}");
        let long = fetch(&["head", "-c", "5000", "/dev/zero"]).unwrap_err();
        assert!(long.contains("more than 4096 bytes"), "{long}");
    }

    #[test]
    fn command_that_leaves_something_running_is_not_waited_for() {
        let begun = Instant::now();
        let outcome = fetch(&["sh", "-c", "sleep 20 & echo key"]);
        assert!(outcome.is_err() && begun.elapsed() < Duration::from_secs(10), "{outcome:?}");
    }
}
