"""How smoothly the explorer plays: frames a second and their longest gap at 32 x 32, and memory over 10,000 steps, in a real browser.

`python -m benchmarks.explorer_frames [--seconds N] [--steps N]` prints a table: for each view and direction, as they were measured here.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.browser import Explorer, running_explorer

SIDE = 32
FRAMES = """
  (seconds) => new Promise((done) => {
    const times = [];
    const frame = (now) => {
      times.push(now);
      if (now - times[0] < seconds * 1000) {
        requestAnimationFrame(frame);
      } else {
        done(times);
      }
    };
    requestAnimationFrame(frame);
  })
"""
SCRUB = """
  (steps) => {
    const scrub = [...document.querySelectorAll("[data-role=scrub]")].find((one) => one.checkVisibility());
    const most = Number(scrub.max) + 1;
    const start = performance.now();
    for (let step = 0; step < steps; step += 1) {
      scrub.value = step % most;
      scrub.dispatchEvent(new Event("input"));
    }
    return (performance.now() - start) / steps;
  }
"""


def main() -> None:
    """Play and scrub each view, and print what was measured."""
    parser = argparse.ArgumentParser(description="Plays the explorer at 32 x 32 and prints frames a second and memory.")
    parser.add_argument("--seconds", type=float, default=5, help="how long each is played (default: 5)")
    parser.add_argument("--steps", type=int, default=10_000, help="how many steps memory is watched over (default: 10,000)")
    options = parser.parse_args()
    print("view     direction  channels  filters  frames/s  longest ms  ms/step  MiB before  MiB after  nodes before  nodes after")
    with tempfile.TemporaryDirectory() as folder, running_explorer(Path(folder)) as explorer:
        for view in ("layer", "pooling"):
            for direction in ("forward", "backward"):
                for channels, filters in ((1, 1), (3, 4)) if view == "layer" else ((1, 0), (3, 0)):
                    print(measured(explorer, played(view, direction, channels, filters), options), flush=True)


def measured(explorer: Explorer, state: dict[str, Any], options: argparse.Namespace) -> str:
    """Open the page with a state, play, scrub, and return one line of the table."""
    view, part = state["view"], state[state["view"]]
    with explorer.open(state, reduced_motion="no-preference") as page:
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        page.locator("[data-role=speed]:visible").select_option("60")
        page.locator("[data-role=play]:visible").click()
        times = np.array(page.evaluate(FRAMES, options.seconds))
        page.locator("[data-role=play]:visible").click()
        page.evaluate(SCRUB, 1000)
        before = metrics(session)
        step = page.evaluate(SCRUB, options.steps)
        after = metrics(session)
    gaps = np.diff(times)
    filters = part["filters"]["count"] if view == "layer" else 0
    return (
        f"{view:8} {part['direction']:9}  {part['image']['channels']:8}  {filters:7}"
        f"  {1000 / gaps.mean():8.1f}  {gaps.max():10.1f}  {step:7.2f}"
        f"  {before[0]:10.1f}  {after[0]:9.1f}  {before[1]:12}  {after[1]:11}"
    )


def metrics(session: Any) -> tuple[float, int]:
    """What scripts hold after a collection, in MiB, and how many nodes there are."""
    session.send("HeapProfiler.collectGarbage")
    values = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return values["JSHeapUsedSize"] / 2**20, int(values["Nodes"])


def played(view: str, direction: str, channels: int, filters: int) -> dict[str, Any]:
    """Return a state with 32 x 32 cells of a few quarters, at its first step."""
    drawn = np.random.default_rng(0).integers(0, 5, SIDE * SIDE * channels) / 4
    image = {"height": SIDE, "width": SIDE, "channels": channels, "values": drawn.tolist()}
    layer = {
        "image": image,
        "filters": {"size": 3, "count": max(filters, 1), "values": [0.25, -0.5, 1.0] * (3 * channels * max(filters, 1))},
        "bias": [0] * max(filters, 1),
        "direction": direction,
    }
    return {"version": 1, "view": view, "layer": layer, "pooling": {"image": image, "size": 2, "stride": 1, "direction": direction}}


if __name__ == "__main__":
    main()
