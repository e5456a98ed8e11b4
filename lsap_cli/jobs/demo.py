"""`lsap demo`: the whole way on the embedded default: make videos, generate, apply, defend, report."""

from dataclasses import dataclass
from pathlib import Path

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.demo.videos import LABELS, write_dataset
from lsap_cli.jobs import apply, defend, generate
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.events import FileEvent, NoteEvent, StageEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.text import counted
from lsap_cli.runs import Run
from lsap_cli.runs.run import Listener

FIT_PER_CLASS = 8
EVALUATION_PER_CLASS = 5
SEED_OF_FIT = 1001
SEED_OF_EVALUATION = 2002
LEARN_SECONDS = 75.0
FEW_STEPS = 60  # fewer than these fool few videos; a machine with two free cores makes several times as many
BINDING = "cyclic:16"  # only motion distinguishes the eight classes: the pattern needs many slots
SAMPLERS = ("uniform", "dense:stride=2", "random")


@dataclass(frozen=True)
class DemoSettings:
    """What `demo` was asked for."""

    epsilon: str = "8/255"
    time_budget: float = LEARN_SECONDS
    device: str = "auto"
    seed: int = 0


def demo(settings: DemoSettings, run: Run, listener: Listener) -> DefendResults:
    """Runs everything below the run's folder.

    Args:
        settings: what to do.
        run: the demo's own run; each command has one of its own below it.
        listener: gets the events of those.

    Returns:
        The results document of `defend`, and where things are.
    """
    root = run.folder
    made = (FIT_PER_CLASS + EVALUATION_PER_CLASS) * len(LABELS)
    run.event(StageEvent(name="making videos", files=made))
    for name, count, seed in (
        ("learn", FIT_PER_CLASS, SEED_OF_FIT),
        ("test", EVALUATION_PER_CLASS, SEED_OF_EVALUATION),
    ):
        folder = root / "videos" / name
        write_dataset(folder, count, seed + settings.seed, lambda path: run.event(FileEvent(path=path.name)))
    out = root / "perturbation.safetensors"
    run.event(NoteEvent(message=f"1 of 3  lsap generate: learn one pattern from {FIT_PER_CLASS * len(LABELS)} videos"))
    generated = GenerateSettings(
        videos=str(root / "videos" / "learn"), model="demo", out=str(out), epsilon=settings.epsilon, binding=BINDING,
        time_budget=settings.time_budget, device=settings.device, seed=settings.seed, batch=8,
    )  # fmt: skip
    with Run(root / "generate", "generate", vars(generated), [listener]) as part:
        learned = generate.generate(generated, part)
    tests = EVALUATION_PER_CLASS * len(LABELS)
    run.event(NoteEvent(message=f"2 of 3  lsap apply: put it into {tests} other videos"))
    applied = ApplySettings(str(out), str(root / "videos" / "test"), str(root / "perturbed"))
    with Run(root / "apply", "apply", vars(applied), [listener]) as part:
        apply.apply(applied, part)
    run.event(NoteEvent(message="3 of 3  lsap defend: what does the model see now, and which defense helps?"))
    judged = DefendSettings(
        videos=str(root / "videos" / "test"), model="demo", perturbed=str(root / "perturbed"), sampler=SAMPLERS,
        device=settings.device, seed=settings.seed, batch=16,
    )  # fmt: skip
    with Run(root / "defend", "defend", vars(judged), [listener]) as part:
        results = defend.defend(judged, part)
    if learned is not None and learned.steps < FEW_STEPS:
        run.event(NoteEvent(message=few_steps(learned.steps, settings.time_budget)))
    write_document(run.folder / RESULTS_FILE, results)
    return results


def few_steps(steps: int, seconds: float) -> str:
    """What to do about a pattern that was hardly learned, as on a machine that is busy or slow."""
    longer = max(1, round(seconds * 5 / 60))
    return (
        f"the pattern had only {counted(steps, 'step')} in {seconds:g} s, as on a machine that is busy or slow: "
        f"`lsap demo --time-budget {longer}m` learns more"
    )


def places(root: Path) -> list[tuple[str, Path]]:
    """Where a reader of the ending looks next."""
    return [
        ("report", root / "defend" / "report.html"),
        ("videos", root / "videos" / "test"),
        ("the same, perturbed", root / "perturbed"),
        ("perturbation", root / "perturbation.safetensors"),
    ]
