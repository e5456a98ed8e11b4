"""`lsap generate`: learn one perturbation for all videos of a set, and verify it on videos it was not fitted on."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from defenses import Defense
from defenses.chain import student
from lsap_cli import STARTED
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.looking import LookingClassifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.jobs.batches import BatchSource, clean_predictions
from lsap_cli.jobs.doubts import doubts
from lsap_cli.jobs.footage import LOADING_SHARE, Footage, LearnFrom, load_footage
from lsap_cli.jobs.learning import QuickVerification, Schedule, Watch, run_learning, starting_state
from lsap_cli.jobs.look import draw_slots
from lsap_cli.jobs.processes import joined, of_the_first, own_device, process_number
from lsap_cli.jobs.shared import build_samplers, choose_device, class_number
from lsap_cli.jobs.verifying import PERTURBED, Drawn, Verification, pooled, sampler_row, verify
from lsap_cli.runs import Run
from lsap_cli.runs.run import versions
from lsap_cli.specs import build, build_defense
from perturbations import Binding, Budget, Perturbation, parse_binding, parse_epsilon
from perturbations.attacks import ATTACKS, Attack
from perturbations.augment import Augmentation
from perturbations.controls import CONTROLS
from perturbations.learn import State
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted
from perturbations.problem import Gather, Problem
from perturbations.samplers import Sampler

FITTED = ("segments", "dense:stride=1", "dense:stride=4", "rate:fps=8")  # beside the classifier's own
HELD_OUT = ("uniform", "dense:stride=2", "random", "rate:fps=5")
DEFAULT_STEPS = 600
LARGEST_DELTA = 224
UNSEEN_CLIPS = 10  # of one video: LSAP's set X2


@dataclass(frozen=True)
class Settings:
    """What `generate` was asked for. The fields are the command's options; `None` leaves a choice to the job."""

    videos: str
    model: str
    out: str
    attack: str = "lsap"
    norm: str = "linf"
    epsilon: str = "8/255"
    binding: str | None = None
    target: str | None = None
    only: str | None = None
    learn_from: LearnFrom = "any"
    pool: int | None = None
    sampler: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    steps: int | None = None
    time_budget: float | None = None
    seeds: int = 1
    matrix: bool = False
    controls: bool = False
    layer: str | None = None
    batch: int = 4
    micro_batch: int | None = None
    precision: str = "fp32"
    compiled: bool = False
    memory: int = 4 * 2**30
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """The settings, turned into objects."""

    budget: Budget
    binding: Binding
    attack: Attack
    device: torch.device
    classifier: Classifier
    network: LookingClassifier
    objective: Objective
    target: int | None
    source: int | None
    fitted: dict[str, Sampler]
    held_out: dict[str, Sampler]
    through: dict[str, Defense]


@dataclass(frozen=True)
class Member:
    """One of the perturbations that a command learns: the one it was asked for, and those it is compared with.

    Attributes:
        name: in rows, events and file names.
        seed: of everything that is drawn.
        fitted: samplers that it is learned through.
    """

    name: str
    seed: int
    fitted: dict[str, Sampler]


@dataclass(frozen=True)
class Learned:
    """What came of a member."""

    member: Member
    perturbation: Perturbation
    state: State
    watch: Watch


