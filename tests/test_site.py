"""The site is read in a real browser, from disk; a notebook is played with in JupyterLab; nobody outside is asked.

Skipped where the site is not made or out of date, or where Chromium or an extra is missing. `make check-docs` makes the
site and skips nothing: what is missing is then a failure.
"""

import ast
import html
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import zlib
from pathlib import Path

import pytest

import minitx

CHECKOUT = Path(minitx.__file__).parents[1]
SITE = CHECKOUT / "build" / "site"
REQUIRED = os.environ.get("MINITX_BROWSER") == "required"
WIDTHS = {"phone": 390, "laptop": 1440}
AT_HOME = re.compile(r"(file|data|blob|about):|(http|ws)://(127\.0\.0\.1|localhost)[:/]")
FLAGS = (
    "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --host-resolver-rules=MAP*~NOTFOUND,EXCLUDE127.0.0.1"
)


def lacking(what):
    """Skip a test for want of something; where nothing may be skipped, fail."""
    if REQUIRED:
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def site():
    """The folder of the site, as it follows from the sources that there are."""
    if not (SITE / "index.html").exists():
        lacking("the site is not made: make check-docs")
    made = (SITE / "index.html").stat().st_mtime
    sources = [
        path
        for pattern in ("docs/*.*", "docs/derivations/*.md", "notebooks/*.*", "minitx/**/*.py")
        for path in CHECKOUT.glob(pattern)
    ]
    newer = [path.relative_to(CHECKOUT).as_posix() for path in sources if path.stat().st_mtime > made]
    if newer and not REQUIRED:  # else it was made a moment ago
        lacking(f"the site is older than {newer[0]}: make check-docs")
    return SITE


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A headless Chromium with an empty profile."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("the extra `browser` is not installed: make check-docs")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        lacking("no Chromium is installed; on Debian and Ubuntu: sudo apt install chromium")
    flags = FLAGS.replace("MAP*~NOTFOUND,EXCLUDE127", "MAP * ~NOTFOUND, EXCLUDE 127")
    arguments = [f"--{flag}" for flag in flags.removeprefix("--").split(" --")]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # which Chromium does not have for root
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=path, headless=True, args=arguments
        )
        yield context
        context.close()


class Visit:
    """A tab, what it asked for, and what it complained about."""

    def __init__(self, chromium):
        self.tab = chromium.new_page()
        self.asked, self.complaints = [], []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("websocket", lambda channel: self.asked.append(channel.url))
        self.tab.on("requestfailed", lambda request: self.complain(f"failed: {request.url} {request.failure}"))
        self.tab.on("pageerror", lambda error: self.complain(f"error: {error}"))
        self.tab.on("console", lambda message: message.type == "error" and self.complain(f"console: {message.text}"))

    def complain(self, about):
        """Note a complaint with the page it is about."""
        self.complaints.append(f"{self.tab.url.rpartition('/')[2]}: {about}")

    def abroad(self):
        """List the requests that would leave the machine."""
        return [url for url in self.asked if not AT_HOME.match(url)]


@pytest.fixture
def visit(chromium):
    """A new tab."""
    visit = Visit(chromium)
    yield visit
    visit.tab.close()


# What a page has to say of itself: formulas that are not drawn, their source in the text, pictures without pixels.
FAULTS = r"""async () => {
    if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
    await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
    const bad = [];
    for (const formula of document.querySelectorAll(".math"))
        if (!formula.querySelector("mjx-container svg") || formula.querySelector("[data-mml-node=merror]"))
            bad.push("formula: " + formula.textContent.slice(0, 60));
    for (const image of document.images)
        if (!image.naturalWidth) bad.push("picture: " + image.src);
    const text = document.querySelector("article, main, body").cloneNode(true);
    text.querySelectorAll("pre, code, script, mjx-container").forEach(part => part.remove());
    for (const found of text.textContent.match(/\$[^$\n]*[\\^_{}][^$\n]*\$|\\\(|\\\[|\$\$/g) || [])
        bad.push("not drawn: " + found);
    return bad;
}"""
OVERFLOW = """Math.max(...[document.documentElement, ...document.querySelectorAll(".content")]
    .map(part => part.scrollWidth - part.clientWidth))"""
COUNTS = """() => ({
    formulas: document.querySelectorAll("mjx-container svg").length,
    pictures: document.images.length,
})"""


