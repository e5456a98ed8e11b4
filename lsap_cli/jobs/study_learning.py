"""The perturbation of a cell: learned from the videos of the other folds, or found where it was learned before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.hashing import text_hash
from lsap_cli.jobs.study_workshop import StudyWorkshop
from lsap_cli.learning.learning_loop import LearningLog, load_or_start_state, run_learning
from lsap_cli.learning.network_problems import problem_of_networks
from lsap_cli.learning.perturbation_output import learning_record, write_perturbation
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.schedule import Schedule
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import learning_task_of
from lsap_cli.learning.training_videos import TrainingVideos, videos_of_one_class
from lsap_cli.learning.variants import PERTURBED, LearningRun, LearningVariant
from lsap_cli.study.axes import NONE, OWN, USUAL, parse_budget, parse_goal
from lsap_cli.study.cells import PlannedCell
from perturbations import Perturbation
from perturbations.network import QueryCounter
from perturbations.state import State

TOOK = "study"  # what the file's record says of the study


@dataclass(frozen=True)
class CellPatterns:
    """What is added to the videos of a cell's fold.

    Attributes:
        shared: one perturbation for all; None: each video has its own.
        own: by the video's name, where each has its own.
        steps: of learning, in all.
        seconds: that learning took, in all parts of a resumed study.
    """

    shared: Perturbation | None
    own: Mapping[str, Perturbation]
    steps: int
    seconds: float

    def of(self, video: str) -> Perturbation:
        """The perturbation of a video."""
        return self.own[video] if self.shared is None else self.shared


def learn_patterns(shop: StudyWorkshop, cell: PlannedCell) -> CellPatterns:
    """What a cell's videos are perturbed with.

    Args:
        shop: of this process; its listener hears of every step.
        cell: one of those that share the perturbation.

    Raises:
        LsapError: if it cannot be learned.
    """
    setup = shop.setup
    if cell.point.text("from") != "one-video":
        names = [one.name for number, fold in enumerate(setup.folds) if number != cell.fold for one in fold]
        one = _learned(shop, cell, names, cell.pattern)
        return CellPatterns(one, {}, *_took(one))
    own = {}
    for video in (one.name for one in setup.folds[cell.fold]):
        own[video] = _learned(shop, cell, [video], f"{cell.pattern}-{text_hash(video)[:12]}")
    took = [_took(one) for one in own.values()]
    return CellPatterns(None, own, sum(steps for steps, _ in took), sum(seconds for _, seconds in took))


def _learned(shop: StudyWorkshop, cell: PlannedCell, names: Sequence[str], pattern: str) -> Perturbation:
    """A perturbation, from its file where it is there."""
    path = shop.store.pattern(pattern)
    if path.is_file():
        try:
            found = Perturbation.load(path)
        except (ValueError, OSError):
            path.unlink(missing_ok=True)  # damaged: it is learned again
        else:
            if TOOK in found.record:
                return found
    state = shop.store.state(pattern)
    made = _learn(shop, cell, names, state)
    write_perturbation(made, path)
    state.unlink(missing_ok=True)
    return made


def _learn(shop: StudyWorkshop, cell: PlannedCell, names: Sequence[str], state_path: Path) -> Perturbation:
    """Learns on one network, or on several at once, each with its own clips, samplers and class numbers."""
    settings = settings_of(shop, cell)
    runs = [_learning_run(shop, replace(settings, model=spec), names) for spec in cell.point.parts("model")]
    learning, task = replace(runs[0], others=tuple(runs[1:])), runs[0].task
    variant, queries = LearningVariant(PERTURBED, settings.seed, task.fitted), QueryCounter()
    with problem_of_networks(learning, variant, queries) as (problem, _):
        state = _starting_state(state_path, problem.shape)
        state.move(task.device)
        schedule = Schedule(settings.step_limit, shop.setup.seconds)
        try:
            run_learning(problem, task.attack, state, schedule, None, LearningLog(shop.run, state_path), queries)
        except ValueError as error:
            raise LsapError(f"attack {settings.attack}: {error}", 1) from None
    record = {
        **learning_record(learning, variant, state.steps),
        TOOK: {"steps": state.steps, "learn_seconds": round(state.seconds, 3)},
    }
    return Perturbation(state.delta.cpu(), task.binding, task.budget, record, task.resize)


def _starting_state(path: Path, shape: tuple[int, int, int, int]) -> State:
    """What an earlier part of the study has saved; one that is damaged counts as none."""
    try:
        return load_or_start_state(path, shape, resume=True)
    except ValueError:
        path.unlink(missing_ok=True)
        return load_or_start_state(path, shape, resume=False)


def settings_of(shop: StudyWorkshop, cell: PlannedCell) -> GenerateSettings:
    """A cell's perturbation as `generate` would be asked for it."""
    point, setup = cell.point, shop.setup
    norm, epsilon = parse_budget(point.text("budget"))
    kind, label = parse_goal(cell.axes["goal"])
    return GenerateSettings(
        videos=setup.source.videos, model=point.parts("model")[0], out="",
        attack=point.attack, norm=norm, epsilon=epsilon,
        binding=None if point.text("binding") == OWN else point.text("binding"),
        target=label if kind == "target" else None, only=label if kind == "only" else None,
        learn_from=point.text("from"),  # type: ignore[arg-type]  # checked when the study file was read
        sampler=() if point.text("sampler") == USUAL else point.parts("sampler"),
        through=() if point.text("through") == NONE else point.parts("through"),
        combine=point.text("combine"),  # type: ignore[arg-type]  # likewise
        steps=int(cell.axes["steps"]), batch=setup.batch, device=setup.device, seed=int(point.text("seed")),
    )  # fmt: skip


def _learning_run(shop: StudyWorkshop, settings: GenerateSettings, names: Sequence[str]) -> LearningRun:
    """What the perturbation is learned from: no video verifies, so that all are learned from and none chooses."""
    spec = str(settings.model)
    network = shop.network(spec)
    task = learning_task_of(settings, network.classifier, network.device, shop.run)
    if task.attack.uses_gradients:
        instead = "take one that uses none, such as random-search"
        network.classifier.require_gradients(f"attack {settings.attack}", instead)
    usable, skipped = shop.stored(spec, names)
    if not usable:
        raise LsapError(
            f"none of the {len(names)} videos to learn from can be used; {skipped[0].path}: {skipped[0].reason}", 1
        )
    fit = usable
    if settings.learn_from in ("target-class", "random-class"):
        fit = videos_of_one_class(usable, settings.learn_from, task.target, settings.seed)
    hashes = {one.name: one.sha256 for fold in shop.setup.folds for one in fold}
    clean = shop.clean_pairs(spec, fit)
    return LearningRun(settings, task, TrainingVideos(fit, [], hashes), ProcessGroup(), shop.run, True, clean)


def _took(perturbation: Perturbation) -> tuple[int, float]:
    """Steps and seconds of learning, as the file says them."""
    took = perturbation.record[TOOK]
    return int(took["steps"]), float(took["learn_seconds"])
