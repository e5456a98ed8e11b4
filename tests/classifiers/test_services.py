"""Networks behind a command or a URL: black boxes that answer JSON."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.model_formats.service import ServiceNetwork
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.errors import LsapError
from tests.classifiers.networks import CARD, clips

UINT8 = CARD.replace('layout = "BCTHW"', 'layout = "BTHWC"').split("mean")[0] + "scale = 255\n"

READ = """
import io, json, os, sys, time
import numpy as np

def requests():
    for number, line in enumerate(sys.stdin.buffer):
        request = json.loads(line)
        body = sys.stdin.buffer.read(request["bytes"])
        if request["encoding"] == "npz":
            clips = np.load(io.BytesIO(body))["clips"]
        else:
            clips = np.frombuffer(body, request["dtype"]).reshape(request["shape"])
        yield number, request, clips

def answer(request, **found):
    print(json.dumps({"id": request["id"]} | found), flush=True)

def scores(clips):
    means = clips.reshape(len(clips), -1).mean(1)
    return np.stack([means, 2 * means, -means], 1).tolist()
"""
WELL = READ + "for _, request, clips in requests():\n    answer(request, scores=scores(clips))\n"


def service(
    folder: Path, program: str, card: str = CARD, output: str = "", settings: str = "timeout_seconds = 20"
) -> Classifier:
    """A card whose command runs a program."""
    (folder / "serve.py").write_text(program)
    output = f"[output]\n{output}\n" if output else ""
    path = folder / "model.toml"
    path.write_text(f'command = "{sys.executable} serve.py"\n{card}\n{output}[service]\n{settings}\n')
    return load_classifier(str(path))


def network_of(classifier: Classifier) -> ServiceNetwork:
    assert isinstance(classifier.network, ServiceNetwork)
    return classifier.network


def by_hand(pixels: Tensor) -> Tensor:
    means = pixels.flatten(1).mean(1)
    return torch.stack([means, 2 * means, -means], 1)


@pytest.mark.parametrize("encoding", ["npz", "raw"])
def test_a_command_gets_the_clips_as_the_card_says_and_gives_their_scores(tmp_path: Path, encoding: str) -> None:
    classifier = service(tmp_path, WELL, settings=f'encoding = "{encoding}"\nbatch = 2')
    assert classifier.name == "model"
    found = classifier.score(clips(5))
    assert torch.allclose(found, by_hand(classifier.prepare(clips(5))), atol=1e-5)
    assert network_of(classifier).asked.clips == 5
    assert not classifier.gives_gradients
    network_of(classifier).close()


def test_whole_levels_come_as_bytes_with_the_channels_last(tmp_path: Path) -> None:
    program = READ + (
        "for _, request, clips in requests():\n"
        "    assert clips.dtype == np.uint8 and clips.shape == (1, 3, 8, 8, 3), (clips.dtype, clips.shape)\n"
        "    answer(request, scores=clips[0, 0, 0, 0].tolist())\n"
    )
    classifier = service(tmp_path, program, UINT8, settings='dtype = "uint8"')
    one = clips(1)
    assert classifier.score(one).tolist() == [[round(value) for value in (one[0, 0, :, 0, 0] * 255).tolist()]]


def test_nothing_is_started_before_clips_are_sent(tmp_path: Path) -> None:
    classifier = service(tmp_path, "open('started', 'w')\n" + WELL)
    assert not (tmp_path / "started").exists()
    assert any("no gradients" in note for note in classifier.notes)
    classifier.score(clips(1))
    assert (tmp_path / "started").exists()


@pytest.mark.parametrize(("labels", "classes"), [('["b", "c"]', [1, 2]), ("[2, 0]", [2, 0]), ('["B", "a"]', [1, 0])])
def test_labels_alone_are_votes(tmp_path: Path, labels: str, classes: list[int]) -> None:
    program = READ + f"for _, request, clips in requests():\n    answer(request, labels={labels})\n"
    found = service(tmp_path, program, output='kind = "label"').score(clips(2))
    assert found.argmax(1).tolist() == classes
    assert found.softmax(1).amax(1).tolist() == pytest.approx([1.0, 1.0])


def test_another_key_holds_the_scores(tmp_path: Path) -> None:
    program = READ + "for _, request, clips in requests():\n    answer(request, mine=scores(clips), scores='no')\n"
    assert service(tmp_path, program, output='pick = "mine"').score(clips(2)).shape == (2, 3)


WRONG = {
    "print('hello', flush=True)": "gave no JSON; its answer begins with: hello",
    "print('[1]', flush=True)": 'an answer with "id": null',
    "answer(request, score=[1])": "without 'scores'",
    "answer(request, scores=scores(clips)[:1])": "scores of 1 clip where 2 clips were sent",
    "answer(request, scores=[[1, 2], [3]])": "no table of numbers",
    "answer(request, scores='high')": "no table of numbers",
    "answer({'id': 7}, scores=scores(clips))": "repeats the id of its request",
    "answer(request, scores=[[1, 2], [3, 4]])": "gave an output of shape (2, 2) for 2 clips; its 3 labels need (2, 3)",
}


@pytest.mark.parametrize(("line", "sentence"), WRONG.items(), ids=range(len(WRONG)))
def test_a_wrong_answer_is_named_and_not_asked_for_again(tmp_path: Path, line: str, sentence: str) -> None:
    classifier = service(tmp_path, READ + f"for _, request, clips in requests():\n    {line}\n")
    with pytest.raises(LsapError) as caught:
        classifier.score(clips(2))
    assert sentence in str(caught.value)
    assert network_of(classifier).asked.clips == 2


def test_an_answer_without_scores_about_one_clip_is_named(tmp_path: Path) -> None:
    classifier = service(tmp_path, READ + "for _, request, clips in requests():\n    answer(request, scores=[])\n")
    with pytest.raises(LsapError, match="scores of 0 clips where 1 clip was sent"):
        classifier.score(clips(1))


def test_a_label_that_the_card_lacks_is_named(tmp_path: Path) -> None:
    program = READ + "for _, request, clips in requests():\n    answer(request, labels=['a', 'zebra'])\n"
    with pytest.raises(LsapError, match='the label "zebra", which is none of the 3'):
        service(tmp_path, program, output='kind = "label"').score(clips(2))


def test_a_command_that_ends_is_started_again_and_its_last_words_are_told(tmp_path: Path) -> None:
    program = READ + (
        "if not os.path.exists('second'):\n"
        "    open('second', 'w')\n"
        "    sys.exit('no memory left')\n"
        "for _, request, clips in requests():\n"
        "    answer(request, scores=scores(clips))\n"
        "    sys.exit('done for today')\n"
    )
    classifier = service(tmp_path, program, settings="retries = 1")
    assert classifier.score(clips(2)).shape == (2, 3)
    asked = network_of(classifier).asked
    assert (asked.clips, asked.repeated) == (4, 2)
    assert "asked about 4 clips in all, 2 of them again" in network_of(classifier).queries_note
    (tmp_path / "second").unlink()
    never = service(tmp_path, "import sys\nsys.exit('no memory left')\n", settings="retries = 1")
    with pytest.raises(LsapError, match=r"asked 2 times .* exit code 1, and its last words were: no memory left"):
        never.score(clips(1))


def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    program = READ + "for _, request, clips in requests():\n    time.sleep(60)\n"
    classifier = service(tmp_path, program, settings="timeout_seconds = 0.3\nstart_seconds = 0\nretries = 0")
    with pytest.raises(LsapError, match=r"asked once about 1 clip and gave no answer: none within 0\.3 s"):
        classifier.score(clips(1))


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(f'command = "no-such-program serve.py"\n{CARD}')
    with pytest.raises(LsapError, match=r"the command 'no-such-program serve.py' cannot be started"):
        load_classifier(str(path)).score(clips(1))


def test_what_a_command_runs_is_in_the_record_by_content(tmp_path: Path) -> None:
    before = service(tmp_path, WELL).source["serve.py sha256"]
    assert service(tmp_path, WELL + "# changed\n").source["serve.py sha256"] != before


Handle = Callable[[BaseHTTPRequestHandler, Any], None]


@contextmanager
def server(handle: Handle) -> Iterator[str]:
    """A server on this machine; `handle` gets the clips."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            shape = [int(side) for side in self.headers["X-Clips-Shape"].split(",")]
            handle(self, np.frombuffer(body, self.headers["X-Clips-Dtype"]).reshape(shape))

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/predict"
        serving.shutdown()
        thread.join()