def test_every_page_shows_its_mathematics_and_pictures_and_fits(site, visit):
    pages = sorted(set(site.rglob("*.html")) - {site / "index.html"})  # which only leads to the landing page
    written = [page for page in pages if "source" not in page.parts]
    pages = written + [page for page in pages if "source" in page.parts][::10]
    found, counts = [], {"formulas": 0, "pictures": 0}
    for page in pages:
        name = page.relative_to(site).as_posix()
        visit.tab.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
        visit.tab.goto(page.as_uri())
        found += [f"{name}: {fault}" for fault in visit.tab.evaluate(FAULTS)]
        counts = {kind: counts[kind] + number for kind, number in visit.tab.evaluate(COUNTS).items()}
        for kind, width in WIDTHS.items():
            visit.tab.set_viewport_size({"width": width, "height": 800})
            if (over := visit.tab.evaluate(OVERFLOW)) > 0:
                found.append(f"{name}: {over} pixels wider than a {kind}")
    print(f"\n{len(pages)} pages, {counts}, {len(visit.asked)} requests, {len(visit.abroad())} of them to elsewhere")
    assert found + visit.complaints + visit.abroad() == []
    assert counts["formulas"] > 500 and counts["pictures"] > 100
    assert len(written) > 150


def test_search_finds_on_disk(site, visit):
    visit.tab.goto((site / "index.html").as_uri())
    visit.tab.wait_for_url("**/docs/index.html")
    box = visit.tab.locator("input[name=q]:visible").first
    box.fill("softmax")
    box.press("Enter")
    results = visit.tab.locator("#search-results li a")
    results.first.wait_for()
    visit.tab.get_by_text("Search finished").wait_for()
    found = results.evaluate_all("links => links.map(link => link.href)")
    for page in ("docs/derivations/softmax.html", "docs/api/minitx.nn.softmax.html", "notebooks/05_attention.html"):
        assert any(page in link for link in found), page
    visit.tab.locator("#search-results a[href*='derivations/softmax']").first.click()
    visit.tab.wait_for_url("**/docs/derivations/softmax.html*")
    assert visit.tab.locator("h1").inner_text().startswith("Softmax")
    assert visit.complaints + visit.abroad() == []


def test_signature_of_a_fused_operation_is_its_own(site, visit):
    visit.tab.goto((site / "docs" / "api" / "minitx.nn.attention.html").as_uri())
    shown = visit.tab.locator("dt[id='minitx.nn.attention.attention']").inner_text()
    assert "(query, key, value, attn_mask=None" in " ".join(shown.split())
    visit.tab.locator("dt[id='minitx.nn.attention.attention'] .viewcode-link").click()
    visit.tab.wait_for_url("**/source/minitx/nn/attention.py.html#line-*")
    line = visit.tab.url.rpartition("-")[2]
    source = (CHECKOUT / "minitx" / "nn" / "attention.py").read_text(encoding="utf-8").splitlines()
    assert "def attention(" in "".join(source[int(line) - 1 : int(line) + 1])
    assert visit.tab.locator(f"a[name=line-{line}], #line-{line}").count()


def test_every_link_leads_somewhere(site):
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    marks = {path: set(re.findall(r'\b(?:id|name)="([^"]+)"', text)) for path, text in pages.items()}
    dead, count = [], 0
    for page, text in pages.items():
        for link in set(re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text)):
            address = urllib.parse.urlparse(html.unescape(link))
            if address.scheme or not (address.path or address.fragment):
                continue
            count += 1
            target = (page.parent / urllib.parse.unquote(address.path)).resolve() if address.path else page
            mark = urllib.parse.unquote(address.fragment)
            if not target.is_file() or (mark and mark not in marks[target] and mark != "top"):
                dead.append(f"{page.relative_to(site)}: {link}")
    print(f"\n{count} links in {len(pages)} pages")
    assert sorted(dead) == []
    assert count > 5000


def test_every_public_name_is_in_the_reference(site):
    _, _, _, _, packed = (site / "objects.inv").read_bytes().split(b"\n", 4)
    listed = {line.split(" ", 1)[0] for line in zlib.decompress(packed).decode("utf-8").splitlines()}
    missing, count = [], 0
    for path in (CHECKOUT / "minitx").rglob("*.py"):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        if any(part.startswith("_") for part in parts) or {"exercises", "trials"} & set(parts):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                count += 1
                name = ".".join([*parts, node.name])
                missing += [name] if name not in listed else []
    print(f"\n{count} public functions and classes")
    assert missing == []


