"""Makes the gallery again: `python benchmarks/make_gallery.py --out lsap_cli/gallery [NAME ...]`.

Renders videos of the demo, learns each pattern against the demo's network on small grids (so that a file stays below 50
kB), and judges it on videos that it was not learned from.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.api import load_clips
from lsap_cli.classifiers import Classifier, load_classifier
from lsap_cli.datasets import list_videos
from lsap_cli.demo.videos import write_dataset
from lsap_cli.gallery import GalleryCard
from lsap_cli.hashing import content_hash
from lsap_cli.set_sources import SetSource
from lsap_cli.video.media import media_hash
from perturbations import (
    ATTACKS,
    Budget,
    Objective,
    Perturbation,
    State,
    Targeted,
    TorchNetwork,
    clips_problem,
    noise_like,
    parse_binding,
)
from perturbations.adding import round_to_levels
from perturbations.attacks import Attack
from perturbations.attacks.lsap import Lsap
from perturbations.learn import learn
from perturbations.resizing import ResizePath, resize_matrix

SEED_OF_FIT = 3003  # other videos than those of `lsap demo` and of the network's training
SEED_OF_TEST = 4004
FIT_PER_CLASS = 4
TEST_PER_CLASS = 5
STEPS = 40
LARGEST_FILE = 50_000  # bytes


@dataclass(frozen=True)
class Recipe:
    """How one perturbation is made.

    Attributes:
        about: in one sentence.
        name: of the attack.
        attack: the method.
        binding: frame to slot.
        grid: (h, w) of delta.
        epsilon: of the linf budget.
        target: the class that every video should get; None: any wrong one.
    """

    about: str
    name: str
    attack: Callable[[], Attack]
    binding: str
    grid: tuple[int, int]
    epsilon: str = "8/255"
    target: int | None = None


RECIPES = {
    "demo-lsap": Recipe(
        "LSAP's attack on the demo's network: eight slots that change what moves where.",
        "lsap", lambda: Lsap(resize="bilinear"), "cyclic:8", (20, 20),
    ),
    "demo-flicker": Recipe(
        "One color offset for each of sixteen frames: light that flickers.",
        "flicker", lambda: ATTACKS["flicker"](), "cyclic:16", (1, 1), epsilon="16/255",
    ),
    "demo-clockwise": Recipe(
        "Targeted: every video is to be taken for one that turns clockwise.",
        "lsap", lambda: Lsap(resize="bilinear"), "cyclic:8", (20, 20), target=4,
    ),
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and makes files and cards."""
    parser = argparse.ArgumentParser(prog="python benchmarks/make_gallery.py", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the files and cards")
    parser.add_argument("--steps", type=int, default=STEPS, help="of learning")
    parser.add_argument("names", nargs="*", help="which ones (default: all)")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(RECIPES)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: not in the gallery; its names are {', '.join(RECIPES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    classifier = load_classifier("demo")
    with tempfile.TemporaryDirectory() as folder:
        for name, count, seed in (("fit", FIT_PER_CLASS, SEED_OF_FIT), ("test", TEST_PER_CLASS, SEED_OF_TEST)):
            write_dataset(Path(folder) / name, count, seed)
        for name in options.names or RECIPES:
            card = make(name, classifier, Path(folder), options.steps, options.out)
            print(f"{name}: {card.fooled} of {card.videos} fooled, noise {card.noise_fooled}")


def make(name: str, classifier: Classifier, videos: Path, steps: int, out: Path) -> GalleryCard:
    """Learns, judges and writes one perturbation.

    Args:
        name: of the recipe.
        classifier: that is attacked.
        videos: a folder with `fit` and `test`.
        steps: of learning.
        out: gets the file and its card.

    Returns:
        The card.
    """
    recipe = RECIPES[name]
    network = TorchNetwork(classifier)
    objective: Objective | None = None if recipe.target is None else Targeted(recipe.target)
    fit = load_clips(videos / "fit", classifier, clips_per_video=3)
    budget = Budget.parse("linf", recipe.epsilon)
    delta = _learned(recipe, fit, network, budget, objective, steps)
    seen = list_videos(SetSource.parse(str(videos / "fit")), classifier.labels).videos
    record = {
        "attack": recipe.name,
        "steps": steps,
        "seed": 0,
        "target": None if recipe.target is None else classifier.labels[recipe.target],
        "classifier": {"name": classifier.name},
        "fit_samplers": ["uniform"],
        "videos": [{"name": one.name, "group": one.group, "sha256": media_hash(one.media)} for one in seen],
    }
    perturbation = Perturbation(delta, parse_binding(recipe.binding), budget, record)
    file = out / f"{name}.safetensors"
    perturbation.save(file)
    if file.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{file} has {file.stat().st_size} bytes, over {LARGEST_FILE}; give {name} a smaller grid")
    card = _card(recipe, perturbation, classifier, videos, steps, content_hash(file))
    lines = [f"{key} = {json.dumps(value)}" for key, value in asdict(card).items()]
    (out / f"{name}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return card


def _learned(
    recipe: Recipe, fit: Tensor, network: TorchNetwork, budget: Budget, objective: Objective | None, steps: int
) -> Tensor:
    """Delta (P, 3, h, w) on the recipe's grid, learned as it will be added: enlarged to the clips' size."""
    problem = clips_problem(fit, network, budget, recipe.binding, objective)
    path = ResizePath(*(resize_matrix(small, large) for small, large in zip(recipe.grid, fit.shape[-2:], strict=True)))
    draw = problem.draw
    problem = replace(
        problem,
        shape=(problem.binding.period, 3, *recipe.grid),
        draw=lambda step: draw(step)._replace(path=path.to(network.device)),
    )
    state = State(problem.zeros())
    for _ in learn(problem, recipe.attack(), state, lambda now: now.steps / steps):
        pass
    return state.delta.cpu()


def _card(
    recipe: Recipe, perturbation: Perturbation, classifier: Classifier, videos: Path, steps: int, sha256: str
) -> GalleryCard:
    """Judges a perturbation on the test videos, in 8-bit levels, by the classifier's own sampler."""
    test = load_clips(videos / "test", classifier)
    listed = list_videos(SetSource.parse(str(videos / "test")), classifier.labels).videos
    labels = torch.tensor([one.labels[0] for one in listed])
    shown = (test, perturbation.add(test), noise_like(perturbation, 0).add(test))
    with torch.no_grad():
        clean, attacked, noisy = (classifier.score(round_to_levels(clips)).argmax(1).cpu() for clips in shown)
    return GalleryCard(
        about=recipe.about,
        model="demo",
        attack=recipe.name,
        steps=steps,
        seed=0,
        norm="linf",
        epsilon=recipe.epsilon,
        binding=recipe.binding,
        fit_videos=FIT_PER_CLASS * len(classifier.labels),
        videos=len(test),
        clean_right=int((clean == labels).sum()),
        noise_fooled=int((noisy != clean).sum()),
        fooled=int((attacked != clean).sum()),
        attacked_right=int((attacked == labels).sum()),
        sha256=sha256,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)  # the same result everywhere, and no threads that wait for each other
    main()
