"""Docstrings as pages: they are written to be read in Python, so their bars and underscores are no markup.

One rule: signatures get shorter names, such as `ArrayLike`, and nothing that is documented is left out.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from docutils.nodes import Element  # type: ignore[import-untyped]
from numpy.typing import ArrayLike, DTypeLike
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import stringify_annotation

from convstep.checks import Array

MODES: tuple[Any, ...] = ("smart", "fully-qualified-except-typing", "fully-qualified")
NAMES = {
    stringify_annotation(annotation, mode): name
    for name, annotation in {"ArrayLike": ArrayLike, "DTypeLike": DTypeLike, "Array": Array}.items()
    for mode in MODES
}
ROOMS = {  # Keras's names for modules, and where their contents are at home
    "convstep.activations": "convstep.layers.activations",
    "convstep.callbacks": "convstep.training.callbacks",
    "convstep.initializers": "convstep.layers.initializers",
    "convstep.losses": "convstep.training.losses",
    "convstep.metrics": "convstep.training.metrics",
    "convstep.optimizers": "convstep.training.optimizers",
    "convstep.regularizers": "convstep.layers.regularizers",
}
# Classes that say what their subclasses do, once.
CONTRACTS = {"Callback", "Initializer", "Layer", "LearningRateSchedule", "Loss", "Merge", "Metric", "Optimizer", "Regularizer"}
CODE = re.compile(r"(``.+?``|`.+?`)")
SHAPE = re.compile(r"(\*\*[^*]+\*\*) \(\*(\(.*\)[^)]*)\*\)")  # napoleon puts a shape, too, between parentheses
MARKUP = re.compile(r"\||(?<=\w)_(?!\w)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", skip)
    app.connect("missing-reference", find_by_name)
    app.connect("autodoc-process-docstring", escape, priority=900)  # after napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def shorten(*event: Any) -> tuple[str | None, str | None]:
    """Return the arguments and the result of a signature with their short names."""
    *_, arguments, result = event
    return _short(arguments), _short(result)


def _short(text: str | None) -> str | None:
    for long, name in NAMES.items():
        text = text and text.replace(long, name)
    return text


def skip(*event: Any) -> bool | None:
    """Leave out what one of Keras's modules merely imports, and what a class fills in of its contract."""
    app, what, name, member, _, _ = event
    if what == "module":
        return is_guest(app.env.current_document.autodoc_module, name, member) or None
    return is_as_below(member, name) or None


def is_guest(module: str, name: str, member: Any) -> bool:
    """Return whether a module of Keras's names imports something for itself."""
    home = ROOMS.get(module)
    return bool(home) and getattr(member, "__module__", home) != home and name not in getattr(sys.modules[home or ""], "__all__", ())


def is_as_below(member: Any, name: str) -> bool:
    """Return whether a method or a property fills in what the contract of its class describes."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
    owner = getattr(function, "__qualname__", "").rpartition(".")[0]
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    below = getattr(module, owner, object).__mro__[1:] if owner.isidentifier() else ()
    return any(name in vars(kind) and kind.__name__ in CONTRACTS for kind in below)


def find_by_name(_app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    """Link a class of convstep that a signature calls by the file that it is in, to the public module that documents it."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or not target.startswith("convstep."):
        return None
    name = target.rpartition(".")[2]
    classes = {full: entry for full, entry in env.domains.python_domain.objects.items() if entry.objtype == "class"}
    found = {
        (entry.docname, entry.node_id) for full, entry in classes.items() if full.rpartition(".")[2] == name and entry.objtype == "class"
    }
    if len(found) != 1:
        return None
    page, place = found.pop()
    return make_refnode(env.app.builder, node["refdoc"], page, place, text, target)


def escape(*event: Any) -> None:
    """Escape what looks like markup in the prose of a docstring, in place."""
    lines = event[-1]
    lines[:] = _escaped(lines)


def _escaped(lines: list[str]) -> Iterator[str]:
    example = False
    for line in lines:
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if example or line.lstrip().startswith(".."):
            yield line
        else:
            parts = CODE.split(SHAPE.sub(r"\1 : *\2*", line))
            parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
            yield "".join(parts)
