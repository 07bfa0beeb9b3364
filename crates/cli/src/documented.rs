//! Every command that the documentation shows is one: it is read by the same parser as a command line.

use std::path::{Path, PathBuf};

use clap::Parser as _;

use crate::args::Args;

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The words of a command line, as a shell takes them apart; nothing is expanded.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// The command lines on a page: in blocks behind a prompt or by themselves, and in the text between backticks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    let joined = text.replace("\\\n", " ");
    let mut prose = String::new();
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            let line = line.trim().strip_prefix("$ ").unwrap_or(line.trim());
            if line.starts_with("valetkey ") {
                // What a shell does with the output is not the command's.
                let ends = [" #", " | ", " 2>", " > ", " && ", " || "];
                let end = ends.iter().filter_map(|end| line.find(end)).min().unwrap_or(line.len());
                found.push(line[..end].trim().to_owned());
            }
        } else {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    for quoted in prose.split('`').skip(1).step_by(2) {
        // With an ellipsis or a bar it is a way of speaking.
        if quoted.starts_with("valetkey ") && !quoted.contains(['…', '|', '[', '<']) {
            found.push(quoted.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found
}

#[test]
fn commands_in_the_documentation_all_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    pages(&root.join("docs"), &mut files);
    let mut seen = 0;
    let mut wrong = Vec::new();
    for file in files {
        for command in commands(&std::fs::read_to_string(&file).unwrap()) {
            seen += 1;
            let parsed = Args::try_parse_from(words(&command));
            if let Err(error) = parsed {
                // A noun alone, or a verb without its arguments, names the command without calling it.
                let named = matches!(
                    error.kind(),
                    clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                        | clap::error::ErrorKind::MissingSubcommand
                        | clap::error::ErrorKind::MissingRequiredArgument
                );
                // A variable or a word in capitals stands for a value.
                let stands_for = command.contains('$')
                    || command.split(' ').any(|word| {
                        word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                    });
                let placeholder = stands_for && error.kind() == clap::error::ErrorKind::ValueValidation;
                if !named && !placeholder {
                    wrong.push(format!("{}: `{command}`: {}", file.display(), error.kind()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 60, "only {seen} commands");
}

/// The remedies of the catalogue show commands too.
#[test]
fn commands_in_remedies_all_understood() {
    for code in valetkey_domain::ErrorCode::ALL {
        for (_, text) in code.entry().remedies {
            for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("valetkey "))
            {
                let parsed = Args::try_parse_from(words(quoted));
                let missing =
                    |error: &clap::Error| error.kind() == clap::error::ErrorKind::MissingRequiredArgument;
                assert!(parsed.as_ref().err().is_none_or(missing), "{}: {quoted}: {parsed:?}", code.as_str());
            }
        }
    }
}
