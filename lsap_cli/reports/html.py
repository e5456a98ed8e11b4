"""The report of a `defend` run: one HTML page that needs nothing outside itself."""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from msgspec import to_builtins

from lsap_cli.reports import plots
from lsap_cli.reports.class_tables import class_grids
from lsap_cli.reports.contents_list import PLACE, with_contents
from lsap_cli.reports.curves import ReportCurve, curve_plots, levels_of
from lsap_cli.reports.drawing import Drawn, write_figures
from lsap_cli.reports.films import report_films
from lsap_cli.reports.grid import Grid, write_grids
from lsap_cli.reports.grids import grids
from lsap_cli.reports.run_folder import read_defend_results, read_run, run_records
from lsap_cli.reports.run_pictures import RunPictures
from lsap_cli.results.detectors import DetectorRow, FixedPoint, OperatingPoint
from lsap_cli.results.documents import DefendResults, Protocol
from lsap_cli.results.files import (
    write_atomically,
)
from lsap_cli.results.left_out import left_out_in_a_part, left_out_of
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.pictures import FramePictures, Pictures
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, defense_name
from lsap_cli.results.robustness import CertificateRow, NaturalRobustness
from lsap_cli.results.rows import DefenseGain, Row, Rows, best_defense
from lsap_cli.results.run_facts import RunFacts
from lsap_cli.results.summary import summary_sentences
from lsap_cli.results.text import printable

MAX_LISTED = 500  # videos in the list of single predictions; records.jsonl has all
BREAK = re.compile(r"(?<=[:,])(?=\S)|(?<=[^\d/\s]/)(?=\S)")  # in names: where a new line may begin
ELSEWHERE = ("rates", "certificates", "identifiers")  # tables that the page shows in sections of their own


def _say_nothing(_sentence: str) -> None:
    """For callers who made the run themselves."""


def write_report(run: Path, out: Path | None = None, say: Callable[[str], None] = _say_nothing) -> Path:
    """Write a page about a finished `defend` run.

    Beside it come `tables/` (CSV, Markdown, LaTeX) and `figures/` (SVG, PDF).

    Args:
        run: a run folder with run.json and results.json; records.jsonl and pictures are shown if there.
        out: the page's path; None: `report.html` in the run folder.
        say: gets a sentence on what of the folder is not on the page.

    Returns:
        The page's path.

    Raises:
        LsapError: the folder does not hold a finished `defend` run, or one of its files is broken.
        OSError: the page or a table cannot be written.
    """
    about = read_run(run)
    results = read_defend_results(run)
    by_class = class_grids(results, run_records(run))
    pictures, drawn = RunPictures(run), _Plots.of(results)
    page = with_contents(
        environment().get_template("defend.html").render(_view(run, about, results, by_class, pictures, drawn))
    )
    path = run / "report.html" if out is None else out
    write_atomically(path, page)
    write_grids(path.parent, [*grids(results), *by_class])
    write_figures(path.parent, (*drawn.rates, *drawn.rocs, *drawn.curves))
    for note in pictures.notes():
        say(note)
    return path


