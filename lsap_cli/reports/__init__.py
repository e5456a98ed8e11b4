"""What a finished run says: terminal tables, plots, pictures and HTML pages, read from run folders only."""
