"""The page in a frame, for places that show HTML and no widgets: what nbconvert writes, a blog, a site of documents.

One rule: the frame is closed in. Its page can compute, and reach neither the document around it nor anything outside.
"""

from html import escape

from convstep.explorer.page import packed

__all__ = ["Frame", "framed"]

OPENER = """<!doctype html><meta charset="utf-8"><title>ConvStep</title><script>
const bytes = Uint8Array.from(atob("PACKED"), (letter) => letter.charCodeAt(0));
const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
new Response(stream).text().then((page) => { document.open(); document.write(page); document.close(); });
</script>"""
ALLOWED = "allow-scripts allow-downloads allow-modals"


class Frame(str):
    """HTML that a notebook shows."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        """Return a line; the HTML is half a million letters."""
        return f"<the explorer as HTML, {len(self) // 1000} kB>"


def framed(page: str, height: int) -> Frame:
    """Return a page as an element that can stand in another page.

    Parameters
    ----------
    page : str
        A whole HTML document. It is packed, to a third of its size, and the frame unpacks it.
    height : int
        Of the frame, in pixels.
    """
    look = f"width:100%;height:{height:d}px;border:0"
    opener = escape(OPENER.replace("PACKED", packed(page.encode())))
    frame = f'<iframe title="ConvStep" sandbox="{ALLOWED}" style="{look}" srcdoc="{opener}"></iframe>'
    return Frame(f'<div style="width:100%">{frame}</div>')  # a notebook takes a lone iframe for its own
