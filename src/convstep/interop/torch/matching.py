"""Which module of PyTorch's belongs to which layer: by a map, by names, or by the order of both.

One rule: an order counts only if it is the one way in which the modules, one after the other, fit layers whose inputs are there already;
where two ways fit, or none does, nothing is guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from convstep.checks import Array, counted, refusal, shown
from convstep.errors import ArgumentTypeError
from convstep.interop.torch.orders import by_kinds, in_order, torchvision_order, without_order
from convstep.interop.torch.sites import Site

__all__ = ["Groups", "Names", "grouped", "matched"]

Groups: TypeAlias = dict[str, dict[str, Array]]  # the tensors of each module, by their last names
Names: TypeAlias = Mapping[str, str | None] | Callable[[str], str | None] | None
FEW = 6


def grouped(arrays: Mapping[str, Array]) -> Groups:
    """Return the tensors by modules, in their order."""
    groups: Groups = {}
    for name, array in arrays.items():
        module, _, last = name.rpartition(".")
        groups.setdefault(module, {})[last] = array
    return groups


def matched(op: str, groups: Groups, sites: Sequence[Site], names: Names, *, ordered: bool = True) -> dict[str, Site]:
    """Return the site of each module. `ordered`: whether the modules are in the order in which they were made.

    Raises
    ------
    ShapeError
        If a module or a layer is left, a shape differs, or the order does not tell which belong together. All differences are named.
    """
    found = _named(groups, sites) if names is None else _mapped(op, groups, sites, names)
    if found is None:
        return _in_order(op, groups, sites, ordered=ordered)
    used = {site.name for site in found.values() if site is not None}
    problems = [f'"{site.dotted}" is missing' for site in sites if site.name not in used]
    problems += [f'"{module}" is unexpected' for module in groups if module not in found]
    kept = {module: site for module, site in found.items() if site is not None}
    for module, site in kept.items():
        problems += _differences(module, groups[module], site)
    if problems:
        raise _refused(op, problems, groups, sites)
    return kept


# --- by names ---


def _mapped(op: str, groups: Groups, sites: Sequence[Site], names: Any) -> dict[str, Site | None]:
    """Return the sites by a map or function of the caller's; what it does not name goes by its own name."""
    if not callable(names) and not isinstance(names, Mapping):
        fact = "names must be a mapping of PyTorch's modules to layers, or a function from one to the other"
        raise refusal(op, fact, {"names": names}, kind=ArgumentTypeError)
    known = {site.dotted: site for site in sites}
    found: dict[str, Site | None] = {}
    for module in groups:
        given = names(module) if callable(names) else _looked_up(names, module)
        if given is None:
            found[module] = None
            continue
        site = known.get(str(given).replace("/", "."))
        if site is None:
            fact = f'names has "{given}" for "{module}", but there is no such layer with weights; there are {_few(list(known))}'
            raise refusal(op, fact, {"names": names})
        if site in found.values():
            other = next(item for item, value in found.items() if value is site)
            raise refusal(op, f'names has the layer "{site.name}" for "{other}" and for "{module}"', {"names": names})
        found[module] = site
    if isinstance(names, Mapping):
        unused = [key for key in names if not any(module == key or module.startswith(f"{key}.") for module in groups)]
        if unused:
            raise refusal(op, f"names has {_few(unused)}, which the weights have not; they have {_few(list(groups))}", {"names": names})
    return found


def _looked_up(names: Mapping[str, Any], module: str) -> str | None:
    """Return what a map says for a module or for the nearest one around it."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        key = ".".join(parts[:count])
        if key in names:
            value: Any = names[key]
            return None if value is None else ".".join([str(value), *parts[count:]])
    return module


def _named(groups: Groups, sites: Sequence[Site]) -> Mapping[str, Site | None] | None:
    """Return the sites by their own names, if every site is named so; PyTorch's names may have a module around all of them."""
    known = {site.dotted: site for site in sites}
    heads = {module.partition(".")[0] for module in groups}
    for around in ["", *(f"{head}." for head in heads if len(heads) == 1)]:
        names = {module: module.removeprefix(around) for module in groups}
        if set(known) <= set(names.values()):
            return {module: known[name] for module, name in names.items() if name in known}
    return None


# --- by order ---


