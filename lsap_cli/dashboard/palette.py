"""Colors for shares from 0 to 1 that people with any color vision, and gray screens, can distinguish.

The five colors are points of the map cividis (Nuñez, Anderton and Renslow, 2018), whose lightness rises evenly.
"""

CIVIDIS = ((0, 34, 78), (53, 69, 108), (125, 124, 120), (188, 175, 111), (254, 232, 56))


def cell_style(share: float) -> str:
    """A Rich style for a cell: its background from dark blue (0) to bright yellow (1), its text readable on it."""
    place = min(max(share, 0.0), 1.0) * (len(CIVIDIS) - 1)
    below = min(int(place), len(CIVIDIS) - 2)
    part = place - below
    red, green, blue = (
        round(a + (b - a) * part) for a, b in zip(CIVIDIS[below], CIVIDIS[below + 1], strict=True)
    )  # fmt: skip
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 118
    return f"{'#000000' if light else '#ffffff'} on #{red:02x}{green:02x}{blue:02x}"
