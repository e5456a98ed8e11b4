import ast
from pathlib import Path

import pytest

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.cluster.settings import ClusterSettings, check_cluster, cluster_settings, require_in_storage
from lsap_cli.errors import LsapError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("address", ["local:1", "local:16", "head:6379", "10.0.0.1:6379", "[::1]:6379", "auto"])
def test_an_address_is_taken(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert check_cluster(address) == address


@pytest.mark.parametrize("address", ["local", "local:0", "local:-1", "local:two", "head", "head:", "ray://head:1", ""])
def test_another_text_is_refused_and_says_what_works(address: str) -> None:
    with pytest.raises(LsapError, match="neither local:N"):
        check_cluster(address)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(LsapError, match=r"pip install 'lsap\[cluster\]'"):
        check_cluster("local:2")


def test_a_cluster_elsewhere_needs_a_storage() -> None:
    with pytest.raises(LsapError, match="needs --storage DIR"):
        cluster_settings("head:6379", None, 1.0)
    with pytest.raises(LsapError, match="give --cluster"):
        cluster_settings(None, "/data", 1.0)
    assert cluster_settings("local:3", None, 1.0) == ClusterSettings("local:3", None, 1.0)
    assert ClusterSettings("local:3").local_workers == 3
    assert ClusterSettings("head:6379").local_workers is None


def test_a_file_outside_of_the_storage_is_named(tmp_path: Path) -> None:
    inside, outside = tmp_path / "storage" / "a.mp4", tmp_path / "b.mp4"
    settings = ClusterSettings("head:6379", str(tmp_path / "storage"))
    require_in_storage(settings, {"the video a.mp4": inside})
    with pytest.raises(LsapError, match=r"the video b\.mp4 .* is not in --storage"):
        require_in_storage(settings, {"the video a.mp4": inside, "the video b.mp4": outside})
    require_in_storage(ClusterSettings("local:2"), {"the video b.mp4": outside})


def test_a_link_out_of_the_storage_is_outside(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    (tmp_path / "b.mp4").touch()
    (tmp_path / "storage" / "link.mp4").symlink_to(tmp_path / "b.mp4")
    with pytest.raises(LsapError, match="is not in --storage"):
        require_in_storage(
            ClusterSettings("head:6379", str(tmp_path / "storage")), {"x": tmp_path / "storage" / "link.mp4"}
        )


def test_workers_of_one_machine_stand_beside_no_cluster() -> None:
    with pytest.raises(LsapError, match="--workers is of one machine"):
        _ = ApplySettings("r", "v", "o", workers=2, cluster="local:2").cluster_settings


def test_no_module_imports_ray_before_it_is_asked_for() -> None:
    modules = [path for package in ("lsap_cli", "defenses", "perturbations") for path in (ROOT / package).rglob("*.py")]
    at_import = [
        f"{path}:{node.lineno}"
        for path in modules
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        if name.partition(".")[0] == "ray"
    ]
    assert len(modules) > 100
    assert at_import == []
