"""Modules of the user's, which may be in the current folder.

The folder is on the import path only once a module was found there, and last: nothing in
it hides another module, and commands that import no module of the user's run none.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from importlib.machinery import ModuleSpec, PathFinder


def find(package: str) -> ModuleSpec | None:
    """Where a package is: on the import path, or else in the current folder."""
    return importlib.util.find_spec(package) or _here(package)


def load(name: str) -> types.ModuleType:
    """Imports a module, and with it its neighbours.

    Raises:
        ImportError: If there is none.
    """
    package = name.partition(".")[0]
    is_elsewhere = package in sys.modules or importlib.util.find_spec(package)
    if not is_elsewhere and _here(package):
        sys.path.append(os.getcwd())
    return importlib.import_module(name)


def _here(package: str) -> ModuleSpec | None:
    return PathFinder.find_spec(package, [os.getcwd()])
