"""Where workers say that they began a task and how far it is, and the driver reads it: an actor of its own process."""

News = tuple[int, bytes]
"""The number of a task's attempt, and what its worker says, pickled."""


class Board:
    """Messages in the order in which they came, until they are taken."""

    def __init__(self) -> None:
        self._news: list[News] = []

    def post(self, number: int, content: bytes) -> None:
        """Adds a message."""
        self._news.append((number, content))

    def take(self) -> list[News]:
        """All messages since the last call."""
        taken, self._news = self._news, []
        return taken
