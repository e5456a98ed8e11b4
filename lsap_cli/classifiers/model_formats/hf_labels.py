"""The classes and the frames that a Hugging Face config.json declares; what contradicts itself there is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from lsap_cli.errors import LsapError

FRAME_KEYS = ("num_frames", "frames_per_clip")


def declared_labels(
    config: Mapping[str, Any], where: str, given: Sequence[str] | None, one_output: bool = False
) -> list[str]:
    """One label a class.

    Args:
        config: config.json as it was written: transformers drops or invents names without an error.
        where: whose it is, for sentences.
        given: labels of a model card, which take the place of the file's.
        one_output: whether the card says that one number stands for two classes.

    Raises:
        LsapError: if there are none, or they contradict themselves.
    """
    number = config.get("num_labels")
    if given is not None:
        if isinstance(number, int) and number != (1 if one_output else len(given)):
            raise LsapError(f"{where} has num_labels {number} in config.json, and the card has {len(given)} labels")
        return list(given)
    names = config.get("id2label")
    if not isinstance(names, dict) or not names:
        raise LsapError(
            f"{where} has no id2label in config.json, so its classes have no names; write a model card with this "
            "format and labels"
        )
    if {*map(str, names)} != {*map(str, range(len(names)))}:
        raise LsapError(
            f"{where} has id2label in config.json with the keys {', '.join([*map(str, names)][:4])} …; they must be "
            f"0 to {len(names) - 1}: the numbers of the scores"
        )
    if len(names) == 1:
        raise LsapError(
            f"{where} has one output: write a model card with this format, two labels, the second for large numbers, "
            'and kind = "logit" or "probability" in [output]'
        )
    labels = [str(names.get(str(index), names.get(index))) for index in range(len(names))]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise LsapError(f"{where} has the label '{repeated[0]}' more than once in id2label of config.json")
    if isinstance(number, int) and number != len(labels):
        raise LsapError(
            f"{where} has num_labels {number} and {len(labels)} names in id2label of config.json; correct one of them"
        )
    numbers = config.get("label2id")
    if isinstance(numbers, dict) and any(
        numbers.get(label, index) not in (index, str(index)) for index, label in enumerate(labels)
    ):
        raise LsapError(f"{where} has a label2id in config.json that contradicts its id2label; correct one of them")
    return labels


def check_frames(config: Mapping[str, Any], where: str) -> None:
    """Refuses a number of frames that cannot be, as config.json has it, before a network is built of it.

    Raises:
        LsapError: if it is no whole number from 1.
    """
    for key in FRAME_KEYS:
        written = config.get(key, 1)
        if not isinstance(written, int) or isinstance(written, bool) or written < 1:
            raise LsapError(f"{where}: {key} in config.json is '{str(written)[:40]}'; it must be a whole number from 1")


def declared_frames(config: Any, where: str) -> int:
    """The frames of a clip, from the configuration's object.

    Raises:
        LsapError: if it declares none.
    """
    for key in FRAME_KEYS:
        frames = getattr(config, key, None)
        if isinstance(frames, int):
            return frames
    raise LsapError(f"{where} declares no number of frames in config.json ({' or '.join(FRAME_KEYS)})")


def declared_size(config: Any) -> tuple[int, int] | None:
    """(height, width) that the configuration's object declares; None: it declares none."""
    side = getattr(config, "crop_size", None) or getattr(config, "image_size", None)
    if isinstance(side, int):
        return side, side
    return (int(side[0]), int(side[1])) if isinstance(side, list | tuple) and len(side) == 2 else None