def reply(to: BaseHTTPRequestHandler, status: int, text: str) -> None:
    to.send_response(status)
    to.send_header("Content-Length", str(len(text)))
    to.end_headers()
    to.wfile.write(text.encode())


def at(folder: Path, url: str, settings: str = "") -> Classifier:
    path = folder / "model.toml"
    path.write_text(f'url = "{url}"\n{CARD}\n[service]\nencoding = "raw"\n{settings}\n')
    return load_classifier(str(path))


def means(pixels: Any) -> str:
    rows = [[float(clip.mean()), 2 * float(clip.mean()), -float(clip.mean())] for clip in pixels]
    return json.dumps({"scores": rows})


def test_a_url_gets_the_clips_and_gives_their_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # clips stay on this machine
    with server(lambda to, pixels: reply(to, 200, means(pixels))) as url:
        classifier = at(tmp_path, url)
        assert torch.allclose(classifier.score(clips(3)), by_hand(classifier.prepare(clips(3))), atol=1e-5)


def test_a_busy_server_is_asked_again_and_what_it_refuses_is_named(tmp_path: Path) -> None:
    statuses = [503, 200]
    with server(lambda to, pixels: reply(to, statuses.pop(0), means(pixels))) as url:
        classifier = at(tmp_path, url)
        assert classifier.score(clips(2)).shape == (2, 3)
        assert network_of(classifier).asked.repeated == 2
    with (
        server(lambda to, _: reply(to, 422, "16 frames are needed")) as url,
        pytest.raises(LsapError, match=r"gave status 422 .*: 16 frames are needed"),
    ):
        at(tmp_path, url).score(clips(1))
    with (
        server(lambda to, _: reply(to, 302, "")) as url,
        pytest.raises(LsapError, match="redirects are not followed"),
    ):
        at(tmp_path, url).score(clips(1))


