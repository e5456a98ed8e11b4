"""Rung P: a pattern of its own for each evaluation video, an upper bound on what one pattern for all can do."""
