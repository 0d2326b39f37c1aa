"""What a shell completes, asked as the shell asks."""

import metadata_stores
import pytest
from click.shell_completion import ShellComplete

from tfx_distill.pipeline import cli as cli_module
from tfx_distill.pipeline.cli import cli


def _completed(*words):
    *given, incomplete = words
    shell = ShellComplete(cli, {}, "distill", "_DISTILL_COMPLETE")
    return [item.value for item in shell.get_completions(given, incomplete)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("pre",), ["predict"]),
        (("run", "--config", "s"), ["smoke"]),
        (("run", "--set", "student.ep"), ["student.epochs=14"]),
        (("config", "--explain", "gate.min_acc"), ["gate.min_accuracy"]),
    ],
)
def test_commands_configurations_and_keys(words, found):
    assert _completed(*words) == found


def test_runs_of_the_named_store_the_newest_first(tmp_path):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    for name in ("2026-1", "2026-2", "other"):
        writer.run(name)
    store = ("--metadata", str(writer.path))
    assert _completed("explain", *store, "2026") == ["2026-2", "2026-1"]


def test_a_store_that_is_not_there_completes_nothing(tmp_path):
    assert _completed("explain", "--metadata", str(tmp_path / "none"), "2") == []


def test_the_shell_is_answered_and_nothing_else_runs(monkeypatch, capfd):
    monkeypatch.setattr("sys.argv", ["distill"])
    for name, value in (
        ("_DISTILL_COMPLETE", "bash_complete"),
        ("COMP_WORDS", "distill rol"),
        ("COMP_CWORD", "1"),
    ):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        cli_module.main()
    assert (capfd.readouterr().out, ended.value.code) == ("plain,rollback\n", 0)
