"""Mutants: copies of a module's source, each with one small change that should matter.

The operators are the usual ones: comparisons, arithmetic, `and` and `or`, negated
conditions, numbers and booleans, and calls, assignments, returns and `raise` that are
missing. Texts are not changed, nor are annotations, decorators, nor anything inside a
message.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import hashlib
from collections.abc import Iterator

_COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NEGATED_BY_AN_OPERATOR = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_SHOWN = 70  # characters of each side of a change


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One changed module.

    Attributes:
        key: `FUNCTION: OLD → NEW`, with a number if the function has several of them.
            Unlike a line number, it stays when code is added elsewhere.
        line: Of the change, from 1.
        source: The whole changed module.
    """

    key: str
    line: int
    source: str


def all_of(source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    seen: collections.Counter[str] = collections.Counter()
    mutants = []
    for name, node, new in _changes(ast.parse(source), "module"):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        text = b"".join(lines)
        old = text[begin:end].decode()
        key = f"{name}: {_short(old)} → {_short(new)}"
        seen[key] += 1
        key += f" ({seen[key]})" * (seen[key] > 1)
        new = new if isinstance(node, ast.stmt) else f"({new})"
        changed = (text[:begin] + new.encode() + text[end:]).decode()
        mutants.append(Mutant(key, node.lineno, changed))
    return sorted(mutants, key=lambda mutant: mutant.line)


def sample(source: str, number: int, seed: int) -> list[Mutant]:
    """Some mutants of a module; a change elsewhere in it hardly changes which."""

    def rank(mutant: Mutant) -> str:
        return hashlib.sha256(f"{seed}/{mutant.key}".encode()).hexdigest()

    chosen = sorted(all_of(source), key=rank)[:number]
    return sorted(chosen, key=lambda mutant: mutant.line)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _changes(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST, str]]:
    """The function, the changed node, and the source that takes its place."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        name = node.name if name == "module" else f"{name}.{node.name}"
    for new in _replacements(node):
        yield name, node, new
    if isinstance(node, ast.If | ast.IfExp | ast.While) and _is_worth_negating(
        node.test
    ):
        yield name, node.test, f"not ({ast.unparse(node.test)})"
    if isinstance(node, ast.comprehension):
        for test in filter(_is_worth_negating, node.ifs):
            yield name, test, f"not ({ast.unparse(test)})"
    if not isinstance(node, ast.JoinedStr | ast.Raise):  # messages
        for field, child in ast.iter_fields(node):
            if field not in ("annotation", "decorator_list", "returns"):
                for one in child if isinstance(child, list) else [child]:
                    if isinstance(one, ast.AST):
                        yield from _changes(one, name)


def _is_worth_negating(test: ast.expr) -> bool:
    """Whether no other operator does the same, and the code runs at all."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return not isinstance(test.ops[0], _NEGATED_BY_AN_OPERATOR)
    is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    return not is_not and ast.unparse(test) != "TYPE_CHECKING"


def _replacements(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield repr(value + 1)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield ast.unparse(node.operand)
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                ops = list(node.ops)
                ops[place] = _COMPARISONS[type(operator)]()
                yield ast.unparse(ast.Compare(node.left, ops, node.comparators))
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.unparse(ast.BoolOp(other, node.values))
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not _is_text(node):
            operator = _ARITHMETIC[type(node.op)]()
            yield ast.unparse(ast.BinOp(node.left, operator, node.right))
        case ast.AugAssign() if type(node.op) in _ARITHMETIC:
            operator = _ARITHMETIC[type(node.op)]()
            yield ast.unparse(ast.AugAssign(node.target, operator, node.value))
        case _:
            yield from _statements(node)


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )


def _statements(node: ast.AST) -> Iterator[str]:
    """What takes the place of a statement that is left out."""
    match node:
        case ast.Raise():
            yield "pass"
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            if not ast.unparse(node).startswith("logger."):
                yield "pass"
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield "pass"
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield "return None"
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield "break"


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
