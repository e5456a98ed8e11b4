"""The command line: words in, settings out. Nothing heavy is imported before a command runs."""
