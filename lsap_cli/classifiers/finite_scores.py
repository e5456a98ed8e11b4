"""Scores that are not finite are no predictions, also where one class alone is infinite."""

from collections.abc import Sequence

from torch import Tensor

from lsap_cli.errors import LsapError

NAMED = 3  # videos in a sentence


def finite_rows(scores: Tensor) -> Tensor:
    """Which rows hold finite numbers only: (rows, ...) -> (rows,) bool."""
    return scores.isfinite().flatten(1).all(1)


def require_finite(scores: Tensor, names: Sequence[str]) -> None:
    """Refuses scores that are NaN or infinite.

    Args:
        scores: (videos, ...), whose first dimension is that of the names.
        names: of the videos.

    Raises:
        LsapError: naming the videos.
    """
    finite = finite_rows(scores).tolist()
    broken = [name for name, good in zip(names, finite, strict=True) if not good]
    if broken:
        shown = ", ".join(broken[:NAMED]) + (f" and {len(broken) - NAMED} more" if len(broken) > NAMED else "")
        raise not_finite(f"for {len(broken)} of {len(names)} videos ({shown})")


def not_finite(where: str) -> LsapError:
    """The sentence for scores that are NaN or infinite; `where` names the input or the moment."""
    return LsapError(
        f"the model gives scores that are not finite (NaN or infinity) {where}: they are no predictions, and "
        "nothing can be learned from them; lsap models check MODEL VIDEOS tests the model and names videos, and "
        "--precision fp32 cannot overflow as fp16 does", 1
    )  # fmt: skip
