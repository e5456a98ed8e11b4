"""Which runs the list shows, and in which order. The parts of a demo stay with it."""

from collections.abc import Callable, Sequence

from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.runs.reading import RunState

NOT_DONE_WELL: tuple[RunState, ...] = ("failed", "killed", "damaged")
DESCENDING = {"start": True, "took": True}  # what a person looks for first; other columns begin with the smallest
KEYS: dict[str, Callable[[RunSummary], tuple[object, ...]]] = {
    "start": lambda one: (one.snapshot.started or 0.0,),
    "state": lambda one: (not one.snapshot.live, one.snapshot.state),
    "run": lambda one: (one.name.lower(),),
    "command": lambda one: (one.snapshot.command,),
    "model": lambda one: (one.snapshot.classifier.lower(),),
    "key figure": lambda one: (one.figure == "", one.figure),
    "took": lambda one: (one.seconds or 0.0,),
}
SORTS = tuple(KEYS)


def valid_sort(kept: str) -> str:
    """A column that runs are sorted by, `start`, or `-start` where it is turned around."""
    return kept if kept.removeprefix("-") in SORTS else SORTS[0]


def sort_words(sort: str) -> str:
    """The order in words."""
    turned = sort.startswith("-")
    if sort.removeprefix("-") == "start":
        return "oldest first" if turned else "newest first"
    return f"by {sort.removeprefix('-')}{', reversed' if turned else ''}"


def ordered_runs(runs: Sequence[RunSummary], sort: str) -> list[RunSummary]:
    """Runs in an order, each followed by its parts as they were made.

    Args:
        runs: each followed by its parts.
        sort: as `valid_sort` gives it.
    """
    name = sort.removeprefix("-")
    groups = grouped(runs)
    groups.sort(key=lambda group: (-(group[0].snapshot.started or 0.0), group[0].name))
    reverse = DESCENDING.get(name, False) != sort.startswith("-")
    groups.sort(key=lambda group: KEYS[name](group[0]), reverse=reverse)  # stable: equal ones, the newest first
    return [one for group in groups for one in group]


def filtered(runs: Sequence[RunSummary], words: str, state: str = "", hides_failed: bool = False) -> list[RunSummary]:
    """Runs that match; with a part, the demo that it belongs to, and with a demo all its parts.

    Args:
        runs: each followed by its parts.
        words: all of which must be found; one that begins with `-` must not.
        state: that a run must have; empty: any.
        hides_failed: whether failed, killed and damaged ones are left out.
    """
    wanted = words.lower().split()
    if not (wanted or state or hides_failed):
        return list(runs)

    def matches(one: RunSummary) -> bool:
        if state and one.snapshot.state != state:
            return False
        if hides_failed and one.snapshot.state in NOT_DONE_WELL:
            return False
        found = searched(one)
        return all(word[1:] not in found if word[0] == "-" and word[1:] else word in found for word in wanted)

    kept = []
    for group in grouped(runs):
        own = [one for one in group if matches(one)]
        kept += group if group[0] in own else [group[0], *own] if own else []
    return kept


def grouped(runs: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """Each run with its parts."""
    groups: list[list[RunSummary]] = []
    for one in runs:
        if one.part and groups:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def searched(one: RunSummary) -> str:
    """All words that a run is found by."""
    snapshot = one.snapshot
    labels = " ".join([snapshot.folder.name, *(f"#{tag}" for tag in one.labels.tags), one.labels.note])
    words = f"{one.name} {labels} {snapshot.command} {snapshot.classifier} {snapshot.state} {one.figure}"
    return f"{words} {one.description}".lower()
