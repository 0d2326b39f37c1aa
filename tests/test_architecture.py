"""The rules that hold the layers apart, read from the source."""

import ast
import collections
import functools
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
    return sorted(path for f in folders for path in (ROOT / f).rglob("*.py"))


def _offenders(found, *folders):
    """What a rule finds in each source, by the path of those in which it finds any."""
    return {
        str(path.relative_to(ROOT)): offences
        for path in _sources(*folders)
        if (offences := found(path))
    }


@functools.cache
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


def _of(packages, path):
    prefixes = tuple(f"{package}." for package in packages)
    return {name for name in _imports(path) if f"{name}.".startswith(prefixes)}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_down(layer):
    assert _offenders(lambda path: _of(FORBIDDEN[layer], path), layer) == {}


def test_folders_are_imported_by_the_package_name():
    folders = (*LAYERS, "tests", "benchmarks", "bin")
    assert _offenders(lambda path: _of(BARE_NAMES, path), *folders) == {}


def test_tfx_v1_is_not_imported():
    # It loads Google Cloud's AI Platform: a third of TFX's whole import time.
    folders = (*LAYERS, "tests", "benchmarks", "kubeflow")
    assert _offenders(lambda path: _of(["tfx.v1"], path), *folders) == {}


def test_init_files_are_empty():
    def content(path):
        return path.name == "__init__.py" and path.read_bytes()

    assert _offenders(content, *LAYERS) == {}


def test_every_folder_of_code_is_a_package():
    def lacks_init(path):
        return not (path.parent / "__init__.py").exists()

    assert _offenders(lacks_init, *LAYERS) == {}


def test_a_rule_that_is_broken_is_told_with_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr("test_architecture.ROOT", tmp_path)
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "module.py").write_text("import tfx.v1\nimport tfxs")
    found = _offenders(lambda path: _of(["tfx"], path), "trainer")
    assert found == {"trainer/module.py": {"tfx.v1"}}


def test_kubeflow_is_no_package(monkeypatch):
    # The Kubeflow SDK owns the import name `kubeflow`.
    declared = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **kwargs: declared.update(kwargs))
    exec((ROOT / "setup.py").read_text(), {"__file__": str(ROOT / "setup.py")})
    assert {name.split(".")[0] for name in declared["packages"]} == {PACKAGE}
    assert {f"{PACKAGE}.{layer}" for layer in LAYERS} < set(declared["packages"])
    assert not (ROOT / "kubeflow" / "__init__.py").exists()


def test_a_file_is_found_by_its_name_alone():
    repeated = {"__init__.py", "component.py", "driver.py", "executor.py"}
    names = collections.Counter(path.name for path in _sources(*LAYERS))
    assert {name for name, times in names.items() if times > 1} <= repeated
