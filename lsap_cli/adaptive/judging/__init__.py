"""From rows and records to ladders with their minimum, checks and budget curves."""
