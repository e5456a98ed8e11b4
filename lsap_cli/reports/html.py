"""The report of a `defend` run: one HTML page that needs nothing outside itself."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from lsap_cli.errors import LsapError
from lsap_cli.reports import plots
from lsap_cli.reports.curves import curve_plots
from lsap_cli.reports.grid import write_grids
from lsap_cli.reports.grids import grids
from lsap_cli.reports.rows import NO_ATTACK, NO_DEFENSE, NOISE, DetectorRow, Estimate, Json, Rate, Row, Rows, printable
from lsap_cli.reports.tables import summary_sentences
from lsap_cli.results.files import write_atomically

MAX_LISTED = 500  # videos in the list of single predictions; records.jsonl has all


def write_report(run: Path) -> Path:
    """Write `report.html`, and its tables as CSV, Markdown and LaTeX, into the folder of a finished `defend` run.

    Args:
        run: a run folder with run.json and results.json; records.jsonl and pictures are shown if there.

    Returns:
        The page's path.

    Raises:
        LsapError: the folder does not hold a finished `defend` run, or one of its files is broken.
    """
    about = read_run(run)
    results = read_results(run)
    try:
        page = environment().get_template("defend.html").render(_view(run, about, results))
    except (KeyError, TypeError, ValueError, AttributeError, UndefinedError) as error:
        raise LsapError(
            f"the files in {run} do not follow lsap.results/1 ({error!r}); run lsap defend again", exit_code=1
        ) from error
    path = run / "report.html"
    write_atomically(path, page)
    write_grids(run, grids(results))
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
    return environment


# --- reading ---------------------------------------------------------------------------------------------


def read_run(run: Path) -> Json:
    """The run.json of a finished `defend` run."""
    if not (run / "run.json").is_file():
        raise LsapError(f"{run} is not a run folder: it has no run.json; give the folder that --run named")
    about = _parse(run / "run.json")
    command, status = about.get("command"), about.get("status")
    if command != "defend":
        raise LsapError(f"{run} holds a run of {printable(command)}; a report needs a run of defend")
    if status != "done":
        raise LsapError(f"the run in {run} is {printable(status)}, not done; a report needs a finished run")
    return about


def read_results(run: Path) -> Json:
    """The results.json of a run."""
    path = run / "results.json"
    if not path.is_file():
        raise LsapError(f"{run} has no results.json; run lsap defend again", exit_code=1)
    results = _parse(path)
    if results.get("schema") != "lsap.results/1":
        raise LsapError(f"{path} has the schema {printable(results.get('schema'))}; this version reads lsap.results/1")
    return results


def _parse(path: Path) -> Json:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LsapError(f"{path} is not valid JSON ({error})", exit_code=1) from error
    if not isinstance(content, dict):
        raise LsapError(f"{path} holds no JSON object", exit_code=1)
    return content


def _records(run: Path) -> Iterator[Json]:
    path = run / "records.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


# --- what the page shows ---------------------------------------------------------------------------------


def _view(run: Path, about: Json, results: Json) -> dict[str, Any]:
    rows = Rows.read(results)
    protocol: Json = results.get("protocol") or {}
    pictures: Json = results.get("pictures") or {}
    return {
        "run": about,
        "run_name": run.resolve().name,
        "protocol": protocol,
        "rows": rows,
        "summary": summary_sentences(results),
        "figures": list(_key_figures(rows)) if rows.rows else [],
        "plots": [(plot, Markup(_themed(plot.svg))) for plot in plots.rate_plots(results)],
        "detectors": [DetectorRow.read(row) for row in results.get("detectors") or []],
        "roc_plots": [(plot, Markup(_themed(plot.svg))) for plot in plots.roc_plots(results)],
        "natural": _natural(results.get("natural_robustness")),
        "certificates": [_certificate(row) for row in results.get("certificates") or []],
        "has_net": any(row.draws > 1 for row in rows.rows),
        "tables": [_table(rows, sampler) for sampler in rows.samplers],
        "has_success": rows.targeted,
        "tall": rows.targeted or any(row.videos > 99 for row in rows.rows),
        "has_dominant": any(row.dominant_label for row in rows.rows),
        "has_mcnemar": any(row.mcnemar_p is not None for row in rows.rows),
        "has_milliseconds": any(row.milliseconds_per_video is not None for row in rows.rows),
        "noise_measured": NOISE in rows.attacks,
        "has_ladder": bool(results.get("ladder")),
        "has_detector_ladder": bool(results.get("detector_ladder")),
        "curves": [(plot, Markup(_themed(plot.svg))) for plot in curve_plots(results)],
        "grids": [grid for grid in grids(results) if grid.name not in ("rates", "certificates")],
        "effective": results.get("effective") or {},
        "budget": _budget(protocol),
        "over_budget": _over_budget(protocol, results.get("effective") or {}),
        "perturbation_picture": _data_uri(run, pictures.get("perturbation")),
        "perturbation_scale": pictures.get("perturbation_scale"),
        "frames": [_frame(run, frame) for frame in pictures.get("frames") or []],
        "skipped": results.get("skipped") or [],
        "overlap": protocol.get("overlap") or [],
        "protocol_lines": [(_PROTOCOL_WORDS.get(k, _words(k)), _value(v)) for k, v in protocol.items()],
        "settings": [(_flag(k), _value(v)) for k, v in (about.get("settings") or {}).items()],
        "versions": [(k, _value(v)) for k, v in _environment_of(about).items()],
        "videos": _video_list(run, rows),
        "max_listed": MAX_LISTED,
    }


@dataclass(frozen=True)
class _KeyFigure:
    name: str
    rate: Rate
    note: str
    control: Rate | None  # what belongs beside it
    kind: str  # clean, perturbed or defended: its color


def _key_figures(rows: Rows) -> Iterator[_KeyFigure]:
    """The first sampler's rates that a reader looks for first."""
    sampler = rows.samplers[0]
    attacked = rows.strongest(sampler)
    clean = rows.clean_accuracy(NO_DEFENSE, sampler)
    if clean:
        yield _KeyFigure("Clean accuracy", clean, "no perturbation, no defense", None, "clean")
    if attacked:
        yield from _attack_figures(attacked, rows.find(NOISE, NO_DEFENSE, sampler))
        best = rows.best_defended(attacked.attack, sampler)
        if best:
            yield from _defense_figures(rows, best)


