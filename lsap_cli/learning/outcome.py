"""What `generate` writes: results.json, the record in a perturbation file, the files themselves."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from lsap_cli.errors import LsapError
from lsap_cli.learning.members import Learned, Member
from lsap_cli.learning.task import Settings, Task
from lsap_cli.learning.training_videos import Footage
from lsap_cli.learning.verification import PERTURBED, Verification, pooled, sampler_row
from lsap_cli.runs import Run
from lsap_cli.runs.run import versions
from perturbations import Perturbation
from perturbations.augment import Augmentation
from perturbations.learn import State


def make_results(
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


def record_of(task: Task, footage: Footage, settings: Settings, member: Member, state: State) -> dict[str, Any]:
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


def path_of(member: Member, out: Path, run: Run) -> Path:
    """Where a member goes: the one that was asked for to --out, more seeds beside it, the rest into the run folder."""
    if member.name == PERTURBED:
        return out
    if member.name.startswith(PERTURBED):
        return out.with_name(f"{out.stem}-seed{member.seed}{out.suffix}")
    return run.folder / f"{member.name.replace(' ', '-').replace(':', '-')}.safetensors"


def check_out(out: Path) -> None:
    """Finds out before learning, not after it, whether the result can be written."""
    trial = out.with_name(f".{out.name}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink(missing_ok=True)
    except OSError as error:
        raise LsapError(f"--out {out} cannot be written ({error.strerror or error}); give another path", 1) from None


def write_out(perturbation: Perturbation, out: Path) -> None:
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
