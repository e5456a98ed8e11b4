"""The commands on folders of transformers' five video classifiers, without a model card."""

from pathlib import Path

import pytest

from tests.commands.conftest import Lsap, World
from tests.hf_folders import PROCESSORS, save_hf_folder


@pytest.mark.parametrize("kind", PROCESSORS)
def test_a_folder_alone_is_checked_attacked_and_defended(
    kind: str, few_videos: World, lsap: Lsap, tmp_path: Path
) -> None:
    model = f"hf:{save_hf_folder(tmp_path / kind, kind)}"
    checked = lsap("models", "check", model, "--run", tmp_path / "check")
    assert checked.code == 0, checked.out + checked.err
    learned = lsap(
        "generate", few_videos.learn, "--model", model, "--steps", 1, "--sampler", "uniform",
        "--out", tmp_path / "r.safetensors", "--run", tmp_path / "generate",
    )  # fmt: skip
    assert learned.code == 0, learned.err
    applied = lsap("apply", tmp_path / "r.safetensors", few_videos.test, tmp_path / "out", "--run", tmp_path / "apply")
    assert applied.code == 0, applied.err
    judged = lsap(
        "defend", few_videos.test, "--model", model, "--perturbed", tmp_path / "out", "--fit", few_videos.learn,
        "--adaptive", "--steps", 1, "--defense", "temporal-median", "--run", tmp_path / "defend",
    )  # fmt: skip
    assert judged.code == 0, judged.err
    assert "against attackers that know the defense" in judged.out
