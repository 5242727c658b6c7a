"""One file per command: a short pipeline of named steps."""
