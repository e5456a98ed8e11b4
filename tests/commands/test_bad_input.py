"""Wrong input: one sentence on stderr that names it, an exit code, no traceback, and nothing that existed is lost."""

from pathlib import Path

import pytest

from tests.classifiers.cards import write_card
from tests.commands.conftest import Lsap, World
from tests.reports.fake_run import write_run

OUT = "out.safetensors"


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["generate", "nowhere", "--model", "demo", "--out", OUT], 2, "nowhere"),
        (["generate", "{videos}", "--model", "nothing.toml", "--out", OUT], 2, "nothing.toml"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--epsilon", "8"], 2, "8/255"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--epsilon", "x"], 2, "'x'"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--norm", "l1"], 2, "l1"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--binding", "cyclic"], 2, "cyclic"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--sampler", "dense:stride=0"], 2, "stride"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--sampler", "denze"], 2, "denze"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--time-budget", "soon"], 2, "soon"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--device", "tpu"], 2, "tpu"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--resume"], 2, "--run"),
        (["generate", "{videos}", "--model", "demo"], 2, "--out"),
        (["apply", "nowhere.safetensors", "{videos}", "perturbed"], 2, "nowhere.safetensors"),
        (["defend", "{videos}", "--model", "demo"], 2, "--perturb"),
        (["defend", "{videos}", "--model", "demo", "--perturbed", "nowhere"], 2, "nowhere"),
        (["models", "show", "torchvision:r9"], 2, "r3d_18"),
        (["report", "nowhere"], 2, "nowhere"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--attack", "lsap:update=no"], 2, "update is no"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--through", "jpeg:quality=0"], 2, "quality is 0"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--precision", "fp8"], 2, "fp8"),
        (["generate", "{videos}", "--model", "demo", "--out", OUT, "--from", "elsewhere"], 2, "elsewhere"),
        (["defend", "{videos}", "--model", "demo", "--perturbation", "gone.safetensors"], 2, "gone.safetensors"),
        (["defend", "{videos}", "--model", "demo", "--perturbed", ".", "--detector", "nose"], 2, "nose"),
        (["defend", "{videos}", "--model", "demo", "--perturbed", ".", "--certify", "nose"], 2, "nose"),
        (["defend", "{videos}", "--model", "demo", "--perturbed", ".", "--fit", "nowhere"], 2, "nowhere"),
        (["demo", "--epsilon", "9"], 2, "did you mean 9/255?"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_wrong_usage_is_one_sentence_that_names_what_was_wrong(
    words: list[str], code: int, named: str, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    outcome = lsap(*(word.format(videos=world.test) for word in words), cwd=tmp_path)
    assert outcome.code == code, outcome.err
    assert named in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    assert list(tmp_path.iterdir()) == []


COMMANDS_WITH_A_MODEL = (
    ("generate", "{videos}", "--model", "{card}", "--out", OUT),
    ("defend", "{videos}", "--model", "{card}", "--perturbation", "{perturbation}"),
    ("models", "check", "{card}", "{videos}"),
    ("models", "predict", "{card}", "{videos}", "--out", "table.csv"),
)


@pytest.mark.parametrize("words", COMMANDS_WITH_A_MODEL)
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"labels": "gone.txt"}, "gone.txt, which is not a file"),
        ({"weights": "gone.pth"}, "gone.pth, which is not a file"),
        ({"factory": "gone.py:build"}, "gone.py, which is not there"),
        ({"sampling__sampler": "denze"}, "'denze'"),
        ({"input__size": [9, 9]}, "resize (4, 4) is smaller than size (9, 9)"),
        ({"factory": "factory.py:broken"}, "the factory's own words"),  # known only when the network is built
        ({"input__layout": "NCHW", "output__kind": "logit"}, "labels"),  # likewise
    ],
)
def test_what_is_wrong_with_a_card_leaves_no_run_folder(
    words: tuple[str, ...],
    changes: dict[str, object],
    named: str,
    perturbation: Path,
    world: World,
    lsap: Lsap,
    tmp_path: Path,
) -> None:
    card, here = write_card(tmp_path / "card", **changes), tmp_path / "here"
    here.mkdir()
    filled = [word.format(videos=world.test, card=card, perturbation=perturbation) for word in words]
    outcome = lsap(*filled, cwd=here)
    assert (outcome.code, named in outcome.err) == (2, True), outcome.err
    assert list(here.iterdir()) == []


