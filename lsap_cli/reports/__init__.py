"""Reports of finished runs: terminal tables, plots and HTML pages, from run folders only."""
