"""A run of MLflow in a SQLite store, read back by MLflow itself."""

from pathlib import Path

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.mlflow import export_mlflow
from tests.reports.exports.runs import PERTURBATION, RUNS

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install 'lsap[mlflow]'")


def test_the_store_has_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/m.db")
    ids = [export_mlflow(make(tmp_path / command), None).place.rsplit(" ", 1)[1] for command, make in RUNS.items()]
    client = mlflow.MlflowClient()
    learned, applied, judged = (client.get_run(one) for one in ids)
    assert learned.info.status == "FINISHED"
    assert learned.info.run_name == "learned"
    assert learned.data.params == {"videos": "videos/", "epsilon": "8/255", "sampler": '["uniform"]'}
    assert [(one.step, one.value) for one in client.get_metric_history(ids[0], "learning/loss")] == [(1, 2.5), (2, 1.0)]
    assert applied.data.metrics["files/written"] == 1
    assert judged.data.metrics["rates/universal/none/uniform/accuracy.of"] == 12
    assert judged.data.tags["lsap.versions.torch"] == "2.11.0"
    kept = {one.path for one in client.list_artifacts(ids[2])}
    assert {"perturbation", "pictures", "results.json", "tables"} <= kept
    assert "tables/classes.csv" in {one.path for one in client.list_artifacts(ids[2], "tables")}
    file = client.download_artifacts(ids[2], "perturbation/r.safetensors", str(tmp_path))
    assert Path(file).read_bytes() == PERTURBATION


@pytest.mark.parametrize("uri", ["nonsense://place", "sqlite:///m.db"])
def test_a_store_that_refuses_is_named(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.db").write_bytes(b"no database")
    mlflow.set_tracking_uri(uri)
    with pytest.raises(LsapError, match="MLFLOW_TRACKING_URI"):
        export_mlflow(RUNS["apply"](tmp_path), None)


def test_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="MLFLOW_TRACKING_URI"):
        export_mlflow(RUNS["apply"](tmp_path), tmp_path / "x")
