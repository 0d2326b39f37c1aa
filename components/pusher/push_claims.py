"""Who is pushing to an object store, and whether that process still works."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pathlib
import socket
import time
import uuid

# Processes of other machines cannot be seen: they say that they are alive.
_RENEWED_S, _DEAD_AFTER_S = 30.0, 120.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A process that pushes.

    Attributes:
        machine: Tells apart all namespaces of process ids.
        host: Its name, for people.
        process: The process's id.
        started: When it started, in the kernel's ticks: ids are used again.
        alive: When it said so last, in seconds since 1970.
        nonce: Random: no two claims are equal.
    """

    machine: str
    host: str
    process: int
    started: str
    alive: float
    nonce: str

    @classmethod
    def own(cls) -> Claim:
        """One of this process."""
        return cls(
            machine=_machine(),
            host=socket.gethostname(),
            process=os.getpid(),
            started=_started(os.getpid()),
            alive=time.time(),
            nonce=uuid.uuid4().hex,
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Claim:
        return cls(**json.loads(content))

    def to_bytes(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode()

    def is_dead(self) -> bool:
        """Whether its process has ended, or has not been heard of for long."""
        if self.machine == _machine():
            return _started(self.process) != self.started
        return time.time() - self.alive > _DEAD_AFTER_S

    def renewed(self) -> Claim | None:
        """The same, alive now; None: it was said lately."""
        now = time.time()
        if now - self.alive < _RENEWED_S:
            return None
        return dataclasses.replace(self, alive=now)

    def __str__(self) -> str:
        at = datetime.datetime.fromtimestamp(self.alive, datetime.timezone.utc)
        return (
            f"process {self.process} on {self.host}, alive {at:%Y-%m-%d %H:%M:%S} UTC"
        )


def _machine() -> str:
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{socket.gethostname()}/{boot}/{os.readlink('/proc/self/ns/pid')}"


def _started(process: int) -> str:
    """Empty if there is no such process."""
    try:
        status = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    # After the name, which may have spaces: state is field 3, start time field 22.
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
