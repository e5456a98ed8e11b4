"""How much a perturbation is multiplied by. No torch here: it is checked while the command line is parsed."""

MOST_STRENGTH = 100.0


def check_strength(strength: float) -> None:
    """Refuses a factor that is no use.

    Raises:
        ValueError: if it is not in (0, 100].
    """
    if not 0 < strength <= MOST_STRENGTH:  # NaN, too
        raise ValueError(f"the strength is {strength:g}; use a number above 0, at most {MOST_STRENGTH:g}")
