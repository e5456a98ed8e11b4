"""Text from files and other people, made safe to show. Imports nothing: every start of the program needs it."""


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 clip`, `1,200 clips`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: object) -> str:
    """Text without control, direction and surrogate characters: each becomes its escape."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
