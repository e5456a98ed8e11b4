"""--download: a model of the Hugging Face Hub is fetched into the local cache, by every command that takes a model."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands.conftest import Lsap, World
from tests.hf_folders import save_hf_folder
from tests.tiny import make_perturbation

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(name: str, folder: Path) -> Iterator[str]:
    """A hub with one repository, on this machine; gives its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            files = sorted(one.name for one in folder.iterdir())
            if path.startswith(f"/api/models/{name}/tree/"):
                tree = [
                    {"type": "file", "path": one, "size": (folder / one).stat().st_size, "oid": "0"} for one in files
                ]
                self.send(json.dumps(tree).encode(), with_body)
            elif path.startswith(f"/api/models/{name}"):
                about = {"id": name, "sha": COMMIT, "private": False, "siblings": [{"rfilename": one} for one in files]}
                self.send(json.dumps(about).encode(), with_body)
            elif path.startswith(f"/{name}/resolve/") and path.rpartition("/")[2] in files:
                self.send((folder / path.rpartition("/")[2]).read_bytes(), with_body)
            else:
                self.send_error(404)

        def send(self, body: bytes, with_body: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of Hugging Face's. Its folder is read from the environment when the package is imported first."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def hub_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub on this machine in place of the real one, which HF_ENDPOINT names when the package is imported first."""
    with hub("someone/tiny", save_hf_folder(tmp_path / "folder", "videomae")) as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        template = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + template)
        yield address


@pytest.mark.usefixtures("hub_address")
def test_a_model_is_fetched_and_found_in_the_cache_afterwards(cache: Path, lsap: Lsap) -> None:
    missing = lsap("models", "show", "hf:someone/tiny")
    assert (missing.code, "nor in the local Hugging Face cache; --download fetches it once" in missing.err) == (2, True)
    assert not list(cache.glob("*/snapshots/*"))
    fetched = lsap("models", "show", "hf:someone/tiny", "--json", "--download")
    assert fetched.code == 0, fetched.err
    assert {path.name for path in cache.glob(f"*/snapshots/{COMMIT}/*")} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }
    assert lsap("models", "show", "hf:someone/tiny", "--json").out == fetched.out


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("command", ["check", "predict", "datasets", "generate", "defend"])
def test_every_command_that_takes_a_model_fetches_it(
    command: str, few_videos: World, lsap: Lsap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("lsap_cli.classifiers.model_formats.hf.download", lambda place, _quiet: fetched.append(place))
    model, videos, run = "hf:someone/tiny", few_videos.test, ["--run", tmp_path / "run"]
    pattern = tmp_path / "pattern.safetensors"
    make_perturbation().save(pattern)
    words = {
        "check": ["models", "check", model, *run],
        "predict": ["models", "predict", model, videos, "--out", tmp_path / "p.csv", *run],
        "datasets": ["datasets", "show", videos, "--model", model],
        "generate": ["generate", videos, "--model", model, "--out", tmp_path / "r.safetensors", *run],
        "defend": [
            "defend",
            videos,
            "--model",
            "demo",
            "--model",
            model,
            "--perturbation",
            pattern,
            "--fit",
            few_videos.learn,
            *run,
        ],
    }
    outcome = lsap(*words[command], "--download")
    assert fetched == ["someone/tiny"]
    assert outcome.code == 2  # it is still not there: nothing was fetched in truth
    assert not (tmp_path / "p.csv").exists()


def test_without_a_hub_the_failure_says_what_else_would_work(
    cache: Path, lsap: Lsap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    outcome = lsap("models", "show", "hf:someone/tiny", "--download")
    assert outcome.code == 1
    assert "hf:someone/tiny cannot be downloaded" in outcome.err
    assert "fetch its files elsewhere and give their folder: hf:FOLDER" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_card_of_a_repository_is_fetched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lsap: Lsap) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("lsap_cli.classifiers.model_formats.hf.download", lambda place, _quiet: fetched.append(place))
    (tmp_path / "model.toml").write_text('format = "hf:someone/tiny"\n')
    lsap("models", "show", tmp_path / "model.toml", "--download")
    assert fetched == ["someone/tiny"]


@pytest.mark.parametrize("words", [["models", "show", "demo"], ["datasets", "show", "."]])
def test_a_model_that_is_not_of_the_hub_cannot_be_fetched(words: list[str], lsap: Lsap) -> None:
    outcome = lsap(*words, "--download")
    assert (outcome.code, "--download fetches hf:OWNER/NAME" in outcome.err) == (2, True)
