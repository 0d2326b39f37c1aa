"""Writing SVG: elements whose every text and attribute is escaped."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """One element; `class_` and `stroke_width` become `class` and `stroke-width`."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    content = Markup("").join(escape(child) for child in children)
    return Markup(f"<{tag}{written}>{content}</{tag}>")


def drawing(
    width: float, height: float, title: str, description: str, *children: Any
) -> Markup:
    """A picture that scales with the page and says in words what it shows."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *children,
        viewBox=f"0 0 {_text(width)} {_text(height)}",
        width=width,
        role="img",
        aria_label=f"{title}. {description}",
    )


def text(
    x: float, y: float, content: str, anchor: str = "start", **more: Any
) -> Markup:
    return element("text", content, x=x, y=y, text_anchor=anchor, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rectangle(
    x: float, y: float, width: float, height: float, class_: str, *children: Any
) -> Markup:
    return element(
        "rect", *children, x=x, y=y, width=max(width, 0), height=height, class_=class_
    )


def mark(place: int, x: float, y: float, class_: str, label: str = "") -> Markup:
    """A point; its shape, by `place`, tells series apart without colour."""
    x, y = round(x, 2), round(y, 2)
    title = [element("title", label)] if label else []
    if place % 4 == 0:
        return element("circle", *title, cx=x, cy=y, r=4, class_=class_)
    paths = {
        1: f"M{x - 4} {y - 4}h8v8h-8z",
        2: f"M{x} {y - 5}l5 9h-10z",
        3: f"M{x} {y - 5}l5 5l-5 5l-5-5z",
    }
    return element("path", *title, d=paths[place % 4], class_=class_)


def _text(value: Any) -> str:
    return (
        f"{value:.2f}".rstrip("0").rstrip(".")
        if isinstance(value, float)
        else str(value)
    )
