"""`generate` against several models: one perturbation, each model's own clips, labels, verification and record."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lsap_cli.errors import LsapError
from lsap_cli.jobs.defend import defend
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.generate import generate
from lsap_cli.learning import learning_loop
from lsap_cli.learning.settings import Combine, GenerateSettings
from lsap_cli.results.documents import DefendResults, GenerateResults
from lsap_cli.results.events import Event, StepEvent, VerificationEvent
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, PERTURBED
from lsap_cli.results.results_file import read_results
from lsap_cli.runs import Run
from perturbations import Perturbation
from perturbations.attacks import ATTACKS
from tests.classifiers.cards import write_card
from tests.learning.tiny_world import FACTORY, LABELS, SAMPLERS, write_world

OTHER_LABELS = ("running", "still", "right", "left")  # of another network: other numbers, and one class more


def write_model(folder: Path, name: str, labels: tuple[str, ...], **changes: object) -> str:
    card = write_card(folder, name=name, **changes)
    factory = FACTORY.replace("nn.Linear(6, 3)", f"nn.Linear(6, {len(labels)})").replace(
        "manual_seed(0)", "manual_seed(8)"
    )
    (folder / "factory.py").write_text(factory)
    (folder / "labels.txt").write_text("\n".join(labels))
    return str(card)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> GenerateSettings:
    """Two models: one of 4 frames of 8x8, one of 6 frames of 10x12 with labels in another order."""
    root = tmp_path_factory.mktemp("world")
    settings = write_world(root)
    other = write_model(
        root / "other", "other", OTHER_LABELS, input__frames=6, input__size=[10, 12], input__resize=[10, 12]
    )
    return replace(settings, model=(settings.models[0], other))


@pytest.fixture
def settings(world: GenerateSettings, tmp_path: Path) -> GenerateSettings:
    return replace(world, out=str(tmp_path / "r.safetensors"))


def run_in(
    folder: Path, settings: GenerateSettings, *listeners: Callable[[Event], None], resume: bool = False
) -> GenerateResults:
    with Run(folder, "generate", {}, [*listeners], resume) as run:
        results = generate(settings, run, resume)
    assert results is not None
    return results


def learned(settings: GenerateSettings) -> Perturbation:
    return Perturbation.load(Path(settings.out))


@pytest.mark.parametrize("combine", ["mean", "max"])
def test_two_equal_models_learn_the_bits_of_one(combine: Combine, settings: GenerateSettings, tmp_path: Path) -> None:
    first = settings.models[0]
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in Path(first).parent.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    one = run_in(tmp_path / "one", replace(settings, model=first))
    alone = learned(settings).delta
    both = run_in(tmp_path / "both", replace(settings, model=(first, str(copy / "model.toml")), combine=combine))
    assert torch.equal(learned(settings).delta, alone)
    assert [row.fooling_rate for row in both.rows] == [row.fooling_rate for row in one.rows]
    assert [row.fooling_rate for row in both.surrogates[0].rows] == [row.fooling_rate for row in one.rows]
    assert {both.rows[0].model, both.surrogates[0].model} == {f"small ({first})", f"small ({copy / 'model.toml'})"}


def test_each_model_is_judged_with_its_own_samplers_labels_and_name(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", settings)
    assert read_results(tmp_path / "run" / RESULTS_FILE).value == results
    (other,) = results.surrogates
    for rows, name in ((results.rows, "small"), (other.rows, "other")):
        assert {row.model for row in rows} == {name}
        assert {row.attack for row in rows} == {NO_ATTACK, NOISE, PERTURBED}
        assert {row.videos for row in rows} == {results.verification_videos}
    for number, rows in (("", results.rows), ("-1", other.rows)):
        lines = (tmp_path / "run" / f"records{number}.jsonl").read_text().splitlines()
        assert len(lines) == sum(row.videos for row in rows)
    named = [json.loads(line)["prediction"] for line in (tmp_path / "run" / "records-1.jsonl").read_text().splitlines()]
    assert set(named) <= set(OTHER_LABELS)
    assert (other.model, results.way) == ("other", ())


def test_the_file_records_every_model_and_is_as_large_as_the_largest_needs_it(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    run_in(tmp_path / "run", replace(settings, combine="max"))
    perturbation = learned(settings)
    assert perturbation.delta.shape[-2:] == (10, 12)
    record = perturbation.record
    assert [one["name"] for one in record["surrogates"]] == ["small", "other"]
    assert [(one["frames"], one["size"], one["classes"]) for one in record["surrogates"]] == [
        (4, [8, 8], 3),
        (6, [10, 12], 4),
    ]
    assert record["combine"] == "max"
    assert {row["model"] for row in record["verification"]} == {"small", "other"}
    assert list(SAMPLERS) == record["fit_samplers"]
    facts = json.loads((tmp_path / "run" / "run.json").read_text())["classifier"]
    assert facts["name"] == "small, other"
    assert "spec of other" in facts


def test_a_perturbation_of_one_model_has_no_word_of_several(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, model=settings.models[0]))
    assert {"surrogates", "combine"}.isdisjoint(learned(settings).record)
    assert results.surrogates == ()
    assert "model" not in json.loads((tmp_path / "run" / RESULTS_FILE).read_text())["rows"][0]


def test_a_model_that_took_no_part_judges_the_file_and_says_against_which_it_was_learned(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    run_in(tmp_path / "run", settings)
    third = write_model(tmp_path / "third", "third", LABELS, input__frames=3, input__size=[6, 6], input__resize=[6, 6])
    asked = DefendSettings(
        videos=settings.videos, model=third, perturbation=settings.out, defense=("none",), device="cpu",
        allow_overlap=True,
    )  # fmt: skip
    with Run(tmp_path / "defend", "defend", {}, []) as run:
        results = defend(asked, run)
    assert isinstance(results, DefendResults)
    assert results.protocol is not None
    assert (results.protocol.classifier, results.protocol.learned_against) == ("third", "small, other")
    assert any(row.attack == "r" and row.fooling_rate for row in results.rows)


def test_a_target_is_another_class_number_in_each_model(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, target="left", epsilon="64/255", steps=40))
    assert learned(settings).record["target"] == "left"
    for rows, records in ((results.rows, "records.jsonl"), (results.surrogates[0].rows, "records-1.jsonl")):
        row = next(one for one in rows if one.attack == PERTURBED and one.defense == NO_DEFENSE)
        assert row.success_rate is not None
        lines = map(json.loads, (tmp_path / "run" / records).read_text().splitlines())
        hit = [
            one["prediction"] == "left"
            for one in lines
            if (one["attack"], one["sampler"]) == (PERTURBED, row.sampler)
            and "left" not in (one["label"], one["clean_prediction"])
        ]
        assert (row.success_rate.count, row.success_rate.of) == (sum(hit), len(hit))


def test_a_target_that_one_model_does_not_have_is_refused_with_its_name(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    with pytest.raises(LsapError, match=r"--target.*running.*small"):
        run_in(tmp_path / "run", replace(settings, target="running"))


@pytest.mark.parametrize("combine", ["mean", "max"])
@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "append"])
def test_every_attack_learns_against_two_models_or_says_why_not(
    name: str, combine: Combine, settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, attack=name, combine=combine, steps=2))
    assert 0 < float(learned(settings).delta.abs().max()) <= 8 / 255 * (1 + 1e-6)
    assert len(results.surrogates) == 1


@pytest.mark.parametrize("attack", ["lsap:coherence=keep", "u3d"])
def test_a_run_against_two_models_that_was_stopped_and_resumed_ends_with_the_same_bits(
    attack: str, settings: GenerateSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_loop, "SAVE_EVERY_SECONDS", -1.0)
    settings = replace(settings, attack=attack, combine="max", through=("temporal-mean:window=3",))
    whole = run_in(tmp_path / "whole", settings)
    expected = learned(settings).delta

    def stop(event: Event) -> None:
        if isinstance(event, StepEvent) and event.number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in(tmp_path / "stopped", settings, stop)
    resumed = run_in(tmp_path / "stopped", settings, resume=True)
    assert torch.equal(learned(settings).delta, expected)
    assert [row.fooling_rate for row in resumed.rows] == [row.fooling_rate for row in whole.rows]
    assert resumed.queries == whole.queries


def test_a_run_is_not_resumed_when_the_second_model_is_another_one(
    settings: GenerateSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = write_model(tmp_path / "own", "own", LABELS, input__frames=4, input__size=[8, 8], input__resize=[8, 8])
    settings = replace(settings, model=(settings.models[0], second))

    def stop(event: Event) -> None:
        if isinstance(event, StepEvent):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in(tmp_path / "run", settings, stop)
    factory = tmp_path / "own" / "factory.py"
    factory.write_text(factory.read_text().replace("manual_seed(8)", "manual_seed(9)"))
    with pytest.raises(LsapError, match=r"--resume: .* parameters of own have changed"):
        run_in(tmp_path / "run", settings, resume=True)


def test_progress_is_verified_on_each_model(settings: GenerateSettings, tmp_path: Path) -> None:
    found: list[VerificationEvent] = []
    run_in(
        tmp_path / "run", settings, lambda event: found.append(event) if isinstance(event, VerificationEvent) else None
    )
    assert found
    for event in found:
        assert isinstance(event.by_sampler, dict)
        assert {spec.partition(": ")[0] for spec in event.by_sampler} == {"small", "other"}
        assert event.fooled is not None
        assert event.fooled.value == min(rate.value for rate in event.by_sampler.values())


def test_several_seeds_are_learned_against_the_same_models(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, seeds=2))
    assert results.seeds is not None
    assert set(results.seeds.rates) == {"0", "1"}
    assert results.surrogates[0].seeds is not None
    assert set(results.surrogates[0].seeds.rates) == {"0", "1"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": ()}, "give each --model once"),
        ({"model": ("demo", "demo")}, "give each --model once"),
        ({"matrix": True}, "--matrix is of one model"),
        ({"cluster": "local", "seeds": 2}, "--cluster is of one model"),
    ],
)
def test_what_is_of_one_model_is_refused_with_several(
    changes: dict[str, object], reason: str, settings: GenerateSettings, tmp_path: Path
) -> None:
    with pytest.raises(LsapError, match=reason):
        run_in(tmp_path / "run", replace(settings, **changes))  # type: ignore[arg-type]  # fields by name


def test_one_model_in_two_spellings_is_refused(
    settings: GenerateSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Path(settings.models[0])
    monkeypatch.chdir(first.parent)
    for other in (first.name, f"./{first.name}", f"{first.parent}/./{first.name}"):
        with pytest.raises(LsapError, match="give each --model once"):
            _ = replace(settings, model=(str(first), other)).models
