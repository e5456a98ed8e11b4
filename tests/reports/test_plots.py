import xml.etree.ElementTree as ElementTree

from msgspec.structs import replace

from lsap_cli.reports.plots import MOST_LINES, rate_plots, series_of
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.rates import rate_of
from lsap_cli.results.rows import Row
from tests.reports.fake_run import make_results
from tests.result_objects import known


def test_there_is_one_plot_for_each_sampler_and_it_names_every_defense() -> None:
    results, _ = make_results(samplers=("uniform", "random"))
    plots = rate_plots(results)
    assert [plot.sampler for plot in plots] == ["uniform", "random"]
    for plot in plots:
        texts = "".join(ElementTree.fromstring(plot.drawing.svg).itertext())
        assert all(row.defense in texts for row in results.rows if row.defense != "none")
        assert "no defense" in texts


def test_every_plotted_rate_is_written_with_its_count() -> None:
    results, _ = make_results()
    texts = "".join(ElementTree.fromstring(rate_plots(results)[0].drawing.svg).itertext())
    for row in results.rows:
        rate = known(row.attacked_accuracy)
        assert f"{rate.value:.2f}  ({rate.count}/{rate.of})" in texts


def test_accuracy_is_plotted_with_labels_and_the_fooling_rate_without() -> None:
    labelled, unlabelled = make_results()[0], make_results(labelled=False)[0]
    assert rate_plots(labelled)[0].measure == "accuracy"
    assert rate_plots(unlabelled)[0].measure == "fooling rate"


def test_a_plot_shows_as_many_defenses_as_can_be_drawn_and_says_how_many_there_are() -> None:
    half = rate_of(6, 12)
    row = Row(attack="one", defense="none", sampler="uniform", videos=12, fooling_rate=half)
    rows = tuple(replace(row, defense=f"jpeg:quality={number}") for number in range(1, 1 + MOST_LINES + 50))
    (plot,) = rate_plots(DefendResults(rows=rows))
    assert plot.measure == f"fooling rate (the first {MOST_LINES} of {MOST_LINES + 50} defenses)"
    texts = "".join(ElementTree.fromstring(plot.drawing.svg).itertext())
    assert texts.count("(6/12)") == MOST_LINES


def test_a_run_without_rows_has_no_plots() -> None:
    assert rate_plots(DefendResults(rows=())) == []


def test_a_plot_refers_to_nothing_outside_and_shares_no_id_with_another() -> None:
    first, second = rate_plots(make_results(samplers=("uniform", "random"))[0])
    ids = [
        {element.get("id") for element in ElementTree.fromstring(plot.drawing.svg).iter() if element.get("id")}
        for plot in (first, second)
    ]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert "://" not in first.drawing.svg
    for element in ElementTree.fromstring(first.drawing.svg).iter():
        reference = element.get("href")
        assert reference is None or reference.removeprefix("#") in ids[0]


def test_the_same_results_give_the_same_plot() -> None:
    results, _ = make_results()
    assert rate_plots(results)[0].drawing.svg == rate_plots(results)[0].drawing.svg


def test_names_are_drawn_as_they_stand() -> None:
    name = r'$\frac{x$ <b id="y"> xmlns="z"'
    results, _ = make_results(defenses=("none", name))
    assert name in "".join(ElementTree.fromstring(rate_plots(results)[0].drawing.svg).itertext())


def test_clean_noise_and_perturbed_differ_in_marker_as_well_as_color() -> None:
    looks = [series_of(attack, ["r", "s"]) for attack in ("none", "noise", "r", "s")]
    assert len({look.marker for look in looks}) == len({look.color for look in looks}) == 4
