"""The SVG that matplotlib writes, as a part of a page.

Colours become variables of the style sheet and styles become attributes, which the page's policy
allows; identifiers that could collide between pictures are left out; lines get their names.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from softreg_fast.display.look import LIGHT
from softreg_fast.options.types import Vector

VARIABLES = {colour: f"var(--{name})" for name, colour in reversed(LIGHT.items())}

_COLOUR = re.compile("#[0-9a-f]{6}")
_FONT_SIZE = re.compile(r"([\d.]+)px")

# Id of groups that are kept as a class.
SHADE = "shade"

# Parts of a style that the page's style sheet sets, or that have no meaning there.
LEFT_OUT = {"font", "image-rendering", "font-family", "font-size"}


class Hover(NamedTuple):
    """Names and values of lines, to be said at the pointer.

    ax : matplotlib Axes
    places : ndarray (n_places,), on the horizontal axis
    labels : list of str, of the places, without spaces
    names : dict of str to list of str, of lines, in their order, by the gid of what holds them
    """

    ax: Any
    places: Vector
    labels: list[str]
    names: dict[str, list[str]]


def for_page(svg: str, title: str, hover: Hover | None = None) -> str:
    """Return the SVG of matplotlib for a page; screen readers say the title."""
    root = ET.fromstring(svg)
    names = {} if hover is None else hover.names
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.text, element.tail = map(_unless_space, (element.text, element.tail))
        attributes = {_local(name): value for name, value in element.attrib.items()}
        if element.tag == "g":
            gid = attributes.pop("id", "")
            _name_lines(element, names.get(gid, []))
            if gid == SHADE:
                attributes["class"] = gid
        element.attrib.clear()
        element.attrib.update(_styled(attributes))
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update({"class": "plot", "viewBox": box, "role": "img", "aria-label": title})
    if hover is not None:
        root.attrib.update(_scales(hover, float(box.split()[-1])))
    return ET.tostring(root, encoding="unicode") + "\n"


def _unless_space(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _name_lines(group: ET.Element, names: list[str]) -> None:
    paths = [each for each in group.iter() if _local(each.tag) == "path"]
    for path, name in zip(paths, names, strict=False):
        title = ET.SubElement(path, "title")
        title.text = name


def _styled(attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    # attributes with those of the style among them, and variables as colours
    style = attributes.pop("style", "")
    for name, value in attributes.items():
        yield name, value
    for part in filter(None, style.split(";")):
        name, _, value = (each.strip() for each in part.partition(":"))
        if name in ("font", "font-size") and (size := _FONT_SIZE.search(value)):
            yield "font-size", size[1]
        if name not in LEFT_OUT:
            yield name, _COLOUR.sub(lambda found: VARIABLES.get(found[0], found[0]), value)


def _scales(hover: Hover, height: float) -> dict[str, str]:
    # places in the units of the SVG, and two points of the vertical axis there with their values
    ax = hover.ax
    to_svg = ax.figure.dpi / 72.0
    low, high = ax.get_ylim()
    x = ax.transData.transform(np.column_stack([hover.places, np.full(len(hover.places), low)]))
    y = ax.transAxes.transform([(0.0, 0.0), (0.0, 1.0)])[:, 1]
    bottom, top = height - y / to_svg
    return {
        "data-x": " ".join(f"{each:.2f}" for each in x[:, 0] / to_svg),
        "data-labels": " ".join(hover.labels),
        "data-y": f"{bottom:.2f} {low:.6g} {top:.2f} {high:.6g}",
    }
