"""Judging: predictions under attacks and defenses, and the rates they make."""
