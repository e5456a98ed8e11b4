"""Names of figures that every tracker of experiments takes."""

import hashlib
import re
from collections.abc import Iterable

REFUSED = re.compile(r"[^A-Za-z0-9_.:\- ]")
LONGEST = 200  # characters


def metric_name(*parts: str) -> str:
    """A name with levels, such as `rates/noise/none/uniform/accuracy`.

    MLflow takes letters, digits, spaces and `_ . : - /`; every other character becomes `_`. A long name is cut, with a
    digest of the whole at its end.
    """
    levels = [REFUSED.sub("_", part).strip() or "_" for part in parts]
    name = "/".join("_" if level.strip(".") == "" else level for level in levels)
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256("/".join(parts).encode(errors="replace")).hexdigest()[:8]
    return f"{name[: LONGEST - 9].rstrip(' ./')}-{digest}"


class UniqueNames:
    """Names by their parts, each given once: two that become equal are numbered."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def __call__(self, parts: Iterable[str]) -> str:
        """The name of these parts; the same for the same parts."""
        key = tuple(parts)
        if key not in self._names:
            plain = name = metric_name(*key)
            number = 2
            while name in self._taken:
                name, number = f"{plain}_{number}", number + 1
            self._names[key] = name
            self._taken.add(name)
        return self._names[key]
