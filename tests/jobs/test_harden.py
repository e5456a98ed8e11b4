"""`lsap harden` as a job: a universal adversarial step by hand, what withstands, what is written, and going on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lsap_cli.api import HardenSettings, run_harden
from lsap_cli.classifiers.cards import load_card
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.jobs.harden import harden_classifier, make_hardening_task
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.results.events import Event, StepEvent, VerificationEvent
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.hardening_words import hardening_sentences, ladder_command
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.results_file import read_results
from lsap_cli.runs import Run
from lsap_cli.training import loop
from lsap_cli.training.labeled_videos import load_videos_of_network
from lsap_cli.training.loop import Training
from lsap_cli.training.measuring import CurvePoint
from lsap_cli.training.out_folder import check_can_be_hardened
from lsap_cli.training.output import TRIAL, write_weights
from lsap_cli.training.perturbed_clips import UniversalClips
from perturbations import Perturbation
from tests.tiny import write_tiny
from tests.training.set_of_networks import write_fragile_network
from tests.training.set_of_videos import LABELS, colored, write_set

DEFAULT_ATTACK = {"attack_seeds": 3, "attack_steps": 300}  # which --no-judge leaves as they are


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fragile_network(tmp_path_factory.mktemp("network"))


def settings_for(videos: Path, model: Path | str, out: Path, **more: object) -> HardenSettings:
    """A few epochs of large steps on the CPU, with short attacks."""
    given: dict[str, object] = {
        "epochs": 8, "batch": 4, "held_out": 0.3, "device": "cpu", "optimizer": "sgd", "learning_rate": 40.0,
        "binding": "constant", "sampler": ("uniform",), "attack_seeds": 1, "attack_steps": 6, "delta_step": 1.0,
        "delta_momentum": 0.0, "patterns": 1, "restart": 0,
    }  # fmt: skip
    return HardenSettings(str(videos), str(model), str(out), **(given | more))  # type: ignore[arg-type]  # any settings


@pytest.fixture(scope="module")
def hardened(videos: Path, network: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HardenResults]:
    root = tmp_path_factory.mktemp("hardened")
    events: list[Event] = []
    results = run_harden(settings_for(videos, network, root / "out"), root / "run", events.append)
    points = [event for event in events if isinstance(event, VerificationEvent)]
    assert [point.step for point in points] == [epoch * (results.steps // 8) for epoch in range(9)]
    assert all(isinstance(point.accuracy, Rate) and isinstance(point.attacked, Rate) for point in points)
    own = [event for event in events if isinstance(event, StepEvent) and not event.member]
    assert [event.number for event in own] == list(range(1, results.steps + 1))
    return root, results


def test_one_update_moves_the_weights_and_the_pattern_by_the_same_gradient(
    videos: Path, network: Path, tmp_path: Path
) -> None:
    settings = settings_for(
        videos, network, tmp_path / "out", clean_share=0.25, epochs=100, delta_step=0.5, learning_rate=0.1
    )
    with Run(tmp_path / "run", "harden", {}, []) as run, FrameStore(lambda frames: frames, 2**26) as store:
        (tmp_path / "out").mkdir()
        task = make_hardening_task(settings, run)
        parts = load_videos_of_network(store, LABELS, settings, None, [], run)
        with task.clips(parts, ProcessGroup()) as clips:
            assert isinstance(clips, UniversalClips)
            training = Training(
                settings, task.classifier, 1.0, clips, parts, torch.device("cpu"), ProcessGroup(), run,
                tmp_path / "state.pt", TimeBudget(None, 0.0),
            )  # fmt: skip
            start = torch.full_like(clips.delta, 3 / 255)
            clips.load_state({"deltas": start[None], "velocities": torch.zeros_like(start)[None]})
            before = {name: value.clone() for name, value in task.classifier.network.state_dict().items()}
            rate = float(training.optimizer.param_groups[0]["lr"])
            batch = clips.draw(0)
            training._update(training._scorer(), clips.clips(0))
            after, delta = task.classifier.network.state_dict(), clips.delta

    frames, labels = batch.frames, batch.clean_predictions
    pattern = batch.path.forward(start)[0]  # as a file holds it
    shown = ((frames + pattern).clamp(0, 1) * 255).round() / 255
    shown[0] = (frames[0] * 255).round() / 255  # the quarter that stays clean
    mask = before["mask"]
    color = shown[:, :, 0].mean((1, 2, 3)) - shown[:, :, 2].mean((1, 2, 3))
    stripes = (shown * mask).mean((1, 2, 3, 4))
    score = before["color"] * color + before["stripes"] * stripes
    wrong = torch.sigmoid(2 * score) - labels  # d loss / d score is twice this: logits are (-score, score)
    by_color, by_stripes = (2 * wrong * color).mean(), (2 * wrong * stripes).mean()
    norm = (by_color**2 + by_stripes**2).sqrt()
    scale = min(1.0, float(loop.MOST_GRADIENT / norm)) * rate * (1 + 0.9)  # Nesterov's momentum in its first step
    torch.testing.assert_close(after["color"], before["color"] - scale * by_color, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(after["stripes"], before["stripes"] - scale * by_stripes, atol=1e-5, rtol=1e-4)
    inside = ((frames + pattern >= 0) & (frames + pattern <= 1))[1:].float()  # where a sum is cut, nothing is gained
    by_pixel = before["stripes"] * mask / 3 + before["color"] * torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1)
    uphill = (wrong[1:].view(-1, 1, 1, 1, 1) * inside * by_pixel).sum((0, 1))
    expected = (start[0] + 0.5 * 8 / 255 * uphill.sign()).clamp(-8 / 255, 8 / 255)
    clear = uphill.abs() > 0.01 * uphill.abs().max()  # where clips of both classes do not cancel
    assert float(clear.float().mean()) > 0.9
    torch.testing.assert_close(delta[0][clear], expected[clear])


def test_patterns_stand_side_by_side_and_the_oldest_begins_anew_in_turn(
    videos: Path, network: Path, tmp_path: Path
) -> None:
    settings = settings_for(videos, network, tmp_path / "out", patterns=2, restart=3, clean_share=0.25)
    with Run(tmp_path / "run", "harden", {}, []) as run, FrameStore(lambda frames: frames, 2**26) as store:
        (tmp_path / "out").mkdir()
        task = make_hardening_task(settings, run)
        parts = load_videos_of_network(store, LABELS, settings, None, [], run)
        with task.clips(parts, ProcessGroup()) as clips:
            assert isinstance(clips, UniversalClips)
            first, second = clips.state()["deltas"].clone()
            assert not first.any(), "one begins at zeros"
            assert float(second.abs().max()) <= 8 / 255
            assert second.unique().numel() > 100, "the other at random"
            batch, shown = clips.draw(0), clips.clips(0)
            for number, pattern in ((1, second), (2, first), (3, second)):  # clip 0 is the quarter that stays clean
                carried = batch.path.forward(pattern)[0]
                expected = ((batch.frames[number] + carried).clamp(0, 1) * 255).round() / 255
                torch.testing.assert_close(shown.clips[number].detach(), expected)
            clean = (batch.frames[0] * 255).round() / 255
            torch.testing.assert_close(shown.clips[0].detach(), clean)
            marks = torch.stack([first + 1 / 255, second.clone()])
            for step in range(1, 7):
                clips.load_state({"deltas": marks, "velocities": torch.ones_like(marks)})
                clips.clips(step)
                oldest, youngest = clips.state()["deltas"]
                assert bool(clips.state()["velocities"][1].any()) == (step % 3 != 0), "a new one has none"
                assert torch.equal(oldest, marks[1 if step % 3 == 0 else 0])
                assert torch.equal(youngest, marks[1]) == (step % 3 != 0)
                assert float(youngest.abs().max()) <= 8 / 255


def before_fresh(results: HardenResults) -> int:
    """Videos that the attacker from zeros wins of the network before."""
    won = next(one.attacked_accuracy for one in results.before.rows if one.attack == "fresh, seed 1")
    assert won is not None
    return won.of - won.count


def test_a_fresh_attacker_fools_fewer_videos_and_the_clean_accuracy_stays(
    hardened: tuple[Path, HardenResults],
) -> None:
    root, results = hardened
    before, after = results.before, results.after
    assert before.fooling_rate is not None
    assert after.fooling_rate is not None
    assert before.fooling_rate.rate.value > 0.3, "one of the classes"
    assert after.fooling_rate.rate.value == 0.0
    assert (before.clean_accuracy.value, after.clean_accuracy.value) == (1.0, 1.0)
    assert results.fooled_change is not None
    assert (results.fooled_change.gained, results.fooled_change.lost) == (0, before.fooling_rate.rate.count)
    assert results.fresh_change is not None  # of the one attacker that began at zeros
    assert results.fresh_change.gained == before_fresh(results)
    assert {row.attack for row in after.rows} == {"none", "noise", "fresh, seed 1", "from the pattern", "the pattern"}
    assert [one.begins_at for one in results.attackers] == ["zeros", "pattern"]
    for one in results.attackers:
        assert Perturbation.load(root / "run" / one.after).budget.epsilon_text == "8/255"
        assert not torch.equal(
            Perturbation.load(root / "run" / one.before).delta, Perturbation.load(root / "run" / one.after).delta
        )
    assert read_results(root / "run" / "results.json").value == results


def test_the_folder_is_a_model_with_its_accuracy_its_pattern_and_its_lists(
    hardened: tuple[Path, HardenResults],
) -> None:
    root, results = hardened
    classifier = load_card(root / "out" / "model.toml")
    assert (classifier.name, classifier.declared_accuracy) == ("two-hardened", 1.0)
    assert "# hardened by lsap harden --method universal" in (root / "out" / "model.toml").read_text()
    pattern = Perturbation.load(Path(results.pattern or ""))
    assert pattern.budget.size(pattern.delta) <= 8 / 255 + 1e-7
    held_out = list_videos(root / "out" / "held_out.csv", LABELS).videos
    fit = list_videos(root / "out" / "fit.csv", LABELS).videos
    assert (len(fit), len(held_out)) == (results.fit.videos, results.held_out.videos)
    assert {one.group for one in fit}.isdisjoint(one.group for one in held_out)
    assert {one["name"] for one in pattern.record["videos"]} == {one.name.rpartition("/")[2] for one in fit}


def test_the_sentences_name_the_cost_the_fall_and_the_ladder(hardened: tuple[Path, HardenResults]) -> None:
    _, results = hardened
    finding, cost, fooling, *_ = hardening_sentences(results)
    assert finding.startswith(("Shown to be better than before: ", "Not shown to be better than before: "))
    assert cost.startswith("Hardening cost no clean accuracy: the network before is right about ")
    assert "The fooling rate of the worst attacker fell by " in fooling
    assert "McNemar" in fooling
    command = ladder_command(results, "run")
    assert f"--perturbation {results.pattern} --adaptive --fit" in command


class _KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize(
    "more",
    [{}, {"method": "pgd", "pgd_steps": 2, "patience": 5}, {"method": "noise", "noise": 0.1, "defense": "jpeg"}],
    ids=str,
)
def test_a_run_that_was_killed_and_resumed_ends_as_one_that_was_not(
    videos: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: Mapping[str, object]
) -> None:
    whole = settings_for(videos, network, tmp_path / "whole", **({"epochs": 2, "attack_steps": 2} | dict(more)))
    killed = replace(whole, out=str(tmp_path / "killed"))
    first = run_harden(whole, tmp_path / "run")

    def kill(event: Event) -> None:
        if isinstance(event, StepEvent) and event.number == 4:
            raise _KilledError

    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(_KilledError), Run(tmp_path / "killed-run", "harden", {}, [kill]) as run:
        harden_classifier(killed, run)
    assert not (tmp_path / "killed" / "model.toml").exists()
    with Run(tmp_path / "killed-run", "harden", {}, [], resume=True) as run:
        second = harden_classifier(killed, run, resume=True)
    assert second is not None
    names = ["weights.safetensors", *(["pattern.safetensors"] if first.pattern else [])]
    for name in names:
        one, other = (load_file(tmp_path / folder / name) for folder in ("whole", "killed"))
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert (first.before, first.after) == (second.before, second.after) or _same_but_for_times(first, second)


def _same_but_for_times(first: HardenResults, second: HardenResults) -> bool:
    """Whether the records of two runs give the same rates; milliseconds of a defense differ."""
    sides = [(one.before, one.after) for one in (first, second)]
    return [[(row.cell, row.attacked_accuracy, row.fooling_rate) for row in side.rows] for side in sides[0]] == [
        [(row.cell, row.attacked_accuracy, row.fooling_rate) for row in side.rows] for side in sides[1]
    ]


def test_other_videos_are_measured_on_where_they_are_given(videos: Path, network: Path, tmp_path: Path) -> None:
    for number, label in enumerate(LABELS):
        write_tiny(tmp_path / "test" / label / f"{label}{number}_0.mkv", colored(label, 900 + number))
    settings = settings_for(
        videos, network, tmp_path / "out", test=str(tmp_path / "test"), epochs=1, judge=False, **DEFAULT_ATTACK
    )
    results = run_harden(settings, tmp_path / "run")
    assert (results.fit.videos, results.held_out.videos) == (16, 2)
    assert results.after.fooling_rate is None
    assert "whether it withstands one is not known" in " ".join(hardening_sentences(results))


def test_measured_videos_that_are_learned_from_are_refused(videos: Path, network: Path, tmp_path: Path) -> None:
    settings = settings_for(videos, network, tmp_path / "out", test=str(videos))
    with pytest.raises(LsapError, match="16 of 16 videos in --test are, by content or recording, among those to learn"):
        run_harden(settings, tmp_path / "run")


def test_a_set_without_labels_of_the_network_is_refused(network: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "videos" / "green" / "a.mkv", colored("red", 1))
    settings = settings_for(tmp_path / "videos", network, tmp_path / "out")
    with pytest.raises(LsapError, match=r"no video in .* has a label of the network"):
        run_harden(settings, tmp_path / "run")


def test_a_set_of_one_recording_is_refused(network: Path, tmp_path: Path) -> None:
    settings = settings_for(write_set(tmp_path / "set", recordings=1), network, tmp_path / "out")
    with pytest.raises(LsapError, match="at least two recordings are needed"):
        run_harden(settings, tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('format = "onnx:net.onnx"', "is onnx: it gives scores, or runs as it was exported"),
        ('command = "python serve.py"', "is command: it gives scores"),
        ('format = "torchscript:net.ts"', "is torchscript: it gives scores, or runs as it was exported"),
    ],
)
def test_networks_without_weights_to_train_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    for name in ("net.onnx", "net.ts"):
        (tmp_path / name).touch()
    (tmp_path / "model.toml").write_text(
        f'{text}\nlabels = ["a", "b"]\n[input]\nlayout = "BTCHW"\nframes = 2\nsize = [8, 8]\n'
    )
    with pytest.raises(LsapError, match=sentence):
        check_can_be_hardened(str(tmp_path / "model.toml"), tmp_path / "out")


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [(True, r"scores of 2 classes .* lower --learning-rate"), (False, r"the weights are not finite after step 1: use")],
)
def test_weights_that_become_infinite_in_the_last_step_are_not_written(
    measured: bool, sentence: str, videos: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(videos, network, tmp_path / "out", epochs=1, batch=64, judge=False, **DEFAULT_ATTACK)
    if not measured:  # as where a time budget ends within an epoch
        accuracy = rate_of(1, 1)
        assert accuracy is not None
        point = CurvePoint(0.0, accuracy)
        monkeypatch.setattr(UniversalClips, "measure", lambda *_: point)
    with pytest.raises(LsapError, match=sentence):
        harden_with_steps_of(float("inf"), settings, tmp_path / "run")
    assert not (tmp_path / "out").exists()


def harden_with_steps_of(size: float, settings: HardenSettings, folder: Path) -> None:
    """Hardens with an optimizer whose steps are of one size."""
    with pytest.MonkeyPatch.context() as patch, Run(folder, "harden", {}, []) as run:

        def step(self: torch.optim.Optimizer, closure: None = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.fill_(size)

        patch.setattr(torch.optim.SGD, "step", step)
        harden_classifier(settings, run)


def test_gradients_that_are_not_finite_are_named_although_the_loss_is(videos: Path, tmp_path: Path) -> None:
    card = write_fragile_network(tmp_path / "network")
    code = (tmp_path / "network" / "two.py").read_text()
    root = "self.stripes * stripes + 0 * (self.color * 0).sqrt()"  # finite, with an infinite slope
    (tmp_path / "network" / "two.py").write_text(code.replace("self.stripes * stripes", root))
    with pytest.raises(LsapError, match=r"the gradients of step 1 are not finite: use a lower --learning-rate"):
        run_harden(settings_for(videos, card, tmp_path / "out"), tmp_path / "run")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("moment", ["weights", "card"])
def test_a_run_that_is_killed_while_it_writes_leaves_no_card_of_other_weights(
    moment: str, videos: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    settings = settings_for(videos, network, out, epochs=1, judge=False, **DEFAULT_ATTACK)
    run_harden(replace(settings, out=str(whole)), tmp_path / "other")
    write_fragile_network(out, color=0.5)  # another card, which --overwrite replaces

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, Run(tmp_path / "run", "harden", {}, []) as run:
        if moment == "weights":
            patch.setattr("lsap_cli.training.hardened_card.write_weights", killed_outside_trials(killed))
        else:
            patch.setattr("lsap_cli.jobs.harden.load_card", killed)
        with pytest.raises(KeyboardInterrupt):
            harden_classifier(settings, run)
    assert (out / "model.toml").exists() == (moment == "card")
    with Run(tmp_path / "run", "harden", {}, [], resume=True) as run:
        harden_classifier(settings, run, resume=True)
    for name in ("model.toml", "weights.safetensors", "labels.txt", "fit.csv", "held_out.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def killed_outside_trials(killed: Callable[..., None]) -> Callable[[Path, nn.Module], None]:
    def write(out: Path, network: nn.Module) -> None:
        if not out.name.startswith(TRIAL):
            killed()
        write_weights(out, network)

    return write


def test_a_factory_that_takes_no_other_weights_is_refused_before_training(videos: Path, tmp_path: Path) -> None:
    card = write_fragile_network(tmp_path / "network")
    code = (tmp_path / "network" / "two.py").read_text()
    for name in ("weights.safetensors", "weights.pth"):
        assert name not in code
    own = "def build(path):\n    assert path.name == 'two.safetensors'\n    return TwoFeatures()\n"
    (tmp_path / "network" / "two.py").write_text(code[: code.index("def build()")] + own)
    with pytest.raises(LsapError, match=r"cannot load weights that harden writes: .*its factory failed"):
        run_harden(settings_for(videos, card, tmp_path / "out"), tmp_path / "run")
    assert not (tmp_path / "out").exists()


def test_a_factory_that_reads_checkpoints_alone_gets_one(videos: Path, tmp_path: Path) -> None:
    card = write_fragile_network(tmp_path / "network")
    state = load_file(tmp_path / "network" / "two.safetensors")
    torch.save({"state_dict": state}, tmp_path / "network" / "two.pth")
    card.write_text(
        card.read_text().replace('weights = "two.safetensors"', 'weights = "two.pth"\nweights_key = "state_dict"')
    )
    code = (tmp_path / "network" / "two.py").read_text()
    own = (
        "def build(path):\n    network = TwoFeatures()\n"
        "    network.load_state_dict(torch.load(path, weights_only=True)['state_dict'])\n    return network\n"
    )
    (tmp_path / "network" / "two.py").write_text(code[: code.index("def build()")] + own)
    run_harden(settings_for(videos, card, tmp_path / "out", epochs=1, judge=False, **DEFAULT_ATTACK), tmp_path / "run")
    trained = load_card(tmp_path / "out" / "model.toml").network.state_dict()
    assert not torch.equal(trained["stripes"], state["stripes"])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"method": "noise"}, "--method noise trains on Gaussian noise; say how much with --noise SIGMA"),
        ({"binding": "append:2"}, "--binding append:2 is not added to a video's own frames"),
        ({"judge": False, "attack_seeds": 2}, "are of the attackers of --judge"),
        ({"epsilon": "0"}, r"epsilon '0' is outside"),
        ({"defense": "jpg"}, "the defense 'jpg' is unknown"),
        ({"attack_steps": 0}, "attack_steps is 0; use a number from 1"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(tmp_path: Path, more: dict[str, object], sentence: str) -> None:
    given = DEFAULT_ATTACK | more
    with pytest.raises(LsapError, match=sentence):
        run_harden(settings_for(tmp_path, "demo", tmp_path / "out", **given), tmp_path / "run")
    assert not (tmp_path / "run").exists()
