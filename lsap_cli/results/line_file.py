"""A .jsonl file that is written line by line."""

from pathlib import Path
from types import TracebackType

import msgspec

from lsap_cli.results.files import encode_line, write_errors_named


class LineFile:
    """A .jsonl file, open for writing. A context manager, which closes it.

    Args:
        path: of the file.
        append: keep the lines that it has.

    Raises:
        OSError: here and in each method, with the file's name in it: it cannot be written.
    """

    def __init__(self, path: Path, append: bool = False) -> None:
        self._path = path
        self._file = path.open("ab" if append else "wb")

    def __enter__(self) -> "LineFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, *results: msgspec.Struct) -> None:
        """Writes a line for each; they are with the system when this returns."""
        with write_errors_named(self._path):
            self._file.writelines(map(encode_line, results))
            self._file.flush()

    def close(self) -> None:
        """Closes the file; does nothing the second time."""
        with write_errors_named(self._path):
            self._file.close()