def generate(settings: Settings, run: Run, resume: bool = False, started: float = STARTED) -> dict[str, Any]:
    """Learns, verifies, and writes the perturbation file.

    Args:
        settings: what to do.
        run: where events and the state go.
        resume: go on from the state in the run folder, if there is one.
        started: when the time budget began, by `time.monotonic`.

    Returns:
        The results document: verification rows, what was skipped, what it cost.

    Raises:
        LsapError: for anything that the user can mend.
    """
    _check_out(Path(settings.out))
    task = make_task(settings, run)
    workers = max(1, min(torch.get_num_threads(), 8))
    with (
        joined(settings.batch, task.device) as together,
        FrameStore(task.classifier.geometry.shrink, settings.memory, workers) as store,
    ):
        last_moment = float("inf")  # several processes must load the same videos
        if settings.time_budget and together.processes == 1:
            last_moment = started + LOADING_SHARE * settings.time_budget
        footage = load_footage(
            store, Path(settings.videos), task.classifier, settings.learn_from, task.target, settings.seed,
            last_moment, run,
        )  # fmt: skip
        learned = list(_learn_all(task, footage, store, settings, together, run, resume, started))
        cost = asdict(store.cost)
    if process_number() > 0:
        return {"steps": learned[0].state.steps, "rows": [], "skipped": footage.skipped}
    run.event("stage", name="verifying on the videos' own frames")
    verification = _verify(task, learned, footage, settings, run)
    results = _results(task, learned, footage, verification, settings) | {"frame_store": cost}
    for message in doubts(verification, PERTURBED, learned[0].watch, task.target is not None):
        run.event("warning", message=message)
        results["doubts"].append(message)
    for one in learned:
        rows = [row for row in verification.rows if row["attack"] in ("none", "noise", one.member.name)]
        with_rows = replace(one.perturbation, record=dict(one.perturbation.record) | {"verification": rows})
        path = _path_of(one.member, Path(settings.out), run)
        _write_out(with_rows, path)
    with (run.folder / "records.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(one.as_json(task.classifier.labels)) + "\n" for one in verification.records)
    draw_slots(run.folder, learned[0].perturbation.delta, str(task.binding))
    run.write_json("results.json", results)
    return results


def make_task(settings: Settings, run: Run) -> Task:
    attack = build(settings.attack, ATTACKS, "attack")
    try:
        budget = Budget(settings.norm, parse_epsilon(settings.epsilon))  # type: ignore[arg-type]  # Budget checks it
        binding = parse_binding(settings.binding or attack.binding)
    except ValueError as error:
        raise LsapError(str(error)) from None
    device = choose_device(own_device(settings.device))
    run.event("stage", name="loading the model")
    classifier = load_classifier(settings.model).to(device)
    fitted = build_samplers(settings.sampler or (classifier.sampler_spec, *FITTED))
    held_out = {spec: sampler for spec, sampler in build_samplers(HELD_OUT).items() if sampler not in fitted.values()}
    if not held_out:
        message = "every sampler is learned through: verification has none that is new to the perturbation"
        run.event("warning", message=message)
        held_out = fitted
    if settings.target is not None and settings.only is not None:
        raise LsapError("--target and --only are two different goals; give one of them")
    target = None if settings.target is None else class_number(settings.target, classifier, "--target")
    source = None if settings.only is None else class_number(settings.only, classifier, "--only")
    if settings.learn_from == "target-class" and target is None:
        raise LsapError("--from target-class needs --target LABEL")
    objective: Objective = Untargeted()
    if target is not None:
        objective = Targeted(target)
    elif source is not None:
        objective = Discriminative(source)
    run.note(device=str(device), classifier=classifier.source | {"name": classifier.name})
    return Task(
        budget, binding, attack, device, classifier,
        LookingClassifier(classifier, settings.layer, settings.precision, settings.compiled), objective, target, source,
        fitted, held_out, {spec: _learnable(spec) for spec in settings.through},
    )  # fmt: skip


def _learnable(spec: str) -> Defense:
    defense = build_defense(spec)
    if student(defense) is not None:
        raise LsapError(f"--through {spec} must see a set of videos before it can defend one; use another defense")
    return defense


def _members(task: Task, settings: Settings) -> list[Member]:
    """The perturbation that was asked for first, then more seeds, then one for each sampler alone."""
    members = [Member(PERTURBED, settings.seed, task.fitted)]
    for number in range(1, settings.seeds):
        members.append(Member(f"{PERTURBED} seed {settings.seed + number}", settings.seed + number, task.fitted))
    if settings.matrix:
        members += [Member(f"fitted to {spec}", settings.seed, {spec: one}) for spec, one in task.fitted.items()]
    return members


def _learn_all(
    task: Task,
    footage: Footage,
    store: FrameStore,
    settings: Settings,
    together: Gather,
    run: Run,
    resume: bool,
    started: float,
) -> Iterator[Learned]:
    """Learns one member after the other."""
    members = _members(task, settings)
    clean = clean_predictions(task.classifier, footage.fit, settings.seed, settings.batch)
    schedule: Schedule | None = None
    for number, member in enumerate(members):
        problem, verification = make_problem(task, footage, member, clean, settings, together, run)
        if schedule is None:
            schedule = _schedule(settings, footage, task, verification, store, together, started, len(members))
        state = _start(task, problem, number, together, run, resume)
        name = "learning" if len(members) == 1 else f"learning {member.name} ({number + 1} of {len(members)})"
        run.event("stage", name=name, steps=schedule.steps, seconds=schedule.seconds)
        tags = {} if len(members) == 1 else {"member": member.name}
        path = run.folder / _state_name(number)
        try:
            watch = run_learning(problem, task.attack, state, schedule, verification, path, run, **tags)
        except ValueError as error:
            raise LsapError(f"--attack {settings.attack}: {error}") from None
        record = _record(task, footage, settings, member, state)
        yield Learned(member, Perturbation(state.delta.cpu(), task.binding, task.budget, record), state, watch)


def make_problem(
    task: Task,
    footage: Footage,
    member: Member,
    clean: Tensor,
    settings: Settings,
    together: Gather,
    run: Run,
    verifies: bool = True,
) -> tuple[Problem, QuickVerification | None]:
    """The problem of one member, and what watches it being solved (in the first process only)."""
    classifier = task.classifier
    height, width = (min(side, LARGEST_DELTA) for side in classifier.geometry.size)
    one_video = settings.learn_from == "one-video"
    source = BatchSource(
        videos=footage.fit,
        clean_predictions=clean,
        samplers=list(member.fitted.values()),
        frames=classifier.frames,
        geometry=classifier.geometry,
        binding=task.binding,
        delta_size=(height, width),
        augmentation=None if one_video else Augmentation(),
        clips=settings.batch,
        seed=member.seed,
        device=task.device,
        defenses=(None, *task.through.values()),
        pool=settings.pool,
        process=(process_number(), together.processes),
    )
    problem = Problem(
        network=task.network,
        draw=source.draw,
        objective=task.objective,
        budget=task.budget,
        binding=task.binding,
        shape=(task.binding.period, 3, height, width),
        frames=classifier.frames,
        classes=len(classifier.labels),
        seed=member.seed,
        device=task.device,
        together=together,
        part=[settings.micro_batch or settings.batch],
        say=lambda message: run.event("warning", message=message),
    )
    if process_number() > 0 or not verifies:
        return problem, None
    verification = QuickVerification(
        classifier, task.network, footage.verify, list(task.held_out.values()), problem, settings.seed, settings.batch
    )
    return problem, verification


def _start(task: Task, problem: Problem, number: int, together: Gather, run: Run, resume: bool) -> State:
    try:
        state = of_the_first(together, starting_state(run.folder / _state_name(number), problem.shape, resume))
    except ValueError as error:
        raise LsapError(f"--resume: {error}", 1) from None
    if resume and state.steps:
        run.event("resumed", step=state.steps, seconds=round(state.seconds, 1))
    state.delta = state.delta.to(task.device)
    state.memory = {name: value.to(task.device) for name, value in state.memory.items()}
    return state


def _state_name(number: int) -> str:
    return "state.safetensors" if number == 0 else f"state-{number}.safetensors"


def _schedule(
    settings: Settings,
    footage: Footage,
    task: Task,
    verification: QuickVerification | None,
    store: FrameStore,
    together: Gather,
    started: float,
    members: int,
) -> Schedule:
    """Steps as asked for; of a time budget, what is left after set-up and before the final verification.

    Several processes take what the first one, which alone verifies, has left.
    """
    if settings.time_budget is None:
        return Schedule(settings.steps or DEFAULT_STEPS, None)
    seconds_per_clip = 0.0 if verification is None else verification.seconds_per_clip
    share = len(footage.verify) / (len(footage.fit) + len(footage.verify))
    decoding = 3.0 * share * store.cost.seconds
    attacks = 1 + members + (len(CONTROLS) if settings.controls else 1)
    samplers = UNSEEN_CLIPS if footage.same_video else len(_final_samplers(task))
    judging = attacks * (1 + len(task.through)) * len(footage.verify) * samplers * seconds_per_clip
    left = settings.time_budget - (time.monotonic() - started) - 1.5 * (decoding + judging) - 1.0
    left = float(together.total(torch.tensor(0.0 if process_number() else left, dtype=torch.float64)))
    if left < 1:
        raise LsapError(
            f"--time-budget {settings.time_budget:g}s is over before learning can start (loading took "
            f"{time.monotonic() - started:.0f}s); use a longer one, or fewer videos"
        )
    return Schedule(settings.steps, left / members)


def _final_samplers(task: Task) -> dict[str, Sampler]:
    """The classifier's own first, those that were learned through, those that were not."""
    return build_samplers((task.classifier.sampler_spec, *task.fitted, *task.held_out))


def _verify(task: Task, learned: Sequence[Learned], footage: Footage, settings: Settings, run: Run) -> Verification:
    samplers = _final_samplers(task)
    if footage.same_video:
        held_out = list(task.held_out.items())
        drawn = [(number, *held_out[number % len(held_out)]) for number in range(UNSEEN_CLIPS)]
        samplers = {f"{spec}, draw {number}": Drawn(sampler, number) for number, spec, sampler in drawn}
    return verify(
        task.classifier,
        {one.member.name: one.perturbation for one in learned},
        [stored.video for stored in footage.verify],
        samplers,
        task.through,
        settings.seed,
        task.device,
        settings.batch,
        task.target,
        task.source,
        list(CONTROLS) if settings.controls else ["noise"],
        footage.skipped,
        run,
    )


def _results(
    task: Task, learned: Sequence[Learned], footage: Footage, verification: Verification, settings: Settings
) -> dict[str, Any]:
    first, targeted = learned[0], task.target is not None
    key = "success_rate" if targeted else "fooling_rate"
    seeds = [one for one in learned if one.member.fitted == task.fitted]
    rates = {str(one.member.seed): pooled(verification.rows, one.member.name, key) for one in seeds}
    values = [rate["value"] for rate in rates.values() if rate]
    return {
        "schema": "lsap.generate/1",
        "out": settings.out,
        "attack": settings.attack,
        "steps": first.state.steps,
        "converged": first.watch.converged,
        "learn_seconds": round(first.state.seconds, 1),
        "fit_videos": len(footage.fit),
        "verification_videos": verification.videos,
        "fit_samplers": list(task.fitted),
        "held_out_samplers": list(task.held_out),
        "rows": verification.rows,
        "sampler_matrix": [
            sampler_row(verification.rows, one.member.name, list(one.member.fitted), targeted) for one in learned
        ],
        "seeds": {
            "rates": rates,
            "mean": mean(values) if values else None,
            "standard_deviation": stdev(values) if len(values) > 1 else None,
        },
        "doubts": [],
        "skipped": footage.skipped,
    }


def _record(task: Task, footage: Footage, settings: Settings, member: Member, state: State) -> dict[str, Any]:
    """What the perturbation file says about how it was learned."""
    labels = task.classifier.labels
    return {
        "classifier": {"name": task.classifier.name} | task.classifier.source,
        "target": None if task.target is None else labels[task.target],
        "only": None if task.source is None else labels[task.source],
        "attack": {"spec": settings.attack} | asdict(task.attack),  # type: ignore[call-overload]  # all are dataclasses
        "objective": type(task.objective).__name__.lower(),
        "learned_from": settings.learn_from,
        "fit_samplers": list(member.fitted),
        "held_out_samplers": list(task.held_out),
        "through": list(task.through),
        "videos": footage.record(),
        "seed": member.seed,
        "steps": state.steps,
        "batch": settings.batch,
        "precision": settings.precision,
        "augmentation": asdict(Augmentation()),
        "versions": versions(),
    }


def _path_of(member: Member, out: Path, run: Run) -> Path:
    """Where a member goes: the one that was asked for to --out, more seeds beside it, the rest into the run folder."""
    if member.name == PERTURBED:
        return out
    if member.name.startswith(PERTURBED):
        return out.with_name(f"{out.stem}-seed{member.seed}{out.suffix}")
    return run.folder / f"{member.name.replace(' ', '-').replace(':', '-')}.safetensors"


def _check_out(out: Path) -> None:
    """Finds out before learning, not after it, whether the result can be written."""
    trial = out.with_name(f".{out.name}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink(missing_ok=True)
    except OSError as error:
        raise LsapError(f"--out {out} cannot be written ({error.strerror or error}); give another path", 1) from None


def _write_out(perturbation: Perturbation, out: Path) -> None:
    partial = out.with_name(f".{out.name}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        perturbation.save(partial)
        partial.replace(out)
    except OSError as error:
        raise LsapError(
            f"--out {out} cannot be written ({error.strerror or error}); what was learned is kept: the same command with "
            "--resume and --run writes it again", 1
        ) from None  # fmt: skip
    finally:
        partial.unlink(missing_ok=True)
