"""Learning and judging on clips that are held in memory, as a notebook has them."""

from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lsap_common import require_kind, require_whole, unknown_name
from perturbations.adding import round_to_levels
from perturbations.attacks import ATTACKS, Attack
from perturbations.bindings import Binding, parse_binding
from perturbations.budgets import Budget
from perturbations.learn import learn
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted
from perturbations.perturbation import Perturbation
from perturbations.problem import Batch, Problem
from perturbations.resizing import ResizePath, resize_matrix
from perturbations.samplers import Uniform, lengthened
from perturbations.seeds import seeded
from perturbations.state import State
from perturbations.wrapping import TorchNetwork

LARGEST_SIDE = 224  # of a learned delta; it is resized to larger clips
CLIPS_AT_A_TIME = 8
DEFAULT_BUDGET = Budget("linf", Fraction(8, 255))


class FooledClips(NamedTuple):
    """How many clips have another prediction with the perturbation.

    Attributes:
        fooled: clips whose prediction changed.
        clips: all of them.
    """

    fooled: int
    clips: int


def learn_perturbation(
    clips: Tensor,
    network: TorchNetwork,
    attack: Attack | str = "lsap",
    budget: Budget = DEFAULT_BUDGET,
    binding: Binding | str | None = None,
    steps: int = 300,
    seed: int = 0,
) -> Perturbation:
    """Learns one untargeted perturbation for all clips. For other objectives, see `clips_problem`.

    Args:
        clips: (N, T, 3, H, W) float32 in [0, 1]; each is taken for a whole video of T frames.
        network: what is attacked.
        attack: a method, or its name in `perturbations.attacks.ATTACKS`.
        budget: norm and epsilon.
        binding: frame to slot, such as `cyclic:4`; None: the attack's own.
        steps: of learning.
        seed: of everything that is drawn; the same seed gives the same bits.

    Returns:
        The perturbation, on the CPU. Its record says attack, settings, steps and seed.

    Raises:
        ValueError: if an argument is malformed, or the attack cannot work with the budget or the binding.
    """
    require_whole("steps", steps, least=1)
    method = make_attack(attack) if isinstance(attack, str) else attack
    check_attack_object(method)
    problem = clips_problem(clips, network, budget, method.binding if binding is None else binding, seed=seed)
    state = State(problem.zeros())
    for _ in learn(problem, method, state, lambda now: now.steps / steps):
        pass
    settings = {name: str(value) for name, value in asdict(method).items()}  # type: ignore[call-overload]  # dataclasses all
    record = {"attack": _attack_name(method), "settings": settings, "steps": steps, "seed": seed}
    return Perturbation(state.delta.cpu(), problem.binding, problem.budget, record)


def clips_problem(
    clips: Tensor,
    network: TorchNetwork,
    budget: Budget,
    binding: Binding | str,
    objective: Objective | None = None,
    batch_size: int = CLIPS_AT_A_TIME,
    seed: int = 0,
) -> Problem:
    """The problem of clips in memory, for `perturbations.learn.learn`.

    A step's batch has every clip once before any comes twice. With a cyclic binding each clip starts at a random slot,
    as a sampler may start at any frame of a video. Where the binding appends frames, T of the clip's and the appended
    frames are drawn uniformly.

    Args:
        clips: (N, T, 3, H, W) float32 in [0, 1].
        network: what is attacked.
        budget: norm and epsilon.
        binding: frame to slot.
        objective: None: untargeted.
        batch_size: clips of a step.
        seed: of everything that is drawn.

    Raises:
        ValueError: if an argument is malformed.
    """
    _check_clips(clips)
    if not isinstance(budget, Budget):
        raise ValueError(f"budget is {budget!r}; use Budget.parse('linf', '8/255')")  # noqa: TRY004 - one kind of error
    bound = parse_binding(binding) if isinstance(binding, str) else binding
    require_kind("binding is", bound, Binding, "use text such as 'cyclic:4', or parse_binding('cyclic:4')")
    require_whole("batch_size", batch_size, least=1)
    require_whole("seed", seed)
    clean_logits = _logits(network, clips)
    if clean_logits.shape[1] < 2:
        raise ValueError("the module gives one score a clip; a classifier gives one for each of at least two classes")
    _check_objective(objective, clean_logits.shape[1])
    height, width = clips.shape[-2:]
    size = min(height, LARGEST_SIDE), min(width, LARGEST_SIDE)
    path = ResizePath(resize_matrix(size[0], height), resize_matrix(size[1], width)).to(network.device)
    return Problem(
        network=network,
        draw=_batches(clips, clean_logits.argmax(1), bound, path, min(batch_size, len(clips)), seed),
        objective=Untargeted() if objective is None else objective,
        budget=budget,
        binding=bound,
        shape=(bound.period, 3, *size),
        frames=clips.shape[1],
        classes=clean_logits.shape[1],
        seed=seed,
        device=network.device,
    )


