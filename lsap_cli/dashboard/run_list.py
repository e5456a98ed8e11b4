"""All runs below a folder, read again and again by a thread."""

from pathlib import Path

from lsap_cli.dashboard.summaries import RunSummarizer, RunSummary

FIRST_LIST_SECONDS = 2.0  # at most, that the figures wait until the first list is drawn: the screen says when it is
LIST_EVERY_SECONDS = 1.0
COVERED_LIST_SECONDS = 15.0  # instead, while another screen covers the list
LIVE_LIST_SHARE = 0.02  # of one core that reading the folders may take while a run is live
IDLE_LIST_SHARE = 0.005  # and while none is


class RunListReader:
    """The summaries of all runs below a folder. The first update reads run.json alone, the next one the figures too.

    Attributes:
        summaries: newest first.
        updates: how many there were.
        covered: whether another screen covers the list.
    """

    def __init__(self, root: Path) -> None:
        self.summaries: list[RunSummary] = []
        self.updates = 0
        self.covered = False
        self._summarizer = RunSummarizer(root)

    def update(self) -> bool:
        summaries = self._summarizer.all(figures=self.updates > 0)
        changed = summaries != self.summaries or self.updates < 2
        self.summaries = summaries
        self.updates += 1
        return changed

    def pause(self, took: float) -> float:
        if self.updates == 1:
            return FIRST_LIST_SECONDS
        # The second update reads all figures for the first time, and does not say what the next ones take.
        every = COVERED_LIST_SECONDS if self.covered else LIST_EVERY_SECONDS
        if self.updates == 2:
            return every
        live = any(one.snapshot.live for one in self.summaries)
        return max(every, took / (LIVE_LIST_SHARE if live else IDLE_LIST_SHARE))
