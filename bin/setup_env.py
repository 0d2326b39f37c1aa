"""Creates `.venv` from a lock file, unless it is already up to date.

`make` runs this first. It needs only the standard library of any Python >= 3.8, which
need not be the Python in `.venv`.

Usage: setup_env.py [--uv]
    --uv  Only print the path of uv, after installing it if it is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time
from typing import Iterator, Mapping, Sequence

import stacks
from stacks import Interpreter, SetupError, Stack

ROOT = pathlib.Path(__file__).resolve().parent.parent
UV_VERSION = "0.13.9"  # installed if no uv is found
INSTALLING = "installing"  # the state until an installation has succeeded


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def find_uv() -> str | None:
    for path in (shutil.which("uv"), str(ROOT / ".setup" / "uv" / "bin" / "uv")):
        if path and works(path, "--version"):
            return path
    return None


def install_uv() -> str:
    """Installs uv under `.setup`, with this Python's pip or that of a new venv."""
    say(f"Installing uv {UV_VERSION} ...")
    folder, venv = ROOT / ".setup" / "uv", ROOT / ".setup" / "venv"
    half = folder.with_suffix(".half")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(half, ignore_errors=True)
    options = ["--target", str(half), "--no-user", "--no-input", "--quiet"]
    install = ["-m", "pip", "install", *options, f"uv=={UV_VERSION}"]
    by_pip = [[sys.executable, *install]]
    by_venv = [
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        [str(venv / "bin" / "python"), *install],
    ]
    reasons = []
    for commands in (by_pip, by_venv):
        reason = next(filter(None, map(_failure_of, commands)), None)
        if reason is None:
            half.rename(folder)  # atomic: a partial uv is never found
            return str(folder / "bin" / "uv")
        reasons.append(reason)
    raise SetupError(
        f"uv {UV_VERSION} could not be installed. Install it another way and put "
        "it on PATH.\n" + "\n".join(dict.fromkeys(reasons))
    )


def _failure_of(command: list[str]) -> str | None:
    """Runs `command`; returns the last line of its errors, None if it succeeded."""
    environ = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    if done.returncode == 0:
        return None
    return ((done.stderr or done.stdout).strip().splitlines() or ["no reason"])[-1]


def uv_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Translates pip's settings for uv, which reads only its own."""
    result = {k: v for k, v in environ.items() if k != "VIRTUAL_ENV"}
    has_index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    if environ.get("PIP_INDEX_URL") and not has_index:
        result["UV_DEFAULT_INDEX"] = environ["PIP_INDEX_URL"]
    if environ.get("PIP_CERT"):
        result.setdefault("SSL_CERT_FILE", environ["PIP_CERT"])
    result.setdefault("UV_HTTP_TIMEOUT", "120")
    # Otherwise `uv python install` also links the Python into ~/.local/bin.
    result.setdefault("UV_PYTHON_INSTALL_BIN", "0")
    return result


