"""Winograd's F(4x4, 3x3): sixteen outputs of a 3 x 3 filter from 36 products instead of 144, for every pair of channels.

Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A, with 6 x 6 tiles d of the image and the 3 x 3 filter g; the products of all tiles and channels are 36
matrix products on the register tile. Lavin and Gray 2015, Fast algorithms for convolutional neural networks, section 4.3.
"""

from convstep.engines.compiled.kernels.compiling import inner
from convstep.engines.compiled.kernels.tile import make_tile
from convstep.engines.compiled.kernels.transform import make_last_transform, make_transform
from convstep.engines.compiled.kernels.vectors import vectors as vectors_of
from convstep.engines.compiled.kernels.words import WORDS, clear, copy, load_int, store_int

OUT, IN, CELLS = 4, 6, 36  # a tile's outputs and inputs along one axis, and its products
APART = 64  # bytes between cells: a power of 2 apart they would all want the same set of the cache
INPUT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
FILTER = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))
OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


def transposed(matrix):
    """Return the transpose of a matrix."""
    return tuple(zip(*matrix, strict=True))


def filters(size, vectors, lanes):
    """Make the kernel that transforms packed filters: (panels, 9, terms, width) -> (panels, 36, terms, width), cells apart.

    One job is a panel.
    """
    transform = make_filter_transform(size, vectors, lanes)

    def filters(packed, to, terms, job, worker):
        transform(packed, to, terms, job, job)

    return filters


def make_filter_transform(size, vectors, lanes):
    """Return the function that writes U = G g Gᵀ of one packed panel of filters."""
    transform = make_transform(FILTER, lanes, size, reads="stride", writes="stride")
    line = vectors * lanes * size

    @inner
    def filter_transform(packed, to, terms, panel, place):
        cell = terms * line + APART
        source, target = packed + panel * 9 * terms * line, to + place * CELLS * cell
        for at in range(0, terms * line, lanes * size):
            transform(source + at, terms * line, target + at, cell)

    return filter_transform


def make_square(side):
    """Return the function that fills a table with the addresses of a square of pixels, `nobody` where it leaves the image."""

    @inner
    def square(table, image, row, pixel, corner, shape, nobody):
        i0, j0 = corner
        height, across = shape
        for g in range(side * side):
            i, j = i0 + g // side, j0 + g % side
            store_int(table + 8 * g, image + i * row + j * pixel if 0 <= i < height and 0 <= j < across else nobody)

    return square


