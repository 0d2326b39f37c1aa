"""The rules that hold the layers apart, read from the source."""

import ast
import pathlib

import pytest
import setuptools

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "tfx_distill"
LAYERS = ("trainer", "components", "pipeline")
FORBIDDEN = {
    "trainer": (
        "apache_beam", "kfp", "ml_metadata", "tfx",
        f"{PACKAGE}.components", f"{PACKAGE}.pipeline",
    ),
    "components": (f"{PACKAGE}.pipeline",),
    "pipeline": (),
}  # fmt: skip
# The folders are imported by the package's name alone: their own names are those of
# TFX's templates and of users' projects.
BARE_NAMES = (*LAYERS, "distill_artifacts")


def _sources(*folders):
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return [pytest.param(p, id=str(p.relative_to(ROOT))) for p in sorted(paths)]


def _imports(path):
    """Returns the full name of everything imported anywhere in a file."""
    package = (PACKAGE, *path.relative_to(ROOT).parts[:-1])
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def test_imports_are_read_in_every_form(tmp_path, monkeypatch):
    monkeypatch.setattr("test_architecture.ROOT", tmp_path)
    path = tmp_path / "trainer" / "module.py"
    path.parent.mkdir()
    path.write_text("def f():\n import a.b as c\n from d import e\n from . import g")
    assert _imports(path) == {"a.b", "d.e", "tfx_distill.trainer.g"}


@pytest.mark.parametrize("path", _sources(*LAYERS))
def test_imports_point_down(path):
    layer = path.relative_to(ROOT).parts[0]
    assert not _of(FORBIDDEN[layer], {f"{name}." for name in _imports(path)})


def _of(packages, names):
    return {n for n in names if n.startswith(tuple(f"{p}." for p in packages))}


@pytest.mark.parametrize("path", _sources(*LAYERS, "tests", "benchmarks", "bin"))
def test_folders_are_imported_by_the_package_name(path):
    assert not _of(BARE_NAMES, {f"{name}." for name in _imports(path)})


@pytest.mark.parametrize("path", _sources(*LAYERS, "tests", "benchmarks", "kubeflow"))
def test_tfx_v1_is_not_imported(path):
    # It loads Google Cloud's AI Platform: a third of TFX's whole import time.
    assert not {name for name in _imports(path) if f"{name}.".startswith("tfx.v1.")}


@pytest.mark.parametrize(
    "path", [p for p in _sources(*LAYERS) if p.values[0].name == "__init__.py"]
)
def test_init_files_are_empty(path):
    assert path.read_bytes() == b""


@pytest.mark.parametrize("path", _sources(*LAYERS))
def test_every_folder_of_code_is_a_package(path):
    assert (path.parent / "__init__.py").exists()


def test_kubeflow_is_no_package(monkeypatch):
    # The Kubeflow SDK owns the import name `kubeflow`.
    declared = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **kwargs: declared.update(kwargs))
    exec((ROOT / "setup.py").read_text(), {"__file__": str(ROOT / "setup.py")})
    assert {name.split(".")[0] for name in declared["packages"]} == {PACKAGE}
    assert {f"{PACKAGE}.{layer}" for layer in LAYERS} < set(declared["packages"])
    assert not (ROOT / "kubeflow" / "__init__.py").exists()
