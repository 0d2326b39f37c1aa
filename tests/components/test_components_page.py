"""`docs/components.md` lists the components' arguments and outputs, no more and no less."""

import importlib
import inspect
import pathlib
import re
import typing

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "components.md").read_text(encoding="utf-8")
MODULES = sorted(path.parent.name for path in ROOT.glob("components/*/component.py"))
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", PAGE, re.M | re.S))


def _component(folder):
    module = importlib.import_module(f"tfx_distill.components.{folder}.component")
    name = "".join(part.title() for part in folder.split("_"))
    return getattr(module, name)


def _rows(section, kind):
    """The cells of a table by each name in its first column."""
    (table,) = re.findall(rf"^\| {kind} \|.*?\n\n", f"{section}\n\n", re.M | re.S) or [
        ""
    ]
    rows = [row.strip("|").split("|") for row in table.splitlines()[2:] if row]
    return {name: row for row in rows for name in re.findall(r"`(\w+)`", row[0])}


def test_every_component_has_a_section():
    names = {_component(folder).__name__ for folder in MODULES}
    assert set(SECTIONS) == names


@pytest.mark.parametrize("folder", MODULES)
def test_arguments_are_those_of_the_constructor(folder):
    component = _component(folder)
    signature = inspect.signature(component.__init__).parameters
    arguments = set(signature) - {"self", "arguments"}
    if "arguments" in signature:
        hints = typing.get_type_hints(component.__init__, include_extras=True)
        (shared,) = typing.get_args(hints["arguments"])
        arguments |= set(shared.__annotations__)
    assert set(_rows(SECTIONS[component.__name__], "Argument")) == arguments


@pytest.mark.parametrize("folder", MODULES)
def test_outputs_and_their_types_are_those_of_the_specification(folder):
    component = _component(folder)
    listed = _rows(SECTIONS[component.__name__], "Output")
    types = {name: row[1].strip().strip("`") for name, row in listed.items()}
    outputs = component.SPEC_CLASS.OUTPUTS.items()
    assert types == {name: output.type.TYPE_NAME for name, output in outputs}


@pytest.mark.parametrize("folder", MODULES)
def test_inputs_are_arguments_of_the_specifications_types(folder):
    component = _component(folder)
    section = SECTIONS[component.__name__]
    listed = set(re.findall(r"`([\w.]+)`", section))
    for channel in component.SPEC_CLASS.INPUTS.values():
        if component.__name__ != "Evaluator" or channel.type.TYPE_NAME != "Model":
            assert channel.type.TYPE_NAME in listed
