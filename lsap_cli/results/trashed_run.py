"""trashed.json: where a run in the trash of a folder with runs came from."""

from lsap_cli.results.base import Result

ENTRY_FILE = "trashed.json"


class TrashedRun(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.trashed/1"):
    """Where a run in the trash came from.

    Attributes:
        path: below the folder with the runs, with forward slashes.
        time: seconds since 1970.
    """

    path: str
    time: float = 0.0