def run_uv(uv: str, *arguments: str) -> str:
    """Runs uv and shows its steps, but not its list of packages.

    Returns:
        Its whole output.

    Raises:
        SetupError: If it fails, with the first and the innermost reason.
    """
    lines = []
    with subprocess.Popen(
        [uv, *arguments],
        cwd=ROOT,
        env=uv_environment(os.environ),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if re.match(r"(Building|Installed|Downloading \S+ \(\d\d)", line):
                say(f"  {lines[-1]}")
    output = "\n".join(lines)
    if process.returncode:
        (ROOT / ".setup" / "uv.log").write_text(output + "\n")
        raise SetupError(
            f"{failure_reason(output)}\nThe full output is in .setup/uv.log."
        )
    return output


def failure_reason(output: str) -> str:
    """Returns uv's error line and, if present, the innermost cause."""
    lines = [line.strip(" \t×╰─▶├│") for line in output.splitlines()]
    lines = [line for line in lines if line and not line.startswith("warning:")]
    errors = [i for i, line in enumerate(lines) if line.startswith("error:")]
    lines = lines[errors[0] :] if errors else lines[-2:]
    causes = [line for line in lines if line.startswith("cause:")]
    return "\n".join(lines[:1] + (causes[-1:] or lines[1:2]))


def provide_python(uv: str, stack: Stack) -> str:
    """Returns a Python managed by uv, after installing it if there is none."""
    newest = stack.pythons[0]
    find = ("python", "find", "--managed-python", "--no-python-downloads")
    for version in stack.pythons:
        with contextlib.suppress(SetupError):
            return run_uv(uv, *find, version).splitlines()[-1]
    say(f"Installing Python {newest} with uv ...")
    try:
        run_uv(uv, "python", "install", newest)
        return run_uv(uv, *find, newest).splitlines()[-1]
    except SetupError as error:
        raise SetupError(
            f"TFX {stack.tfx}, the newest release for this system's C library, "
            f"needs Python {' or '.join(stack.pythons)}: none is on PATH or in pyenv, "
            "and uv could not download one. Install one, for example with "
            f"`pyenv install {newest}`, then run make again.\n{error}"
        ) from error


def check_system(stack: Stack, interpreter: Interpreter | None) -> None:
    """Raises a `SetupError` that lists everything missing from the system."""
    compilers = (os.environ.get("CXX", "").partition(" ")[0], "c++", "g++")
    packages = stacks.missing_packages(
        interpreter,
        has_compiler=any(shutil.which(name) for name in compilers),
        has_installer=bool(find_uv())
        or works(sys.executable, "-c", "import pip")
        or works(sys.executable, "-c", "import ensurepip"),
    )
    if packages:
        raise SetupError(
            f"TFX {stack.tfx} cannot be installed. Missing: {', '.join(packages)}. "
            f"On Debian or Ubuntu: sudo apt-get install {' '.join(packages.values())}"
        )


def set_up(stack: Stack) -> None:
    """Makes `.venv` match the lock file; keeps it if its Python fits."""
    start = time.monotonic()
    venv, state = ROOT / ".venv", ROOT / ".venv" / "setup-state"
    python = str(venv / "bin" / "python")
    # After an interruption, a package may be incomplete, and uv would keep it.
    broken = state.exists() and state.read_text() == INSTALLING
    kept = None if broken else stacks.pick(stack, [stacks.probe(python)])
    found = kept or stacks.find_python(stack, os.environ)
    if not kept:
        check_system(stack, found)
    uv = find_uv() or install_uv()
    base = found.path if found else provide_python(uv, stack)
    if kept:
        say(f"Updating .venv to {stack.lock} ...")
    else:
        say(f"Setting up .venv with TFX {stack.tfx} on {base} (once, about 3 GB) ...")
        if venv.is_symlink():
            venv.unlink()
        shutil.rmtree(venv, ignore_errors=True)
        run_uv(uv, "venv", "--python", base, str(venv))
    state.write_text(INSTALLING)
    run_uv(uv, "pip", "sync", "--python", python, stack.lock)
    own = ("--no-deps", "--no-build-isolation", "--editable", ".")
    run_uv(uv, "pip", "install", "--python", python, *own)
    state.write_text(digest(ROOT, stack))
    say(f"Ready in {time.monotonic() - start:.0f} s.")


def digest(root: pathlib.Path, stack: Stack) -> str:
    """A hash of what `.venv` is made from, and of where: its paths are absolute."""
    names = ("setup.py", "pyproject.toml", "pipeline/version.py", ".venv/pyvenv.cfg")
    contents = [str(root).encode()]
    for path in (root / name for name in (stack.lock, *names)):
        contents.append(path.read_bytes() if path.exists() else b"")
    return hashlib.sha256(repr(contents).encode()).hexdigest()


def is_current(root: pathlib.Path, stack: Stack) -> bool:
    state = root / ".venv" / "setup-state"
    if not (state.exists() and (root / ".venv" / "bin" / "python").exists()):
        return False
    return state.read_text() == digest(root, stack)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Makes a second process in this checkout wait until the first has finished."""
    import fcntl  # missing on Windows, where `stacks.choose` fails before

    (ROOT / ".setup").mkdir(exist_ok=True)
    with open(ROOT / ".setup" / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str]) -> int:
    try:
        stack = stacks.choose(
            platform.system(), platform.machine(), stacks.glibc_version()
        )
        if "--uv" in arguments:
            with alone():
                print(find_uv() or install_uv())
        elif not is_current(ROOT, stack):
            with alone():
                if not is_current(ROOT, stack):
                    set_up(stack)
    except (SetupError, OSError) as error:
        say(f"Setup failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("Setup interrupted. The next start begins again.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
