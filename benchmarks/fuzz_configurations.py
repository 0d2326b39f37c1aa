"""Does any configuration give something other than a value or one line per mistake?

Files and `--set` values are made from the configuration's JSON schema and by damaging
the text of the shipped files.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import fuzzing

from tfx_distill.pipeline.config.loader import CONFIGS_DIR, load_config
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.trainer import structured_text

_NASTY = (
    "", "~", "null", "true", "-1", "0", "1", "2", "0.5", "1e-30", "1e400", "-.inf", ".nan",
    "9" * 400, "9" * 5000, "0x", "0x_", "0b_", "1_", "1:60", "1:1:1:1.5", "2020-13-45",
    "2001-12-14t21:59:43.10-05:00", "!!int x", "!!float ''", "!!bool 7", "!!binary x",
    "!!python/object:os.system x", "!!timestamp 3", "!!set {a}", "&a [*a]", "*b", "<<",
    "'\\0'", '"\\0"', '"\\e[31m"', '"\\uD800"', "~nobody", "~nobody/x", "a://b", "[", "{",
    "[" * 5000, "{a: " * 60 + "1" + "}" * 60, "[]", "{}", "[[]]", "[1, [2]]", "{1: 2}",
    "{~: 1}", "{[1]: 2}", "{a: 1, a: 2}", "{.nan: 1}", "? x", "- x", "é", "💥", "a b",
    "a\tb", "[a, 1, null, {}]", "train[:50%]", "train[", "x.y", "x.y.z", ".", "..", "/",
    "/dev/zero", "/dev/null", "%", "{dataset}", "{dataset", "{0}", "%s", "env:", "env:NO",
    "--x", "--", "$HOME", "mnist:1", "mnist/", "linear", "log", "adam", "max", "min",
    "x" * 3000, "\udcff", "[bold]x[/bold]", "1.5.2", "1Gi", "0", "+5", "1e3", "1.", ".5",
    "{min: 1, max: 9}", "{min: 9, max: 1}", "{values: [1, 2]}", "{min: 1, max: 1e300}",
    "{function: a.b, x: .nan}", "{claim: a, path: /x}", "{name: a, key: b, env: C}",
    "{sqlite: {filename_uri: 3}}", "{mysql: {host: [1], password: env:HOME}}",
    "{host: h, port: 99999999999}", "{fake_database: {}, sqlite: {}}", "{host: 1, port: x}",
)  # fmt: skip


_SCHEMA = PipelineConfig.model_json_schema(by_alias=True)
_FOLDER = tempfile.TemporaryDirectory()


def _followed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return _SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else schema


def _keys(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the dotted keys of a JSON schema, each with its own schema."""
    for choice in map(_followed, (schema, *schema.get("anyOf", ()))):
        for name, inner in choice.get("properties", {}).items():
            yield name, inner
            yield from ((f"{name}.{rest}", below) for rest, below in _keys(inner))


_SCHEMAS = dict(_keys(_SCHEMA))
KEYS = sorted(_SCHEMAS)
TEXTS = [path.read_bytes() for path in sorted(CONFIGS_DIR.rglob("*.yaml"))]
_WORDS = sorted({word for text in TEXTS for word in text.decode().split()})


def attack(rng: random.Random) -> None:
    """Loads one configuration, and uses what is accepted as a run would."""
    overrides = [_override(rng) for _ in range(rng.choice((0, 1, 1, 2)))]
    if not overrides or rng.random() < 0.6:
        path = pathlib.Path(_FOLDER.name, "config.yaml")
        path.write_bytes(_file(rng))
        config = load_config(path, overrides)
    else:
        config = load_config(rng.choice((None, "smoke", "tuned")), overrides)
    again = PipelineConfig.build(structured_text.from_yaml(config.to_yaml()))
    assert again == config, "the resolved configuration reads back as another"
    structured_text.from_json(config.to_json())  # as executors get it
    for folder in (config.pipeline_dir, config.serving_dir, config.tuning_dir):
        os.fspath(folder).encode()
    store_connection.connection_config(config)


def _override(rng: random.Random) -> str:
    key = rng.choice(KEYS)
    match rng.randrange(8):
        case 0:
            key = rng.choice(_NASTY)
        case 1:
            key += "." + rng.choice(_NASTY)
        case 2:
            key = ".".join(rng.choices(key + ".", k=rng.choice((3, 3000))))
    return f"{key}={_value(rng, _SCHEMAS.get(key))}"


def _value(rng: random.Random, schema: Mapping[str, Any] | None = None) -> str:
    if schema is not None and rng.random() < 0.6:
        return json.dumps(_fitting(rng, schema))
    match rng.randrange(6):
        case 0:
            return rng.choice(_WORDS)
        case 1:
            return f"[{', '.join(rng.choices(_NASTY, k=rng.randrange(4)))}]"
        case 2:
            name = rng.choice(KEYS).rpartition(".")[2]
            return f"{{{name}: {rng.choice(_NASTY)}}}"
    return rng.choice(_NASTY)


def _fitting(rng: random.Random, schema: Mapping[str, Any]) -> Any:
    """A value of the schema's type, at its limits or just past them."""
    schema = _followed(schema)
    if "anyOf" in schema:
        return _fitting(rng, rng.choice(schema["anyOf"]))
    if "enum" in schema:
        return rng.choice(schema["enum"])
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 9))
    match schema.get("type"):
        case "integer":
            return rng.choice((least, most, most + 1, rng.randint(least, most)))
        case "number":
            return rng.choice((least, most, rng.uniform(least, most), 1e-300, 1e300))
        case "boolean":
            return rng.random() < 0.5
        case "array":
            return [_fitting(rng, schema["items"]) for _ in range(rng.randrange(4))]
        case "object":
            inner = schema.get("properties", {})
            names = rng.sample(sorted(inner), rng.randrange(min(4, len(inner) + 1)))
            return {name: _fitting(rng, inner[name]) for name in names}
        case "string":
            return rng.choice((*_WORDS, *_NASTY))
    return None


def _file(rng: random.Random) -> bytes:
    text = rng.choice(TEXTS)
    match rng.randrange(4):
        case 0:
            return fuzzing.damaged(text, rng)
        case 1:
            lines = [_nested(rng) for _ in range(rng.randint(1, 4))]
            return "\n".join(lines).encode("utf-8", "surrogateescape")
        case 2:
            lines = text.decode().splitlines()
            rng.shuffle(lines)
            return "\n".join(lines[: rng.randrange(len(lines) + 1)]).encode()
    words = text.decode().split(" ")
    for _ in range(rng.randint(1, 3)):
        words[rng.randrange(len(words))] = _value(rng)
    return " ".join(words).encode("utf-8", "surrogateescape")


def _nested(rng: random.Random) -> str:
    key = rng.choice(KEYS)
    *sections, last = key.split(".")
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(sections)]
    return "\n".join(
        [*lines, f"{'  ' * len(sections)}{last}: {_value(rng, _SCHEMAS[key])}"]
    )


if __name__ == "__main__":
    fuzzing.main(__doc__, 20_000, attack, ("pydantic", "pyyaml"))
