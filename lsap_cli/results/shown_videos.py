"""How many videos a run draws before and after, where nobody says otherwise. Nothing is imported: `--help` reads it."""

SHOWN_VIDEOS = 8  # of which `defend` draws pictures, where nobody asks for another number
