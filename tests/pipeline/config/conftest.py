"""A configuration file of the user's, and an environment that says nothing."""

import pytest


@pytest.fixture(autouse=True)
def no_manual_dir(monkeypatch):
    monkeypatch.delenv("DISTILL_MANUAL_DIR", raising=False)


@pytest.fixture
def own_file(tmp_path):
    """A function that writes a text into a configuration file."""

    def write(text):
        path = tmp_path / "own.yaml"
        path.write_text(text)
        return path

    return write
