"""Runs a rehearsal's containers, as local processes or with a container tool."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import BinaryIO

import tfx_distill
from tfx_distill.pipeline.runners.kubeflow.container import mounts
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError

# The folder that contains the package, in a checkout or installed.
_IMPORT_DIR = pathlib.Path(tfx_distill.__file__).parents[1]
# Variables that a process inherits: none that affects results.
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
# Folders in every pod: those of the launcher, and /tmp.
_POD_FOLDERS = ("minio", "s3", "gcs", "tmp")
_TOOLS = ("docker", "podman", "buildah")


@dataclasses.dataclass(frozen=True)
class Pod:
    """What a task's container finds.

    Attributes:
        root: New folder that stands for `/`.
        image: The container's image.
        environment: The container's own variables.
        volumes: Folders by mount path.
    """

    root: pathlib.Path
    image: str
    environment: Mapping[str, str]
    volumes: Mapping[str, pathlib.Path]

    def prepare(self) -> None:
        for folder in (*self.own_folders.values(), *self.volumes.values()):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def own_folders(self) -> dict[str, pathlib.Path]:
        """Folders that are lost with the pod, by path inside."""
        return {f"/{name}": self.root / name for name in _POD_FOLDERS}


class Runtime:
    """Runs containers."""

    def root_inside(self, root: pathlib.Path) -> str:
        """The name of the pod's root inside the container."""
        raise NotImplementedError

    def run(self, pod: Pod, words: list[str], log: BinaryIO) -> int:
        """Runs a command; returns its exit status."""
        raise NotImplementedError

    def close(self) -> None:
        """Removes what is left over, by default nothing."""


class Processes(Runtime):
    """Runs processes with this machine's Python; paths are below the pod's root."""

    def root_inside(self, root: pathlib.Path) -> str:
        return str(root)

    def run(self, pod: Pod, words: list[str], log: BinaryIO) -> int:
        for path, folder in pod.volumes.items():
            target = pod.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(folder, target_is_directory=True)
        temporary = str(pod.root / "tmp")
        # The folder of the user's own models, which an image has installed.
        search = [str(_IMPORT_DIR), os.getcwd(), os.environ.get("PYTHONPATH", "")]
        environment = {
            **{key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ},
            **pod.environment,
            "PYTHONPATH": os.pathsep.join(filter(None, search)),
            "HOME": temporary,
            "TMPDIR": temporary,
            mounts.ROOT_VARIABLE: str(pod.root),
        }
        if words[0] in ("python", "python3"):
            words = [sys.executable, *words[1:]]
        return _run(words, log, environment, temporary)


class Containers(Runtime):
    """Runs containers with a tool that has the image; pulls nothing."""

    def __init__(self, tool: str) -> None:
        """Uses `tool`: docker, podman or buildah."""
        self._tool = tool
        self._working: dict[str, str] = {}  # buildah's containers by image

    def root_inside(self, root: pathlib.Path) -> str:
        return "/"

    def run(self, pod: Pod, words: list[str], log: BinaryIO) -> int:
        binds = {**pod.own_folders, **pod.volumes}
        for folder in binds.values():
            # The image has another user; on a cluster, new volumes are writable for it.
            for path in [folder, *folder.rglob("*")]:
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o777)
        options = [f"--volume={folder}:{path}" for path, folder in binds.items()]
        options += [f"--env={name}={value}" for name, value in pod.environment.items()]
        return _run([*self._command(pod.image, options, words[0]), *words[1:]], log)

    def _command(self, image: str, options: list[str], program: str) -> list[str]:
        if self._tool == "buildah":
            options = ["--isolation=chroot", "--workingdir=/tmp", *options]
            return ["buildah", "run", *options, self._container(image), "--", program]
        # Output files must belong to the current user.
        user = f"--user={os.getuid()}:{os.getgid()}"
        own = "--userns=keep-id" if self._tool == "podman" else user
        options = ["--workdir=/tmp", *([own] if os.getuid() else []), *options]
        fixed = ["run", "--rm", "--read-only", "--pull=never"]
        return [self._tool, *fixed, *options, f"--entrypoint={program}", image]

    def _container(self, image: str) -> str:
        if image not in self._working:
            command = ["buildah", "from", "--pull-never", image]
            made = subprocess.run(command, capture_output=True, text=True)
            if made.returncode != 0:
                raise RehearsalError(f"buildah: {made.stderr.strip()}")
            self._working[image] = made.stdout.strip()
        return self._working[image]

    def close(self) -> None:
        for name in self._working.values():
            subprocess.run(["buildah", "rm", name], capture_output=True)
        self._working.clear()


def containers(images: set[str]) -> Containers:
    """Finds a tool that has all of these images.

    Raises:
        RehearsalError: If no tool has them.
    """
    tools = [tool for tool in _TOOLS if shutil.which(tool)]
    for tool in tools:
        if all(_has(tool, image) for image in images):
            return Containers(tool)
    tried = f"tried {', '.join(tools)}" if tools else f"found no {' or '.join(_TOOLS)}"
    raise RehearsalError(
        f"No container tool here has the image {', '.join(sorted(images))} ({tried}). "
        "Build it with `make image`, or rehearse without --image."
    )


def _has(tool: str, image: str) -> bool:
    kind = ["inspect", "--type", "image"] if tool == "buildah" else ["image", "inspect"]
    return subprocess.run([tool, *kind, image], capture_output=True).returncode == 0


def _run(
    words: list[str],
    log: BinaryIO,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> int:
    """Runs a process to its end, all its output in `log`; returns its status."""
    done = subprocess.run(
        words,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    return done.returncode
