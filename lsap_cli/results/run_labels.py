"""labels.json: what a person calls a run, and says of it. It changes nothing of the run."""

from lsap_cli.results.base import Result

LABELS_FILE = "labels.json"


class RunLabels(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.labels/1"):
    """A person's name, tags and note of a run.

    Attributes:
        name: shown instead of the folder's name, which stays, as other runs name files in it; empty: none.
        tags: words to find runs by.
        note: free text.
    """

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
