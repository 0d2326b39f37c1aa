"""Reads a serving folder as TensorFlow Serving does, and looks for half versions."""

import os
import threading

from tfx_distill.components.pusher import manifest
from tfx_distill.trainer import file_system


def changes(folder):
    """What of a version is not as its own manifest says."""
    path = os.path.join(folder, manifest.NAME)
    if not file_system.exists(path):
        return ["no manifest"]
    return manifest.changes(folder, file_system.digest(path))


class Reader:
    """Polls all the time: a version counts as soon as it has a `saved_model.pb`.

    Attributes:
        seen: Numbers of all versions that it saw.
        broken: Version and file of whatever was not whole.
        polls: How often it looked.
    """

    def __init__(self, folder):
        self._folder, self._stop = folder, threading.Event()
        self.seen, self.broken, self.polls = set(), [], 0

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.poll(all_of_them=True)

    def _run(self):
        while not self._stop.wait(0.05):
            self.poll()

    def poll(self, all_of_them=False):
        self.polls += 1
        for name in file_system.names(self._folder):
            folder = f"{self._folder}/{name}"
            is_known = name.isdigit() and int(name) in self.seen
            if not name.isdigit() or (is_known and not all_of_them):
                continue
            if "saved_model.pb" in file_system.names(folder):
                self.seen.add(int(name))
                self.broken += [(name, what) for what in changes(folder)]
