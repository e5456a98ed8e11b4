"""How much of a run is over and how long the rest takes: one share and one time left, for all of its stages."""

from dataclasses import dataclass

from lsap_cli.dashboard.attackers import attackers_progress
from lsap_cli.dashboard.formatting import duration
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.runs.history import History
from lsap_cli.runs.whole_progress import NOT_KNOWN

PREPARING = ("loading", "decoding", "reading", "building", "starting", "measuring how long")  # stages before the plan


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        share: that is over, 0 to 1; None: it is not known.
        left: seconds until it ends; None: they are not known.
        is_preparing: whether it has not said yet what is to come.
    """

    share: float | None
    left: float | None
    is_preparing: bool = False

    @property
    def left_words(self) -> str:
        """The time that is left; empty where nothing can be said of it."""
        if self.left is not None:
            return f"{duration(self.left)} left"
        return NOT_KNOWN if self.is_preparing else ""


def run_progress(reader: RunReader) -> RunProgress:
    """Of all stages, where the run says which follow; of the stage that it is in, where it does not."""
    history = reader.history
    whole, stage = history.whole, history.stage
    if whole.share is not None and whole.seconds_left is not None:
        return RunProgress(whole.share, whole.left_at(history.last_time or 0.0))
    if stage is not None and stage.name.startswith(PREPARING):
        return RunProgress(None, None, is_preparing=True)
    if stage is not None and stage.name in ("learning", "training") and history.last_step is not None:
        return RunProgress(history.last_step.progress, history.last_step.seconds_left)
    attackers = attackers_progress(reader)
    if attackers is not None:
        return RunProgress(attackers.share, attackers.left)
    return _progress_of_the_stage(history)


def _progress_of_the_stage(history: History) -> RunProgress:
    """By what is counted: videos, files, cells."""
    stage = history.stage
    if stage is None or not stage.total:
        return RunProgress(None, None)
    through = history.counted + history.share_at_work
    passed = (history.last_time or 0.0) - stage.time
    left = (stage.total - through) * passed / through if through and passed > 0 else None
    return RunProgress(min(1.0, through / stage.total), None if left is None else max(0.0, left))
