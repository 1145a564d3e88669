"""Code on a page that ends with a figure, and the figure below it, on white paper and on dark.

One rule: the picture is drawn by the code above it; the pieces of a page share their names, as the cells of a notebook do.
"""

import ast
from pathlib import Path
from typing import Any, ClassVar

from docs.extensions.pictures import FOLDER, RESULT, SCREEN, SHARP, THEMES, described
from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from convstep.figures import Picture, use_theme

KEY = "convstep_drawn"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("drawn", Drawn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Drawn(SphinxDirective):
    """Python that is shown and run, and what it assigned to `figure`."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Return the code and its pictures."""
        source = "\n".join(self.content)
        code = nodes.literal_block(source, source)
        code["language"] = "python"
        try:
            figures = draw(source, names_of(self.env.temp_data))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page lacks a picture, and the build says so
            return [code, self.state.document.reporter.warning(f"the code draws no picture: {error!r}", line=self.lineno)]
        number = self.env.new_serialno(KEY)
        return [code, *(self.image(figure, theme, number) for theme, figure in figures.items())]

    def image(self, figure: Picture, theme: str, number: int) -> nodes.image:
        """Write a picture, and return the node that shows it."""
        file = FOLDER / f"{self.env.docname.replace('/', '-')}-{number}-{theme}.png"
        (Path(self.env.srcdir) / FOLDER).mkdir(parents=True, exist_ok=True)
        figure.savefig(Path(self.env.srcdir) / file, dpi=SHARP)
        classes = [f"only-{theme}", "example-picture"]
        width = f"{round(figure.get_figwidth() * SCREEN)}px"
        return nodes.image(uri=f"/{file.as_posix()}", alt=described(figure), classes=classes, width=width)


def names_of(page: Any) -> dict[str, Any]:
    """Return the names that the pieces of a page share."""
    names: dict[str, Any] = page.setdefault(KEY, {})
    return names


def draw(source: str, names: dict[str, Any]) -> dict[str, Picture]:
    """Run the code, its last statement on each paper; return its figures."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "<page>", "exec"), names)  # noqa: S102 - our own pages
    figures = {}
    for theme in THEMES:
        with use_theme(theme):
            exec(compile(ast.Module([last], []), "<page>", "exec"), names)  # noqa: S102
        figures[theme] = names[RESULT]
        if not isinstance(names[RESULT], Picture):
            raise TypeError(f"{RESULT} is no picture: {names[RESULT]!r}")
    return figures
