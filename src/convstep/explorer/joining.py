"""The explorer's ES modules as one text, for a page or a widget that cannot import files.

One rule: the joined text does what the modules do. What joining could change (a name that two modules give, an import that renames, a
cycle) is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["JoiningError", "join"]

IMPORT = re.compile(r'^import\s*\{([^{}]*)\}\s*from\s*"\./([\w.-]+\.js)";[ \t]*$', re.MULTILINE)
OTHER_IMPORT = re.compile(r"""^import\b(?=\s*["'*{(.]|.*\bfrom\s*["']).*$|^[^\n/]*\bimport\(.*$""", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function\b|class\b|const\b|let\b)", re.MULTILINE)
DEFAULT = re.compile(r"^export default\b", re.MULTILINE)
OTHER_EXPORT = re.compile(r"^export\b(?! default\b)(?=\s*[{*]|\s+\w).*$", re.MULTILINE)
DECLARATION = re.compile(
    r"^(export )?(?:export default )?(?:(?:async )?function\b\s*\*?|(?:class|const|let|var)\b)\s*([\w$]+|\{[^{}]*\}|\[[^\[\]]*\])",
    re.MULTILINE,
)
NAME = re.compile(r"[A-Za-z_$][\w$]*")


class JoiningError(ValueError):
    """Modules that cannot be joined: an error of whoever wrote them."""


@dataclass(frozen=True)
class Module:
    """What joining has to know of one module."""

    imports: Mapping[str, tuple[str, ...]]  # names, by the module that they come from, in order
    exported: frozenset[str]
    names: tuple[str, ...]  # all that it declares on its top level
    text: str  # without its imports and the word `export`


def join(sources: Mapping[str, str], first: str) -> str:
    """Return the module `first` and all that it imports as the text of one module.

    Parameters
    ----------
    sources : mapping of str to str
        The texts of the modules by the names of their files.
    first : str
        The one that the others are there for. It alone may have a default export, which stays.

    Raises
    ------
    JoiningError
        If there is a cycle, a module or a name that is missing, two modules that declare the same name, or a form of import and export
        that joining does not know.
    """
    modules: dict[str, Module] = {}
    _collect(sources, modules, (first,))
    _check_names(modules)
    for name, module in modules.items():
        if name != first and DEFAULT.search(module.text):
            raise JoiningError(f"{name} has a default export, which only {first} may have")
    return "\n".join(f"// {name}\n{module.text.strip()}\n" for name, module in modules.items())


def _collect(sources: Mapping[str, str], modules: dict[str, Module], way: tuple[str, ...]) -> None:
    """Read the last module of the way here, after all that it imports."""
    *_, name = way
    if name not in sources:
        raise JoiningError(f"{' imports '.join(way[-2:])}, which is not there")
    module = _read(name, sources[name])
    for other in module.imports:
        if other in way:
            raise JoiningError(f"a cycle of imports: {' imports '.join((*way[way.index(other) :], other))}")
        if other not in modules:
            _collect(sources, modules, (*way, other))
        for wanted in module.imports[other]:
            if wanted not in modules[other].exported:
                raise JoiningError(f"{name} imports {wanted} from {other}, which does not export it")
    modules[name] = module


def _read(name: str, source: str) -> Module:
    imports: dict[str, tuple[str, ...]] = {}
    for listed, other in IMPORT.findall(source):
        wanted = tuple(word.strip() for word in listed.split(",") if word.strip())
        for word in wanted:
            if not NAME.fullmatch(word):
                raise JoiningError(f"{name} imports {word!r} from {other}; joining knows plain names alone")
        imports[other] = (*imports.get(other, ()), *wanted)
    text = IMPORT.sub("", source)
    for form in (OTHER_IMPORT, OTHER_EXPORT):
        for found in form.finditer(EXPORT.sub("", text)):
            raise JoiningError(f"{name} has a line that joining does not know: {found[0].strip()!r}")
    for mark in ("</script", "<!--"):
        if mark in text.lower():
            raise JoiningError(f"{name} holds {mark!r}, at which a page would end the script")
    declared = [(bool(export), word) for export, pattern in DECLARATION.findall(text) for word in _declared(pattern)]
    exported = frozenset(word for is_exported, word in declared if is_exported)
    return Module(imports, exported, tuple(word for _, word in declared), EXPORT.sub("", text))


def _declared(pattern: str) -> list[str]:
    """Return the names that a declaration gives: `a`, or those of `{ a, b: c }`, which are a and c."""
    parts = [part.partition("=")[0] for part in pattern.strip("{}[]").split(",")]
    return [word for part in parts for word in NAME.findall(part.rpartition(":")[2])]


def _check_names(modules: Mapping[str, Module]) -> None:
    owners: dict[str, str] = {}
    for name, module in modules.items():
        for word in module.names:
            if word in owners:
                raise JoiningError(f"{word} is declared in {owners[word]} and in {name}; in one text a name has one meaning")
            owners[word] = name
