"""Names of image networks without importing torchvision or timm."""

import importlib.util
from pathlib import Path

import pytest

from lsap_cli.backbone_names import backbone_names, check_backbone
from lsap_cli.errors import LsapError


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    backbone_names.cache_clear()


def test_the_names_are_those_that_torchvision_lists() -> None:
    models = pytest.importorskip("torchvision").models
    assert [*backbone_names("torchvision")] == sorted(models.list_models(module=models))


def test_the_names_are_those_that_timm_lists() -> None:
    timm = pytest.importorskip("timm")
    assert [*backbone_names("timm")] == sorted(timm.list_models())


def test_a_name_that_is_not_there_is_refused_with_the_nearest_one() -> None:
    check_backbone("resnet18")
    with pytest.raises(LsapError, match=r"backbone 'resnet19' is unknown.*resnet18"):
        check_backbone("resnet19")


def test_timm_is_asked_for_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LsapError, match=r"needs timm: pip install 'lsap\[timm\]'"):
        check_backbone("timm:resnet26")
    check_backbone("any")  # of a package without source nothing is known


def test_decorated_functions_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    decorated = "@register_model()\n@handle(weights=(1, 2))\ndef one(): ...\n"
    text = f"{decorated}\n@register_model\ndef two(): ...\ndef three(): ...\n"
    (tmp_path / "models" / "a.py").write_text(text)

    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: Found())
    assert backbone_names("some") == ("one", "two")
