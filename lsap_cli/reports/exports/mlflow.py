"""A run as a run of MLflow, where MLFLOW_TRACKING_URI says."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.contents import RunContents, read_contents
from lsap_cli.reports.exports.figures import numbers
from lsap_cli.reports.exports.names import metric_name
from lsap_cli.reports.exports.packages import optional_package
from lsap_cli.reports.exports.targets import Exported
from lsap_cli.reports.grid import as_csv
from lsap_cli.results.manifest import PERTURBATION_COPY

EXPERIMENT = "lsap"  # unless MLFLOW_EXPERIMENT_NAME says another
MOST_METRICS, MOST_PARAMETERS = 1000, 100  # in one call of MLflow
LONGEST_VALUE = 500  # characters of a parameter that every version of MLflow takes
Item = TypeVar("Item")


def export_mlflow(run: Path, out: Path | None) -> Exported:
    """Makes a run of MLflow in the experiment `lsap`.

    Args:
        run: the run folder.
        out: None: the place is MLflow's own setting.

    Raises:
        LsapError: if the package is missing, the run cannot be read, MLflow refuses it, or `out` is given.
    """
    if out is not None:
        raise LsapError(f"--out {out} is not for MLflow; set MLFLOW_TRACKING_URI, such as sqlite:////data/mlflow.db")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when the package is imported
    mlflow = optional_package("mlflow", "mlflow")
    contents = read_contents(run)
    try:
        client = mlflow.MlflowClient()
        experiment = _experiment(client, os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
        made = client.create_run(
            experiment, start_time=round(contents.started * 1000), run_name=contents.name, tags=_tags(contents)
        ).info
        try:
            _log(mlflow, client, made.run_id, contents)
        except BaseException:
            client.set_terminated(made.run_id, "FAILED")
            raise
        client.set_terminated(made.run_id, "FINISHED", end_time=round(contents.finished * 1000))
    except Exception as error:
        if not isinstance(error, mlflow.MlflowException) and type(error).__module__.partition(".")[0] != "sqlalchemy":
            raise  # a database's errors are not MLflow's own
        sentence = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
        place = mlflow.get_tracking_uri()
        raise LsapError(
            f"MLflow at {place} refuses the run ({sentence}); set MLFLOW_TRACKING_URI to another, such as "
            "sqlite:///mlflow.db",
            1,
        ) from None
    return Exported(f"{mlflow.get_tracking_uri()}, experiment {experiment}, run {made.run_id}", contents.notes)


def _experiment(client: Any, name: str) -> str:  # mlflow is no dependency
    """The experiment's number; it is made where it is not there."""
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _tags(contents: RunContents) -> dict[str, str]:
    tags = {f"lsap.{name.replace('/', '.')}": text[:LONGEST_VALUE] for name, text in contents.facts.items()}
    return tags | {"mlflow.note.content": contents.summary, "mlflow.source.name": f"lsap {contents.command}"}


def _log(mlflow: Any, client: Any, run_id: str, contents: RunContents) -> None:  # likewise
    entities = mlflow.entities
    parameters = [entities.Param(metric_name(name), text[:LONGEST_VALUE]) for name, text in contents.settings.items()]
    for some in _batches(parameters, MOST_PARAMETERS):
        client.log_batch(run_id, params=some)
    for some in _batches(_metrics(entities, contents), MOST_METRICS):
        client.log_batch(run_id, metrics=some)
    for grid in contents.tables:
        client.log_text(run_id, as_csv(grid), f"tables/{grid.name}.csv")
    for name, path in contents.pictures.items():
        client.log_artifact(run_id, str(path), Path(name).parent.as_posix())
    for name, path in contents.files.items():  # the perturbation keeps the name that it has
        folder = "perturbation" if name == PERTURBATION_COPY else Path(name).parent.as_posix()
        client.log_artifact(run_id, str(path), None if folder == "." else folder)


def _metrics(entities: Any, contents: RunContents) -> Iterator[Any]:  # likewise
    for name, points in contents.curves.items():
        for point in points:
            yield entities.Metric(name, point.value, round(point.time * 1000), point.step)
    for name, figure in contents.figures.items():
        for end, value in numbers(figure).items():
            yield entities.Metric(f"{name}.{end}" if end else name, value, round(contents.finished * 1000), 0)


def _batches(items: Iterable[Item], most: int) -> Iterator[Sequence[Item]]:
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some
