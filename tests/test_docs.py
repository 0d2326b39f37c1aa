"""Documentation that cannot go stale: read, and held against the code."""

import ast
import pathlib
import re
import shlex

import click
import make_docs
import pytest
import yaml

import tfx_distill
from tfx_distill.components.evaluator import margin_check
from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config.loader import CONFIGS_DIR, load_config, shipped_names
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.config.gate_config import CorruptionsConfig, GateConfig
from tfx_distill.trainer.config.section import Section
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.errors import ConfigError

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted({ROOT / "README.md", *DOCS.rglob("*.md")} - {make_docs.PATH})
FILES = ("metadata.sqlite", "pipeline.py")  # look like keys
LAZY = {
    f"tfx_distill.{name}"
    for name in (*tfx_distill._ARTIFACT_TYPES, *tfx_distill._INTERFACE)
}
OWN_FILES = ("shapes.yaml",)  # a person's own configuration in an example


def _defaults(section, prefix=""):
    """Yields the dotted path of every key of a configuration, with its value."""
    for name, value in section:
        # `from` is a word of Python: its field has another name.
        key = prefix + (type(section).model_fields[name].alias or name)
        if isinstance(value, Section):
            yield from _defaults(value, f"{key}.")
        else:
            yield key, list(value) if isinstance(value, tuple) else value


DEFAULTS = dict(_defaults(PipelineConfig()))
# Of sections that are null unless one asks for them.
DOCUMENTED = {
    **DEFAULTS,
    **dict(_defaults(TuningConfig(), "tuning.")),
    **dict(_defaults(CorruptionsConfig(), "gate.corruptions.")),
}


def _blocks(page, *languages):
    """Yields the code blocks of a page in one of `languages`."""
    pattern = r"^```(\w*)[^\n]*\n(.*?)^```"
    for language, block in re.findall(pattern, page.read_text(), re.M | re.S):
        if language in languages:
            yield block


def _commands(program):
    """The arguments of every call of `program` in the pages' shell blocks."""
    for page in PAGES:
        for block in _blocks(page, "sh", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                line = re.sub(r'make run ARGS="(.*)"', r"distill run \1", line)
                call = re.match(rf"(?:\$ )?(?:\w+=\S+ )*{program}\b(.*)", line)
                if call:
                    arguments = shlex.split(call[1].split(" > ")[0], comments=True)
                    yield pytest.param(arguments, id=f"{page.name}: {line}")


@pytest.mark.parametrize("path", make_docs.texts(), ids=lambda path: path.name)
def test_generated_files_are_current(path):
    assert path.read_text() == make_docs.texts()[path], "run: python bin/make_docs.py"


def test_every_key_is_on_the_configuration_page_with_its_default():
    text = (DOCS / "configuration.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|[^|]*\| `([^`]*)` \|", text, re.M)
    assert {key: yaml.safe_load(default) for key, default in rows} == DOCUMENTED


def test_every_key_is_in_the_default_configuration():
    def written(values, prefix=""):
        for key, value in values.items():
            nested = isinstance(value, dict) and value
            yield from written(value, f"{prefix}{key}.") if nested else [prefix + key]

    text = (CONFIGS_DIR / "default.yaml").read_text()
    assert set(written(yaml.safe_load(text))) == set(DEFAULTS)


def test_default_configuration_is_the_defaults():
    assert load_config("default") == PipelineConfig()


@pytest.mark.parametrize("arguments", list(_commands("distill")))
def test_commands_in_the_pages_exist(arguments):
    with click.Context(cli, info_name="distill") as group:
        name, command, rest = cli.resolve_command(group, arguments)
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(group, rest)
        given = command.make_context(name, rest, parent=group).params
    if "overrides" not in given:  # of a command that takes no configuration
        return
    assert given["file"] in (None, *shipped_names(), *OWN_FILES)
    file = given["file"] if given["file"] in shipped_names() else None
    load_config(file, given["overrides"])


@pytest.mark.parametrize("arguments", list(_commands("make")))
def test_targets_in_the_pages_exist(arguments):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert arguments[0] in targets


def test_tests_of_the_reliability_page_exist_and_their_commands_run_them():
    rows = re.findall(
        r"^\| [^|]* \| `([\w/.]+)::(\w+)` \| [^|]+ \| `(.+)` \|$",
        (DOCS / "reliability.md").read_text(),
        re.M,
    )
    assert len(rows) > 50
    for file, name, command in rows:
        text = (ROOT / file).read_text()
        assert f"def {name}(" in text, name
        is_named = file in command
        mark = command.split("-m ")[2].split()[0] if is_named else "attack"
        assert f"mark.{mark}" in text, f"{file}: no test is marked {mark}"


def test_keys_named_in_the_pages_exist():
    sections = "|".join(PipelineConfig.model_fields)
    for page in PAGES:
        for key in re.findall(
            rf"`((?:{sections})\.[a-z0-9_.]+)(?:=[^`]*)?`", page.read_text()
        ):
            is_section = any(known.startswith(f"{key}.") for known in DOCUMENTED)
            assert key in {*DOCUMENTED, *FILES} or is_section, f"{page.name}: {key}"


def test_links_in_the_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_links_to_a_heading_find_it():
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target if target else page).read_text()
            headings = re.findall(r"^#+ (.*)", text, re.M)
            slugs = {
                re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings
            }
            assert anchor in slugs, f"{page.name}: {target}#{anchor}"


