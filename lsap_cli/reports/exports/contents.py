"""What every tracker of experiments gets of a run: settings, curves, figures, tables, pictures, files."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.curves import Curves, read_curves
from lsap_cli.reports.exports.figures import Figure, figures
from lsap_cli.reports.exports.tables import Tabled, export_tables
from lsap_cli.reports.grid import Grid
from lsap_cli.reports.run_folder import read_run, read_run_results, run_records
from lsap_cli.reports.run_pictures import open_picture
from lsap_cli.results.base import or_none
from lsap_cli.results.documents import ApplyResults, DefendResults, GenerateResults
from lsap_cli.results.event_lines import OtherEvent, decode_event
from lsap_cli.results.events import Event
from lsap_cli.results.files import RESULTS_FILE, open_regular
from lsap_cli.results.manifest import PERTURBATION_COPY
from lsap_cli.results.run_facts import RunFacts
from lsap_cli.results.summary import summary_sentence
from lsap_cli.runs.reading import EVENTS_FILE

COMMANDS = ("generate", "apply", "defend")
PICTURE_FOLDERS = ("pictures", "preview")
MOST_PICTURES = 64


@dataclass(frozen=True)
class RunContents:
    """A finished run, as a tracker of experiments takes it.

    Attributes:
        name: of the run folder.
        command: that made it.
        settings: by name, as text; settings that were left open are not in it.
        facts: what else is known of it: device, versions, classifier, protocol.
        summary: the result in sentences.
        curves: by name.
        figures: final rates and other numbers, by name.
        tables: all of them.
        pictures: PNG files, by their path in the run folder.
        files: to be kept beside the figures, by name; the perturbation is `perturbation.safetensors`.
        started: seconds since 1970.
        finished: likewise.
        notes: sentences on what is not in it.
    """

    name: str
    command: str
    settings: dict[str, str]
    facts: dict[str, str]
    summary: str
    curves: Curves
    figures: dict[str, Figure]
    tables: tuple[Grid, ...]
    pictures: dict[str, Path]
    files: dict[str, Path]
    started: float
    finished: float
    notes: tuple[str, ...]


@dataclass
class _Notes:
    sentences: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        self.sentences.append(sentence)


def read_contents(run: Path) -> RunContents:
    """Everything of one run.

    Raises:
        LsapError: if the folder holds no finished run of `generate`, `apply` or `defend`, or a file of it is damaged.
    """
    about = read_run(run, COMMANDS)
    results = read_run_results(run)
    if not isinstance(results, DefendResults | GenerateResults | ApplyResults):
        raise LsapError(f"{run / RESULTS_FILE} is of another command than run.json; run lsap {about.command} again", 1)
    notes = _Notes()
    finished = _seconds(about.finished)
    return RunContents(
        name=run.resolve().name,
        command=about.command,
        settings=texts_of_settings(about),
        facts=facts_of_run(about, _protocol(results)),
        summary=_summary(results),
        curves=read_curves(_events(run, notes)),
        figures=figures(results),
        tables=export_tables(results, run_records(run)),
        pictures=_pictures(run, notes),
        files=_files(run, about, results, notes),
        started=_seconds(about.started) or finished,
        finished=finished,
        notes=tuple(notes.sentences),
    )


def sha256_of(path: Path) -> str:
    """A file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def texts_of_settings(about: RunFacts) -> dict[str, str]:
    """The settings of a run as text; those that were left open are not in it."""
    return {name: text for name, value in about.settings.items() if (text := _text(value))}


def read_run_curves(run: Path) -> tuple[Curves, tuple[str, ...]]:
    """The curves of a run, and sentences on what of them is not there."""
    notes = _Notes()
    return read_curves(_events(run, notes)), tuple(notes.sentences)


def _protocol(results: Tabled) -> dict[str, Any]:  # values of the classes in lsap_cli.results
    if isinstance(results, DefendResults) and results.protocol:
        return {name: getattr(results.protocol, name) for name in results.protocol.__struct_fields__}
    return {}


