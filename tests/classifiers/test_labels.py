import pytest

from lsap_cli.classifiers.labels import LabelIndex, class_index, slug
from lsap_cli.errors import LsapError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("massaging person's head", "massaging_person_s_head"),
        ("Tai  Chi", "tai_chi"),
        ("tai_chi", "tai_chi"),
        (" -- Tai-Chi! ", "tai_chi"),
        ("3x3 (half)", "3x3_half"),
    ],
)
def test_slugs_are_lower_case_letters_and_digits_joined_by_one_underscore(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_an_exact_label_wins_and_a_slug_finds_the_rest() -> None:
    known = LabelIndex(["turn (left)", "turn: left!", "Up, up", ""])
    assert [known.find(text, "label") for text in ("turn (left)", "turn: left!", "up UP", "down", "!")] == [
        0, 1, 2, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("labels", [["turn (left)", "turn: left!"], ["turn left", "turn left"]], ids=["slug", "name"])
def test_a_text_that_fits_two_labels_is_refused_and_both_are_named(labels: list[str]) -> None:
    with pytest.raises(LsapError) as caught:
        LabelIndex(["up", *labels]).find("turn left", "the sub-folder")
    assert "the sub-folder 'turn left' fits 2 labels of the model" in str(caught.value)
    for index, label in enumerate(labels, start=1):
        assert f"'{label}' (class {index})" in str(caught.value)


def test_a_label_of_the_command_line_that_is_none_is_refused_with_close_ones() -> None:
    labels = ["massaging person's head", "riding a bike", "tai chi"]
    assert class_index("Tai-Chi", labels, "net", "--target") == 2
    with pytest.raises(LsapError, match="--target 'ridin bike' is no label of net; did you mean riding a bike"):
        class_index("ridin bike", labels, "net", "--target")
    with pytest.raises(LsapError, match="see lsap models show"):
        class_index("xyz", labels, "net", "--target")
