"""What `convstep COMMAND --help` says, on a page.

One rule: it is asked of the command line itself, each time the pages are built.
"""

import argparse
import os
from typing import ClassVar

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from convstep.cli import argument_parser

COLUMNS = 90


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class CommandHelp(SphinxDirective):
    """The help of each command, one section for each."""

    required_arguments: ClassVar[int] = 0

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        return [self.section(name, text) for name, text in helps().items()]

    def section(self, name: str, text: str) -> nodes.section:
        """Return the section of one command."""
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title("", "", nodes.literal(name, name))
        block = nodes.literal_block(text, text)
        block["language"] = "text"
        section += block
        return section


def helps() -> dict[str, str]:
    """Return what each command says of itself."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(COLUMNS)
    try:
        parser = argument_parser()
        (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
        return {f"convstep {name}": command.format_help() for name, command in commands.choices.items()}
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