def count_fooled(network: TorchNetwork, clips: Tensor, perturbation: Perturbation) -> FooledClips:
    """Counts the clips whose prediction changes, with frames rounded to 8 bits as a file holds them.

    Args:
        network: what is attacked.
        clips: (N, T, 3, H, W) float32 in [0, 1], each taken for a whole video; others than those that it was learned
            on.
        perturbation: of any size; it is resized to the clips. Where it appends frames, T frames are taken at equal
            distances from the longer video.

    Returns:
        Count and denominator; `lsap_cli.results.rates.rate_of(*fooled)` is the fooling rate with its 95 % interval.

    Raises:
        ValueError: if the clips are malformed, or the module's scores of some are not finite.
    """
    _check_clips(clips)
    require_kind("the perturbation is", perturbation, Perturbation, "use Perturbation.load(path)")
    length = clips.shape[1]
    perturbed = round_to_levels(perturbation.add(clips))
    if perturbation.binding.appended:
        times = lengthened(torch.arange(length), perturbation.binding.appended)
        perturbed = perturbed[:, Uniform().choose(times, length, 1, seeded("count fooled"))[0]]
    before, after = (_logits(network, one).argmax(1) for one in (clips, perturbed))
    return FooledClips(int((before != after).sum()), len(clips))


def make_attack(name: str) -> Attack:
    """An attack of the table with its default settings.

    Raises:
        ValueError: if there is none with that name.
    """
    own, colon, _ = name.partition(":")
    if colon and own in ATTACKS:
        raise ValueError(f"attack is '{name}'; a name has no settings: give an object, ATTACKS['{own}'](setting=value)")
    if name not in ATTACKS:
        raise ValueError(unknown_name("attack", name, ATTACKS))
    return ATTACKS[name]()


def _attack_name(attack: Attack) -> str:
    """The name in the table; of a class that is not in it, the class's own name."""
    return next((name for name, kind in ATTACKS.items() if kind is type(attack)), type(attack).__name__)


def check_attack_object(attack: object) -> None:
    """Refuses what is no attack: a class instead of an object, or something else."""
    if isinstance(attack, type):
        raise ValueError(  # noqa: TRY004 - wrong arguments are one kind of error
            f"attack is the class {attack.__name__}; give its name, or an object: {attack.__name__}()"
        )
    if not callable(getattr(attack, "step", None)):
        raise ValueError(  # noqa: TRY004 - likewise
            f"attack is {attack!r}; give a name of ATTACKS, or an object such as ATTACKS['lsap']()"
        )


def _check_objective(objective: Objective | None, classes: int) -> None:
    if isinstance(objective, type) or not (objective is None or hasattr(objective, "aims")):
        raise ValueError(f"objective is {objective!r}; give an object such as Targeted(3), or None for untargeted")
    number = {Targeted: "target", Discriminative: "source"}.get(type(objective))
    if number and getattr(objective, number) >= classes:
        raise ValueError(
            f"{number} is {getattr(objective, number)}, but the network has {classes} classes; use a number from 0 to "
            f"{classes - 1}"
        )


def _batches(
    clips: Tensor, clean: Tensor, binding: Binding, path: ResizePath, size: int, seed: int
) -> Callable[[int], Batch]:
    """The batch of each step, which depends on its number and the seed alone."""
    length = clips.shape[1]
    times = lengthened(torch.arange(length), binding.appended)
    black = torch.zeros_like(clips[:, :1]).expand(-1, binding.appended, -1, -1, -1)

    def clip_number(draw: int) -> int:
        round_number, place = divmod(draw, len(clips))
        order = torch.randperm(len(clips), generator=seeded(seed, "round", round_number))
        return int(order[place])

    def draw(step: int) -> Batch:
        chosen = [clip_number(step * size + place) for place in range(size)]
        generator = seeded(seed, "batch", step)
        indices = torch.stack([Uniform().draw(times, length, generator) for _ in chosen])
        slots = binding.slots(indices, length)
        if binding.kind == "cyclic":
            slots = (slots + torch.randint(binding.period, (size, 1), generator=generator)) % binding.period
        videos = torch.cat([clips[chosen], black[chosen]], 1) if binding.appended else clips[chosen]
        frames = videos[torch.arange(size)[:, None], indices]
        device = path.rows.device
        return Batch(frames.to(device), slots.to(device), clean[chosen].to(device), path)

    return draw


def _logits(network: TorchNetwork, clips: Tensor) -> Tensor:
    """(N, classes) on the network's device, all finite: the largest of NaNs is no prediction."""
    if isinstance(network, nn.Module):
        raise ValueError("the network is a torch module; wrap it: TorchNetwork(module.eval())")  # noqa: TRY004
    require_kind("the network is", network, TorchNetwork, "wrap a torch module: TorchNetwork(module.eval())")
    try:
        with torch.no_grad():
            logits = torch.cat([network.score(part.to(network.device)) for part in clips.split(CLIPS_AT_A_TIME)])
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # what torch says of shapes that do not fit
        raise ValueError(f"the module cannot take clips of the shape {tuple(clips.shape)}: {error}") from error
    if not bool(logits.isfinite().all()):
        unusable = int((~logits.isfinite().all(1)).sum())
        raise ValueError(f"the module's scores of {unusable} of {len(clips)} clips are not finite (NaN or infinity)")
    return logits


def _check_clips(clips: Tensor) -> None:
    require_kind("the clips are", clips, Tensor, "give a torch tensor (clips, frames, 3, height, width)")
    if clips.ndim != 5 or clips.shape[2] != 3 or 0 in clips.shape:
        raise ValueError(f"the clips have the shape {tuple(clips.shape)}; give (clips, frames, 3, height, width)")
    if clips.dtype != torch.float32:
        raise ValueError(f"the clips are {clips.dtype}; give float32 in [0, 1], of uint8 pixels: clips / 255")
    if not bool(((clips >= 0) & (clips <= 1)).all()):
        raise ValueError("the clips hold values outside of [0, 1], or NaN; give pixels in [0, 1]")