def test_an_answer_that_is_cut_is_asked_for_again(tmp_path: Path) -> None:
    missing = [5, 0, 5]

    def cut(to: BaseHTTPRequestHandler, pixels: Any) -> None:
        text = means(pixels)
        to.send_response(200)
        to.send_header("Content-Length", str(len(text) + missing.pop(0)))
        to.end_headers()
        to.wfile.write(text.encode())

    with server(cut) as url:
        classifier = at(tmp_path, url, "retries = 1")
        assert classifier.score(clips(2)).shape == (2, 3)
        assert network_of(classifier).asked.repeated == 2
        with pytest.raises(LsapError, match=r"gave no answer: the answer ended after \d+ bytes, 5 too early") as caught:
            at(tmp_path, url, "retries = 0").score(clips(2))
        assert caught.value.exit_code == 1


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with server(lambda to, _: reply(to, 200, "")) as url:
        pass
    with pytest.raises(LsapError, match=r"gave no answer: Connection refused; start it"):
        at(tmp_path, url, "retries = 0").score(clips(1))


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1/predict", "https://127.0.0.1/", "http://example.com/", "ftp://127.0.0.1/", "http:///x", "x",
     "http://user:word@127.0.0.1/", "http://127.0.0.1:port/"],
)  # fmt: skip
def test_other_machines_are_not_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(LsapError, match=r"url is '.*'; it must be http:// and an address of this machine"):
        at(tmp_path, url)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('command = "x"\nurl = "http://127.0.0.1/"', "command and url say twice where the network comes from"),
        ('command = ""', "command is empty"),
        ('command = "a \'b"', "command is no command line"),
        ('factory = "x:y"\n[service]\nbatch = 2', r"\[service\] says how a command or a URL is asked"),
        ('format = "onnx:x"\n[output]\nkind = "label"', "only a command or a URL may answer"),
        ('command = "x"\n[service]\nbatch = 0', r"batch in \[service\] = 0; it must be a whole number from 1"),
        ('command = "x"\n[service]\ndtype = "uint8"', "write scale = 255"),
    ],
)
def test_a_card_that_cannot_be_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "model.toml"
    first, _, rest = text.partition("[")
    path.write_text(f"{first}\n{CARD}\n{'[' + rest if rest else ''}")
    with pytest.raises(LsapError, match=sentence):
        load_classifier(str(path))


@pytest.mark.parametrize(
    ("spec", "field"),
    [("http://127.0.0.1:8000/x", "url"), ("url:http://127.0.0.1/", "url"), ("command:python serve.py", "command")],
)
def test_a_service_on_the_command_line_needs_its_card(spec: str, field: str) -> None:
    with pytest.raises(LsapError, match=f"needs a model card: .* {field} = "):
        load_classifier(spec)