def _in_order(op: str, groups: Groups, sites: Sequence[Site], *, ordered: bool) -> dict[str, Site]:
    modules = list(groups)
    fits = {module: {site.name for site in sites if not _differences(module, groups[module], site)} for module in modules}
    problems = _without_place(groups, sites, fits)
    if problems:
        raise refusal(op, f"the weights do not fit the model: {_listed(problems)}", {"modules": len(modules), "layers": len(sites)}, ADVICE)
    order = modules if ordered else torchvision_order(modules)
    ways, furthest = (without_order(modules, sites, fits), 0) if order is None else in_order(order, sites, fits)
    if not ways and ordered:
        ways = by_kinds(modules, sites, fits)
    if not ways:
        module = modules[min(furthest, len(modules) - 1)]
        raise _misplaced(op, module, groups[module], [site for site in sites if site.name in fits[module]])
    if len(ways) > 1:
        module = next(module for module in modules if ways[0][module] is not ways[-1][module])
        one, other = (way[module].name for way in (ways[0], ways[-1]))
        fact = f'the order does not tell whether "{module}" belongs to "{one}" or to "{other}": both fit'
        raise refusal(op, fact, {"weights": tuple(groups[module].values())}, ADVICE)
    for module, site in ways[0].items():
        if site.layer.named and any(other.dotted == module and other is not site for other in sites):
            fact = f'by order "{module}" belongs to the layer "{site.name}", by its name to another one'
            raise refusal(op, fact, {"names": None}, ADVICE)
    return ways[0]


# --- what is said ---

ADVICE = "names={module: layer}"


def _differences(module: str, tensors: Mapping[str, Array], site: Site) -> list[str]:
    """Return what keeps a module from filling a site."""
    prefix = f"{module}." if module else ""
    found = [f'"{prefix}{name}" is missing' for name in site.slots if name not in tensors]
    for name, array in tensors.items():
        if name in site.slots:
            shapes = site.slots[name].shapes
            if array.shape not in shapes:
                found.append(f'"{prefix}{name}" has the shape {shown(array.shape)}, but "{site.name}" takes {shown(shapes[0])}')
            elif array.dtype.kind != "f":
                found.append(f'"{prefix}{name}" has the type {array.dtype.name}, which is no type of weights')
        elif name in site.constants:
            if not (array == site.constants[name]).all():
                found.append(f'"{prefix}{name}" is not always {site.constants[name]:g}, as in "{site.name}"')
        elif name not in site.ignored:
            found.append(f'"{prefix}{name}" is unexpected')
    return found


def _refused(op: str, problems: Sequence[str], groups: Groups, sites: Sequence[Site]) -> Exception:
    fact = f"the weights do not fit the model: {_listed(problems)}"
    return refusal(op, fact, {"modules": len(groups), "layers": len(sites)})


def _listed(problems: Sequence[str]) -> str:
    more = f", and {len(problems) - FEW} more" if len(problems) > FEW else ""
    return f"{'; '.join(problems[:FEW])}{more}"


def _without_place(groups: Groups, sites: Sequence[Site], fits: Mapping[str, set[str]]) -> list[str]:
    """Return what cannot be matched in any order: modules that fit no layer, layers that nothing fits, other numbers of them."""
    fitting = set[str]().union(*fits.values())
    problems = [f'"{module}" ({_shapes(groups[module])}) fits no layer' for module in groups if not fits[module]]
    problems += [f"nothing fits {_told(site)}" for site in sites if site.name not in fitting]
    if len(groups) != len(sites):
        counts = f"{counted(len(groups), 'module')} for {counted(len(sites), 'layer')} with weights"
        problems.append(f"there are {counts}: {_few(list(groups))}; {_few([site.name for site in sites])}")
    return problems


def _misplaced(op: str, module: str, tensors: Mapping[str, Array], sites: Sequence[Site]) -> Exception:
    fits = ", ".join(_told(site) for site in sites[:FEW])
    fact = f'"{module}" ({_shapes(tensors)}) fits {fits}, but not in this order'
    return refusal(op, fact, {"names": None}, ADVICE)


def _shapes(tensors: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in tensors.items())


def _told(site: Site) -> str:
    return f'"{site.name}"' + (f" {next(iter(site.slots.values())).shapes[0]}" if site.slots else "")


def _few(names: Sequence[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names[:FEW])
    return listed + (f" and {len(names) - FEW} more" if len(names) > FEW else "")
