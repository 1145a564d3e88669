"""Build what the explorer has besides its code: digits, a trained network, the grader's mistakes in numbers, the state it opens with.

    python -m scripts.build_explorer              # all parts, into src/convstep/explorer
    python -m scripts.build_explorer mistakes     # one of them
    python -m scripts.build_explorer --check      # write nothing: compare

The one rule: each part is made of what the package itself does, so anyone can make it again.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.explorer_mistakes import all_mistakes
from scripts.explorer_network import same, sample_digits, trained

from convstep.files import atomic_write

SHIPPED = Path(__file__).resolve().parents[1] / "src" / "convstep" / "explorer"


def mistakes() -> dict[str, bytes]:
    """Make mistakes.json, a line for each call and each mistake."""
    return {"mistakes.json": lined(all_mistakes()).encode()}


def network() -> dict[str, bytes]:
    """Train the network, and make its folder."""
    return trained()


def digits() -> dict[str, bytes]:
    """Make digits.json, a line for each digit."""
    return {"digits.json": sample_digits()}


def opening() -> dict[str, bytes]:
    """Make opening.json, which tells Python what the page opens with: what assets/opening.js says, in Node."""
    code = (SHIPPED / "assets" / "opening.js").read_text(encoding="utf-8") + "console.log(JSON.stringify(FIRST_STATE));"
    run = subprocess.run(["node", "--input-type=module", "-"], input=code.encode(), capture_output=True, check=True)  # noqa: S607
    return {"opening.json": run.stdout}


PARTS: dict[str, Callable[[], dict[str, bytes]]] = {"mistakes": mistakes, "network": network, "digits": digits, "opening": opening}


def main(argv: Sequence[str] | None = None) -> int:
    """Build or check the parts; 0 when they are right, 1 with a sentence on stderr where one is not."""
    parser = argparse.ArgumentParser(prog="build_explorer", description="Build what the explorer's page carries besides its code.")
    parser.add_argument("parts", nargs="*", choices=list(PARTS), default=list(PARTS), help="which parts (default: all)")
    parser.add_argument("--folder", type=Path, default=SHIPPED, help="where to write or compare (default: what ships)")
    parser.add_argument("--check", action="store_true", help="write nothing: compare with what is there")
    args = parser.parse_args(argv)
    stale = []
    for part in args.parts:
        for name, content in PARTS[part]().items():
            path = args.folder / name
            if not args.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(path, content)
            elif not path.is_file() or not same(name, path.read_bytes(), content):
                stale.append(name)
    if stale:
        print(f"build_explorer: {', '.join(stale)} would be written otherwise\n  given {args.folder}", file=sys.stderr)
    return 1 if stale else 0


def lined(told: dict[str, Any]) -> str:
    """Return JSON with a line for each item of a list that is three levels down, so that a change is a line of a diff."""
    head = {key: value for key, value in told.items() if key != "functions"}
    lines = ["{" + ", ".join(f"{short(key)}: {short(value)}" for key, value in head.items()) + ', "functions": {']
    for function, parts in told["functions"].items():
        lines.append(f"{short(function)}: {{")
        for key, items in parts.items():
            rows = ",\n".join(short(item) for item in items)
            lines.append(f"{short(key)}: [\n{rows}\n]" + ("," if key != list(parts)[-1] else ""))
        lines.append("}" + ("," if function != list(told["functions"])[-1] else ""))
    return "\n".join(lines) + "\n}}\n"


def short(value: Any) -> str:
    """Return JSON without needless blanks."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(main())