LIVE = [
    """
import numpy as np
from minitx.learn import check, explore_attention
from minitx.plot.attention import draw_attention
weights = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 3, 4))
draw_attention(weights[0, 0], list("abcd"), list("abcd"))
""",
    'explore_attention(weights, queries=["it", "was", "on", "the"], keys=["cat", "mat", "sat", "hat"])',
    """
def my_attention(query, key, value):
    scores = query @ key.T
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ value
check.attention(my_attention)
""",
]
WATCHING = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        host = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = host[0] if isinstance(host, tuple) else host
        if event == "socket.connect" and arguments[0].family not in (2, 10):
            return
        if host not in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None):
            with open(os.environ["ASKED_ABROAD"], "a") as file:
                print(event, host, file=file)

sys.addaudithook(watch)
"""


@pytest.fixture
def lab(tmp_path):
    """JupyterLab as `minitx lab` starts it, in a copy of the checkout; its address, and what it asked others for."""
    for package in ("jupyterlab", "ipywidgets", "ipykernel"):
        if importlib.util.find_spec(package) is None:
            lacking(f"{package} is not installed: make check-docs")
    copy, abroad = tmp_path / "checkout", tmp_path / "asked-abroad.txt"
    shutil.copytree(CHECKOUT / "minitx", copy / "minitx", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "setup.cfg", copy)
    (copy / "notebooks").mkdir()
    cells = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": code.strip(), "outputs": []}
        | {"execution_count": None}
        for i, code in enumerate(LIVE)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}
    (copy / "notebooks" / "live.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "watching").mkdir()
    (tmp_path / "watching" / "sitecustomize.py").write_text(WATCHING)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(copy), str(tmp_path / "watching")]), "HOME": str(tmp_path)}
    environment |= {"ASKED_ABROAD": str(abroad)}
    environment.pop("MPLBACKEND", None)  # figures go into the notebook
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=open"]
    with open(tmp_path / "server.log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "minitx", "lab", *options], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", abroad
    finally:
        server.terminate()
        server.wait(30)


def test_live_notebook_computes_and_its_sliders_move(visit, lab):
    address, abroad = lab
    tab = visit.tab
    tab.set_viewport_size({"width": WIDTHS["laptop"], "height": 1200})
    tab.goto(f"{address}/lab/tree/live.ipynb?token=open")
    tab.locator(".jp-NotebookPanel .jp-CodeCell").nth(len(LIVE) - 1).wait_for(timeout=60_000)
    tab.get_by_text("| Idle").wait_for(timeout=60_000)  # the kernel is there
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    said = tab.locator(".widget-html-content").first
    said.wait_for(timeout=60_000)
    assert (
        tab.locator(".jp-OutputArea-output img").first.evaluate("image => image.decode().then(() => image.width)") > 99
    )
    sliders = tab.locator(".widget-slider")
    assert sliders.count() == 3 and tab.locator(".widget-dropdown").count() == 1
    before = said.inner_text()
    assert "it" in before and "temperature 1)" in before
    picture = tab.locator(".jp-OutputArea-output svg").first.inner_html()
    handle = sliders.nth(2).locator(".noUi-handle")
    handle.focus()
    for _ in range(6):
        handle.press("ArrowRight")
    tab.get_by_text("temperature 2)").wait_for(timeout=20_000)
    assert tab.locator(".jp-OutputArea-output svg").first.inner_html() != picture
    tab.locator(".widget-dropdown select").select_option("mean of the heads")
    tab.get_by_text("mean of the heads, temperature 2)").wait_for(timeout=20_000)

    refused = tab.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea")
    refused.get_by_text("looks like").wait_for(timeout=30_000)
    assert "√d" in refused.inner_text() and "Traceback" not in refused.inner_text()
    assert tab.get_by_text("official Jupyter news").count() == 0, "no question before the lesson"
    print(f"\nJupyterLab: {len(visit.asked)} requests, {len(visit.abroad())} of them to elsewhere")
    assert visit.complaints + visit.abroad() == []
    assert not abroad.exists(), abroad.read_text()
