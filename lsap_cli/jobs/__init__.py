"""What each command does, without its command line: settings in, files and events out."""
