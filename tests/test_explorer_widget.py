"""The widget where people use it: JupyterLab, Notebook 7 and marimo in a real browser, and what nbconvert writes.

In each a visitor moves the window by one step, Python reads that and answers with another bias, and the page shows what comes of it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.commands import SOURCE

import convstep
from convstep.explorer.page import page_html, page_policy
from convstep.explorer.server import PageServer

pytestmark = pytest.mark.once

BROWSER = shutil.which("chromium")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
HOMES = (
    *("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
)
CELL = """
import json
import os
import convstep
import numpy as np

explorer = convstep.explore(np.arange(25.0).reshape(5, 5), np.ones((3, 3)))


def answer(change):
    with open("seen.part", "w") as file:
        json.dump({"at": explorer.at, "b": explorer.b.ravel().tolist(), "W": explorer.W.shape}, file)
    os.replace("seen.part", "seen.json")
    if explorer.at == (0, 1, 0) and not explorer.b.any():
        explorer.b = 4321


explorer.observe(answer, "state")
explorer
"""
APP = f"""
import marimo

app = marimo.App()


@app.cell
def _():
{CELL.replace(chr(10), chr(10) + "    ")}
    return
"""
BEFORE, AFTER = "Z[0, 0, 0] = 54", "Z[0, 1, 0] = 4384"  # 0 + 1 + 2 + 5 + 6 + 7 + 10 + 11 + 12, and the next window with the bias
PATIENCE = 30_000  # milliseconds


def missing(*modules: str) -> pytest.MarkDecorator:
    lacking = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(lacking), reason=f"not installed: {', '.join(lacking)}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser, and it is not installed")
    if BROWSER is None:
        pytest.skip("there is no chromium")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield made
        made.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def homed(place: Path) -> dict[str, str]:
    """Return variables for a process whose homes are in this folder and which knows no proxy."""
    homes = {name: str(place / name.lower()) for name in HOMES}
    Path(homes["HOME"]).mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return kept | homes | {"MARIMO_SKIP_UPDATE_CHECK": "1", "PYTHONPATH": SOURCE}


@contextmanager
def serving(command: list[str], place: Path, health: str) -> Iterator[str]:
    """Run a server with homes of its own in this folder, and yield its address when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (place / "log").open("w") as log:
        run = [sys.executable, "-m", *command, f"--port={port}"]
        with subprocess.Popen(run, cwd=place, env=homed(place), stdout=log, stderr=subprocess.STDOUT) as process:
            try:
                wait_for(lambda: answers(f"http://127.0.0.1:{port}{health}") or process.poll() is not None)
                assert process.poll() is None, (place / "log").read_text()
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address) as answer:  # noqa: S310 - of a server of ours
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_for(ready: Callable[[], Any]) -> Any:
    for _ in range(PATIENCE // 100):
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail("it did not come in time")


def check_both_ways(page: Any, place: Path) -> None:
    """Take a step in the page, and wait for what Python saw and answered."""
    root = page.locator(".cs-root")
    root.get_by_role("heading", name=BEFORE).wait_for(timeout=PATIENCE)
    assert not (place / "seen.json").exists()
    root.locator("[data-role=next]").click()
    seen = wait_for(lambda: (place / "seen.json").exists() and json.loads((place / "seen.json").read_text()))
    assert (seen["at"], seen["W"]) == ([0, 1, 0], [3, 3, 1, 1])
    root.get_by_role("heading", name=AFTER).wait_for(timeout=PATIENCE)
    assert json.loads((place / "seen.json").read_text())["b"] == [4321]


# ---- notebooks


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return the address of a server of JupyterLab and Notebook, and its folder."""
    place = tmp_path_factory.mktemp("jupyter")
    options = ["--no-browser", "--ip=127.0.0.1", "--allow-root", "--IdentityProvider.token=", "--LabApp.news_url="]
    with serving(["jupyterlab", *options], place, "/api") as address:
        yield address, place


def notebook(*cells: str) -> dict[str, Any]:
    """Return a notebook that was never run."""
    plain: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [plain | {"id": f"cell-{number}", "source": text.strip()} for number, text in enumerate(cells)]
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


@missing("anywidget", "jupyterlab", "notebook", "ipykernel")
@pytest.mark.parametrize("host", ["lab/tree", "notebooks"], ids=["JupyterLab", "Notebook"])
def test_in_a_notebook_page_and_python_know_the_same(jupyter: tuple[str, Path], page: Any, host: str) -> None:
    address, place = jupyter
    folder = place / host.partition("/")[0]
    folder.mkdir()
    (folder / "x.ipynb").write_text(json.dumps(notebook(CELL)))
    page.goto(f"{address}/{host}/{folder.name}/x.ipynb")
    cell = page.locator(".jp-CodeCell .cm-content").first
    cell.wait_for(timeout=PATIENCE)
    wait_for(lambda: "idle" in [one["execution_state"] for one in running(address) if folder.name in one["path"]])
    cell.click()
    page.keyboard.press("Shift+Enter")
    check_both_ways(page, folder)


def running(address: str) -> list[dict[str, str]]:
    """Return the notebooks that have a kernel, and how it does."""
    try:
        with urllib.request.urlopen(f"{address}/api/sessions") as answer:  # noqa: S310 - of a server of ours
            return [{"path": one["path"], "execution_state": one["kernel"]["execution_state"]} for one in json.load(answer)]
    except urllib.error.URLError:
        return []


@missing("anywidget", "marimo")
def test_in_marimo_page_and_python_know_the_same(page: Any, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with serving(["marimo", "-q", "run", "app.py", "--headless", "--host=127.0.0.1", "--no-token"], tmp_path, "/health") as address:
        page.goto(address)
        check_both_ways(page, tmp_path)


# ---- HTML


@missing("nbconvert", "IPython", "anywidget")
def test_what_nbconvert_writes_shows_the_page(page: Any, tmp_path: Path) -> None:
    formatter = import_module("IPython.core.formatters").DisplayFormatter()
    explorer = convstep.explore(np.arange(25.0).reshape(5, 5), np.ones((3, 3)))
    made = notebook("explorer.static(height=600)", "explorer")
    for cell, value in zip(made["cells"], (explorer.static(height=600), explorer), strict=True):
        data, metadata = formatter.format(value)
        cell["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": metadata}]
    assert "application/vnd.jupyter.widget-view+json" in made["cells"][1]["outputs"][0]["data"]
    read = import_module("nbformat").from_dict(made)
    html, _ = import_module("nbconvert").HTMLExporter().from_notebook_node(read)
    (tmp_path / "x.html").write_text(html, encoding="utf-8")
    page.goto((tmp_path / "x.html").as_uri())
    assert page.locator("iframe").count() == 2
    for number in range(2):
        frame = page.frame_locator("iframe").nth(number)
        frame.get_by_role("heading", name=BEFORE).wait_for(timeout=PATIENCE)
        frame.locator("[data-role=next]").click()
        frame.get_by_role("heading", name="Z[0, 1, 0] = 63").wait_for(timeout=PATIENCE)


# ---- served


def test_the_served_page_works_under_the_headers_of_the_server(page: Any) -> None:
    server = PageServer(page_html(place="served").encode(), page_policy())
    threading.Thread(target=server.serve, daemon=True).start()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for _ in range(2):
        page.goto(server.address)
        page.locator("[data-role=next]").click()
    server.close()
    assert said == []
    assert asked == [server.address] * 2
    assert page.evaluate("document.referrer") == ""
    with pytest.raises(Exception, match=r"Content Security Policy|Failed to fetch"):
        page.evaluate("fetch('http://127.0.0.1:1/')")
