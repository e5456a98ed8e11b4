"""`lsap generate`: learn one perturbation for all videos of a set, and verify it on videos it was not fitted on."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lsap_cli import STARTED
from lsap_cli.classifiers.classifier import Classifier, in_batches
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import content_hash
from lsap_cli.datasets.splits import merged_groups, split_by_group
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.protocol import Added, Clean, Judge, judge_all
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, Record, make_records, make_rows
from lsap_cli.jobs.batches import BatchSource
from lsap_cli.jobs.learning import QuickVerification, Schedule, run_learning, starting_state
from lsap_cli.jobs.look import draw_slots
from lsap_cli.jobs.shared import Skipped, build_samplers, choose_device, class_number, listed, skip
from lsap_cli.runs import Run
from lsap_cli.runs.run import versions
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon
from perturbations.augment import Augmentation
from perturbations.controls import noise_like
from perturbations.learn import State
from perturbations.objectives import Objective, Targeted, Untargeted
from perturbations.samplers import Sampler
from perturbations.seeds import seeded
from perturbations.updates import MomentumSign

FITTED = ("segments", "dense:stride=1", "dense:stride=4", "rate:fps=8")  # beside the classifier's own
HELD_OUT = ("uniform", "dense:stride=2", "random", "rate:fps=5")
DEFAULT_STEPS = 600
VERIFY_SHARE = 0.2
MOST_VERIFIED = 24
LOADING_SHARE = 0.35  # of a time budget: then learning starts with what is there
LARGEST_DELTA = 224
NOISE, PERTURBED = "noise", "perturbed"


@dataclass(frozen=True)
class Settings:
    """What `generate` was asked for. The fields are the command's options; `None` leaves a choice to the job."""

    videos: str
    model: str
    out: str
    norm: str = "linf"
    epsilon: str = "8/255"
    binding: str = "cyclic:4"
    target: str | None = None
    sampler: tuple[str, ...] = ()
    steps: int | None = None
    time_budget: float | None = None
    batch: int = 4
    memory: int = 4 * 2**30
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """The settings, turned into objects."""

    budget: Budget
    device: torch.device
    classifier: Classifier
    target: int | None
    fitted: dict[str, Sampler]
    held_out: dict[str, Sampler]

    @property
    def objective(self) -> Objective:
        return Untargeted() if self.target is None else Targeted(self.target)


@dataclass(frozen=True)
class Footage:
    """The videos that can be used, decoded and split."""

    fit: list[StoredVideo]
    verify: list[StoredVideo]
    hashes: dict[str, str]  # by video name
    skipped: Skipped


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
    task = _task(settings, run)
    binding = parse_binding(settings.binding)
    workers = max(1, min(torch.get_num_threads(), 8))
    with FrameStore(task.classifier.geometry.shrink, settings.memory, workers) as store:
        footage = _load(store, task, settings, run, started)
        state = _learn(task, footage, store, settings, run, resume, started)
        cost = asdict(store.cost)
    delta = state.delta.cpu()
    record = _record(task, footage, settings, state)
    run.event("stage", name="verifying on the videos' own frames")
    rows, verified = _verify(task, Perturbation(delta, binding, task.budget), footage, settings, run)
    perturbation = Perturbation(delta, binding, task.budget, record | {"verification": rows})
    _write_out(perturbation, Path(settings.out))
    draw_slots(run.folder, delta, settings.binding)
    results = {
        "schema": "lsap.generate/1",
        "out": settings.out,
        "steps": state.steps,
        "learn_seconds": round(state.seconds, 1),
        "fit_videos": len(footage.fit),
        "verification_videos": verified,
        "fit_samplers": list(task.fitted),
        "held_out_samplers": list(task.held_out),
        "frame_store": cost,
        "rows": rows,
        "skipped": footage.skipped,
    }
    run.write_json("results.json", results)
    return results