def environment() -> Environment:
    """Of all pages: text is escaped, what is not there is an error."""
    environment = Environment(
        loader=PackageLoader("lsap_cli.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    environment.filters["longest_word"] = lambda text: max(map(len, BREAK.sub(" ", text).split()), default=0)
    environment.filters["breakable"] = lambda text: Markup(BREAK.sub("<wbr>", str(escape(text))))
    return environment


# --- what the page shows ---------------------------------------------------------------------------------


def _view(
    run: Path, about: RunFacts, results: DefendResults, by_class: Sequence[Grid], files: RunPictures, drawn: "_Plots"
) -> dict[str, Any]:  # what the template names
    rows = Rows.of_every_defense(results.rows)
    protocol = to_builtins(results.protocol) if results.protocol else {}
    pictures = results.pictures or Pictures()
    tables = grids(results)
    return {
        "run": to_builtins(about),
        "run_name": run.resolve().name,
        "protocol": protocol,
        "rows": rows,
        "summary": summary_sentences(results),
        "left_out": left_out_of(results),
        "figures": list(_key_figures(rows, results.defense_gains)) if rows.rows else [],
        "plots": _with_svg(drawn.rates),
        "detectors": [_detector(row) for row in results.detectors],
        "roc_plots": _with_svg(drawn.rocs),
        "natural": _natural(results.natural_robustness),
        "certificates": [_certificate(row) for row in results.certificates],
        "has_net": any(row.net_fooling_rate and row.net_fooling_rate.draws > 1 for row in rows.rows),
        "tables": [_table(rows, sampler) for sampler in rows.samplers],
        "has_success": rows.targeted,
        "tall": rows.targeted or any(row.videos > 99 for row in rows.rows),
        "has_dominant": any(row.dominant_label for row in rows.rows),
        "has_mcnemar": any(row.mcnemar_p is not None for row in rows.rows),
        "has_milliseconds": any(row.milliseconds_per_video is not None for row in rows.rows),
        "noise_measured": NOISE in rows.attacks,
        "has_ladder": bool(results.ladder),
        "has_detector_ladder": bool(results.detector_ladder),
        "curves": _with_svg(drawn.curves),
        "grids": [grid for grid in tables if grid.name not in ELSEWHERE],
        "identifiers": next((grid for grid in tables if grid.name == "identifiers"), None),
        "class_grids": by_class,
        "effective": to_builtins(results.effective) if results.effective else {},
        "noise_rms": results.effective_noise.l2_rms if results.effective_noise else None,
        "budget": _budget(results.protocol),
        "over_budget": _over_budget(results.protocol, results.effective),
        "perturbation_picture": files.uri(pictures.perturbation or ""),
        "perturbation_scale": pictures.perturbation_scale or None,
        "frames": [_frame(files, frame) for frame in pictures.frames],
        "films": report_films(run, files),
        "skipped": results.skipped,
        "in_a_part": left_out_in_a_part(results),
        "overlap": protocol.get("overlap") or [],
        "protocol_lines": [(_PROTOCOL_WORDS.get(k, _words(k)), _value(v)) for k, v in protocol.items()],
        "settings": [(_flag(k), _value(v)) for k, v in about.settings.items()],
        "versions": [(k, _value(v)) for k, v in _environment_of(about).items()],
        "videos": _video_list(run, rows),
        "max_listed": MAX_LISTED,
        "contents": Markup(PLACE),
        "command_line_text": shlex.join(about.command_line or ()),
    }


@dataclass(frozen=True)
class _Plots:
    """What is drawn of a run."""

    rates: list[plots.RatePlot]
    rocs: list[plots.RocPlot]
    curves: list[ReportCurve]

    @classmethod
    def of(cls, results: DefendResults) -> "_Plots":
        return cls(plots.rate_plots(results), plots.roc_plots(results), curve_plots(results))


Plot = TypeVar("Plot", bound=Drawn)


def _with_svg(found: Sequence[Plot]) -> list[tuple[Plot, Markup]]:
    return [(plot, Markup(themed(plot.drawing.svg))) for plot in found]


@dataclass(frozen=True)
class _KeyFigure:
    name: str
    rate: Rate
    note: str
    control: Rate | None  # what belongs beside it
    kind: str  # clean, perturbed or defended: its color


def _key_figures(rows: Rows, gains: Sequence[DefenseGain]) -> Iterator[_KeyFigure]:
    """The first sampler's rates that a reader looks for first."""
    sampler = rows.samplers[0]
    attacked = rows.strongest(sampler)
    clean = rows.clean_accuracy(NO_DEFENSE, sampler)
    if clean:
        yield _KeyFigure("Clean accuracy", clean, "no perturbation, no defense", None, "clean")
    if attacked:
        yield from _attack_figures(attacked, rows.find(NOISE, NO_DEFENSE, sampler))
        helping = best_defense(gains, attacked.attack, sampler)
        best = rows.find(attacked.attack, helping.defense, sampler) if helping else None
        best = best or rows.best_defended(attacked.attack, sampler)
        if best:
            yield from _defense_figures(rows, best, "" if helping else " (not shown to help)")


def _attack_figures(attacked: Row, noise: Row | None) -> Iterator[_KeyFigure]:
    measures = (
        ("Attacked accuracy", attacked.accuracy, noise.accuracy if noise else None),
        ("Fooling rate", attacked.fooling_rate, noise.fooling_rate if noise else None),
        ("Success rate", attacked.success_rate, noise.success_rate if noise else None),
    )
    for name, rate, control in measures:
        if rate:
            note = "noise:" if control else "no noise control"
            yield _KeyFigure(name, rate, note, control, "perturbed")


def _defense_figures(rows: Rows, best: Row, remark: str) -> Iterator[_KeyFigure]:
    if best.accuracy:
        clean = rows.clean_accuracy(best.defense, best.sampler)
        note = f"{best.defense}{remark}, on clean videos:" if clean else best.defense + remark
        yield _KeyFigure("Defended accuracy", best.accuracy, note, clean, "defended")
    elif best.fooling_rate:
        row = rows.find(NO_ATTACK, best.defense, best.sampler)
        alone = row.fooling_rate if row else None
        note = f"{best.defense}{remark}, without an attack:" if alone else best.defense + remark
        yield _KeyFigure("Defended fooling rate", best.fooling_rate, note, alone, "defended")


@dataclass(frozen=True)
class _Line:
    row: Row
    name: str
    series: plots.Series


@dataclass(frozen=True)
class _SamplerTable:
    sampler: str
    groups: list[tuple[str, list[_Line]]]  # a defense's name and its lines


def _table(rows: Rows, sampler: str) -> _SamplerTable:
    groups = []
    for defense in rows.defenses:
        cells = [rows.find(attack, defense, sampler) for attack in rows.attacks]
        lines = [
            _Line(row, _line_name(row, rows), plots.series_of(row.attack, rows.perturbations)) for row in cells if row
        ]
        if lines:
            groups.append((defense_name(defense), lines))
    return _SamplerTable(sampler, groups)


def _detector(row: DetectorRow) -> dict[str, Any]:  # what the template names
    """A detector's row, with the operating point and the points of the literature in one list."""
    points = [{"name": "threshold from other clean videos", **_point(row.operating_point)}]
    points += [{"name": f"{one.name}, {one.threshold:g}", **_point(one)} for one in row.fixed_points]
    return {
        "detector": row.detector,
        "attack": row.attack,
        "clean_videos": row.clean_videos,
        "attacked_videos": row.attacked_videos,
        "auc": row.auc,
        "average_precision": row.average_precision,
        "at_few_alarms": list(row.tpr_at_fpr.items()),
        "points": points,
        "milliseconds_per_video": row.milliseconds_per_video,
    }


def _point(point: OperatingPoint | FixedPoint) -> dict[str, Any]:  # what the template names
    return {
        "recall": point.recall,
        "false_positive_rate": point.false_positive_rate,
        "precision": point.precision,
        "f1": point.f1,
    }


def _natural(natural: NaturalRobustness | None) -> dict[str, Any] | None:  # what the template names
    """Natural robustness, as the page shows it."""
    if natural is None:
        return None
    kinds = natural.kinds.items()
    return {
        "clean": natural.clean,
        "mpc": natural.mpc,
        "rpc": natural.rpc,
        "kinds": [(kind, list(zip(rates, natural.l2_rms.get(kind, ()), strict=False))) for kind, rates in kinds],
    }


def _certificate(row: CertificateRow) -> dict[str, Any]:  # what the template names
    """A smoothing's row, as the page shows it."""
    return {
        "smoothing": row.smoothing,
        "accuracy": row.smoothed_accuracy,
        "abstained": row.abstained,
        "certified": row.certified_accuracy,
        "median": row.median_radius or 0.0,
        "most": row.largest_radius,
        "needed": row.needed_radius,
        "vacuous": row.vacuous,
    }


def _line_name(row: Row, rows: Rows) -> str:
    several = len(rows.perturbations) > 1
    return row.attack if row.kind == "perturbed" and several else row.kind


def themed(svg: str) -> str:
    """The plot with its colors as CSS variables, so that it follows the page into the dark."""
    names = {plots.INK: "ink", plots.FAINT: "line", plots.PAPER: "paper"}
    names |= {plots.CLEAN.color: "clean", plots.NOISES.color: "noise"}
    names |= {series.color: f"perturbed-{number}" for number, series in enumerate(plots.PERTURBED)}
    for color, name in names.items():
        svg = svg.replace(f": {color}", f": var(--{name})")
    return svg


def _budget(protocol: Protocol | None) -> float | None:
    """The budget in pixel levels (0-255), None where it is not given."""
    return levels_of(protocol.epsilon) if protocol and protocol.epsilon else None


def _over_budget(protocol: Protocol | None, effective: EffectiveNorms | None) -> float | None:
    """The measured norm in pixel levels, if it is above the budget by more than rounding explains."""
    budget = _budget(protocol)
    if budget is None or protocol is None or effective is None:
        return None
    measured = effective.linf if protocol.norm == "linf" else effective.l2_rms
    return measured if measured > budget + 0.5 else None


# --- pictures --------------------------------------------------------------------------------------------


def _frame(files: RunPictures, frame: FramePictures) -> dict[str, Any]:  # what the template names
    pictures = {name: files.uri(getattr(frame, name)) for name in ("before", "after", "difference")}
    return {
        **pictures,
        "complete": all(pictures.values()),
        "video": frame.video,
        "frame": frame.frame,
        "factor": f"{frame.factor:g}",
        "appended": bool(frame.appended),
        "clean": frame.clean_prediction,
        "attacked": frame.attacked_prediction,
        "changed": frame.clean_prediction != frame.attacked_prediction,
    }


# --- lists -----------------------------------------------------------------------------------------------

_PROTOCOL_WORDS = {
    "classifier": "classifier",
    "classes": "classes",
    "videos": "videos measured",
    "listed": "videos of the set, with those left out",
    "labelled": "of them with a label",
    "frames": "frames in a clip",
    "views": "clips (views) of a video",
    "crops": "crops of a clip",
    "norm": "norm of the budget",
    "epsilon": "budget (epsilon)",
    "binding": "binding (which slot a frame gets)",
    "target": "target",
    "seed": "seed",
    "perturbations": "perturbations of different seeds",
    "perturbed_by": "perturbed videos come from",
    "overlap_allowed": "overlap with the fit videos allowed",
    "overlap": "videos that overlap with the fit videos",
}


def _environment_of(about: RunFacts) -> dict[str, str]:
    """Where the run took place: device, platform and versions."""
    known = {"device": about.device or "", "platform": about.platform}
    return {key: value for key, value in known.items() if value} | about.versions


def _words(key: str) -> str:
    return printable(key).replace("_", " ")


def _flag(key: str) -> str:
    return "--" + printable(key).replace("_", "-")


def _value(value: object) -> str:
    """A setting as a person would write it."""
    if value is None or value in ([], (), {}, ""):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{printable(k)}: {_value(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    return printable(value)


def _video_list(run: Path, rows: Rows) -> list[dict[str, Any]]:  # what the template names
    """Undefended predictions with the first sampler, video by video."""
    if not rows.rows:
        return []
    videos: dict[str, dict[str, Any]] = {}  # what the template names
    for record in run_records(run):
        if (record.defense, printable(record.sampler)) != (NO_DEFENSE, rows.samplers[0]):
            continue
        video = videos.setdefault(record.video, {"name": record.video, "label": None, "predictions": {}})
        video["label"] = record.label or video["label"]
        video["predictions"][printable(record.attack)] = record
    return list(videos.values())
