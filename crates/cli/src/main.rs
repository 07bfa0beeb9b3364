//! The valetkey binary: settings, wiring, commands.

fn main() {}