def _task(settings: Settings, run: Run) -> Task:
    try:
        budget = Budget(settings.norm, parse_epsilon(settings.epsilon))  # type: ignore[arg-type]  # Budget checks it
        parse_binding(settings.binding)
    except ValueError as error:
        raise LsapError(str(error)) from None
    device = choose_device(settings.device)
    run.event("stage", name="loading the model")
    classifier = load_classifier(settings.model).to(device)
    fitted = build_samplers(settings.sampler or (classifier.sampler_spec, *FITTED))
    held_out = {spec: sampler for spec, sampler in build_samplers(HELD_OUT).items() if sampler not in fitted.values()}
    if not held_out:
        run.event(
            "warning", message="every sampler is learned through: verification has none that is new to the perturbation"
        )
        held_out = fitted
    target = None if settings.target is None else class_number(settings.target, classifier)
    run.note(device=str(device), classifier=classifier.source | {"name": classifier.name})
    return Task(budget, device, classifier, target, fitted, held_out)


def _load(store: FrameStore, task: Task, settings: Settings, run: Run, started: float) -> Footage:
    """Decodes the videos in a random order, and splits them by recording."""
    videos = list(listed(Path(settings.videos), task.classifier, run).videos)
    random.Random(settings.seed).shuffle(videos)
    run.event("stage", name="decoding", videos=len(videos))
    usable: list[StoredVideo] = []
    skipped: Skipped = []
    last_moment = started + LOADING_SHARE * settings.time_budget if settings.time_budget else float("inf")
    for video, stored in store.load(videos):
        if isinstance(stored, UnreadableVideo):
            skip(run, skipped, video, stored)
            continue
        usable.append(stored)
        run.event("video", path=video.name, frames=len(stored.times))
        if time.monotonic() > last_moment and len(usable) >= 10 and len(usable) + len(skipped) < len(videos):
            run.event(
                "warning",
                message=f"--time-budget leaves time to learn from {len(usable)} of {len(videos)} videos",
            )
            break
    if not usable:
        raise LsapError(f"none of the {len(videos)} videos in {settings.videos} can be used; {_reasons(skipped)}", 1)
    hashes = [content_hash(stored.video.path) for stored in usable]
    groups = merged_groups([stored.video for stored in usable], hashes)
    share = min(VERIFY_SHARE, MOST_VERIFIED / len(usable))
    fit, verify = split_by_group(usable, groups, share, settings.seed)
    names = [stored.video.name for stored in usable]
    run.event(
        "split", fit=len(fit), verify=len(verify), decode_seconds=round(store.cost.seconds, 2),
        memory_bytes=store.cost.memory_bytes, disk_bytes=store.cost.disk_bytes,
    )  # fmt: skip
    return Footage(fit, verify, dict(zip(names, hashes, strict=True)), skipped)


def _learn(
    task: Task, footage: Footage, store: FrameStore, settings: Settings, run: Run, resume: bool, started: float
) -> State:
    classifier, binding = task.classifier, parse_binding(settings.binding)
    height, width = (min(side, LARGEST_DELTA) for side in classifier.geometry.size)
    try:
        state = starting_state(run.folder, (binding.period, 3, height, width), resume)
    except ValueError as error:
        raise LsapError(f"--resume: {error}", 1) from None
    if resume and state.steps:
        run.event("resumed", step=state.steps, seconds=round(state.seconds, 1))
    state.delta = state.delta.to(task.device)
    state.memory = {name: value.to(task.device) for name, value in state.memory.items()}
    source = BatchSource(
        videos=footage.fit,
        clean_predictions=_clean_predictions(task, footage.fit, settings),
        samplers=list(task.fitted.values()),
        frames=classifier.frames,
        geometry=classifier.geometry,
        binding=binding,
        delta_size=(height, width),
        augmentation=Augmentation(),
        clips=settings.batch,
        seed=settings.seed,
        device=task.device,
    )
    verification = QuickVerification(
        classifier,
        footage.verify,
        list(task.held_out.values()),
        binding,
        task.objective,
        settings.seed,
        task.device,
    )
    schedule = _schedule(settings, footage, task, verification.seconds_per_clip, store, started)
    run.event("stage", name="learning", steps=schedule.steps, seconds=schedule.seconds)
    run_learning(
        classifier.score,
        source,
        task.objective,
        MomentumSign(),
        task.budget,
        state,
        schedule,
        verification,
        run,
    )
    return state


def _clean_predictions(task: Task, videos: Sequence[StoredVideo], settings: Settings) -> Tensor:
    """What the classifier sees in each clean video and in its mirror image, with its own sampler: (videos, 2) int64."""
    generator = seeded(settings.seed, "clean predictions")
    classifier = task.classifier
    clips = [
        classifier.geometry.crop(one.clip(classifier.sampler.choose(one.times, classifier.frames, 1, generator)[0]))
        for one in videos
    ]
    pairs = [torch.stack([clip, clip.flip(-1)]).to(task.device) for clip in clips]
    return torch.stack([in_batches(classifier.score, pair, settings.batch).argmax(1).cpu() for pair in pairs])


