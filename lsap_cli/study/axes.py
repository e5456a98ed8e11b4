"""The axes of a grid: their names, the value of one that a grid does not name, and which values can be."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from lsap_cli import plugins
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO
from lsap_cli.learning.settings import LearnFrom
from lsap_common import parse_epsilon, unknown_name

AxisValue = str | int | tuple[str, ...]
Stage = Literal["learned", "judged"]

USUAL, OWN, SAME, ALL, NONE, UNTARGETED = "usual", "own", "same", "all", "none", "untargeted"
TARGET, ONLY = "target", "only"
NORMS = ("linf", "l2")
LADDERS = (NONE, "fast", "full")
FOLD = "fold"
SEED = "seed"
CHAIN = re.compile(r"\s\+\s")
JOINED = " & "


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        name: the key of the grid.
        usual: its value where the grid does not name it.
        stage: whether it changes what is learned, or only how that is judged.
        meaning: in words, for the documents.
        check: refuses a value; gets its text.
        lists: whether one value may be a list of texts.
        numbers: whether values are whole numbers; the smallest.
    """

    name: str
    usual: AxisValue
    stage: Stage
    meaning: str
    check: Callable[[str], None]
    lists: bool = False
    numbers: int | None = None


def text_of_value(value: AxisValue) -> str:
    """A value as tables and records hold it."""
    return JOINED.join(value) if isinstance(value, tuple) else str(value)


def parts_of(value: AxisValue) -> tuple[str, ...]:
    """A value of an axis with lists, as a list."""
    return value if isinstance(value, tuple) else (str(value),)


def parse_budget(text: str) -> tuple[str, str]:
    """`linf 8/255` as norm and epsilon.

    Raises:
        LsapError: if it is no budget.
    """
    norm, _, epsilon = text.strip().partition(" ")
    if norm not in NORMS or not epsilon.strip():
        raise LsapError(
            f"the budget '{text}' cannot be read; write norm ({' or '.join(NORMS)}) and epsilon, as in 'linf 8/255'"
        )
    try:
        parse_epsilon(epsilon.strip())
    except ValueError as error:
        raise LsapError(f"the budget '{text}': {error}") from None
    return norm, epsilon.strip()


def parse_goal(text: str) -> tuple[str, str | None]:
    """`untargeted`, `target:LABEL` or `only:LABEL` as a kind and a label; without a label one is drawn (None).

    Raises:
        LsapError: if it is no goal.
    """
    kind, colon, label = text.partition(":")
    if kind == UNTARGETED and not colon:
        return kind, None
    if kind in (TARGET, ONLY) and (label.strip() or not colon):
        return kind, label.strip() or None
    written = (UNTARGETED, f"{TARGET}:LABEL", f"{ONLY}:LABEL", f"{TARGET} or {ONLY} alone (the seed draws the label)")
    raise LsapError(unknown_name("goal", text, (UNTARGETED, TARGET, ONLY), written))


def _named(
    noun: str, names: Callable[[], Iterable[str]], *besides: str, chained: bool = False
) -> Callable[[str], None]:
    """A check that a spec begins with a known name."""

    def check(text: str) -> None:
        for part in CHAIN.split(text) if chained else (text,):
            known = (*besides, *names())
            if part.strip().partition(":")[0] not in known:
                raise LsapError(unknown_name(noun, part, known))

    return check


def _word(noun: str, *words: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if text not in words:
            raise LsapError(unknown_name(noun, text, words))

    return check


def _segment(text: str) -> None:
    name = text.partition(":")[0]
    if name not in (ALL, *plugins.segment_names()):
        raise LsapError(unknown_name("choice of frames", text, (ALL, *plugins.segment_names())))


def _binding(text: str) -> None:
    kind, _, slots = text.partition(":")
    if text not in (OWN, "constant") and (
        kind not in plugins.binding_names() or not re.fullmatch(r"[1-9]\d{0,3}", slots)
    ):
        kinds = plugins.binding_names()
        written = [one if one == "constant" else f"{one}:P" for one in kinds]
        raise LsapError(unknown_name("binding", text, (OWN, *kinds), (OWN, *written)))


def _model(text: str) -> None:
    if not text.strip():
        raise LsapError(f"a model is empty; give a model card, or a name such as {DEMO}")


def _number(_text: str) -> None:
    return None


def _steps(text: str) -> None:
    if text != USUAL and not re.fullmatch(r"[1-9]\d{0,7}", text):
        raise LsapError(f"steps is '{text}'; use a whole number from 1, or {USUAL}")


def _budget(text: str) -> None:
    parse_budget(text)


def _goal(text: str) -> None:
    parse_goal(text)


_DEFENSES = _named("defense", lambda: plugins.DEFENSES, NONE, chained=True)
_AXES = (
    Axis("model", DEMO, "learned", "that the perturbation is learned on; a list of several is one value", _model,
         lists=True),
    Axis("combine", "mean", "learned", "losses of several networks: mean, or max (the least fooled one leads)",
         _word("combination", "mean", "max")),
    Axis("attack", "lsap", "learned", "the method, with its settings", _named("attack", lambda: plugins.ATTACKS)),
    Axis("update", OWN, "learned", "of attacks such as lsap; `own`: the attack's own",
         _named("update", plugins.update_names, OWN)),
    Axis("budget", "linf 8/255", "learned", "norm and epsilon", _budget),
    Axis("goal", UNTARGETED, "learned", "`untargeted`, `target:LABEL` or `only:LABEL`; `target` or `only` alone: the "
         "study's seed draws a label of the videos", _goal),
    Axis("from", "any", "learned", "learning set: `any`, `target-class`, `random-class`, or `one-video` (the judged "
         "video itself)", _word("learning set", *get_args(LearnFrom))),
    Axis("sampler", USUAL, "learned", "learned through; a list is one value; `usual`: those of `generate`",
         _named("sampler", lambda: plugins.SAMPLERS, USUAL), lists=True),
    Axis("through", NONE, "learned", "defenses that are learned through; a list is one value", _DEFENSES, lists=True),
    Axis("binding", OWN, "learned", "which slot a frame gets; `own`: the attack's own", _binding),
    Axis("steps", USUAL, "learned", "of learning; `usual`: those of `generate`", _steps),
    Axis(SEED, 0, "learned", "of everything that is drawn while learning", _number, numbers=0),
    Axis("victim", SAME, "judged", "network that is judged; `same`: the one that was learned on", _model),
    Axis("judged_sampler", OWN, "judged", "that clips are judged with; `own`: the victim's own",
         _named("sampler", lambda: plugins.SAMPLERS, OWN)),
    Axis("frames", ALL, "judged", "which frames are changed, written as for `apply --segment`; `all`", _segment),
    Axis("file", NONE, "judged", "codec of perturbed files that are written, read and judged; `none`: in memory",
         _named("codec", plugins.codec_names, NONE)),
    Axis("defense", NONE, "judged", "in front of the network", _DEFENSES),
    Axis("ladder", NONE, "judged", "adaptive attackers of the defense: `none`, or `fast` and `full` as of `defend`",
         _word("ladder", *LADDERS)),
    Axis("detector", NONE, "judged", "that scores the videos", _named("detector", lambda: plugins.DETECTORS, NONE)),
)  # fmt: skip
AXES: dict[str, Axis] = {one.name: one for one in _AXES}
"""By name, in the order in which the grid is walked: cells of one perturbation are together."""

LEARNED = tuple(one.name for one in AXES.values() if one.stage == "learned")
JUDGED = tuple(one.name for one in AXES.values() if one.stage == "judged")
