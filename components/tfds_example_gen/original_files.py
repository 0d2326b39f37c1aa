"""The original files that TFDS prepares a data set from."""

from __future__ import annotations

import glob
import pathlib

import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import resource

from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DataError

# Until a server must have answered. TFDS itself has no limit and tries eleven
# times, which is minutes of silence where there is no network.
_CONNECT_TIMEOUT_S = 10


class Originals:
    """The original files of one data set, as registered with TFDS.

    Attributes:
        folder: The manual folder to take them from, if any.
        missing: Names of those not on this machine, by URL. TFDS downloads
            them, as far as this configuration of the data set needs them.
        found: Names of those in the manual folder or downloaded before.
    """

    def __init__(
        self, builder: tfds.core.DatasetBuilder, manual_dir: str | None
    ) -> None:
        self._registered: dict[str, set[tuple[str, int]]] = {}
        urls = {}
        for url, info in (builder.url_infos or {}).items():
            name = info.filename or url.rpartition("/")[2]
            self._registered.setdefault(name, set()).add((info.checksum, info.size))
            urls[url] = (name, resource.get_dl_fname(url, info.checksum))
        self.folder: pathlib.Path | None = None
        if manual_dir is not None and (urls or builder.MANUAL_DOWNLOAD_INSTRUCTIONS):
            self.folder = self._checked_folder(manual_dir)
        downloads = pathlib.Path(builder.data_dir_root) / "downloads"
        self.missing: dict[str, str] = {}
        self.found: list[str] = []
        for url, (name, cached_name) in urls.items():
            in_folder = self.folder is not None and (self.folder / name).exists()
            if in_folder or any(downloads.rglob(glob.escape(cached_name))):
                self.found.append(name)
            else:
                self.missing[url] = name

    def _checked_folder(self, manual_dir: str) -> pathlib.Path:
        folder = pathlib.Path(manual_dir).expanduser().absolute()
        if not folder.is_dir():
            names = f" with {', '.join(self._registered)}" if self._registered else ""
            raise DataError(
                f"data.manual_dir: {folder} is not a folder, expected one{names}. "
                "Correct it or $DISTILL_MANUAL_DIR, or unset it to download."
            )
        return folder

    def names(self) -> str:
        """The missing files, for a message."""
        return ", ".join(sorted(set(self.missing.values()))) or "its files"

    def why_unreachable(self) -> str:
        """Returns why nothing can be downloaded, or "" if that may work."""
        url = next((url for url in self.missing if url.startswith("http")), None)
        if url is not None:
            try:
                requests.head(url, timeout=_CONNECT_TIMEOUT_S)
            except (requests.ConnectionError, requests.Timeout):
                return f"{url.split('/')[2]} does not answer"
            except requests.RequestException:
                pass  # it answered; TFDS says better what is wrong
        return ""

    def wrong_file(self) -> str:
        """Says which file in the manual folder is not the original; "" if none."""
        for name, registered in self._registered.items():
            path = self.folder / name if self.folder is not None else None
            if path is None or not path.is_file():
                continue
            actual = (file_system.digest(str(path)), path.stat().st_size)
            if actual not in registered:
                checksum, size = next(iter(registered))
                return (
                    f"{path} is not the original file: {actual[1]} bytes with SHA-256 "
                    f"{actual[0]}, expected {int(size)} bytes with {checksum}"
                )
        return ""
