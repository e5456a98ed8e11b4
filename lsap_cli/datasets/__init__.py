"""Sets of videos: what is in them, what they show, and their frames."""