def _attack_figures(attacked: Row, noise: Row | None) -> Iterator[_KeyFigure]:
    measures = (
        ("Attacked accuracy", attacked.accuracy, noise.accuracy if noise else None),
        ("Fooling rate", attacked.fooling_rate, noise.fooling_rate if noise else None),
        ("Success rate", attacked.success_rate, noise.success_rate if noise else None),
    )
    for name, rate, control in measures:
        if rate:
            note = "noise of the same size:" if control else "no noise control"
            yield _KeyFigure(name, rate, note, control, "perturbed")


def _defense_figures(rows: Rows, best: Row) -> Iterator[_KeyFigure]:
    if best.accuracy:
        clean = rows.clean_accuracy(best.defense, best.sampler)
        note = f"{best.defense}, on clean videos:" if clean else best.defense
        yield _KeyFigure("Defended accuracy", best.accuracy, note, clean, "defended")
    elif best.fooling_rate:
        row = rows.find(NO_ATTACK, best.defense, best.sampler)
        alone = row.fooling_rate if row else None
        note = f"{best.defense}, without an attack:" if alone else best.defense
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
        found = [rows.find(attack, defense, sampler) for attack in rows.attacks]
        lines = [
            _Line(row, _line_name(row, rows), plots.series_of(row.attack, rows.perturbations)) for row in found if row
        ]
        if lines:
            groups.append(("no defense" if defense == NO_DEFENSE else defense, lines))
    return _SamplerTable(sampler, groups)


def _natural(json: Json | None) -> dict[str, Any] | None:
    """Natural robustness, as the page shows it."""
    if not json:
        return None
    return {
        "clean": Rate.read(json["clean"]),
        "mpc": Estimate.read(json["mpc"]),
        "rpc": Estimate.read(json["rpc"]),
        "kinds": [
            (str(kind), [(Rate.read(one), float(size)) for one, size in zip(rates, json["l2_rms"][kind], strict=True)])
            for kind, rates in json["kinds"].items()
        ],
    }


