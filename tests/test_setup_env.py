"""The setup: which stack, on which Python, and when there is nothing to do."""

import pathlib
import re
import runpy
import subprocess
import sys

import pytest
import setup_env
import setuptools
import stacks
from packaging.requirements import Requirement
from packaging.version import Version
from stacks import Interpreter, SetupError

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEW, OLD = stacks.STACKS


def _pins(stack):
    """Returns the versions that a lock pins, by normalised name."""
    pins = {}
    for line in (ROOT / stack.lock).read_text().splitlines():
        if match := re.match(r"([\w.-]+)==([^ ;]+)", line):
            pins.setdefault(match[1].lower().replace("_", "-"), set()).add(match[2])
    return pins


@pytest.fixture
def declared(monkeypatch):
    """What setup.py hands to setuptools."""
    values = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **kwargs: values.update(kwargs))
    runpy.run_path("setup.py")
    return values


@pytest.mark.parametrize(
    ("glibc", "stack"),
    [((2, 17), OLD), ((2, 36), OLD), ((2, 38), OLD), ((2, 39), NEW), ((3, 0), NEW)],
)
def test_the_c_library_decides_the_stack(glibc, stack):
    assert stacks.choose("Linux", "x86_64", glibc) is stack


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (("Darwin", "arm64", None), "This is Darwin on arm64"),
        (("Linux", "aarch64", (2, 41)), "This is Linux on aarch64"),
        (("Linux", "x86_64", None), "Alpine, for example, has musl"),
        (("Linux", "x86_64", (2, 12)), "This system has 2.12"),
    ],
)
def test_a_machine_without_tfx_is_refused_with_the_way_out(machine, reason):
    with pytest.raises(SetupError, match=reason) as refusal:
        stacks.choose(*machine)
    assert "container, such as debian:13" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_first_fitting_python_with_headers_is_picked():
    found = [
        None,  # what a pyenv shim of an inactive version yields
        Interpreter("/a/python3", "3.14", True),
        Interpreter("/b/python3", "3.12", False),
        Interpreter("/c/python3.11", "3.11", True),
        Interpreter("/d/python3.13", "3.13", True),
    ]
    assert stacks.pick(NEW, found).path == "/c/python3.11"


def test_python_without_headers_is_the_last_resort():
    bare = Interpreter("/b/python3", "3.12", False)
    assert stacks.pick(NEW, [bare]) == bare


def test_python_of_another_version_is_never_picked():
    assert stacks.pick(OLD, [Interpreter("/usr/bin/python3", "3.11", True)]) is None


def test_a_command_that_only_looks_like_python_is_passed_over(tmp_path):
    shim = tmp_path / "python3.10"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert stacks.probe(str(shim)) is None
    assert stacks.probe(str(tmp_path / "missing")) is None


def test_the_running_python_is_recognised():
    version = "{}.{}".format(*sys.version_info[:2])
    assert stacks.probe(sys.executable).version == version


