import csv
import json
from pathlib import Path

from tests.commands.conftest import Lsap
from tests.tiny import make_bytes, write_tiny


def test_predict_writes_the_likeliest_classes_of_every_video_and_names_what_it_leaves_out(
    tmp_path: Path, lsap: Lsap
) -> None:
    write_tiny(tmp_path / "set" / "=a.mkv", make_bytes(4))
    (tmp_path / "set" / "broken.mkv").write_bytes(b"no video")
    out = tmp_path / "predictions.csv"
    outcome = lsap("models", "predict", "demo", tmp_path / "set", "--out", out, "--run", tmp_path / "run", "--json")
    assert outcome.code == 1
    assert [one["path"] for one in json.loads(outcome.out)["skipped"]] == ["broken.mkv"]
    with out.open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["video"], line["label"], line["correct"]) == ("'=a.mkv", "", "")  # no formula of a spreadsheet
    probabilities = [float(line[f"probability_{place}"]) for place in range(1, 6)]
    assert probabilities == sorted(probabilities, reverse=True)
    again = lsap("models", "predict", "demo", tmp_path / "set", "--out", out, "--run", tmp_path / "run2")
    assert (again.code, "exists already" in again.err) == (2, True)
