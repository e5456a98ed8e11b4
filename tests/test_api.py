"""The commands as functions, called wrongly: one sentence, and no run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.api import (
    ApplySettings,
    DefendSettings,
    GenerateSettings,
    StudySettings,
    load_clips,
    run_apply,
    run_defend,
    run_generate,
    run_study,
)
from lsap_cli.classifiers import load_classifier
from lsap_cli.errors import LsapError


def generate_settings(**settings: Any) -> GenerateSettings:
    return GenerateSettings(**{"videos": "videos", "model": "demo", "out": "r.safetensors"} | settings)


def defend_settings(**settings: Any) -> DefendSettings:
    return DefendSettings(**{"videos": "videos", "model": "demo", "perturbation": "r.safetensors"} | settings)


@pytest.mark.parametrize(
    ("run", "settings", "sentence"),
    [
        (run_generate, lambda: generate_settings(steps=0), "steps is 0; use a number from 1"),
        (run_generate, lambda: generate_settings(steps=2.5), r"steps is 2\.5; use a whole number"),
        (run_generate, lambda: generate_settings(seed="a"), "seed is 'a'; use a whole number"),
        (run_generate, lambda: generate_settings(videos=Path("videos")), "videos is PosixPath.*; use text"),
        (run_generate, lambda: generate_settings(epsilon=0.03), r"epsilon is 0\.03; use text"),
        (run_generate, lambda: generate_settings(epsilon="0"), r"epsilon '0' is outside \(0, 1\]"),
        (run_generate, lambda: generate_settings(norm="l7"), "the norm 'l7' is unknown; use linf or l2"),
        (run_generate, lambda: generate_settings(attack="lsp"), "the attack 'lsp' is unknown; .* Did you mean lsap?"),
        (
            run_generate,
            lambda: generate_settings(attack="lsap:coherence=no"),
            "coherence is no; use keep, break",
        ),
        (run_generate, lambda: generate_settings(sampler="uniform"), "sampler is 'uniform'; use a tuple"),
        (run_generate, lambda: generate_settings(learn_from="all"), "learn_from is all; use any, one-video"),
        (run_generate, lambda: defend_settings(), r"the settings are a DefendSettings; give GenerateSettings\("),
        (run_study, lambda: StudySettings("s.toml", workers=0), "workers is 0; use a number from 1"),
        (run_study, lambda: StudySettings("nowhere.toml"), r"the study file nowhere\.toml cannot be read"),
        (run_defend, lambda: defend_settings(draws=0), "draws is 0; use a number from 1"),
        (run_defend, lambda: defend_settings(defense=("jpg",)), "the defense 'jpg' is unknown"),
        (run_defend, lambda: defend_settings(detector=("x",)), "the detector 'x' is unknown"),
        (run_defend, lambda: defend_settings(perturbation=None), "give one of --perturbation FILE"),
        (run_apply, lambda: ApplySettings("r", "videos", "out", workers=0), "workers is 0; use a number from 1"),
        (run_apply, lambda: ApplySettings("r", "videos", "out", threads="few"), "threads is 'few'; use auto, one or"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_a_run_folder_is_made(
    run: Callable[[Any, Path], object], settings: Callable[[], object], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(LsapError, match=sentence):
        run(settings(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"source": 3}, "source is an int; give a path"),
        ({"source": "nowhere"}, "nowhere does not exist; give a folder of videos"),
        ({"classifier": "demo"}, r"the classifier is a str; use load_classifier\('demo'\)"),
        ({"clips_per_video": 1.5}, r"clips_per_video is 1\.5; use a whole number from 1"),
        ({"seed": "a"}, "seed is 'a'; use a whole number"),
    ],
)
def test_clips_of_a_folder_need_a_folder_and_a_classifier(arguments: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"source": ".", "classifier": load_classifier("demo")} | arguments
    with pytest.raises(LsapError, match=sentence):
        load_clips(**given)
