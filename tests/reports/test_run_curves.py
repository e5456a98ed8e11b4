"""Curves of the pages of `generate`, `apply` and `train`."""

import numpy as np
from matplotlib.collections import PolyCollection

from lsap_cli.reports.exports.curves import Point
from lsap_cli.reports.run_page import drawn_curves


def points(*values: float) -> list[Point]:
    return [Point(step, value, 0.0) for step, value in enumerate(values)]


def test_a_rate_is_drawn_from_0_to_1_with_its_interval() -> None:
    curves = {
        "verification/fooling rate/random": points(0.2, 0.4),
        "verification/fooling rate/random low": points(0.1, 0.3),
        "verification/fooling rate/random high": points(0.3, 0.5),
        "learning/loss": points(3, 2, 5),
        "usage/memory in GB": points(1, 2),
        "learning/gradient": points(1),
    }
    rate, loss = drawn_curves(curves)
    assert (rate.title, loss.title) == ("verification: fooling rate, random", "learning: loss")
    axes = rate.drawing.figure.axes[0]
    assert axes.get_ylim() == (-0.03, 1.03)
    band = next(one for one in axes.collections if isinstance(one, PolyCollection))
    corners = {(float(step), float(value)) for step, value in np.asarray(band.get_paths()[0].vertices)}
    assert {(0, 0.1), (1, 0.3), (0, 0.3), (1, 0.5)} <= corners
    assert loss.drawing.figure.axes[0].get_ylim()[1] > 5
    assert not loss.drawing.figure.axes[0].collections
