"""Which register tiles this machine has, and which one suits how many columns.

One rule: only speed depends on the size of a tile. Whether filters or pixels are its columns decides the order of sums, by shapes alone.
"""

from dataclasses import dataclass, replace
from functools import cache

from convstep.engines.compiled.native import host_features

ONE_VECTOR = 1.1  # how much longer a product takes in a tile of one vector than in one of two
WASTED = 1.15  # how many more rows than weights are worth another tile
LATENCY, MOST = 4.0, 8  # cycles that the next product of a sum waits, when two begin in each; vectors of a tile of pixels


@dataclass(frozen=True)
class Tile:
    """The size of a register tile: rows x vectors of `lanes` numbers."""

    rows: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        """How many columns it has: a panel."""
        return self.vectors * self.lanes


@cache
def tiles_for(size: int) -> tuple[Tile, ...]:
    """Return the tiles of this machine for numbers of this size, the widest first."""
    features = host_features()
    if "avx512f" in features:
        wide, rows = 64 // size, 14
        return (
            Tile(rows, 2, wide),
            Tile(rows, 1, wide),
            *((Tile(rows, 1, lanes) for lanes in (8, 4)) if size == 4 else (Tile(rows, 1, 4),)),
        )
    lanes = (32 if "avx2" in features else 16) // size
    if "neon" in features:
        return Tile(8, 2, lanes), Tile(12, 1, lanes)
    return (Tile(6, 2, lanes), Tile(12, 1, lanes), *((Tile(12, 1, 4),) if lanes > 4 else ()))


@cache
def tile_for(columns: int, size: int) -> Tile:
    """Return the tile that makes the least work of so many columns; of equals the widest."""
    return min(tiles_for(size), key=lambda tile: work(columns, tile))


def work(columns: int, tile: Tile) -> float:
    """Return how many vectors the tile multiplies for each number of a row; tiles of one vector load more for each product."""
    return -(-columns // tile.width) * tile.vectors * (1 if tile.vectors > 1 else ONE_VECTOR)


@cache
def tile_of_weights(filters: int, weights: int, size: int) -> Tile:
    """Return the tile whose rows are so many weights of a filter: where the last tile would be nearly empty, one with other rows."""
    tile = tile_for(filters, size)
    rows = -(-weights // -(-weights // (tile.rows + 1)))  # a tile of one vector has a register left for another row
    wasted = -(-weights // tile.rows) * tile.rows / (-(-weights // rows) * rows)
    return replace(tile, rows=rows) if tile.vectors == 1 and wasted > WASTED else tile


@cache
def tile_of_pixels(filters: int, pixels: int, size: int) -> Tile:
    """Return the tile for pixels in the lanes: its rows are filters, its columns so many pixels side by side, or a part of them."""
    lanes, registers = tiles_for(size)[0].lanes, 32 if host_features() & {"avx512f", "neon"} else 16
    rows = -(-filters // -(-filters // (12 if registers > 16 else 6)))
    fitting = [Tile(rows, vectors, lanes) for vectors in range(1, MOST + 1) if rows * vectors + min(rows, vectors) < registers]
    return min(fitting, key=lambda tile: (-(-pixels // tile.width) * (max(tile.rows * tile.vectors / 2, LATENCY) + 1), -tile.vectors))
