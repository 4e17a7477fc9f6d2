"""Constraints written as text: comparisons and arithmetic over parameter names, and nothing else.

Text is the form a constraint has in a file or on a command line. It is read with Python's own
grammar and walked by hand, so it can compare and calculate but never call, import or index.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import SpaceError

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Expression:
    """A constraint such as ``"batch * 2 <= width or opt == 'sgd'"``.

    Raises:
        SpaceError: when the text is not an expression of names, literals, comparisons and arithmetic.

    Example:
        >>> Expression("1 < a <= 2 * b")({"a": 4, "b": 2})
        True
    """

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise SpaceError(f"the constraint {text!r} is not an expression: {error.msg}.") from None
        self.names: tuple[str, ...] = tuple(sorted(_names(self._tree, text)))

    @property
    def judged(self) -> tuple[str, ...]:
        """Names that are true or false by themselves in it, compared with nothing.

        Raises:
            SpaceError: where that is a number, which says nothing.

        Example:
            >>> Expression("nesterov and lr < 0.1").judged
            ('nesterov',)
        """
        return tuple(sorted(_judged(self._tree, self._text)))

    def __call__(self, values: Mapping[str, Any]) -> bool:
        """Whether the constraint holds at these values."""
        return bool(_evaluate(self._tree, values))

    def excess(self, values: Mapping[str, Any]) -> float:
        """How far the constraint is from holding at these values; 0 exactly where it holds.

        Example:
            >>> Expression("a <= 2")({"a": 3}), Expression("a <= 2").excess({"a": 3}), Expression("a <= 2").excess({"a": 5})
            (False, 0.5, 0.75)
        """
        return _excess(self._tree, values)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Expression({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self._text,)


def _names(node: ast.AST, text: str) -> set[str]:
    match node:
        case ast.Name() | ast.Attribute():
            return {_dotted(node, text)}
        case ast.Constant():
            return set()
        case ast.BoolOp(values=parts):
            return set().union(*(_names(part, text) for part in parts))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=inner):
            return _names(inner, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _names(left, text) | _names(right, text)
        case ast.Compare(left=left, ops=ops, comparators=parts) if all(type(op) in _BINARY for op in ops):
            return _names(left, text).union(*(_names(part, text) for part in parts))
    raise SpaceError(
        f"the constraint {text!r} uses {type(node).__name__}. "
        "Use names, numbers, strings, + - * / // %, comparisons, and, or, not."
    )


def _judged(node: ast.AST, text: str) -> set[str]:
    match node:
        case ast.BoolOp(values=parts):
            return set().union(*(_judged(part, text) for part in parts))
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _judged(inner, text)
        case ast.Name() | ast.Attribute():
            return {_dotted(node, text)}
        case ast.Compare() | ast.Constant(value=bool()):
            return set()
    raise SpaceError(
        f"the constraint {text!r} compares nothing: {ast.unparse(node)!r} is a number or a text, and every one would do. Write a "
        "comparison, 'lr < 0.1'."
    )


def _dotted(node: ast.AST, text: str) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, text)}.{node.attr}"
    raise SpaceError(f"the constraint {text!r} takes an attribute of something that is not a name.")


def _evaluate(node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_evaluate(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_evaluate(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _evaluate(inner, values)
        case ast.UnaryOp(operand=inner):
            return -_evaluate(inner, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.Compare(left=left, ops=ops, comparators=parts):
            chain = [_evaluate(part, values) for part in (left, *parts)]
            pairs = zip(chain, ops, chain[1:], strict=False)
            return all(_BINARY[type(op)](one, other) for one, op, other in pairs)
    return values[_dotted(node, "")]


def _excess(node: ast.AST, values: Mapping[str, Any]) -> float:
    """Between 0, where it holds, and 1 for each comparison that does not; less where it is nearer to holding."""
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return sum(_excess(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return min(_excess(part, values) for part in parts)
        case ast.Compare(left=left, ops=ops, comparators=parts):
            chain = [_evaluate(part, values) for part in (left, *parts)]
            return sum(
                _gap(type(op), one, other) for one, op, other in zip(chain, ops, chain[1:], strict=False)
            )
    return 0.0 if _evaluate(node, values) else 1.0


def _gap(op: type[ast.AST], one: Any, other: Any) -> float:
    """0 where a comparison holds, else something above 0 that grows with the distance of its sides."""
    if _BINARY[op](one, other):
        return 0.0
    if op is ast.NotEq or isinstance(one, str | tuple | None) or isinstance(other, str | tuple | None):
        return 1.0
    distance = abs(one - other)
    return max(1e-12, distance / (1.0 + distance)) if distance == distance else 1.0
