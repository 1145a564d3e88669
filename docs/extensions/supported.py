"""What is read and written of other formats, as tables on a page.

One rule: a table is made from what the code itself looks things up in, each time the pages are built.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from convstep.interop.keras.building import BOTH
from convstep.interop.onnx.operators import MODULES, VERSIONS
from convstep.interop.onnx.writing.walking import WRITTEN

TITLES = {
    "detecting": "boxes around objects",
    "elementwise": "cell by cell",
    "making": "values and types",
    "matrices": "products of matrices",
    "quantizing": "numbers of 8 bits",
    "reducing": "along axes",
    "resizing": "other sizes of images",
    "selecting": "choosing",
    "shaping": "shapes and order",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("supported", Supported)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Supported(SphinxDirective):
    """One of the tables."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return list(self.parse_text_to_nodes(TABLES[self.arguments[0]]()))


def operators() -> str:
    """Return ONNX's operators by kinds, each with the first opset for which it is there, if that is not 1."""
    rows = []
    for module in MODULES:
        names = sorted({item.name for item in module.OPERATORS})
        name = module.__name__.rpartition(".")[2]
        rows.append((TITLES.get(name, name), ", ".join(map(_operator, names))))
    return _table(("kind", "operators"), rows)


def _operator(name: str) -> str:
    since = VERSIONS[name][0].since
    return f"`{name}` ({since})" if since > 1 else f"`{name}`"


def to_onnx() -> str:
    """Return the layers that are written as ONNX."""
    return _listed(kind.__name__ for kind in WRITTEN)


def with_keras() -> str:
    """Return the layers that are read from Keras and written for it."""
    return _listed(BOTH)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES: dict[str, Callable[[], Any]] = {"onnx-operators": operators, "onnx-layers": to_onnx, "keras-layers": with_keras}
