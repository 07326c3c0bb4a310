"""The page, in a real browser without a window: a script clicks and types, and says what it then sees."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ordering.graph import Graph, build
from ordering.plan import page
from tests.unit import browser
from tests.unit.ordering.runs import objects_of, real_platforms

LARGEST = "26.03" if "26.03" in real_platforms() else "sample"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(objects_of(LARGEST))


@pytest.fixture(scope="module")
def content(graph: Graph) -> str:
    return page.plan(graph, f"Kubeflow <{LARGEST}> & more")


def browse(folder: Path, content: str, script: str, fragment: str = "") -> dict[str, Any]:
    """Opens the page, runs the script on it, and returns what it reports."""
    helpers = """
      const seen = {};
      const visible = (e) => e.getBoundingClientRect().height > 0;
      const node = (id) => document.querySelector(`[data-id="${id}"]`);
      const marked = () => [...document.querySelectorAll(".node.marked")].map((e) => e.dataset.id);
      const type = (text) => { const box = document.getElementById("search"); box.value = text;
        box.dispatchEvent(new Event("input")); };
      const press = (key, on = document) => on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    """
    report = 'document.body.dataset.report = "REPORT" + JSON.stringify(seen) + "END";'
    guarded = (
        f"<script>{{ {helpers} try {{ {script} }} catch (e) {{ seen.error = String(e.stack); }} {report} }}</script>"
    )
    file = folder / "page.html"
    file.write_text(content.replace("</body>", f"{guarded}</body>"))
    dom = browser.document(f"{file.as_uri()}{fragment}", folder / "profile")
    found = re.search(r"REPORT(.*?)END", dom, re.DOTALL)
    assert found, "the page's script never ended"
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert "error" not in seen, seen["error"]
    return seen


def test_levels_are_columns_and_hold_everything(tmp_path: Path, graph: Graph, content: str) -> None:
    seen = browse(
        tmp_path,
        content,
        """
        const sections = [...document.querySelectorAll("section")];
        seen.sizes = sections.map((s) => s.querySelectorAll(".node").length);
        seen.lefts = sections.map((s) => s.getBoundingClientRect().left);
        seen.hidden = [...document.querySelectorAll(".node")].filter((e) => !visible(e)).length;
        seen.overlaps = sections.slice(1).filter((s, i) =>
          s.getBoundingClientRect().left < sections[i].getBoundingClientRect().right).length;
        seen.title = document.querySelector("h1").textContent;
        seen.counts = document.getElementById("counts").textContent;
        const boxes = [...document.querySelectorAll(".node")].map((e) => e.getBoundingClientRect());
        seen.smallest = Math.min(...boxes.map((b) => Math.min(b.width, b.height)));
        seen.stacked = boxes.filter((a, i) => boxes.slice(i + 1).some((b) => a.left < b.right - 1 &&
          b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
        """,
    )
    assert seen["sizes"] == [len(level) for level in graph.levels]
    assert seen["lefts"] == sorted(seen["lefts"])
    assert (seen["hidden"], seen["overlaps"], seen["stacked"]) == (0, 0, 0)
    assert seen["smallest"] >= 14
    assert seen["title"] == f"Kubeflow <{LARGEST}> & more"
    assert f"{graph.stats['objects']} objects" in seen["counts"]


def test_one_colour_a_component(tmp_path: Path, content: str) -> None:
    seen = browse(
        tmp_path,
        content,
        """
        const colour = (e) => getComputedStyle(e).borderLeftColor;
        seen.groups = [...document.querySelectorAll(".group")].map((g) =>
          [g.querySelector("h3").textContent, [...new Set([...g.querySelectorAll(".node")].map(colour))]]);
        seen.legend = [...document.querySelectorAll("#legend button")].map((b) => [b.textContent, colour(b)]);
        document.querySelector("#legend button").click();
        seen.marked = marked().length;
        seen.dimmed = getComputedStyle(document.querySelector(".node:not(.marked)")).opacity;
        document.querySelector("#legend button").click();
        seen.after = marked().length;
        """,
    )
    colours: dict[str, set[str]] = {}
    for part, used in seen["groups"]:
        colours.setdefault(part, set()).update(used)
    assert len(colours) > 3
    assert all(len(used) == 1 for used in colours.values()), "a component has one colour on every level"
    assert len({next(iter(used)) for used in colours.values()}) == len(colours), "and no two share one"
    text, shown = seen["legend"][0]
    part, _, count = text.rpartition(" ")
    assert colours[part] == {shown}
    assert seen["marked"] == int(count)
    assert float(seen["dimmed"]) < 0.5
    assert seen["after"] == 0


def test_hovering_shows_the_reasons(tmp_path: Path, graph: Graph, content: str) -> None:
    node = next(node for node in reversed(graph.nodes) if node.id.kind == "Deployment")
    seen = browse(
        tmp_path,
        content,
        f"""
        node("{node.id}").dispatchEvent(new MouseEvent("mouseenter"));
        seen.detail = document.getElementById("detail").innerText;
        node("{node.id}").dispatchEvent(new MouseEvent("mouseleave"));
        seen.after = document.getElementById("detail").innerText;
        """,
    )
    assert str(node.id) in seen["detail"]
    assert f"Needs ({len(node.needs)})" in seen["detail"]
    for need in node.needs:
        assert str(need) in seen["detail"]
        assert graph.reasons[node.id, need][0].reason in " ".join(seen["detail"].split())
    assert str(node.id) not in seen["after"]


def test_clicking_marks_all_that_it_needs_and_all_that_needs_it(tmp_path: Path, graph: Graph, content: str) -> None:
    node = next(node for node in graph.nodes if node.id.kind == "Deployment" and node.id.name == "cert-manager-webhook")
    below = graph.needs_of(node.id)
    above = {other.id for other in graph.nodes if node.id in graph.needs_of(other.id)}
    seen = browse(
        tmp_path,
        content,
        f"""
        node("{node.id}").click();
        seen.marked = marked();
        seen.lines = document.querySelectorAll("#lines path").length;
        seen.address = decodeURIComponent(location.hash);
        document.getElementById("only").click();
        seen.left = [...document.querySelectorAll(".node")].filter(visible).map((e) => e.dataset.id);
        document.getElementById("only").click();
        press("Escape");
        seen.after = marked();
        seen.lines_after = document.querySelectorAll("#lines path").length;
        """,
    )
    expected = {str(id_) for id_ in {node.id, *below, *above}}
    assert set(seen["marked"]) == expected
    assert set(seen["left"]) == expected, "on demand, all else is out of sight"
    assert seen["lines"] >= len(below | above)
    assert seen["address"] == f"#{node.id}"
    assert (seen["after"], seen["lines_after"]) == ([], 0)


def test_a_link_to_an_object_opens_with_it(tmp_path: Path, graph: Graph, content: str) -> None:
    node = graph.nodes[-1]
    script = """
      seen.chosen = document.querySelector(".chosen")?.dataset.id;
      const box = document.querySelector(".chosen").getBoundingClientRect();
      seen.inside = box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
    """
    seen = browse(tmp_path, content, script, f"#{node.id}".replace("/", "%2F"))
    assert seen == {"chosen": str(node.id), "inside": True}


def test_search_finds_names_and_steps_through_them(tmp_path: Path, graph: Graph, content: str) -> None:
    words = ("deployment", "cert-manager")
    expected = [str(node.id) for node in graph.nodes if all(word in str(node.id).lower() for word in words)]
    seen = browse(
        tmp_path,
        content,
        f"""
        type("{words[1].upper()}  {words[0]}");
        seen.found = [...document.querySelectorAll(".found")].map((e) => e.dataset.id);
        seen.told = document.getElementById("matches").textContent;
        press("Enter", document.getElementById("search"));
        press("Enter", document.getElementById("search"));
        seen.chosen = document.querySelector(".chosen").dataset.id;
        seen.step = document.getElementById("matches").textContent;
        type("no such thing");
        seen.nothing = document.getElementById("matches").textContent;
        type("");
        seen.cleared = document.querySelectorAll(".found").length;
        """,
    )
    assert len(expected) > 1
    assert sorted(seen["found"]) == sorted(expected)
    assert seen["told"] == f"{len(expected)} found"
    assert seen["chosen"] == expected[1]
    assert seen["step"] == f"2 of {len(expected)}"
    assert (seen["nothing"], seen["cleared"]) == ("0 found", 0)


def test_the_critical_path_on_demand(tmp_path: Path, graph: Graph, content: str) -> None:
    script = 'document.getElementById("critical").click(); seen.marked = marked();'
    assert set(browse(tmp_path, content, script)["marked"]) == {str(id_) for id_ in graph.critical_path}


def test_nothing_is_fetched(content: str) -> None:
    markup = re.sub(r'<script type="application/json".*?</script>', "", content, flags=re.DOTALL)
    assert "<link" not in markup
    assert " src=" not in markup
    assert not re.search(r"url\(|@import|fetch\(|import\(|XMLHttpRequest", markup)
    # The only address is the name of SVG's namespace.
    assert set(re.findall(r"https?://[^\"' ]+", markup)) == {"http://www.w3.org/2000/svg"}


def test_texts_cannot_leave_their_place(tmp_path: Path) -> None:
    tricky = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": '</script><b id="out">', "namespace": "kube-system"},
    }
    seen = browse(
        tmp_path,
        page.plan(build([tricky]), "</title><b id=out>"),
        'seen.out = !document.getElementById("out"); seen.name = document.querySelector(".node span").textContent;',
    )
    assert seen == {"out": True, "name": '</script><b id="out">'}
