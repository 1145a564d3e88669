"""Which ways there are to give modules, in the order that is known of them, to the layers of a model.

One rule: two ways are looked for, not one, so that a caller knows whether there was a choice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from convstep.checks import Array
from convstep.interop.torch.sites import Site

__all__ = ["by_kinds", "in_order", "is_sorted", "natural", "torchvision_order", "without_order"]

Way: TypeAlias = dict[str, Site]
Fits: TypeAlias = Mapping[str, set[str]]  # the names of the sites that each module fits
MOST_TRIES = 20_000
DIGITS = "0123456789"
RESNET = re.compile(r"(conv1|bn1)|layer(\d+)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.([01]))|(fc)")


def natural(name: str) -> list[Any]:
    """Return what sorts names by their numbers: "layer.2" before "layer.10"."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def is_sorted(arrays: Mapping[str, Array]) -> bool:
    """Return whether names are in the order of the alphabet, type by type, as safetensors leaves them: their own order is lost then."""
    types: dict[str, list[str]] = {}
    for name, array in arrays.items():
        types.setdefault(array.dtype.name, []).append(name)
    return all(names in (sorted(names), sorted(names, key=natural)) for names in types.values())


def torchvision_order(modules: Sequence[str]) -> list[str] | None:
    """Return the modules of a ResNet of torchvision's in the order in which it makes them; None for all others."""
    keys: dict[str, tuple[int, ...]] = {}
    for module in modules:
        match = RESNET.fullmatch(module)
        if match is None:
            return None
        stem, layer, block, kind, number, downsample, _ = match.groups()
        if layer is None:
            keys[module] = (0, stem == "bn1") if stem else (2,)
        else:
            keys[module] = (1, int(layer), int(block), int(number or 9), int(downsample or kind == "bn"))
    return sorted(modules, key=keys.__getitem__)


def in_order(modules: Sequence[str], sites: Sequence[Site], fits: Fits) -> tuple[list[Way], int]:
    """Return at most two ways to give the modules, in their order, to sites that come after all that they need; and how far one came."""
    ways: list[Way] = []
    placed: list[Site] = []
    done: set[str] = set()

    def candidates() -> Iterator[Site]:
        fitting = fits[modules[len(placed)]]
        return iter([site for site in sites if site.name not in done and site.before <= done and site.name in fitting])

    stack = [candidates()]
    furthest = tries = 0
    while stack and len(ways) < 2 and tries < MOST_TRIES:
        site = next(stack[-1], None)
        if site is None:
            stack.pop()
            if placed:
                done.discard(placed.pop().name)
            continue
        tries += 1
        placed.append(site)
        done.add(site.name)
        furthest = max(furthest, len(placed))
        if len(placed) == len(modules):
            ways.append(dict(zip(modules, placed, strict=True)))
            done.discard(placed.pop().name)
        else:
            stack.append(candidates())
    return (ways if tries < MOST_TRIES or len(ways) > 1 else []), furthest


def by_kinds(modules: Sequence[str], sites: Sequence[Site], fits: Fits) -> list[Way]:
    """Return the one way in which those that fit the same sites follow each other, for a chain whose modules are sorted by kinds."""
    kinds: dict[frozenset[str], list[str]] = {}
    for module in modules:
        kinds.setdefault(frozenset(fits[module]), []).append(module)
    is_chain = all(site.before == {before.name} for before, site in pairwise(sites))
    if not is_chain or any(len(kind) != len(members) for kind, members in kinds.items()) or sum(map(len, kinds)) != len(sites):
        return []
    places = {site.name: place for place, site in enumerate(sites)}
    found: Way = {}
    for kind, members in kinds.items():
        found |= {module: sites[place] for module, place in zip(members, sorted(places[name] for name in kind), strict=True)}
    return [{module: found[module] for module in modules}]


def without_order(modules: Sequence[str], sites: Sequence[Site], fits: Fits) -> list[Way]:
    """Return at most two ways to give modules to sites where only names with numbers tell an order: "conv1" before "conv2".

    No module may lead to a site that one with a smaller number depends on.
    """
    above = _ancestors(sites)
    earlier = {module: {other for other in modules if _has_smaller_number(other, module)} for module in modules}
    later = {module: {other for other in modules if module in earlier[other]} for module in modules}
    ways: list[Way] = []
    placed: dict[str, Site] = {}  # in the order of the sites
    done: set[str] = set()
    tries = 0

    def candidates() -> Iterator[str]:
        site = sites[len(placed)]
        left = [other.name for other in sites[len(placed) + 1 :] if site.name not in above[other.name]]
        return iter([module for module in modules if module not in done and site.name in fits[module] and possible(module, site, left)])

    def possible(module: str, site: Site, left: Sequence[str]) -> bool:
        if not earlier[module] <= done and len(earlier[module] - done) > len(left):
            return False
        return not any(placed[other].name in above[site.name] for other in later[module] & done)

    stack = [candidates()]
    while stack and len(ways) < 2 and tries < MOST_TRIES:
        module = next(stack[-1], None)
        if module is None:
            stack.pop()
            if placed:
                done.discard(placed.popitem()[0])
            continue
        tries += 1
        placed[module] = sites[len(placed)]
        done.add(module)
        if len(placed) == len(sites):
            ways.append({name: placed[name] for name in modules})
            done.discard(placed.popitem()[0])
        else:
            stack.append(candidates())
    return ways if tries < MOST_TRIES or len(ways) > 1 else []


def _ancestors(sites: Sequence[Site]) -> dict[str, frozenset[str]]:
    """Return all that each site needs, directly or not."""
    above: dict[str, frozenset[str]] = {}
    for site in sites:
        above[site.name] = site.before.union(*(above[name] for name in site.before))
    return above


def _has_smaller_number(one: str, other: str) -> bool:
    """Return whether two names first differ in a number at the end of a part, and the first has the smaller one."""
    for a, b in zip(one.split("."), other.split("."), strict=False):
        if a != b:
            stem = a.rstrip(DIGITS)
            return a != stem != b and stem == b.rstrip(DIGITS) and int(a[len(stem) :]) < int(b[len(stem) :])
    return False
