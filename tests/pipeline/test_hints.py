"""Commands that messages advise repeat what chose the pipeline."""

import pytest
from click.testing import CliRunner

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.cli import cli


def test_without_a_command_line_a_hint_is_the_command_alone():
    assert hints.command("run") == "distill run"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["runs", "--config", "smoke"], "`distill run --config smoke` first"),
        (["runs", "--set", "pipeline.root=a b", "--set", "student.epochs=3"],
         "`distill run --set 'pipeline.root=a b'` first"),
        (["explain", "--metadata", "nowhere"], "`distill run` first"),
        (["report", "--config", "smoke"], "`distill run --config smoke` first"),
        (["rollback", "1", "--reason", "x", "--config", "smoke"],
         "`distill run --config smoke` first"),
        (["predict", "--config", "smoke"], "`distill run --config smoke` first"),
    ],
)  # fmt: skip
def test_a_hint_has_the_options_that_say_which_pipeline(
    arguments, hint, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(cli, arguments).exception
    assert hint in str(error)


def test_commands_that_only_read_name_the_store_too():
    with cli.make_context("distill", ["runs"]) as context:
        context.params.update(file="smoke", place="m.sqlite")
        assert hints.command("show 3") == (
            "distill show 3 --config smoke --metadata m.sqlite"
        )
        assert hints.command("rollback 3") == "distill rollback 3 --config smoke"
