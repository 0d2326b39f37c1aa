"""Versions in an object store, which has neither renames nor locks.

Beside the versions, `.pushes/` has what servers do not read. A push goes like this:

1. It claims its number by `N.claim`, which the store creates only if it is not there
   (`store_files.create`), and waits for the pushes that have lower numbers.
2. It uploads all files but `saved_model.pb`, which goes to `N.pb`, and reads them back.
3. It creates `N.outcome`, which says that this version is published.
4. It copies `N.pb` to `N/saved_model.pb`. A server that looks for that file sees the
   whole version from then on, and nothing before.

Who finds a claim whose process is dead creates `N.outcome`, too: abandoned. Only one of
both is ever created. So a process that was only asleep cannot publish what another one
removes, and a version that was published and not copied is completed by anyone.
Numbers are never used again: a server may have given up on a version that it saw begin.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

from tfx_distill.components.pusher import versions
from tfx_distill.components.pusher.push_claims import Claim
from tfx_distill.trainer import file_system, store_files, waiting
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.store_files import StoreError

_MODEL = "saved_model.pb"
_PUSHES = ".pushes"
_CLAIM, _OUTCOME, _STAGED = "claim", "outcome", "pb"
_PUBLISHED, _ABANDONED = b"published", b"abandoned"


class StoreFolder(versions.ServingFolder):
    """See the module."""

    def __init__(self, path: str) -> None:
        super().__init__(path.rstrip("/"))

    def make(self) -> None:
        path = f"{self.path}/{_PUSHES}/writable"
        store_files.write(path, b"")
        store_files.remove(path)

    def numbers(self) -> list[int]:
        begun = versions.numbers_in(file_system.names(self.path))
        return [number for number in begun if self.is_complete(number)]

    def newest(self) -> str:
        begun = versions.numbers_in(file_system.names(self.path))
        return next(map(self.folder, filter(self.is_complete, reversed(begun))), "")

    def is_complete(self, number: int) -> bool:
        return store_files.exists(f"{self.folder(number)}/{_MODEL}")

    def settle(self) -> None:
        for number in self._claims():
            self._settle(number)

    @contextlib.contextmanager
    def opened(self, proposed: int) -> Iterator[versions.NewVersion]:
        with tempfile.TemporaryDirectory(prefix="push-") as staging_dir:
            new = _StoreVersion(self, *self._claimed(proposed), staging_dir)
            try:
                for lower in filter(new.number.__gt__, self._claims()):
                    self._await(lower)
                yield new
            finally:
                # A store that cannot be reached now: the next push does it.
                with contextlib.suppress(StoreError):
                    if not new.has_appeared:
                        self.decide(new.number, _ABANDONED)
                        self._settle(new.number)

    def publish_prepared(self, number: int) -> None:
        """Publishes what is uploaded, unless another push took this one for dead."""
        if self.decide(number, _PUBLISHED) != _PUBLISHED:
            raise StoreError(
                f"Another push took this one, of version {number} in {self.path}, for "
                "dead and removed it. Run again."
            )
        self._settle(number)

    def note(self, number: int, name: str) -> str:
        """The path of what is noted of a push."""
        return f"{self.path}/{_PUSHES}/{number}.{name}"

    def _claims(self) -> list[int]:
        """Numbers of the pushes that have not ended, ascending."""
        notes = file_system.names(f"{self.path}/{_PUSHES}")
        return versions.numbers_in(
            note.removesuffix(f".{_CLAIM}") for note in notes if note.endswith(_CLAIM)
        )

    def _claimed(self, proposed: int) -> tuple[int, Claim]:
        """A number that is this push's, above all that were ever begun; and its claim."""
        while True:
            number = versions.next_number(self.path, self._known(), proposed)
            claim, path = Claim.own(), self.note(number, _CLAIM)
            if store_files.create(path, claim.to_bytes()):
                self._require_exclusive(path)
                if max(self._known(but=number), default=-1) < number:
                    return number, claim
                store_files.remove(path)  # others were quicker; it has no files yet

    def _known(self, but: int | None = None) -> list[int]:
        """Numbers that were begun; without the claim of one."""
        notes = set(file_system.names(f"{self.path}/{_PUSHES}"))
        notes.discard(f"{but}.{_CLAIM}")
        begun = file_system.names(self.path)
        return versions.numbers_in(
            [*begun, *(note.partition(".")[0] for note in notes)]
        )

    def _require_exclusive(self, path: str) -> None:
        if store_files.create(path, b"another"):
            store_files.remove(path)
            raise DistillError(
                f"The store of {self.path} writes over files that it was told to create, "
                "so that two pushes could write one version. Use a store that knows "
                "If-None-Match, or a folder."
            )

    def _await(self, number: int) -> None:
        """Waits for a push, which ends or is dead."""
        holder = self._claim(number)
        if not waiting.until(
            lambda: self._settle(number),
            versions.LOCK_TIMEOUT_S,
            lambda: f"{self.path}, in use by {holder}",
        ):
            raise DistillError(
                f"Another push ({holder}) is using {self.path} after "
                f"{versions.LOCK_TIMEOUT_S:g} s. Wait for it to finish, then run again."
            )

    def _settle(self, number: int) -> bool:
        """Ends a push that is decided, or whose process is dead; whether it has ended."""
        claim = self._claim(number)
        if claim is None:
            return True
        outcome = self._outcome(number)
        if outcome is None and claim.is_dead():
            outcome = self.decide(number, _ABANDONED)
        if outcome is None:
            return False
        if outcome == _PUBLISHED:
            self._complete(number)
        elif self._remove(number):
            # The claim stays for the next push to look again: a request of the dead
            # process may still be on its way.
            return True
        for name in (_STAGED, _CLAIM):
            store_files.remove(self.note(number, name))
        return True

    def _complete(self, number: int) -> None:
        if self.is_complete(number):
            return
        try:
            path = f"{self.folder(number)}/{_MODEL}"
            store_files.copy(self.note(number, _STAGED), path)
        except StoreError:
            if not self.is_complete(number):  # by another process
                raise

    def _remove(self, number: int) -> bool:
        """Removes a version's files; whether there were any."""
        there = [path for _, path in file_system.files(self.folder(number))]
        for path in there:
            store_files.remove(path)
        return bool(there)

    def decide(self, number: int, outcome: bytes) -> bytes:
        """What becomes of a push: this, unless it was decided before."""
        mine = outcome + b" by " + Claim.own().to_bytes()
        if store_files.create(self.note(number, _OUTCOME), mine):
            return outcome
        return self._outcome(number) or _ABANDONED

    def _outcome(self, number: int) -> bytes | None:
        try:
            return store_files.read(self.note(number, _OUTCOME)).partition(b" by ")[0]
        except FileNotFoundError:
            return None

    def _claim(self, number: int) -> Claim | None:
        """Who pushes; None: the push has ended."""
        try:
            return Claim.from_bytes(store_files.read(self.note(number, _CLAIM)))
        except FileNotFoundError:
            return None


class _StoreVersion(versions.NewVersion):
    def __init__(
        self, serving: StoreFolder, number: int, claim: Claim, staging_dir: str
    ) -> None:
        self._serving, self._claim, self.has_appeared = serving, claim, False
        self.number, self.staging_dir = number, staging_dir

    def prepare(self, staged: str) -> None:
        folder = self._serving.folder(self.number)
        for name, path in file_system.files(staged):
            is_model = name == _MODEL
            target = self._serving.note(self.number, _STAGED)
            target = target if is_model else f"{folder}/{name}"
            store_files.upload(path, target)
            # What arrived is what gets served.
            if file_system.digest(target) != file_system.digest(path):
                raise StoreError(
                    f"{target} is not what was uploaded. Nothing was pushed; find out "
                    "what else writes there, then run again."
                )
            self._renew()

    def appear(self) -> None:
        self._serving.publish_prepared(self.number)
        self.has_appeared = True

    def _renew(self) -> None:
        """Says that this push is alive, to those that do not see its process."""
        if renewed := self._claim.renewed():
            self._claim = renewed
            path = self._serving.note(self.number, _CLAIM)
            store_files.write(path, renewed.to_bytes())
