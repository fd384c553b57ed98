"""Sliders: the picture is that of the values shown, from the start; a refused value shows its sentence."""

import pytest

from figures import style
from paper_repro.course.sliders import picture, sliders
from theory.errors import require


def draw(n, name):
    require(n < 5, f"n is {n}; it must be below 5")
    figure, ax = style.axes()
    ax.plot([0, n])
    ax.set_title(name)
    return figure


@pytest.fixture
def box():
    return sliders(draw, n=(1, 5, 1), name=["a", "b"])


def test_the_first_picture_is_that_of_the_first_values(box):
    n, name, said, image = box.children
    assert (n.value, name.value) == (3, "a")
    assert (n.description, name.description) == ("n", "name")
    assert image.value == picture(draw(3, "a"))
    assert said.value == ""


def test_a_move_draws_anew(box):
    n, name, _, image = box.children
    n.value = 4
    assert image.value == picture(draw(4, "a"))
    name.value = "b"
    assert image.value == picture(draw(4, "b")) != picture(draw(4, "a"))


def test_a_refused_value_shows_its_sentence_and_the_next_one_clears_it(box):
    n, _, said, image = box.children
    before = image.value
    n.value = 5
    assert said.value == "n is 5; it must be below 5"
    assert image.value == before
    n.value = 2
    assert said.value == ""
    assert image.value == picture(draw(2, "a"))
