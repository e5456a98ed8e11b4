"""Small finished runs of `generate`, `apply` and `defend`, with events and a perturbation file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from lsap_cli.pictures.drawing import perturbation_picture, save_picture
from lsap_cli.results.documents import ApplyResults, BudgetFacts, GenerateResults
from lsap_cli.results.events import (
    FileEvent,
    RunEvent,
    StageEvent,
    StartEvent,
    StepEvent,
    UsageEvent,
    VerificationEvent,
)
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE, encode_line, read_facts_document, write_document
from lsap_cli.results.manifest import ManifestEntry, ProofTotals
from lsap_cli.results.rates import rate_of
from lsap_cli.results.run_facts import RunFacts
from tests.reports.fake_run import make_results, write_run

PERTURBATION = b"a perturbation file"
START = 1_796_000_000.0


def write_events(run: Path, events: Sequence[RunEvent]) -> None:
    lines = (encode_line(replace(event, time=START + number)) for number, event in enumerate(events))
    (run / "events.jsonl").write_bytes(b"".join(lines))


def facts(run: Path, command: str, settings: dict[str, object]) -> RunFacts:
    return RunFacts(
        command=command, status="done", started="2026-11-30T00:53:20+00:00", finished="2026-11-30T00:54:00+00:00",
        working_folder=str(run.parent), settings=settings, versions={"torch": "2.11.0"}, device="cpu",
    )  # fmt: skip


def step(number: int, loss: float | None) -> StepEvent:
    return StepEvent(number=number, loss=loss, fooled=float(number), clips=8.0, step_size=0.01)


def generate_run(folder: Path) -> Path:
    run = folder / "learned"
    run.mkdir(parents=True)
    (folder / "r.safetensors").write_bytes(PERTURBATION)
    settings: dict[str, object] = {"videos": "videos/", "epsilon": "8/255", "sampler": ["uniform"], "target": None}
    write_document(run / RUN_FILE, facts(run, "generate", settings))
    rows = make_results()[0].rows[:3]
    results = GenerateResults(out="r.safetensors", steps=3, fit_videos=10, verification_videos=4, rows=rows)
    write_document(run / RESULTS_FILE, results)
    save_picture(perturbation_picture([[[[0.0, 1.0]]] * 3]), run / "pictures/slots/00.png")
    verified = VerificationEvent(step=3, fooled=rate_of(3, 4), by_sampler={"uniform": rate_of(3, 4)})  # type: ignore[dict-item]  # 3 of 4 is a rate
    events = [
        StartEvent(command="generate"), step(1, 2.5), step(2, 1.5), step(2, 1.0), step(3, None), verified,
        UsageEvent(memory_bytes=2**30, cpu_percent=80.0),
    ]  # fmt: skip
    write_events(run, events)
    return run


def apply_run(folder: Path) -> Path:
    run = folder / "applied"
    run.mkdir(parents=True)
    (folder / "r.safetensors").write_bytes(PERTURBATION)
    write_document(run / RUN_FILE, facts(run, "apply", {"perturbation": "r.safetensors", "codec": "ffv1"}))
    entry = ManifestEntry(
        source="a.mp4", output="a.mkv", source_sha256="0", output_sha256="0", perturbation_sha256="0", codec="ffv1",
        frames=40, height=96, width=128, linf=8.0, l2_rms=6.0, map=5.5, exact=True,
    )  # fmt: skip
    results = ApplyResults(
        out="perturbed", files=(entry,), effective=ProofTotals(linf=8.0, l2_rms=6.0, map=5.5),
        budget=BudgetFacts(norm="linf", epsilon="8/255"), lossless=True,
    )  # fmt: skip
    write_document(run / RESULTS_FILE, results)
    write_events(run, [StartEvent(command="apply"), FileEvent(path="a.mp4", linf=8.0, l2_rms=6.0, seconds=0.5)])
    return run


def defend_run(folder: Path) -> Path:
    run = write_run(folder / "judged", videos=12)
    (folder / "r.safetensors").write_bytes(PERTURBATION)
    about = read_facts_document(run).value
    assert about is not None
    settings = about.settings | {"perturbation": "r.safetensors", "perturbed": None}
    write_document(run / RUN_FILE, replace(about, settings=settings, working_folder=str(folder)))
    write_events(run, [StartEvent(command="defend"), StageEvent(name="learning", attacker=1), step(1, 0.5)])
    return run


RUNS: dict[str, Callable[[Path], Path]] = {"generate": generate_run, "apply": apply_run, "defend": defend_run}