def test_python_blocks_compile():
    for page in PAGES:
        for number, block in enumerate(_blocks(page, "python")):
            compile(block, f"{page.name}, block {number}", "exec")


def _written_out(language, beginning):
    """The block of the example of one's own data that begins so."""
    blocks = _blocks(DOCS / "your-own.md", language)
    (block,) = [block for block in blocks if block.startswith(beginning)]
    return block


def test_gate_of_the_example_can_be_kept_by_its_test_images(tmp_path):
    (tmp_path / "shapes.yaml").write_text(_written_out("yaml", "# shapes.yaml"))
    gate = load_config(str(tmp_path / "shapes.yaml")).gate
    text = (DOCS / "your-own.md").read_text()
    (images,) = re.findall(r"shapes, (\d+) test images", text)
    shapes = dict.fromkeys(("circle", "square", "triangle"), int(images) // 3)
    assert margin_check.fitted(gate, shapes).gate.margin == 0.1


def test_the_fitted_gate_is_shown_as_it_is():
    sizes = {str(number): 300 for number in range(10)}
    lines = margin_check.fitted(GateConfig.build("auto"), sizes).lines
    assert "\n".join(lines) + "\n" in (DOCS / "your-own.md").read_text()


@pytest.mark.slow
def test_models_of_the_example_fit_the_pipeline(tmp_path, monkeypatch):
    from tfx_distill.trainer.models import architectures

    source = _written_out("python", '"""my_models.py')
    (tmp_path / "my_models.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("big", "small"):
        model = architectures.build(f"my_models.{name}", (32, 32, 3), 3)
        assert model.output_shape == (None, 3)


def _prose(page):
    """A page without its code blocks and tables."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return re.sub(r"^\|.*", "", text, flags=re.M)


def _code_spans(page):
    """The words of a page that are set as code, outside its code blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    return re.findall(r"`([^`]+)`", text)


def test_paths_in_the_pages_exist():
    paths = [path for path in ROOT.iterdir() if path.is_dir()]
    folders = {path.name for path in paths if path.name[0] != "."} - {"runs"}
    for page in PAGES:
        for span in _code_spans(page):
            path = re.sub(r"\b[A-Z]{2,}\b", "*", span)  # FILE, NAME: any
            is_path = re.fullmatch(r"[\w.*-]+(/[\w.*-]*)+", path)
            if is_path and path.split("/")[0] in folders:
                assert list(ROOT.glob(path.rstrip("/"))), f"{page.name}: {span}"


def test_the_architecture_page_names_modules_by_their_whole_path():
    # But for what each component has.
    names = {"component.py", "driver.py", "executor.py", "__init__.py"}
    for span in _code_spans(DOCS / "architecture.md"):
        if span.endswith((".py", ".j2")):
            assert "/" in span or span in names, span


def test_functions_and_modules_named_in_the_pages_exist():
    for page in PAGES:
        for name in re.findall(r"`(tfx_distill(?:\.\w+)+)`", page.read_text()):
            if name in LAZY:  # resolved when they are asked for
                continue
            path, function = ROOT.joinpath(*name.split(".")), ""
            if not path.is_dir() and not path.with_suffix(".py").exists():
                path, function = path.parent, path.name
            assert path.is_dir() or path.with_suffix(".py").exists(), name
            if function:
                body = ast.parse(path.with_suffix(".py").read_text()).body
                assert function in {getattr(node, "name", "") for node in body}, name


def test_defaults_in_the_readme_are_the_defaults():
    rows = re.findall(
        r"^\| ((?:`[\w.]+`(?:, )?)+) \| ([^|]+) \|",
        (ROOT / "README.md").read_text(),
        re.M,
    )
    of_mnist = dict(_defaults(load_config()))
    checked = set()
    for keys, values in rows:
        names = [key.strip("`") for key in keys.split(", ")]
        if set(names) <= set(DOCUMENTED):
            shown = [yaml.safe_load(value.strip("`")) for value in values.split(", ")]
            assert shown == [{**DOCUMENTED, **of_mnist}[name] for name in names]
            checked.update(names)
    assert {"gate.margin", "pusher.directory", "student.epochs"} <= checked


def test_accuracies_in_the_prose_stand_in_a_table_or_an_output_too():
    for page in (ROOT / "README.md", DOCS / "report.md", DOCS / "inspection.md"):
        prose = _prose(page)
        shown = page.read_text().replace(prose, "")
        for number in set(re.findall(r"\b0\.\d{4}\b", prose)):
            assert shown.count(number) > prose.count(number), f"{page.name}: {number}"


def test_results_in_the_readme_are_those_of_the_results_page():
    table = re.findall(
        r"^\| `\w+` \| [^|]+ \| [\d,]+ \|.*", (ROOT / "README.md").read_text(), re.M
    )
    assert len(table) == 3
    results = (DOCS / "results.md").read_text()
    for row in table:
        for number in re.findall(r"\b0\.\d{4}\b|\b\d+,\d{3}\b", row):
            assert number in results, f"{number} in {row}"


def _texts():
    """Every text in our code, with … for what is filled in."""
    for folder in ("bin", "components", "pipeline", "trainer"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = [getattr(part, "value", None) for part in parts]
                yield "".join(t if isinstance(t, str) else "…" for t in texts)


def test_messages_on_the_troubleshooting_page_are_those_of_the_code():
    rows = re.findall(
        r"^\| ([^|]*) \|", (DOCS / "troubleshooting.md").read_text(), re.M
    )
    told = "\n".join(_texts())
    for message in re.findall(r"`([^`]+)`", "\n".join(rows)):
        for piece in filter(None, message.split("…")):
            assert piece.strip() in told, message


def test_the_error_of_a_margin_that_is_too_narrow_is_shown_as_it_is():
    with pytest.raises(ConfigError) as raised:
        margin_check.require_resolvable(load_config().gate, 128)
    assert f"Error: {raised.value}\n" in (DOCS / "your-own.md").read_text()


def test_words_of_the_outputs_in_the_readme_are_those_of_the_code():
    lines = {line.strip() for text in _texts() for line in text.splitlines()}
    patterns = [
        re.escape(line).replace("…", ".*")
        for line in lines
        if len(re.findall("[A-Za-z]", line)) > 2  # fewer fit anything
    ]
    known = re.compile("|".join(patterns))
    outputs = [
        block
        for block in _blocks(ROOT / "README.md", "text")
        if block.startswith(("mnist ", "Student NOT"))
    ]
    assert len(outputs) == 2
    for cell in re.split(r"\n|\s{2,}", "\n".join(outputs)):
        # Reasons are put together of parts: `Check.describe` has tests of its own.
        if len(re.findall("[a-z]", cell)) > 3 and not cell.startswith("gate."):
            assert known.fullmatch(cell), cell
