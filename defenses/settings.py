"""Errors for settings outside of their range."""

LARGEST_WINDOW = 999  # frames, or pixels a side: memory grows with it


def bad_setting(name: str, value: object, allowed: str) -> ValueError:
    """Make the error for a setting outside of its range."""
    return ValueError(f"{name} is {value}; it must be {allowed}")


def check_window(window: int) -> None:
    """Refuse a window that has no middle, or takes more memory than there is."""
    if window < 3 or window % 2 == 0:
        raise bad_setting("window", window, "an odd number of at least 3")
    if window > LARGEST_WINDOW:
        raise bad_setting("window", window, f"an odd number of at most {LARGEST_WINDOW}")
