"""Products of matrices. One rule: the result is measured before it is made."""

import numpy as np

from convstep.checks import Array, shown
from convstep.interop.onnx.operators.operator import Operator
from convstep.interop.onnx.operators.reading import Unfit, flag, real, room, together
from convstep.interop.onnx.records import Node


def matmul(_node: Node, x: Array, y: Array) -> Array:
    """Multiply matrices, or stacks of them that broadcast, as NumPy does."""
    room(product_shape(x, y), x.dtype)
    return np.asarray(np.matmul(x, y))


def gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> Array:
    """Return alpha * a b + beta * c, with a or b transposed."""
    if a.ndim != 2 or b.ndim != 2:
        raise Unfit(f"A and B must have 2 axes, not {a.ndim} and {b.ndim}")
    left, right = a.T if flag(node, "transA") else a, b.T if flag(node, "transB") else b
    if left.shape[1] != right.shape[0]:
        raise Unfit(f"{left.shape[1]} columns of A do not fit {right.shape[0]} rows of B")
    shape = room((left.shape[0], right.shape[1]), a.dtype)
    alpha, beta = real(node, "alpha", 1.0), real(node, "beta", 1.0)
    y = left @ right
    if alpha != 1:
        y = (alpha * y).astype(a.dtype)
    if c is None:
        return y
    if together(shape, c.shape) != shape:
        raise Unfit(f"C of shape {c.shape} does not broadcast to {shape}")
    if beta == 0:
        return y  # whatever C holds
    return y + (c if beta == 1 else (beta * c).astype(a.dtype))


def einsum(node: Node, *arrays: Array) -> Array:
    """Return the sum over products that an equation names."""
    equation = node.get("equation")
    if not isinstance(equation, str):
        raise Unfit(f"equation must be text, not {shown(equation)}")
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise Unfit(f"equation {equation!r} has {len(terms)} terms, but there are {len(arrays)} inputs")
    sizes, stretches = _sizes(terms, arrays)
    if not arrow:
        right = ("..." if "..." in left else "") + "".join(sorted(name for name in sizes if left.count(name) == 1))
    if any(name not in sizes for name in right.replace("...", "")):
        raise Unfit(f"equation {equation!r} makes axes that no input has")
    room((*(together(*stretches) if "..." in right else ()), *(sizes[name] for name in right.replace("...", ""))), arrays[0].dtype)
    return np.asarray(np.einsum(f"{left}->{right}", *arrays, optimize=len(arrays) > 2)).astype(arrays[0].dtype, copy=False)


def product_shape(x: Array, y: Array) -> tuple[int, ...]:
    """Return the shape of a product of matrices."""
    if not x.ndim or not y.ndim:
        raise Unfit("a single number is no matrix")
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise Unfit(f"{x.shape[-1]} columns do not fit {inner} rows")
    stacks = together(x.shape[:-2], y.shape[:-2])
    return (*stacks, *(x.shape[-2:-1] if x.ndim > 1 else ()), *(y.shape[-1:] if y.ndim > 1 else ()))


def _sizes(terms: list[str], arrays: tuple[Array, ...]) -> tuple[dict[str, int], list[tuple[int, ...]]]:
    """Return the length of every named axis, and the axes that "..." stands for in each input."""
    sizes: dict[str, int] = {}
    stretches = []
    for term, x in zip(terms, arrays, strict=True):
        names, dots, behind = term.partition("...")
        rest = x.ndim - len(names) - len(behind)
        if (not (names + behind).isalpha() and names + behind) or rest < 0 or (rest and not dots):
            raise Unfit(f"term {term!r} does not fit an input with {x.ndim} axes")
        stretches.append(x.shape[len(names) : len(names) + rest])
        for name, size in zip(names + behind, (*x.shape[: len(names)], *x.shape[x.ndim - len(behind) :]), strict=True):
            if sizes.setdefault(name, size) not in {size, 1} and size != 1:
                raise Unfit(f"axis {name} is {sizes[name]} and {size} long")
            sizes[name] = max(size, sizes[name])
    return sizes, stretches


OPERATORS = [
    Operator("Einsum", einsum, "N*", "equation", since=12),
    Operator("Gemm", gemm, "N N N", "alpha beta broadcast transA transB"),
    Operator("Gemm", gemm, "N N N", "alpha beta transA transB", since=7),
    Operator("Gemm", gemm, "N N N?", "alpha beta transA transB", since=11),
    Operator("MatMul", matmul, "N N"),
]
