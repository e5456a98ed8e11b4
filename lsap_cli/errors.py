"""The one exception that stands for a mistake of the user: it becomes one sentence on stderr."""


class LsapError(Exception):
    """A sentence that says what was wrong, what it was, and what would work.

    Args:
        message: the sentence.
        exit_code: 2 for wrong usage (the default), 1 for work that failed.
    """

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code