def test_a_report_that_cannot_be_written_names_the_page(lsap: Lsap, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (tmp_path / "file").touch()
    outcome = lsap("report", run, "--out", tmp_path / "file" / "page.html")
    assert (outcome.code, f"--out {tmp_path}/file/page.html cannot be written" in outcome.err) == (1, True)
    (run / "report.html").mkdir()
    outcome = lsap("report", run)
    assert (outcome.code, "write it elsewhere with --out PAGE.html" in " ".join(outcome.err.split())) == (1, True)


def test_a_label_that_the_model_lacks_is_named(world: World, lsap: Lsap, tmp_path: Path) -> None:
    words = ("generate", world.test, "--model", "demo", "--out", tmp_path / OUT, "--target", "jumping")
    outcome = lsap(*words, "--run", tmp_path / "run")
    assert (outcome.code, "jumping" in outcome.err, (tmp_path / OUT).exists()) == (2, True, False)


def test_bad_files_are_named_and_left_out_and_the_exit_code_says_so(
    perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    (videos / "left").mkdir(parents=True)
    good = next(world.test.rglob("*.mp4")).read_bytes()
    (videos / "left" / "good.mp4").write_bytes(good)
    (videos / "left" / "empty.mp4").write_bytes(b"")
    (videos / "left" / "text.mp4").write_text("not a video")
    (videos / "left" / "half.mp4").write_bytes(good[: len(good) // 2])
    (videos / "left" / "notes.txt").write_text("not looked at")
    outcome = lsap("apply", perturbation, videos, tmp_path / "out", "--run", tmp_path / "run")
    assert outcome.code == 1
    for name in ("empty.mp4", "text.mp4", "half.mp4"):
        assert name in outcome.err
    assert sorted(path.name for path in (tmp_path / "out" / "left").iterdir()) == ["good.mkv"]


def test_what_exists_is_not_overwritten(perturbation: Path, world: World, lsap: Lsap, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    kept = perturbation.read_bytes()
    assert lsap("apply", perturbation, world.test, out, cwd=tmp_path).code == 2
    assert lsap("generate", world.test, "--model", "demo", "--out", perturbation, cwd=tmp_path).code == 2
    assert (out / "precious").read_text() == "mine"
    assert perturbation.read_bytes() == kept


def test_an_out_that_cannot_be_written_is_refused_before_anything_is_learned(
    world: World, lsap: Lsap, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    words = ("generate", world.learn, "--model", "demo", "--out", tmp_path / "file" / "r.safetensors")
    outcome = lsap(*words, "--run", tmp_path / "run", cwd=tmp_path)
    assert (outcome.code, "--out" in outcome.err, "learning" in outcome.err) == (1, True, False), outcome.err
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_damaged_perturbation_is_refused_by_name(
    perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(perturbation.read_bytes()[:5000])
    outcome = lsap("apply", damaged, world.test, tmp_path / "out", cwd=tmp_path)
    assert (outcome.code, "damaged.safetensors" in outcome.err) == (2, True)
    assert "Traceback" not in outcome.err


def test_a_perturbation_of_slots_cannot_be_applied(world: World, lsap: Lsap, tmp_path: Path) -> None:
    out = tmp_path / "slot.safetensors"
    words = ("generate", world.learn, "--model", "demo", "--binding", "slot:16", "--steps", 1, "--out", out)
    assert lsap(*words, "--run", tmp_path / "g").code == 0
    outcome = lsap("apply", out, world.test, tmp_path / "out", cwd=tmp_path)
    assert (outcome.code, "slot:16" in outcome.err) == (2, True)