def _schedule(
    settings: Settings, footage: Footage, task: Task, seconds_per_clip: float, store: FrameStore, started: float
) -> Schedule:
    """Steps as asked for; of a time budget, what is left after set-up and before the final verification."""
    if settings.time_budget is None:
        return Schedule(settings.steps or DEFAULT_STEPS, None)
    share = len(footage.verify) / (len(footage.fit) + len(footage.verify))
    decoding = 3.0 * share * store.cost.seconds
    judging = 3 * len(footage.verify) * len(_final_samplers(task)) * seconds_per_clip
    left = settings.time_budget - (time.monotonic() - started) - 1.5 * (decoding + judging) - 1.0
    if left < 1:
        raise LsapError(
            f"--time-budget {settings.time_budget:g}s is over before learning can start (loading took "
            f"{time.monotonic() - started:.0f}s); use a longer one, or fewer videos"
        )
    return Schedule(settings.steps, left)


def _final_samplers(task: Task) -> dict[str, Sampler]:
    return build_samplers((task.classifier.sampler_spec, *task.held_out))


def _verify(
    task: Task, perturbation: Perturbation, footage: Footage, settings: Settings, run: Run
) -> tuple[list[dict[str, Any]], int]:
    """Rows for the verification videos, beside the noise control, and how many videos they are of."""
    samplers = _final_samplers(task)
    together = [samplers]
    if not perturbation.binding.fits_a_video:
        run.event("warning", message=f"binding {perturbation.binding} is for comparison only: no video can carry it")
        together = [{spec: sampler} for spec, sampler in samplers.items()]  # slots are counted in each clip by itself
    records: list[Record] = []
    for some in together:
        judge = Judge(
            classifier=task.classifier,
            samplers=some,
            defenses={NO_DEFENSE: None},
            attacks={
                NO_ATTACK: Clean(),
                NOISE: Added(noise_like(perturbation, settings.seed)),
                PERTURBED: Added(perturbation),
            },
            views=1,
            seed=settings.seed,
            device=task.device,
            batch=settings.batch,
        )
        for video, outcome in judge_all(judge, [stored.video for stored in footage.verify]):
            if isinstance(outcome, UnreadableVideo):
                skip(run, footage.skipped, video, outcome)
            else:
                records += make_records(video, outcome)
    with (run.folder / "records.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(record.as_json(task.classifier.labels)) + "\n" for record in records)
    rows = make_rows(records, task.classifier.labels, task.target)
    return rows, len({record.video for record in records})


def _record(task: Task, footage: Footage, settings: Settings, state: State) -> dict[str, Any]:
    """What the perturbation file says about how it was learned."""

    def seen(videos: Sequence[StoredVideo], role: str) -> list[dict[str, str]]:
        return [
            {"name": one.video.name, "sha256": footage.hashes[one.video.name], "group": one.video.group, "role": role}
            for one in videos
        ]

    return {
        "classifier": {"name": task.classifier.name} | task.classifier.source,
        "target": None if task.target is None else task.classifier.labels[task.target],
        "fit_samplers": list(task.fitted),
        "held_out_samplers": list(task.held_out),
        "videos": seen(footage.fit, "fit") + seen(footage.verify, "verification"),
        "seed": settings.seed,
        "steps": state.steps,
        "batch": settings.batch,
        "update": asdict(MomentumSign()) | {"name": "momentum sign"},
        "objective": asdict(task.objective) | {"name": type(task.objective).__name__.lower()},  # type: ignore[call-overload]  # every objective is a dataclass
        "augmentation": asdict(Augmentation()),
        "versions": versions(),
    }


def _check_out(out: Path) -> None:
    """Finds out before learning, not after it, whether the result can be written."""
    trial = out.with_name(f".{out.name}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
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


def _reasons(skipped: Skipped) -> str:
    shown = "; ".join(f"{one['path']}: {one['reason']}" for one in skipped[:3])
    return shown + (f"; and {len(skipped) - 3} more" if len(skipped) > 3 else "")