def test_running_python_then_path_then_newest_of_pyenv(tmp_path):
    names = ["bin/python3.10"] + [
        f"pyenv/versions/{version}/bin/python"
        for version in ("3.10.9", "3.10.13", "3.9.1", "3.11.0")
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch(mode=0o755)
    environ = {"PATH": f"{tmp_path}/bin", "PYENV_ROOT": f"{tmp_path}/pyenv"}
    tried = [pathlib.Path(path) for path in stacks.candidates(OLD, environ)]
    assert tried[0] == pathlib.Path(sys.executable)
    assert [str(path.relative_to(tmp_path)) for path in tried[1:]] == [
        names[0], names[2], names[1],
    ]  # fmt: skip


def test_all_that_the_system_lacks_is_told_at_once(monkeypatch):
    monkeypatch.setattr(setup_env.shutil, "which", lambda name: None)
    monkeypatch.setattr(setup_env, "works", lambda *command: False)
    monkeypatch.setattr(setup_env, "find_uv", lambda: None)
    with pytest.raises(SetupError) as refusal:
        setup_env.check_system(NEW, Interpreter("/usr/bin/python3", "3.13", False))
    assert str(refusal.value) == (
        "TFX 1.21 cannot be installed. Missing: a C++ compiler, the C headers of "
        "Python 3.13, uv (or pip or venv to install it). On Debian or Ubuntu: "
        "sudo apt-get install g++ python3.13-dev python3-venv"
    )


def test_no_python_and_no_download_is_told_with_the_way_out(monkeypatch):
    def refuse(*arguments):
        raise SetupError("error: no network")

    monkeypatch.setattr(setup_env, "run_uv", refuse)
    with pytest.raises(SetupError, match=r"needs Python 3\.10: none is on PATH") as e:
        setup_env.provide_python("uv", OLD)
    assert "`pyenv install 3.10`" in str(e.value)
    assert "no network" in str(e.value)


def test_uv_failure_is_told_in_two_lines():
    output = """Using Python 3.10.13
warning: slow
error: Failed to fetch: `https://index/simple/keras/`
  cause: Request failed
  cause: dns error
"""
    assert setup_env.failure_reason(output) == (
        "error: Failed to fetch: `https://index/simple/keras/`\ncause: dns error"
    )


def test_pips_index_is_handed_to_uv():
    environ = {"PIP_INDEX_URL": "https://a/simple", "VIRTUAL_ENV": "/elsewhere"}
    result = setup_env.uv_environment(environ)
    assert result["UV_DEFAULT_INDEX"] == "https://a/simple"
    assert "VIRTUAL_ENV" not in result


@pytest.mark.parametrize("name", ["UV_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_uvs_own_index_wins(name):
    environ = {"PIP_INDEX_URL": "https://a/simple", name: "https://b/simple"}
    result = setup_env.uv_environment(environ)
    assert {v for k, v in result.items() if k.startswith("UV_") and "INDEX" in k} == {
        "https://b/simple"
    }


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a finished `.venv`, and no uv that could be run."""
    root = tmp_path / "checkout"
    for name in (OLD.lock, "setup.py", "pyproject.toml", ".venv/bin/python"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / ".setup").mkdir()
    (root / ".venv" / "setup-state").write_text(setup_env.digest(root, OLD))
    monkeypatch.setattr(setup_env, "ROOT", root)
    monkeypatch.setattr(stacks, "glibc_version", lambda: (2, 36))
    monkeypatch.setattr(setup_env, "find_uv", lambda: "uv")
    return root


def test_second_start_does_nothing(checkout, monkeypatch):
    monkeypatch.setattr(setup_env, "set_up", pytest.fail)
    monkeypatch.setattr(subprocess, "Popen", pytest.fail)
    assert setup_env.main([]) == 0


@pytest.mark.parametrize("name", [OLD.lock, "setup.py", "pyproject.toml"])
def test_a_change_asks_for_set_up(checkout, name):
    (checkout / name).write_text("changed")
    assert not setup_env.is_current(checkout, OLD)


def test_a_moved_checkout_asks_for_set_up(checkout):
    moved = checkout.rename(checkout.with_name("moved"))
    assert not setup_env.is_current(moved, OLD)


def test_an_environment_whose_python_is_gone_asks_for_set_up(checkout):
    (checkout / ".venv/bin/python").unlink()
    assert not setup_env.is_current(checkout, OLD)


def _fit(monkeypatch, calls, failing=""):
    """Replaces uv by a list of its calls, of which one may fail."""

    def run_uv(uv, *arguments):
        calls.append(" ".join(arguments[:2]))
        if calls[-1] == failing:
            raise SetupError("error: no network")
        (setup_env.ROOT / ".venv").mkdir(exist_ok=True)

    fitting = Interpreter("/usr/bin/python3.10", "3.10", True)
    monkeypatch.setattr(stacks, "probe", lambda path: fitting)
    monkeypatch.setattr(setup_env, "run_uv", run_uv)


def test_a_changed_lock_is_synchronised_into_the_same_environment(
    checkout, monkeypatch
):
    calls = []
    _fit(monkeypatch, calls)
    (checkout / OLD.lock).write_text("changed")
    assert setup_env.main([]) == 0
    assert calls == ["pip sync", "pip install"]
    assert setup_env.is_current(checkout, OLD)


@pytest.mark.parametrize("step", ["pip sync", "pip install"])
def test_a_failed_set_up_is_begun_anew(checkout, monkeypatch, capsys, step):
    calls = []
    (checkout / OLD.lock).write_text("changed")
    _fit(monkeypatch, calls, failing=step)
    assert setup_env.main([]) == 1
    assert capsys.readouterr().err.endswith("Setup failed: error: no network\n")
    assert not setup_env.is_current(checkout, OLD)
    calls.clear()
    _fit(monkeypatch, calls)
    setup_env.main([])
    assert calls[0] == "venv --python"


@pytest.mark.parametrize("stack", stacks.STACKS, ids=lambda stack: stack.tfx)
def test_lock_pins_every_requirement_of_setup_py(stack, declared):
    pins = _pins(stack)
    groups = [declared["install_requires"], *declared["extras_require"].values()]
    for requirement in (Requirement(text) for group in groups for text in group):
        versions = pins.get(requirement.name.lower().replace("_", "-"), set())
        assert versions, f"{requirement.name} is not in {stack.lock}: run make lock"
        for version in versions:
            assert Version(version) in requirement.specifier, (
                f"{requirement}: {version}"
            )


@pytest.mark.parametrize("stack", stacks.STACKS, ids=lambda stack: stack.tfx)
def test_lock_is_of_its_stack(stack):
    assert all(version.startswith(stack.tfx) for version in _pins(stack)["tfx"])


def test_setup_py_allows_the_pythons_of_the_stacks(declared):
    allowed = Requirement(f"python{declared['python_requires']}").specifier
    for stack in stacks.STACKS:
        assert all(Version(f"{version}.5") in allowed for version in stack.pythons)
