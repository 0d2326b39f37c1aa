"""Does any damage to ML Metadata or to an artifact's files break the commands that look?

The store and the files are those of a real run. A case damages bytes of the database,
single cells of it, or one JSON file, and runs one command.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import random
import shutil
import sqlite3
import tempfile

import click
import earlier_store
import fuzzing

from tfx_distill.pipeline.cli import cli
from tfx_distill.trainer.errors import DistillError

_FOLDER = tempfile.TemporaryDirectory()
ROOT = pathlib.Path(_FOLDER.name)
_COMMANDS = (
    ["runs"], ["runs", "--json"], ["explain"], ["explain", "1795891890", "--json"],
    ["artifacts"], ["artifacts", "--type", "Model"], ["lineage", "8"],
    ["lineage", "execution:9", "--json"], *(["show", str(id_)] for id_ in range(1, 18)),
    ["gc"],
)  # fmt: skip
_CELLS = (
    None, "", "x", "\x1b[31m", "[bold]", "[/nothing]", -1, 0, 1, 2, 7, 99, 2**62, 1e300,
    float("inf"), b"", b"\xff\xfe", "mlmd-struct::", "mlmd-struct::////", "a: [", "&a [*a]",
    "[" * 9999, '{"a": NaN}', "9" * 5000, "/dev/zero", "\0", "../../..", "x" * 10**5,
)  # fmt: skip


def _extracted() -> pathlib.Path:
    """The pipeline's folder, in which a database takes any value in any cell."""
    folder = earlier_store.unpack(ROOT)
    with contextlib.closing(sqlite3.connect(folder / "whole.sqlite")) as database:
        database.executescript((folder / "metadata.sql").read_text())
        database.execute("PRAGMA writable_schema = ON")
        # Without affinity, too: a cell keeps the type that it is given.
        for word, instead in ((" NOT NULL", ""), (" INT,", ","), (" TEXT", "")):
            query = (
                "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table'"
            )
            database.execute(query, [word, instead])
        database.commit()
    return folder


PIPELINE = _extracted()
_STORE = PIPELINE / "metadata.sqlite"
_WHOLE = PIPELINE / "whole.sqlite"
_JSON = sorted((PIPELINE / "artifacts").rglob("*.json"))


def attack(rng: random.Random) -> None:
    """Damages something, then looks at it as a user would."""
    shutil.copyfile(_WHOLE, _STORE)
    place = ["--config", "smoke", "--set", f"pipeline.root={ROOT}"]
    match rng.randrange(3):
        case 0:
            _STORE.write_bytes(fuzzing.damaged(_WHOLE.read_bytes(), rng))
            distill(*rng.choice(_COMMANDS), *place)
        case 1:
            _damage_cells(rng)
            distill(*rng.choice(_COMMANDS), *place)
        case _:
            path = rng.choice(_JSON)
            before = path.read_bytes()
            path.write_bytes(_damaged_json(before, rng))
            try:
                distill(*rng.choice(_COMMANDS), *place)
            finally:
                path.write_bytes(before)


def distill(*arguments: str) -> str:
    """What a command prints, which must be fit for a terminal."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            cli.main(list(arguments), standalone_mode=False)
    except click.ClickException as error:
        raise DistillError(error.message) from None
    text = out.getvalue()
    bad = {c for c in text if not c.isprintable() and c not in "\n\xa0\u3000"}
    assert not bad, f"{arguments[0]} prints {bad}"
    return text


def _damage_cells(rng: random.Random) -> None:
    with contextlib.closing(sqlite3.connect(_STORE)) as database:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [name for (name,) in database.execute(query) if name != "MLMDEnv"]
        for _ in range(rng.randint(1, 3)):
            table = rng.choice(tables)
            columns = [
                row[1] for row in database.execute(f"PRAGMA table_info({table})")
            ]
            column, value = rng.choice(columns), rng.choice(_CELLS)
            count = rng.choice((1, 1, 1, 1000))
            with contextlib.suppress(sqlite3.Error):  # a key stays unique
                database.execute(
                    f"UPDATE {table} SET {column} = ? WHERE rowid IN (SELECT rowid FROM "
                    f"{table} ORDER BY random() LIMIT {count})",
                    [value],
                )
        database.commit()


def _damaged_json(content: bytes, rng: random.Random) -> bytes:
    """Broken text, or a text of which one value is another."""
    if rng.random() < 0.4:
        return fuzzing.damaged(content, rng)
    value = json.loads(content)
    here = value
    while isinstance(here, dict | list) and here:
        key = rng.choice(list(here) if isinstance(here, dict) else range(len(here)))
        if not isinstance(here[key], dict | list) or rng.random() < 0.3:
            cells = [c for c in _CELLS if not isinstance(c, bytes)]
            here[key] = rng.choice((*cells, [], {}, [1], {"a": None}, True))
            break
        here = here[key]
    return json.dumps(value).encode()


if __name__ == "__main__":
    fuzzing.main(__doc__, 2_000, attack, ("ml-metadata", "rich"))
