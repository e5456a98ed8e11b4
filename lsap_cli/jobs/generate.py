"""`lsap generate`: learn one perturbation for all videos of a set, and verify it on videos it was not fitted on."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from lsap_cli import STARTED
from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.learning.batches import clean_predictions
from lsap_cli.learning.diagnostics import doubts
from lsap_cli.learning.members import Learned, make_members, make_problem, make_verification
from lsap_cli.learning.outcome import check_out, make_results, path_of, record_of, write_out
from lsap_cli.learning.process_group import joined, of_the_first, process_number
from lsap_cli.learning.schedule import QuickVerification, Schedule, run_learning, starting_state
from lsap_cli.learning.task import Settings, Task, make_task
from lsap_cli.learning.training_videos import LOADING_SHARE, Footage, load_footage
from lsap_cli.learning.verification import PERTURBED, Drawn, Verification, verify
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from lsap_cli.specs import build_samplers
from perturbations import Perturbation
from perturbations.controls import CONTROLS
from perturbations.learn import State
from perturbations.problem import Gather, Problem
from perturbations.samplers import Sampler

DEFAULT_STEPS = 600
TARGETED_STEPS = 1500  # one class for all videos takes longer; docs/learning.md has what was measured
UNSEEN_CLIPS = 10  # of one video: LSAP's set X2


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
    keep_memory()
    check_out(Path(settings.out))
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
    results = make_results(task, learned, footage, verification, settings) | {"frame_store": cost}
    for message in doubts(verification, PERTURBED, learned[0].watch, task.target is not None):
        run.event("warning", message=message)
        results["doubts"].append(message)
    for one in learned:
        rows = [row for row in verification.rows if row["attack"] in ("none", "noise", one.member.name)]
        with_rows = replace(one.perturbation, record=dict(one.perturbation.record) | {"verification": rows})
        path = path_of(one.member, Path(settings.out), run)
        write_out(with_rows, path)
    with (run.folder / "records.jsonl").open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(one.as_json(task.classifier.labels)) + "\n" for one in verification.records)
    draw_slots(run.folder, learned[0].perturbation.delta, str(task.binding))
    run.write_json("results.json", results)
    return results


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
    members = make_members(task, settings)
    clean = clean_predictions(task.classifier, footage.fit, settings.seed, settings.batch)
    schedule: Schedule | None = None
    for number, member in enumerate(members):
        problem = make_problem(task, footage, member, clean, settings, together, run)
        verification = make_verification(task, footage, problem, settings)
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
        record = record_of(task, footage, settings, member, state)
        yield Learned(member, Perturbation(state.delta.cpu(), task.binding, task.budget, record), state, watch)


def _start(task: Task, problem: Problem, number: int, together: Gather, run: Run, resume: bool) -> State:
    try:
        state = of_the_first(together, starting_state(run.folder / _state_name(number), problem.shape, resume))
    except ValueError as error:
        raise LsapError(f"--resume: {error}", 1) from None
    if resume and state.steps:
        run.event("resumed", step=state.steps, seconds=round(state.seconds, 1))
    state.move(task.device)
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
        default = DEFAULT_STEPS if task.target is None else TARGETED_STEPS
        return Schedule(settings.steps or default, None)
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
