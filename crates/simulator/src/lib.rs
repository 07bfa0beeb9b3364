//! The built-in provider that can be told to misbehave.
