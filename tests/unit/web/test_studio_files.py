"""Saving over HTTP: who may, what is answered, and that a changed file is never overwritten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from pipeline.adapters.authoring.workbench.saving import RuleFiles
from pipeline.authoring.rule_tests.writing import with_test
from pipeline.web.origin import require_loopback
from pipeline.web.pages import Pages
from pipeline.web.problems import handler
from pipeline.web.studio import Studio
from pipeline.web.studio_files import StudioFiles
from tests.unit.web.test_studio import Answering

PAGES = Pages({"Studio": "studio"}, "9.9.9")
TEST = ["- name: new", "  event: {type: shop.paid}"]


class Offering(Answering):
    """A workbench that makes a test."""

    async def ask(self, what: str, **arguments: object) -> Mapping[str, object]:
        if what == "test":
            self.asked.append((what, arguments))
            return self.answer
        return await super().ask(what, **arguments)


@pytest.fixture
def bench() -> Offering:
    made = Offering()
    made.answer = {"file": "tests/shop.yaml", "test": TEST}
    return made


@pytest.fixture
async def http(tmp_path: Path, bench: Offering) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "shop.yaml").write_text("rules: []\n")
    files = StudioFiles(RuleFiles(tmp_path), bench, with_test)
    app = Starlette(
        routes=[*Studio(PAGES, bench, require_loopback, files).routes(), PAGES.route()],
        exception_handlers={HTTPException: handler(PAGES.mistake)},
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8091") as client:
        yield client


async def version(http: httpx.AsyncClient) -> str:
    """The version of shop.yaml as the page gets it."""
    found: str = (await http.get("/studio/file", params={"file": "shop.yaml"})).json()["version"]
    return found


async def test_a_file_is_saved_if_it_is_as_it_was_opened(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """The answer has the new version, with which it can be saved again."""
    before = await version(http)
    answer = await http.post("/studio/save", data={"file": "shop.yaml", "rules": "rules: [] # 1\n", "before": before})
    assert answer.json()["saved"] is True
    again = {"file": "shop.yaml", "rules": "rules: [] # 2\n", "before": answer.json()["version"]}
    assert (await http.post("/studio/save", data=again)).json()["saved"] is True
    assert (tmp_path / "shop.yaml").read_text() == "rules: [] # 2\n"


async def test_a_file_that_changed_meanwhile_is_offered_instead(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """409 with the other text, and nothing is written."""
    before = await version(http)
    (tmp_path / "shop.yaml").write_text("rules: [] # theirs\n")
    answer = await http.post("/studio/save", data={"file": "shop.yaml", "rules": "mine", "before": before})
    assert (answer.status_code, answer.json()["saved"], answer.json()["text"]) == (409, False, "rules: [] # theirs\n")
    assert answer.json()["diff"] == ["@@ -1 +1 @@", "-rules: [] # theirs", "+mine"]
    assert (tmp_path / "shop.yaml").read_text() == "rules: [] # theirs\n"


async def test_a_name_outside_of_the_folder_is_refused(http: httpx.AsyncClient, tmp_path: Path) -> None:
    """With the reason."""
    answer = await http.post("/studio/save", data={"file": "../shop.yaml", "rules": "x", "before": ""})
    assert answer.status_code == 422
    assert "not the name of a file" in answer.json()["detail"]
    assert not (tmp_path.parent / "shop.yaml").exists()


@pytest.mark.parametrize("path", ["/studio/save", "/studio/test"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
        ({"host": "evil.example.com"}, 421),
        ({"content-type": "text/plain"}, 415),
    ],
)
async def test_others_may_not_save(
    http: httpx.AsyncClient, tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    """A page of another origin, another host name, a form that a simple request could send."""
    form = {"content-type": "application/x-www-form-urlencoded", **headers}
    before = await version(http)
    answer = await http.post(path, content=f"file=shop.yaml&rules=x&name=n&before={before}", headers=form)
    assert answer.status_code == status
    assert (tmp_path / "shop.yaml").read_text() == "rules: []\n"


async def test_a_test_is_added(bench: Offering, http: httpx.AsyncClient, tmp_path: Path) -> None:
    """To the file of tests beside the rules, which is made where it is missing."""
    form = {"file": "shop.yaml", "rules": "rules: []", "type": "shop.paid", "event": "{}", "name": " new \n one "}
    assert (await http.post("/studio/test", data=form)).json() == {"file": "tests/shop.yaml", "name": "new one"}
    assert (await http.post("/studio/test", data=form)).status_code == 200
    assert (tmp_path / "tests" / "shop.yaml").read_text().count("name: new") == 2
    assert bench.asked[-1][1]["name"] == "new one"
    assert (await http.post("/studio/test", data={**form, "name": " "})).status_code == 400
    bench.answer = {"problem": "the rules have errors"}
    assert (await http.post("/studio/test", data=form)).json()["detail"] == "the rules have errors"
