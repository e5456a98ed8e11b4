"""`generate` from its settings to its files, on a tiny network and tiny videos."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lsap_cli.errors import LsapError
from lsap_cli.jobs.generate import generate
from lsap_cli.learning import learning_loop, variant_learning
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.results.documents import GenerateResults
from lsap_cli.results.events import Event, StageEvent, StepEvent
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, PERTURBED
from lsap_cli.results.results_file import read_results
from lsap_cli.results.spread import SamplerRange
from lsap_cli.results.summary import summary_sentence, summary_sentences
from lsap_cli.results.way_stages import CODEC
from lsap_cli.runs import Run
from lsap_cli.runs.run import Listener
from perturbations import Perturbation
from perturbations.attacks import ATTACKS
from perturbations.controls import CONTROLS
from tests.learning.tiny_world import LABELS, SAMPLERS, write_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> GenerateSettings:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def settings(world: GenerateSettings, tmp_path: Path) -> GenerateSettings:
    return replace(world, out=str(tmp_path / "r.safetensors"))


def run_in(
    folder: Path, settings: GenerateSettings, listener: Listener | None = None, resume: bool = False
) -> GenerateResults:
    with Run(folder, "generate", {}, [listener] if listener else [], resume) as run:
        results = generate(settings, run, resume)
    assert results is not None
    return results


def events_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["kind"] == kind]


def learned(settings: GenerateSettings) -> Perturbation:
    return Perturbation.load(Path(settings.out))


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "append"])
def test_every_attack_learns_within_the_budget_and_writes_it(
    name: str, settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, attack=name, steps=2))
    perturbation = learned(settings)
    assert (results.attack, perturbation.record["attack"]["spec"]) == (name, name)
    assert str(perturbation.binding) == ATTACKS[name]().binding
    assert 0 < float(perturbation.delta.abs().max()) <= 8 / 255 * (1 + 1e-6)


def test_the_results_file_holds_what_is_returned(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", settings)
    loaded = read_results(tmp_path / "run" / RESULTS_FILE)
    assert loaded.problems == ()
    assert loaded.value == results
    assert {(row.attack, row.defense) for row in results.rows} == {
        (attack, NO_DEFENSE) for attack in (NO_ATTACK, NOISE, PERTURBED)
    }
    records = (tmp_path / "run" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(records) == sum(row.videos for row in results.rows)
    own, noise = results.effective, results.effective_noise
    assert own is not None
    assert noise is not None
    assert own.linf <= 8
    assert noise.l2_rms == pytest.approx(own.l2_rms, rel=0.1)
    assert f"noise of root mean square {noise.l2_rms:.2f}/255" in " ".join(summary_sentences(results))


def test_the_perturbation_file_says_how_it_was_made(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", settings)
    record = learned(settings).record
    roles = [video["role"] for video in record["videos"]]
    assert (roles.count("fit"), roles.count("verification")) == (results.fit_videos, results.verification_videos)
    assert tuple(record["fit_samplers"]) == results.fit_samplers == SAMPLERS
    assert {row["attack"] for row in record["verification"]} == {NO_ATTACK, NOISE, PERTURBED}


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(settings: GenerateSettings, tmp_path: Path) -> None:
    deltas = []
    for number, seed in enumerate((3, 3, 4)):
        run_in(tmp_path / str(number), replace(settings, seed=seed))
        deltas.append(learned(settings).delta)
    assert torch.equal(deltas[0], deltas[1])
    assert not torch.equal(deltas[0], deltas[2])


def at_step(number: int) -> Listener:
    def stop(event: Event) -> None:
        if isinstance(event, StepEvent) and event.number == number:
            raise KeyboardInterrupt

    return stop


def at_final_verification(event: Event) -> None:
    if isinstance(event, StageEvent) and event.name.startswith("verifying"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("stop", "resumed_at"),
    [(at_step(1), None), (at_step(4), 3), (at_step(6), 5), (at_final_verification, 6)],
    ids=["first step", "in the middle", "last step", "before the verification"],
)
@pytest.mark.parametrize("attack", ["lsap:coherence=keep", "u3d"])
def test_a_run_that_was_stopped_and_resumed_ends_as_if_it_had_not_been(
    attack: str,
    stop: Listener,
    resumed_at: int | None,
    settings: GenerateSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(learning_loop, "SAVE_EVERY_SECONDS", -1.0)
    settings = replace(settings, attack=attack)
    whole = run_in(tmp_path / "whole", settings)
    expected = learned(settings)
    Path(settings.out).unlink()
    with pytest.raises(KeyboardInterrupt):
        run_in(tmp_path / "stopped", settings, stop)
    assert not Path(settings.out).exists()
    resumed = run_in(tmp_path / "stopped", settings, resume=True)
    assert torch.equal(learned(settings).delta, expected.delta)
    assert (resumed.steps, resumed.rows[-1].fooling_rate) == (whole.steps, whole.rows[-1].fooling_rate)
    assert [event["step"] for event in events_of(tmp_path / "stopped", "resumed")] == [
        step for step in [resumed_at] if step is not None
    ]


def test_a_run_that_was_killed_after_it_wrote_its_file_writes_the_same_again(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    run_in(tmp_path / "run", settings)
    written = Path(settings.out).read_bytes()
    results = (tmp_path / "run" / RESULTS_FILE).read_bytes()
    (tmp_path / "run" / RESULTS_FILE).unlink()
    run_in(tmp_path / "run", settings, resume=True)
    assert Path(settings.out).read_bytes() == written
    again = json.loads((tmp_path / "run" / RESULTS_FILE).read_bytes())
    assert {**again, "frame_store": None, "rows": None} == {**json.loads(results), "frame_store": None, "rows": None}


def test_a_run_is_not_resumed_with_another_network_or_other_videos(settings: GenerateSettings, tmp_path: Path) -> None:
    settings = replace(write_world(tmp_path / "own"), out=settings.out)
    with pytest.raises(KeyboardInterrupt):
        run_in(tmp_path / "run", settings, at_step(2))
    video = sorted(Path(settings.videos).rglob("*.mkv"))[0]
    original = video.read_bytes()
    video.write_bytes(sorted(Path(settings.videos).rglob("*.mkv"))[1].read_bytes())
    with pytest.raises(LsapError, match=r"--resume: .* began with other inputs: video left/0.mkv has changed"):
        run_in(tmp_path / "run", settings, resume=True)
    video.write_bytes(original)
    factory = Path(settings.models[0]).with_name("factory.py")
    factory.write_text(factory.read_text().replace("manual_seed(0)", "manual_seed(1)"))
    with pytest.raises(LsapError, match=r"--resume: .* began with other inputs: .*parameters of small have changed"):
        run_in(tmp_path / "run", settings, resume=True)


def test_a_state_of_other_settings_is_refused(settings: GenerateSettings, tmp_path: Path) -> None:
    run_in(tmp_path / "run", settings)
    with pytest.raises(
        LsapError, match=r"--resume: .*state.safetensors holds a delta of \(4, 3, 8, 8\); .* need \(2, 3"
    ):
        run_in(tmp_path / "run", replace(settings, binding="cyclic:2"), resume=True)


def test_a_time_budget_leaves_learning_less_than_the_whole(settings: GenerateSettings, tmp_path: Path) -> None:
    run_in(tmp_path / "run", replace(settings, steps=2, time_budget=600.0))
    (learning,) = (event for event in events_of(tmp_path / "run", "stage") if event["name"] == "learning")
    assert learning["steps"] == 2
    assert 0 < learning["seconds"] < 599


def test_a_verification_that_is_expected_to_take_the_whole_budget_leaves_a_fifth_for_learning(
    settings: GenerateSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_learning, "_final_verification_seconds", lambda *_: 1e6)
    run_in(tmp_path / "run", replace(settings, steps=2, time_budget=600.0))
    (learning,) = (event for event in events_of(tmp_path / "run", "stage") if event["name"] == "learning")
    assert learning["seconds"] == 120
    said = [event["message"] for event in events_of(tmp_path / "run", "warning")]
    assert any("learning has 120s and the command may end later than asked for" in one for one in said)


def test_a_time_budget_counts_from_the_moment_that_the_caller_names(settings: GenerateSettings, tmp_path: Path) -> None:
    with (
        Run(tmp_path / "run", "generate", {}, []) as run,
        pytest.raises(LsapError, match=r"--time-budget 60s is over before learning can start \(loading took 100\ds\)"),
    ):
        generate(replace(settings, steps=None, time_budget=60.0), run, started=time.monotonic() - 1000)


def test_steps_report_the_coherence_that_was_measured(settings: GenerateSettings, tmp_path: Path) -> None:
    run_in(tmp_path / "run", replace(settings, attack="lsap:coherence=break"))
    values = [event["coherence"] for event in events_of(tmp_path / "run", "step")]
    assert len(values) == 6
    assert all(0 < value <= 1 for value in values)


def test_verification_counts_videos_and_puts_samplers_beside_each_other(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", settings)
    verifications = events_of(tmp_path / "run", "verification")
    assert len(verifications) == 6
    for event in verifications:
        assert set(event["by_sampler"]) == set(results.held_out_samplers)
        assert {rate["of"] for rate in event["by_sampler"].values()} == {results.verification_videos}
        assert event["fooled"] == min(event["by_sampler"].values(), key=lambda rate: rate["value"])


def test_seeds_are_learned_and_written_beside_each_other_with_their_spread(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, seeds=2))
    second = Perturbation.load(tmp_path / "r-seed1.safetensors")
    assert not torch.equal(learned(settings).delta, second.delta)
    assert results.seeds is not None
    assert set(results.seeds.rates) == {"0", "1"}
    assert all(rate is not None and rate.of == results.verification_videos for rate in results.seeds.rates.values())
    values = [rate.value for rate in results.seeds.rates.values() if rate]
    assert results.seeds.mean == pytest.approx(sum(values) / 2)
    assert results.seeds.standard_deviation == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    by_sampler = results.sampler_matrix[0].rates
    lowest = SamplerRange.of_rates(by_sampler)
    assert lowest is not None
    assert results.seeds.rates["0"] == lowest.lowest


def test_the_sampler_matrix_has_a_row_for_each_fitted_sampler_and_its_gap(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, matrix=True))
    assert [entry.fit for entry in results.sampler_matrix] == [SAMPLERS, *((spec,) for spec in SAMPLERS)]
    for entry in results.sampler_matrix:
        assert {*SAMPLERS, "dense:stride=2", "random"} <= set(entry.rates)
        fitted = max(entry.rates[spec].value for spec in entry.fit)
        others = min(rate.value for spec, rate in entry.rates.items() if spec not in entry.fit)
        assert entry.gap == pytest.approx(fitted - others)


def test_controls_of_equal_energy_are_judged_beside_the_perturbation(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, controls=True))
    assert {row.attack for row in results.rows} == {NO_ATTACK, PERTURBED, *CONTROLS}


def test_only_one_label_is_attacked_and_the_others_are_counted_as_stealth(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, only=LABELS[0]))
    assert learned(settings).record["objective"] == "discriminative"
    row = next(row for row in results.rows if row.attack == PERTURBED)
    counted = [rate for rate in (row.success_rate, row.stealth) if rate]
    assert sum(rate.of for rate in counted) == row.videos


def test_one_video_is_verified_on_ten_other_clips_of_itself(settings: GenerateSettings, tmp_path: Path) -> None:
    video = next(iter(Path(settings.videos).rglob("*.mkv")))
    results = run_in(tmp_path / "run", replace(settings, videos=str(video), learn_from="one-video", pool=40))
    assert len([row for row in results.rows if row.attack == PERTURBED]) == 10
    assert (results.fit_videos, results.verification_videos) == (1, 1)
    assert [one["role"] for one in learned(settings).record["videos"]] == ["fit"]
    messages = [event["message"] for event in events_of(tmp_path / "run", "warning")]
    assert any("other clips of the very video that is learned from" in message for message in messages)


def test_learning_and_verification_look_through_a_defense(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, through=("jpeg:quality=50",)))
    assert learned(settings).record["through"] == ["jpeg:quality=50"]
    assert {row.defense for row in results.rows} == {NO_DEFENSE, "jpeg:quality=50"}


def test_a_perturbation_that_does_no_better_than_noise_is_doubted(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, attack="gd-uap", epsilon="1/255", steps=1))
    assert any("not shown to be better than noise" in doubt for doubt in results.doubts)
    messages = [event["message"] for event in events_of(tmp_path / "run", "warning")]
    assert set(results.doubts) <= set(messages)


def test_half_precision_is_kept_in_the_record(settings: GenerateSettings, tmp_path: Path) -> None:
    run_in(tmp_path / "run", replace(settings, precision="bf16"))
    assert learned(settings).record["precision"] == "bf16"


def test_a_network_whose_scores_are_not_finite_is_refused_with_the_names_of_videos(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    card = Path(settings.models[0])
    broken = card.with_name("not_finite.toml")
    broken.write_text(card.read_text().replace("factory.py:build", "factory.py:build_not_finite"))
    with pytest.raises(LsapError, match=r"scores that are not finite .* for 5 of 5 videos \(.*mkv.* and 2 more\)"):
        run_in(tmp_path / "run", replace(settings, model=str(broken)))
    assert not Path(settings.out).exists()


def test_a_path_that_cannot_be_written_is_refused_before_the_model_is_loaded(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    impossible = replace(settings, out=str(tmp_path / "file" / "r.safetensors"), model="nothing")
    with pytest.raises(LsapError, match=r"--out .* cannot be written"):
        run_in(tmp_path / "run", impossible)


def test_a_resumed_run_keeps_the_number_of_threads_that_it_began_with(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        run_in(tmp_path / "run", settings)
        torch.set_num_threads(1)
        run_in(tmp_path / "run", settings, resume=True)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["threads"] == 2
    messages = [event["message"] for event in events_of(tmp_path / "run", "warning")]
    assert any("began with 2 torch threads and is resumed with as many, not with 1" in message for message in messages)


def test_the_results_say_where_the_effect_goes(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, epsilon="60/255", steps=8))
    assert [one.stage for one in results.way] == ["network size", "resized", "file", CODEC]
    assert all(one.rates.lowest.of == results.verification_videos for one in results.way)
    held_out = set(results.held_out_samplers)
    assert all({one.rates.worst, one.rates.best} <= held_out for one in results.way)
    in_file = [row.fooling_rate for row in results.rows if row.attack == PERTURBED and row.sampler in held_out]
    assert results.way[2].rates.lowest.count == min(rate.count for rate in in_file if rate)
    assert "Where the effect goes" in summary_sentence(results)
    assert not any(row.defense == CODEC for row in results.rows)


@pytest.mark.parametrize("changes", [{"only": "left"}, {"binding": "slot:4"}])
def test_where_no_file_is_the_aim_no_stages_are_measured(
    changes: dict[str, str], settings: GenerateSettings, tmp_path: Path
) -> None:
    results = run_in(tmp_path / "run", replace(settings, steps=2, **changes))  # type: ignore[arg-type]  # texts
    assert results.way == ()


def test_a_targeted_rate_leaves_out_videos_that_are_of_the_target(settings: GenerateSettings, tmp_path: Path) -> None:
    results = run_in(tmp_path / "run", replace(settings, target="left", steps=2))
    success = [row.success_rate for row in results.rows if row.attack == PERTURBED]
    of = {rate.of for rate in success if rate}
    assert of
    assert {one.rates.lowest.of for one in results.way} == of


@pytest.mark.parametrize("change", [{}, *({kind: label} for kind in ("target", "only") for label in LABELS)])
def test_rates_during_learning_are_of_the_videos_that_the_final_rates_are_of(
    change: dict[str, str], settings: GenerateSettings, tmp_path: Path
) -> None:
    """Also where none counts: the network takes every verification video for the target already."""
    results = run_in(tmp_path / "run", replace(settings, steps=2, **change))  # type: ignore[arg-type]  # texts
    final = {
        row.sampler: rate
        for row in results.rows
        if row.attack == PERTURBED and (rate := row.success_rate if change else row.fooling_rate)
    }
    for event in events_of(tmp_path / "run", "verification"):
        assert {spec: rate["of"] for spec, rate in event["by_sampler"].items()} == {
            spec: final[spec].of for spec in results.held_out_samplers if spec in final
        }
        assert (event["fooled"] is None) == (not event["by_sampler"])
