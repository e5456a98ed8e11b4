"""What the cells that are left will take: from the times of finished cells, or from a short timed probe."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from lsap_cli.errors import LsapError
from lsap_cli.jobs.study_judging import judge_cells
from lsap_cli.jobs.study_learning import learn_patterns
from lsap_cli.jobs.study_plan import StudyPlan
from lsap_cli.jobs.study_workshop import StudyWorkshop
from lsap_cli.results.events import StageEvent
from lsap_cli.results.study import FinishedCell
from lsap_cli.runs import Run
from lsap_cli.study.axes import NONE
from lsap_cli.study.cells import PlannedCell, units
from lsap_cli.study.store import CellStore

PROBE_STEPS = 4
PROBE_VIDEOS = 2
LADDER_ATTACKERS = 12  # of a defense, about: what a ladder learns beside the cell's own perturbation


@dataclass(frozen=True)
class StudyEstimate:
    """What is left to do.

    Attributes:
        seconds: of each cell, by its hash, by one worker; cells of one perturbation share its learning.
        made_of: in words.
    """

    seconds: Mapping[str, float]
    made_of: str

    @property
    def total(self) -> float:
        """In all."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class _Pace:
    """Seconds of a learning step and of judging a video in one cell."""

    step: float
    video: float


def estimate_study(plan: StudyPlan, run: Run) -> StudyEstimate:
    """The time that the cells that are left take by one worker, without loading.

    Each takes the mean pace of finished cells with its network and its attack, or else of any; networks of which
    nothing is finished are probed.

    Args:
        plan: of the study.
        run: gets an event where something is probed.
    """
    left = plan.left
    if not left:
        return StudyEstimate({}, "nothing is left to do")
    finished = [(cell, plan.done[cell.hash]) for cell in plan.cells if cell.hash in plan.done]
    known = {cell.axes["model"] for cell, _ in finished}
    probes: dict[str, _Pace] = {}
    for cell in left:
        model = cell.axes["model"]
        if model not in known and model not in probes:
            probes[model] = _probe(plan, cell, run)
    seconds: dict[str, float] = {}
    for unit in units(left):
        first = unit[0]
        pace = probes.get(first.axes["model"]) or _pace_of(first, finished)
        patterns = len(plan.setup.folds[first.fold]) if first.point.text("from") == "one-video" else 1
        learning = patterns * int(first.axes["steps"]) * pace.step
        if plan.setup.seconds is not None:
            learning = min(learning, patterns * plan.setup.seconds)
        if plan.shop.store.pattern(first.pattern).is_file():
            learning = 0.0
        seconds |= {cell.hash: learning / len(unit) + _judging(plan, cell, pace) for cell in unit}
    sources = []
    if finished:
        sources.append(f"the times of {len(finished)} finished cells")
    if probes:
        sources.append(f"a probe of {PROBE_STEPS} steps and {PROBE_VIDEOS} videos on {', '.join(probes)}")
    return StudyEstimate(seconds, " and ".join(sources))


def _judging(plan: StudyPlan, cell: PlannedCell, pace: _Pace) -> float:
    judging = len(plan.setup.folds[cell.fold]) * pace.video
    if cell.point.text("ladder") == NONE:
        return judging
    return LADDER_ATTACKERS * (plan.setup.ladder_steps * pace.step + judging)


def _pace_of(cell: PlannedCell, finished: Sequence[tuple[PlannedCell, FinishedCell]]) -> _Pace:
    """The mean pace of the finished cells that are most like a cell."""
    for alike in (("model", "attack"), ("model",), ()):
        some = [
            one
            for other, one in finished
            if all(other.axes[axis] == cell.axes[axis] for axis in alike) and other.point.text("ladder") == NONE
        ]
        steps = [one.learn_seconds / one.steps for one in some if one.steps]
        videos = [one.judge_seconds / _videos(one) for one in some if one.outcomes]
        if steps and videos:
            return _Pace(mean(steps), mean(videos))
    return _Pace(0.0, 0.0)


def _videos(one: FinishedCell) -> int:
    return len({outcome.video for outcome in one.outcomes})


def _probe(plan: StudyPlan, cell: PlannedCell, run: Run) -> _Pace:
    """A few steps and a few videos of one cell, in a folder that is removed."""
    run.event(StageEvent(name=f"measuring how long {cell.axes['model']} takes"))
    with TemporaryDirectory(prefix="lsap-probe-") as folder:
        CellStore(Path(folder)).make()
        others = [one for number, fold in enumerate(plan.setup.folds) if number != cell.fold for one in fold]
        folds = (tuple(plan.setup.folds[cell.fold][:PROBE_VIDEOS]), tuple(others[: 4 * PROBE_VIDEOS]))
        shop = StudyWorkshop(replace(plan.setup, folder=Path(folder), folds=folds))
        values: Mapping[str, str | int | tuple[str, ...]] = {
            **cell.point.values, "steps": str(PROBE_STEPS), "from": "any", "ladder": NONE, "file": NONE,
        }  # fmt: skip
        point = replace(cell.point, values=values)
        small = replace(cell, point=point, fold=0, axes={**cell.axes, "steps": str(PROBE_STEPS)})
        try:
            patterns = learn_patterns(shop, small)
            start = time.monotonic()
            judge_cells(shop, [small], patterns)
        except LsapError:
            return _Pace(0.0, 0.0)  # its cells will fail, which takes no time
        return _Pace(patterns.seconds / PROBE_STEPS, (time.monotonic() - start) / PROBE_VIDEOS)
