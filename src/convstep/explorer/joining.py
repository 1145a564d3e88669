"""The explorer's ES modules as one text, for a page or a widget that cannot import files.

One rule: the joined text does what the modules do. Each becomes a function that is called once and gives what it exports; a form of
import or export that this would change is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DEFAULT", "JoiningError", "join"]

IMPORT = re.compile(r'^import\s*\{([^{}]*)\}\s*from\s*"\./([\w.-]+\.js)";[ \t]*$', re.MULTILINE)
OTHER_IMPORT = re.compile(r"""^import\b(?=\s*["'*{(.]|.*\bfrom\s*["']).*$|^[^\n/]*\bimport\(.*$""", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:(?:async )?function\b\s*\*?|class\b|const\b)\s*([\w$]+))", re.MULTILINE)
DEFAULT = re.compile(r"^export default\b", re.MULTILINE)
OTHER_EXPORT = re.compile(r"^export\b(?! default\b)(?=\s*[{*]|\s+\w).*$", re.MULTILINE)
FOR_EDITORS = re.compile(r"^[ \t]*/\*\*.*?\*/[ \t]*\n", re.MULTILINE | re.DOTALL)  # a seventh of the text
NAME = re.compile(r"([A-Za-z_$][\w$]*)(?: as ([A-Za-z_$][\w$]*))?")


class JoiningError(ValueError):
    """Modules that cannot be joined: an error of whoever wrote them."""


@dataclass(frozen=True)
class Module:
    """What joining has to know of one module."""

    wanted: tuple[tuple[str, str], ...]  # the names that it imports, each after the module that it comes from
    exported: tuple[str, ...]
    text: str  # imports are assignments, and the word `export` is gone


def join(sources: Mapping[str, str], first: str) -> str:
    """Return the module `first` and all that it imports as the text of one module, without the comments that say types to editors.

    Parameters
    ----------
    sources : mapping of str to str
        The texts of the modules by the names of their files.
    first : str
        The one that the others are there for. It alone may have a default export, which stays.

    Raises
    ------
    JoiningError
        If there is a cycle, a module or a name is missing, or a form of import and export is not among those that joining knows: names
        from files of the same folder, and functions, classes and constants.
    """
    modules: dict[str, Module] = {}
    _collect(sources, modules, (first,))
    return "\n".join(_scoped(name, module, last=name == first) for name, module in modules.items())


def _collect(sources: Mapping[str, str], modules: dict[str, Module], way: tuple[str, ...]) -> None:
    """Read the last module of the way here, after all that it imports."""
    *_, name = way
    if name not in sources:
        raise JoiningError(f"{' imports '.join(way[-2:])}, which is not there")
    module = _read(name, sources[name])
    for other, wanted in module.wanted:
        if other in way:
            raise JoiningError(f"a cycle of imports: {' imports '.join((*way[way.index(other) :], other))}")
        if other not in modules:
            _collect(sources, modules, (*way, other))
        if wanted not in modules[other].exported:
            raise JoiningError(f"{name} imports {wanted} from {other}, which does not export it")
    modules[name] = module


def _read(name: str, source: str) -> Module:
    wanted: list[tuple[str, str]] = []

    def assigned(found: re.Match[str]) -> str:
        names = []
        for word in filter(None, map(str.strip, found[1].split(","))):
            parts = NAME.fullmatch(word)
            if parts is None:
                raise JoiningError(f"{name} imports {word!r} from {found[2]}, which is no name")
            wanted.append((found[2], parts[1]))
            names.append(": ".join(filter(None, parts.groups())))
        return f"const {{ {', '.join(names)} }} = {_constant(found[2])};"

    text = FOR_EDITORS.sub("", IMPORT.sub(assigned, source))
    for form in (OTHER_IMPORT, OTHER_EXPORT):
        for found in form.finditer(EXPORT.sub("", text)):
            raise JoiningError(f"{name} has a line that joining does not know: {found[0].strip()!r}")
    for mark in ("</script", "<!--"):
        if mark in text.lower():
            raise JoiningError(f"{name} holds {mark!r}, at which a page would end the script")
    return Module(tuple(wanted), tuple(EXPORT.findall(text)), EXPORT.sub("", text).strip())


def _scoped(name: str, module: Module, *, last: bool) -> str:
    """Return a module as a function of its own, so that two may use the same names. The last one stays open."""
    if last:
        return f"// {name}\n{module.text}\n"
    if DEFAULT.search(module.text):
        raise JoiningError(f"{name} has a default export, which only the first module may have")
    return f"// {name}\nconst {_constant(name)} = (() => {{\n{module.text}\nreturn {{ {', '.join(module.exported)} }};\n}})();\n"


def _constant(name: str) -> str:
    return "from_" + re.sub(r"\W", "_", name.removesuffix(".js"))