def facts_of_run(about: RunFacts, protocol: Mapping[str, Any] = MappingProxyType({})) -> dict[str, str]:
    """What is known of a run besides its settings, as text.

    Args:
        about: its run.json.
        protocol: of its evaluation, by name.
    """
    groups: dict[str, dict[str, Any]] = {  # texts, and the values of the protocol
        "run": {"command": about.command, "device": or_none(about.device), "platform": about.platform},
        "classifier": dict(or_none(about.classifier) or {}),
        "protocol": dict(protocol),
        "versions": dict(about.versions),
    }
    return {
        f"{group}/{name}": text
        for group, values in groups.items()
        for name, value in values.items()
        if (text := _text(value))
    }


def _text(value: object) -> str:
    """A setting's value; empty where it was left open."""
    if value is None or value in ("", [], (), {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _summary(results: Tabled) -> str:
    if isinstance(results, ApplyResults):
        proof = results.effective
        measured = f": largest change {proof.linf:g}/255, root mean square {proof.l2_rms:.2f}/255" if proof else ""
        return f"{len(results.files)} files were written{measured}."
    return summary_sentence(results)


def _events(run: Path, notes: _Notes) -> Iterator[Event | OtherEvent]:
    damaged = 0
    try:
        with open_regular(run / EVENTS_FILE) as lines:
            for line in lines:
                event = decode_event(line) if line.strip() else None
                if event is not None:
                    yield event
                else:
                    damaged += bool(line.strip())
    except OSError as error:
        notes.add(f"{EVENTS_FILE} cannot be read ({error.strerror or error}): there are no curves")
    if damaged:
        notes.add(f"{damaged} lines of {EVENTS_FILE} are damaged and left out of the curves")


def _pictures(run: Path, notes: _Notes) -> dict[str, Path]:
    """The run's PNG files; a link that leads out of the run folder is none of them."""
    root = run.resolve()
    found = sorted(path for folder in PICTURE_FOLDERS for path in (run / folder).rglob("*.png"))
    own = [path for path in found if path.resolve().is_relative_to(root) and path.is_file()]
    fitting = [path for path in own if _can_be_opened(run, path)]
    # pictures of the whole perturbation and of frames come before its single slots
    fitting.sort(key=lambda path: len(path.relative_to(run).parts))
    if len(own) > len(fitting[:MOST_PICTURES]):
        notes.add(f"{len(own) - len(fitting[:MOST_PICTURES])} of the run's {len(own)} pictures are not exported")
    return {path.relative_to(run).as_posix(): path for path in fitting[:MOST_PICTURES]}


def _can_be_opened(run: Path, path: Path) -> bool:
    try:
        with open_picture(run, path.relative_to(run).as_posix()):
            return True
    except OSError:
        return False


def _files(run: Path, about: RunFacts, results: Tabled, notes: _Notes) -> dict[str, Path]:
    files = {RESULTS_FILE: run / RESULTS_FILE}
    if (run / "report.html").is_file():
        files["report.html"] = run / "report.html"
    root = run.resolve()
    films = [path for path in sorted(run.glob("preview/*/*.mp4")) if path.resolve().is_relative_to(root)]
    files |= {path.relative_to(run).as_posix(): path for path in films}
    named = _perturbation(about, results)
    if named is None:
        return files
    perturbation = Path(about.working_folder or ".") / named
    if perturbation.is_file():
        files[PERTURBATION_COPY] = perturbation
    else:
        notes.add(f"the perturbation file {perturbation} is not there any more, and so not exported")
    return files


def _perturbation(about: RunFacts, results: Tabled) -> Path | None:
    """The perturbation file that a run wrote or used, as run.json or results.json names it."""
    if isinstance(results, GenerateResults):
        return Path(results.out)
    if given := about.settings.get("perturbation"):
        return Path(str(given))
    folder = about.settings.get("perturbed")
    return Path(str(folder)) / PERTURBATION_COPY if folder else None


def _seconds(text: str | None) -> float:
    """ISO 8601 as seconds since 1970; 0 where there is none."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else 0.0
    except ValueError:
        return 0.0