def _certificate(json: Json) -> dict[str, Any]:
    """A smoothing's row, as the page shows it."""
    return {
        "smoothing": str(json["smoothing"]),
        "accuracy": Rate.read(json.get("smoothed_accuracy")),
        "abstained": Rate.read(json.get("abstained")),
        "certified": Rate.read(json.get("certified_accuracy")),
        "median": float(json["median_radius"]),
        "most": float(json["largest_radius"]),
        "needed": float(json["needed_radius"]),
        "vacuous": bool(json["vacuous"]),
    }


def _line_name(row: Row, rows: Rows) -> str:
    several = len(rows.perturbations) > 1
    return row.attack if row.kind == "perturbed" and several else row.kind


def _themed(svg: str) -> str:
    """The plot with its colors as CSS variables, so that it follows the page into the dark."""
    names = {plots.INK: "ink", plots.FAINT: "line", plots.PAPER: "paper"}
    names |= {plots.CLEAN.color: "clean", plots.NOISES.color: "noise"}
    names |= {series.color: f"perturbed-{number}" for number, series in enumerate(plots.PERTURBED)}
    for color, name in names.items():
        svg = svg.replace(f": {color}", f": var(--{name})")
    return svg


def _budget(protocol: Json) -> float | None:
    """The budget in pixel levels (0-255), None where it is not given."""
    try:
        return float(Fraction(str(protocol["epsilon"]))) * 255
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def _over_budget(protocol: Json, effective: Json) -> float | None:
    """The measured norm in pixel levels, if it is above the budget by more than rounding explains."""
    budget = _budget(protocol)
    measured = effective.get("linf" if protocol.get("norm") == "linf" else "l2_rms")
    if budget is None or measured is None or float(measured) <= budget + 0.5:
        return None
    return float(measured)


# --- pictures --------------------------------------------------------------------------------------------

_MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


def _data_uri(run: Path, name: object) -> str | None:
    """A picture of the run as a data: URI; None when it is missing, no picture, or outside the run folder."""
    if not isinstance(name, str) or not name:
        return None
    path = (run / name).resolve()
    if not path.is_relative_to(run.resolve()) or not path.is_file():
        return None
    content = path.read_bytes()
    kind = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else None


def _frame(run: Path, frame: Json) -> dict[str, Any]:
    pictures = {name: _data_uri(run, frame.get(name)) for name in ("before", "after", "difference")}
    clean, attacked = frame.get("clean_prediction"), frame.get("attacked_prediction")
    return {
        **pictures,
        "complete": all(pictures.values()),
        "video": str(frame["video"]),
        "frame": frame.get("frame"),
        "factor": frame.get("factor"),
        "clean": clean,
        "attacked": attacked,
        "changed": clean != attacked,
    }


# --- lists -----------------------------------------------------------------------------------------------

_PROTOCOL_WORDS = {
    "classifier": "classifier",
    "classes": "classes",
    "videos": "videos measured",
    "labelled": "of them with a label",
    "frames": "frames in a clip",
    "views": "clips (views) of a video",
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


def _environment_of(about: Json) -> dict[str, Any]:
    """Where the run took place: device, platform and versions."""
    known = {key: about[key] for key in ("device", "platform") if about.get(key)}
    return known | dict(about.get("versions") or {})


def _words(key: str) -> str:
    return printable(key).replace("_", " ")


def _flag(key: str) -> str:
    return "--" + printable(key).replace("_", "-")


def _value(value: object) -> str:
    """A setting as a person would write it."""
    if value is None or value == [] or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{printable(k)}: {_value(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return printable(value)


def _video_list(run: Path, rows: Rows) -> list[dict[str, Any]]:
    """Undefended predictions with the first sampler, video by video."""
    if not rows.rows:
        return []
    videos: dict[str, dict[str, Any]] = {}
    for record in _records(run):
        if (record["defense"], printable(record["sampler"])) != (NO_DEFENSE, rows.samplers[0]):
            continue
        video = videos.setdefault(record["video"], {"name": record["video"], "label": None, "predictions": {}})
        video["label"] = record.get("label") or video["label"]
        video["predictions"][printable(record["attack"])] = record
    return list(videos.values())
