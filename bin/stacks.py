"""Which TFX release installs on this machine, and on which Python.

Needs only the standard library of any Python >= 3.8, as it runs before anything is
installed.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
from typing import Iterable, Iterator, Mapping, NamedTuple


class SetupError(Exception):
    """Its text says what is missing and how to get it."""


class Stack(NamedTuple):
    """A TFX release and its requirements of the system."""

    tfx: str
    pythons: tuple[str, ...]  # newest first
    min_glibc: tuple[int, int]

    @property
    def lock(self) -> str:
        return f"requirements/tfx-{self.tfx}.lock"


STACKS = (  # newest first
    Stack("1.21", ("3.13", "3.12", "3.11"), (2, 39)),
    Stack("1.16", ("3.10",), (2, 17)),
)


class Interpreter(NamedTuple):
    path: str
    version: str  # as 3.10
    has_headers: bool  # Python.h exists, so C extensions can be built


def glibc_version() -> tuple[int, int] | None:
    """Returns the C library's version, such as (2, 36); None if it is not glibc."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return None
    match = re.match(r"glibc (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def choose(system: str, machine: str, glibc: tuple[int, int] | None) -> Stack:
    """Returns the newest stack with libraries for this machine."""
    way_out = "Use another machine or a container, such as debian:13 or ubuntu:24.04."
    if (system, machine) != ("Linux", "x86_64"):
        raise SetupError(
            "TFX's libraries exist only for Linux on x86_64. This is "
            f"{system} on {machine}. {way_out}"
        )
    if glibc is None:
        raise SetupError(
            "TFX's libraries need the C library glibc. This system has another one "
            f"(Alpine, for example, has musl). {way_out}"
        )
    for stack in STACKS:
        if glibc >= stack.min_glibc:
            return stack
    oldest = ".".join(map(str, STACKS[-1].min_glibc))
    raise SetupError(
        f"TFX's libraries need glibc {oldest} or newer. This system has "
        f"{glibc[0]}.{glibc[1]}. {way_out}"
    )


# TFX's dependencies import these modules, which are missing from a Python that was
# built without their C libraries.
_PROBE = """
import bz2, ctypes, ssl, zlib, os, sys, sysconfig
if sys.implementation.name == "cpython" and sys.maxsize > 2**32:
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    print("%d.%d" % sys.version_info[:2], os.path.exists(header))
"""


def probe(path: str) -> Interpreter | None:
    """Runs `path`, because pyenv puts a `python3.10` on PATH even if it is inactive."""
    try:
        answer = subprocess.run(
            [path, "-c", _PROBE], capture_output=True, text=True, timeout=60
        ).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Interpreter(path, answer[0], answer[1] == "True") if answer else None


def candidates(stack: Stack, environ: Mapping[str, str]) -> Iterator[str]:
    """Yields paths of possible Pythons, the most likely first.

    The running Python comes first, so that `make PYTHON=...` decides; then those on
    PATH, `python3` before versioned names; then those of pyenv.
    """
    yield sys.executable
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    for name in ["python3", *(f"python{version}" for version in stack.pythons)]:
        for folder in folders:
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                yield path
    pyenv = pathlib.Path(environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    for version in stack.pythons:
        found = pyenv.glob(f"versions/{version}.*/bin/python")
        yield from map(str, sorted(found, key=_numbers, reverse=True))


def _numbers(path: pathlib.Path) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


def pick(stack: Stack, found: Iterable[Interpreter | None]) -> Interpreter | None:
    """Returns the first that fits `stack`, preferring those with C headers."""
    spare = None
    for interpreter in found:
        if interpreter and interpreter.version in stack.pythons:
            if interpreter.has_headers:
                return interpreter
            spare = spare or interpreter
    return spare


def find_python(stack: Stack, environ: Mapping[str, str]) -> Interpreter | None:
    return pick(stack, map(probe, candidates(stack, environ)))


def missing_packages(
    interpreter: Interpreter | None, *, has_compiler: bool, has_installer: bool
) -> dict[str, str]:
    """Returns what only the system can supply: Debian packages by description."""
    missing = {}
    if not has_compiler:
        missing["a C++ compiler"] = "g++"
    if interpreter and not interpreter.has_headers:
        version = interpreter.version
        missing[f"the C headers of Python {version}"] = f"python{version}-dev"
    if not has_installer:
        missing["uv (or pip or venv to install it)"] = "python3-venv"
    return missing
