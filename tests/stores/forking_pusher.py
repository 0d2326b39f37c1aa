"""Pushes to a serving folder, each in a process of its own that can be killed.

A process that has imported everything reads a line for each push, and forks. It loads
neither TensorFlow nor TFX.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys


def make_version(folder, content):
    """The files of a version, in some folder."""
    from tfx_distill.components.pusher import manifest

    for name in (
        "saved_model.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
        "assets.extra/model_card.json",
    ):
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} of {content}")
    return manifest.write(str(folder))


def push(url, content):
    """Pushes what has this content; returns the version's number."""
    from tfx_distill.components.pusher import versions

    serving = versions.at(url)
    with serving.opened(1) as new:
        staged = os.path.join(new.staging_dir, "1")
        make_version(staged, content)
        return serving.publish(staged, new)


class Pusher:
    """Starts pushes; `started` makes it."""

    def __init__(self, process):
        self._process = process

    def begin(self, url, content, environment=()):
        """Begins a push; returns the id of its process."""
        request = {"url": url, "content": content, "environment": dict(environment)}
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self):
        """Waits for it; returns its version, or the text of its error, or None: killed."""
        return json.loads(self._process.stdout.readline())

    def push(self, *given):
        self.begin(*given)
        return self.end()


@contextlib.contextmanager
def started():
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Pusher(process)
        process.stdin.close()


def _child(request, result):
    os.environ.update(request["environment"])
    from tfx_distill.trainer.errors import DistillError

    try:
        found = push(request["url"], request["content"])
    except DistillError as error:
        found = str(error)
    os.write(result, json.dumps(found).encode())


def _tell(line):
    os.write(1, f"{line}\n".encode())


def _serve():
    for line in sys.stdin:
        result, out = os.pipe()
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                _child(json.loads(line), out)
            os._exit(0)
        _tell(str(child))
        os.close(out)
        with os.fdopen(result) as given:
            text = given.read()
        os.waitpid(child, 0)
        _tell(text or "null")


if __name__ == "__main__":
    for package in ("s3fs", "gcsfs", "tfx_distill.components.pusher.store_versions"):
        with contextlib.suppress(ImportError):
            __import__(package)
    _serve()
