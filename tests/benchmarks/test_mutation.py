"""The mutation run tells what tests notice from what they do not."""

import json
import os
import subprocess
import sys

import mutants
import mutation
import pytest
from mutation_targets import EQUIVALENT, TESTS

RULE = """\
def count(number):
    found = 0
    while found < number:
        found += 1
    return found
"""
CHECKS = """\
import rule


def test_rule():
    assert [rule.count(0), rule.count(2)] == [0, 2]
"""


@pytest.fixture
def tested(tmp_path):
    """A function that tests all mutants of `RULE` in a new process."""

    def run(checks, equivalent=None):
        for name, text in (("rule.py", RULE), ("test_rule.py", checks)):
            (tmp_path / name).write_text(text)
        call = (
            "import json, mutation, pathlib, pytest, sys; mutation._GRACE_S = 1;"
            "print(json.dumps(mutation.run({'rule.py': ['test_rule.py']}, 99, 0,"
            "pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))))"
        )
        known = json.dumps({"rule.py": equivalent or {}})
        return subprocess.run(
            [sys.executable, "-c", call, str(tmp_path), known],
            env={**os.environ, "PYTHONPATH": str(mutation.ROOT / "benchmarks")},
            capture_output=True,
            text=True,
        )

    return run


def test_only_what_no_test_notices_survives_and_what_is_equivalent_is_not_run(tested):
    done = tested(CHECKS, {"count: 0 → 1": "it is not, but told so"})
    (result,) = json.loads(done.stdout)
    assert result["survived"] == ["rule.py:4: count: 1 → 2"]
    assert result["equivalent"] == ["count: 0 → 1"]
    # It loops for ever.
    assert "count: found += 1 → found -= 1" in result["killed"]
    assert len(result["killed"]) == 4


def test_tests_that_fail_without_a_mutant_tell_nothing(tested):
    done = tested(CHECKS + "    assert rule.count(9) == 8\n")
    assert done.returncode == 1
    assert "rule.py: its tests fail without a mutant" in done.stderr


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("a < b <= c", ["(a <= b <= c)", "(a < b < c)"]),
        ("a + b @ c", ["(a - b @ c)"]),
        ("x = 'text' + a", []),
        ("x = -0.5", ["x = (0.5)", "x = -(1.5)"]),
        ("x = a if not b else 0",
         ["x = a if (b) else 0", "x = a if not b else (1)"]),
        ("x = True", ["x = (False)"]),
        ("if a: b()", ["if (not (a)): b()", "if a: pass"]),
        ("x = [a for a in b if a]", ["x = [a for a in b if (not (a))]"]),
        ("a.b = c", ["pass"]),
        ("def f(x: int | None = 1) -> int | str: return x",
         ["def f(x: int | None = (2)) -> int | str: return x",
          "def f(x: int | None = 1) -> int | str: return None"]),
        ("raise ValueError(f'{a + 1}')", ["pass"]),
        ("x = f'{a + 1}'", []),
        ("while a or b: continue",
         ["while (a and b): continue", "while (not (a or b)): continue",
          "while a or b: break"]),
        ("'é'; x = 1", ["'é'; x = (2)"]),
    ],
)  # fmt: skip
def test_every_change_is_a_mutant_of_its_own(code, changed):
    assert sorted(m.source for m in mutants.all_of(code)) == sorted(changed)


def test_a_sample_is_the_same_when_code_is_added_above():
    one = mutants.sample(RULE, 3, seed=0)
    other = mutants.sample(f"import os\n\n{RULE}", 3, seed=0)
    assert [m.key for m in one] == [m.key for m in other]
    assert [m.line + 2 for m in one] == [m.line for m in other]


def test_the_score_is_that_of_mutants_that_a_test_can_notice():
    results = [
        {"killed": ["a"] * 8, "survived": ["b"], "equivalent": ["c"] * 5},
        {"killed": ["d"], "survived": [], "equivalent": []},
    ]
    assert mutation.score(results) == 0.9


def test_an_equivalent_mutant_that_is_gone_is_named(tmp_path):
    (tmp_path / "rule.py").write_text(RULE)
    known = {"rule.py": {"count: 0 → 1": "", "count: 7 → 8": ""}}
    assert mutation.stale(tmp_path, known) == ["rule.py: count: 7 → 8"]


def test_modules_and_their_tests_are_there():
    tests = {test.split("::")[0] for tests in TESTS.values() for test in tests}
    paths = {*TESTS, *EQUIVALENT, *tests}
    assert [path for path in paths if not (mutation.ROOT / path).exists()] == []
    assert set(EQUIVALENT) <= set(TESTS)
