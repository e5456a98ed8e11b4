"""`--ladder fast`: the attackers of a ladder race on verification videos, and only the best learns to the end."""
