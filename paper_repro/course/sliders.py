"""Sliders beside a figure: `sliders(draw, n=(1, 16, 1))` draws draw(n=...) anew where a control has moved.

The picture is an image widget that gets new bytes. No output is captured, so that it works the same in JupyterLab and
where a notebook is executed without a browser, and a value that the toolkit refuses shows its sentence.
"""

import io

from ipywidgets import HTML, Image, VBox, interactive

from figures.style import look
from theory.errors import OnemergeError

DPI = 150
WIDTH = 96  # pixels an inch on the page


def picture(figure):
    """The bytes of a PNG of a figure."""
    with look(), io.BytesIO() as buffer:
        figure.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()


def sliders(draw, **controls):
    """The controls of `draw`, a function that returns a Figure, above its picture.

    Controls are named like the arguments of `draw`, and are widgets or the short forms of `ipywidgets.interact`:
    (least, most, step), a list of choices, True or False.
    """
    moved = {name: interactive.widget_from_abbrev(form) for name, form in controls.items()}
    for name, control in moved.items():
        control.description = control.description or name
        if hasattr(control, "continuous_update"):
            control.continuous_update = False  # a figure when the hand lets go, not hundreds on the way
    image, said = Image(format="png"), HTML()

    def redraw(change=None):
        try:
            figure = draw(**{name: control.value for name, control in moved.items()})
        except OnemergeError as error:
            said.value = str(error)
            return
        said.value, image.value = "", picture(figure)
        image.layout.width = f"{figure.get_figwidth() * WIDTH:.0f}px"
        image.layout.max_width = "100%"

    for control in moved.values():
        control.observe(redraw, "value")
    redraw()
    return VBox([*moved.values(), said, image])