def correlate(size, rows, vectors, lanes):
    """Make the kernel that slides filters over images, stride 1. One job is a block of tiles and some panels of filters.

    Where `shared` is 0 filters come packed, and the job transforms them itself, `chunk` panels at a time.
    """
    tile = make_tile(rows, vectors, lanes, size)
    to_products = make_transform(INPUT, lanes, size, reads="table", writes="stride")
    to_outputs = make_last_transform(OUTPUT, lanes, size)
    filter_transform = make_filter_transform(size, vectors, lanes)
    inputs, outputs = make_square(IN), make_square(OUT)
    load, _ = WORDS[size]
    width = vectors * lanes
    line = width * size

    def correlate(
        x, given, bias, y, found, buffers, x_image, x_row, x_pixel, height, across, channels, top, left,
        floor, y_image, y_row, y_pixel, images, out_h, out_w, filters, panels, block, block_p, chunk, shared, buffer_size, job, worker,
    ):  # fmt: skip
        parts, downs, rights = -(-panels // block_p), -(-out_h // OUT), -(-out_w // OUT)
        part, first = job % parts, job // parts * block
        count = min(block, images * downs * rights - first)

        # 1. Where things lie in this worker's memory: tables, a pixel of zeros, one that nobody reads, the transforms of x, of w and of y.
        table = buffers + worker * buffer_size
        rows_of_v, rows_of_m = table + CELLS * 8, table + (CELLS + block + rows) * 8
        zeros = rows_of_m + (block + rows) * 8
        nobody = zeros + channels * size
        wrong = nobody + (chunk + 1) * line
        v = wrong + line
        u = v + CELLS * (block * (channels * size + APART) + APART)
        m = u + (0 if shared else (chunk + 1) * CELLS * (channels * line + APART))
        v_row, u_cell = channels * size + APART, channels * line + APART
        v_cell = count * v_row + APART
        clear(zeros, channels * size)
        clear(wrong, lanes * size)

        # 2. V = Bᵀ d B, channel by channel: (tiles; 6·6; C) -> (6·6; tiles, C). Pixels outside are zeros.
        for t in range(count):
            index = first + t
            image = x + index // (downs * rights) * x_image
            corner = top + index // rights % downs * OUT, left + index % rights * OUT
            inputs(table, image, x_row, x_pixel, corner, (height, across), zeros)
            for c in range(0, channels, lanes):
                at = min(c, channels - lanes) * size
                to_products(at, table, v + t * v_row + at, v_cell)

        begin, end = part * block_p, min((part + 1) * block_p, panels)
        while begin < end:
            here = min(chunk, end - begin)
            if 0 < filters - (begin + here) * width < lanes:
                here += 1  # a chunk has at least a vector of filters
            m_row = here * line
            m_cell = count * m_row + APART
            for t in range(max(count, rows)):
                store_int(rows_of_v + 8 * t, min(t, count - 1) * v_row)
                store_int(rows_of_m + 8 * t, min(t, count - 1) * m_row)

            # 3. U = G g Gᵀ: (3·3; C, K) -> (6·6; C, K).
            if shared:
                u = given + begin * CELLS * u_cell
            else:
                for panel in range(here):
                    filter_transform(given, u, channels, begin + panel, panel)

            # 4. For each of the 36 cells (tiles; C) · (C; K) -> (tiles; K).
            for cell in range(CELLS):
                for panel in range(here):
                    b = u + (panel * CELLS + cell) * u_cell
                    for t in range(0, count, rows):
                        at = 8 * max(min(t, count - rows), 0)
                        tile((
                            v + cell * v_cell, rows_of_v + at, 0, size, b, 0, line, m + cell * m_cell + panel * line, rows_of_m + at,
                            1, channels, 0, 0, width,
                        ))  # fmt: skip

            # 5. Y = Aᵀ M A, filter by filter: (6·6; tiles, K) -> (tiles; 4·4; K). Outputs outside go to nobody.
            columns = min(filters - begin * width, here * width)
            for t in range(count):
                index = first + t
                target = y + index // (downs * rights) * y_image + begin * line
                outputs(table, target, y_row, y_pixel, (index // rights % downs * OUT, index % rights * OUT), (out_h, out_w), nobody)
                for k in range(0, columns, lanes):
                    at = min(k, columns - lanes) * size
                    to_outputs(m + t * m_row + at, m_cell, at, table, bias + begin * line + at if bias else 0, floor, wrong)
            begin += here
        for lane in range(lanes):
            if load(wrong + lane * size) != 0:
                store_int(found, 1)

    return correlate


def correlate_to_w(size, rows, vectors, lanes):
    """Make the kernel that forms partial sums of the gradient of transformed filters, Σ V ⊙ (A dy Aᵀ) over tiles.

    One job is a share of the blocks of tiles, and some panels of filters: (shares, panels, 36, C, width), cells apart.
    """
    tile = make_tile(rows, vectors, lanes, size)
    to_products = make_transform(INPUT, lanes, size, reads="table", writes="stride")
    from_outputs = make_transform(transposed(OUTPUT), lanes, size, reads="table", writes="stride")
    from_part = make_transform(transposed(OUTPUT), lanes, size, reads="stride", writes="stride")
    inputs, outputs = make_square(IN), make_square(OUT)
    width = vectors * lanes
    line = width * size

    def correlate_to_w(
        x, dy, partial, buffers, x_image, x_row, x_pixel, height, across, channels, top, left,
        dy_image, dy_row, dy_pixel, images, out_h, out_w, filters, panels, block, block_p, shares, buffer_size, job, worker,
    ):  # fmt: skip
        parts, downs, rights = -(-panels // block_p), -(-out_h // OUT), -(-out_w // OUT)
        part, share = job % parts, job // parts
        tiles = images * downs * rights
        blocks = -(-tiles // block)
        begin, end = part * block_p, min((part + 1) * block_p, panels)
        columns = min(filters, end * width) - begin * width
        table = buffers + worker * buffer_size
        rows_of_v, rows_of_u = table + CELLS * 8, table + (CELLS + channels + rows) * 8
        zeros = rows_of_u + (channels + rows) * 8
        v = zeros + max(channels * size, (end - begin) * line)
        v_row, u_cell = channels * size + APART, channels * line + APART
        v_cell, d_cell = block * v_row + APART, block * (end - begin) * line + APART
        part_of = v + CELLS * v_cell
        d = part_of + OUT * OUT * lanes * size
        clear(part_of, OUT * OUT * lanes * size)
        clear(zeros, max(channels * size, (end - begin) * line))
        for c in range(channels + rows):  # the last tile repeats the last channel
            store_int(rows_of_v + 8 * c, min(c, channels - 1) * size)
            store_int(rows_of_u + 8 * c, min(c, channels - 1) * line)

        first = share * blocks // shares
        for number in range(first, (share + 1) * blocks // shares):
            count = min(block, tiles - number * block)

            # 1. V = Bᵀ d B and D = A dy Aᵀ: (tiles; 6·6; C) -> (6·6; tiles, C), (tiles; 4·4; K) -> (6·6; panels, tiles, width).
            for t in range(count):
                index = number * block + t
                n, i0, j0 = index // (downs * rights), index // rights % downs * OUT, index % rights * OUT
                inputs(table, x + n * x_image, x_row, x_pixel, (top + i0, left + j0), (height, across), zeros)
                for c in range(0, channels, lanes):
                    at = min(c, channels - lanes) * size
                    to_products(at, table, v + t * v_row + at, v_cell)
                outputs(table, dy + n * dy_image + begin * line, dy_row, dy_pixel, (i0, j0), (out_h, out_w), zeros)
                for k in range(0, columns, lanes):
                    target = d + (k // width * count + t) * line + k % width * size
                    if columns - k < lanes:  # the last vector is not full: it is filled up with zeros, somewhere else
                        for g in range(OUT * OUT):
                            copy(part_of + g * lanes * size, load_int(table + 8 * g) + k * size, (columns - k) * size)
                        from_part(part_of, lanes * size, target, d_cell)
                    else:
                        from_outputs(k * size, table, target, d_cell)

            # 2. For each of the 36 cells (C; tiles) · (tiles; K) -> (C; K), added to what the blocks before gave.
            for cell in range(CELLS):
                for panel in range(end - begin):
                    b = d + cell * d_cell + panel * count * line
                    c = partial + (((share * panels + begin + panel) * CELLS) + cell) * u_cell
                    for r in range(0, channels, rows):
                        tile((
                            v + cell * v_cell, rows_of_v + 8 * r, 0, v_row, b, 0, line, c, rows_of_u + 8 * r,
                            1, count, 0 if number == first else 1, 0, width,
                        ))  # fmt: skip

    return correlate_to_w


def collect(size, vectors, lanes):
    """Make the kernel that adds up the shares and transforms back, Gᵀ (Σ U) G: (shares, panels, 36, C, width) -> (3, 3, C, K).

    One job is a panel of some channels.
    """
    transform = make_transform(transposed(FILTER), lanes, size, reads="stride", writes="stride")
    words = vectors_of(size, lanes)
    load, store, plus = words.load, words.store, words.plus
    width = vectors * lanes
    line = width * size

    def collect(partial, to, buffers, shares, panels, channels, filters, chunk, job, worker):
        chunks = -(-channels // chunk)
        panel, first = job // chunks, job % chunks * chunk
        cell = channels * line + APART
        part_of = buffers + worker * 9 * lanes * size
        for c in range(first, min(first + chunk, channels)):
            for k in range(0, min(filters - panel * width, width), lanes):
                source = partial + panel * CELLS * cell + c * line + k * size
                for share in range(1, shares):
                    other = source + share * panels * CELLS * cell
                    for g in range(CELLS):
                        store(source + g * cell, plus(load(source + g * cell), load(other + g * cell)))
                target, left = to + (c * filters + panel * width + k) * size, filters - panel * width - k
                if left < lanes:
                    transform(source, cell, part_of, lanes * size)
                    for g in range(9):
                        copy(target + g * channels * filters * size, part_of + g * lanes * size, left * size)
                else:
                    transform(source, cell, target, channels * filters * size)

    return collect
