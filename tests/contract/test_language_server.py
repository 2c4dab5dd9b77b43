"""The language server over its real protocol: the command in a process of its own, on standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from pipeline.adapters.shipped import shipped

SECONDS = 60
"""How long to wait for an answer: the machine may be busy."""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


class Editor(LanguageClient):
    """A client that keeps the diagnostics of each document."""

    def __init__(self) -> None:
        super().__init__("test-editor", "1")
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.watched: list[types.Registration] = []

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]  # pygls' own
        def published(params: types.PublishDiagnosticsParams) -> None:
            self.published.put_nowait(params)

        @self.feature(types.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]  # the same
        def registered(params: types.RegistrationParams) -> None:
            self.watched += params.registrations

    async def diagnostics(self, uri: str) -> list[types.Diagnostic]:
        """The next diagnostics of the document."""
        async with asyncio.timeout(SECONDS):
            while True:
                params = await self.published.get()
                if params.uri == uri:
                    return list(params.diagnostics)

    def open(self, path: Path, text: str) -> str:
        """Open a document with a text that its file need not have."""
        uri = path.as_uri()
        self.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "yaml", 1, text)))
        return uri

    def change(self, uri: str, text: str) -> None:
        """Replace the whole text."""
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(2, uri), [types.TextDocumentContentChangeWholeDocument(text)]
            )
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example rules with their schemas, in a folder whose name needs an escape."""
    root = tmp_path / "my rules"
    shutil.copytree(shipped("rules"), root / "rules")
    shutil.copytree(shipped("schemas"), root / "schemas")
    return root / "rules"


@pytest.fixture
async def editor(request: pytest.FixtureRequest) -> AsyncIterator[Editor]:
    """An editor that has started the server; a test's parameter is the language of the editor."""
    client = Editor()
    await client.start_io(sys.executable, "-m", "pipeline", "lsp", env=ENVIRONMENT)
    watching = types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
    capabilities = types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(did_change_watched_files=watching)
    )
    async with asyncio.timeout(SECONDS):
        await client.initialize_async(types.InitializeParams(capabilities, locale=getattr(request, "param", None)))
    client.initialized(types.InitializedParams())
    yield client
    async with asyncio.timeout(SECONDS):
        await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # the same


def checked(folder: Path) -> list[dict[str, object]]:
    """The findings of `check`."""
    found = subprocess.run(
        [sys.executable, "-m", "pipeline", "check", str(folder), "--output", "json"],
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
    )
    findings: list[dict[str, object]] = json.loads(found.stdout)
    return findings


async def test_findings_are_those_of_check(editor: Editor, folder: Path) -> None:
    """At the same positions, columns in UTF-16, for each file."""
    path = folder / "trade.yaml"
    sound = path.read_text()
    faulty = sound.replace("event.amount_paid > 0.0", 'event.order_no != "😀礼" && event.amont_paid > 0.0 # 😀')
    assert faulty != sound
    path.write_text(faulty)
    uri = editor.open(path, faulty)
    found = await editor.diagnostics(uri)
    expected = [one for one in checked(folder) if one["path"] == str(path)]
    lines = faulty.split("\n")
    assert [(one.range.start.line + 1, one.code, one.source) for one in found] == [
        (one["line"], one["code"], "notice-pipeline") for one in expected
    ]
    assert expected
    for one, finding in zip(found, expected, strict=True):
        line = lines[one.range.start.line].encode("utf-16-le")
        before = line[: 2 * one.range.start.character].decode("utf-16-le")
        assert len(before) + 1 == finding["column"]
        assert str(finding["words"]) in one.message
    marked = lines[found[0].range.start.line].encode("utf-16-le")
    start, end = (2 * place.character for place in (found[0].range.start, found[0].range.end))
    assert marked[start:end].decode("utf-16-le") == "amont_paid"
    editor.change(uri, sound)
    assert await editor.diagnostics(uri) == []


async def test_unsaved_files_count(editor: Editor, folder: Path) -> None:
    """A template that is removed in one editor window is missed in the other."""
    rules = editor.open(folder / "trade.yaml", (folder / "trade.yaml").read_text())
    assert await editor.diagnostics(rules) == []
    catalogue = (folder / "templates.yaml").read_text()
    templates = editor.open(folder / "templates.yaml", catalogue.replace("order_paid:", "order_payed:"))
    async with asyncio.timeout(SECONDS):
        while not (found := await editor.diagnostics(rules)):
            pass
    assert "order_paid" in found[0].message
    editor.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(templates)))
    async with asyncio.timeout(SECONDS):
        while await editor.diagnostics(rules):
            pass


async def test_completion_and_hover(editor: Editor, folder: Path) -> None:
    """In a file that does not parse, behind a character of two code units."""
    text = (
        folder / "trade.yaml"
    ).read_text() + '  - id: mine\n    on: com.example.trade.order.paid.v1\n    when: "😀" != event.am'
    uri = editor.open(folder / "trade.yaml", text)
    line = text.count("\n")
    end = len(text.split("\n")[-1].encode("utf-16-le")) // 2
    at = types.Position(line, end)
    document = types.TextDocumentIdentifier(uri)
    async with asyncio.timeout(SECONDS):
        items = await editor.text_document_completion_async(types.CompletionParams(document, at))
        hover = await editor.text_document_hover_async(types.HoverParams(document, types.Position(line - 1, 20)))
    assert isinstance(items, list)
    assert items[0].label == "amount_paid"
    assert items[0].text_edit == types.TextEdit(types.Range(types.Position(line, end - 2), at), "amount_paid")
    assert items[0].detail == "decimal (2 digits after the point)"
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    assert hover.contents.kind == types.MarkupKind.PlainText
    assert "Payment for an order has arrived." in hover.contents.value


async def test_a_changed_schema_is_read_again(editor: Editor, folder: Path) -> None:
    """The server asks to be notified of files."""
    uri = editor.open(folder / "trade.yaml", (folder / "trade.yaml").read_text())
    assert await editor.diagnostics(uri) == []
    assert {one.method for one in editor.watched} == {types.WORKSPACE_DID_CHANGE_WATCHED_FILES}
    schema = folder.parent / "schemas" / "events" / "trade" / "trade.order.paid.v1.avsc"
    schema.write_text(schema.read_text().replace('"amount_paid"', '"amount"'))
    change = types.FileEvent(schema.as_uri(), types.FileChangeType.Changed)
    editor.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([change]))
    assert any("amount_paid" in one.message for one in await editor.diagnostics(uri))


async def test_what_is_no_file_of_rules_is_left_alone(editor: Editor, folder: Path) -> None:
    """Another language, a document without a file, a document that is not open."""
    editor.open(folder / "notes.md", "# Notes")
    position = types.Position(0, 0)
    for uri in ((folder / "notes.md").as_uri(), "untitled:Untitled-1", (folder / "none.yaml").as_uri()):
        params = types.CompletionParams(types.TextDocumentIdentifier(uri), position)
        async with asyncio.timeout(SECONDS):
            assert await editor.text_document_completion_async(params) == []


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """The error says what to install."""
    (tmp_path / "pygls").mkdir()
    (tmp_path / "pygls" / "__init__.py").write_text("raise ModuleNotFoundError('none', name='pygls')\n")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "lsp"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 2
    assert "pygls, which is not installed" in done.stderr
    assert "pip install 'notice-pipeline[authors]'" in done.stderr


async def test_an_editor_without_a_language_gets_that_of_the_environment(folder: Path) -> None:
    """As commands in the same terminal."""
    client = Editor()
    await client.start_io(sys.executable, "-m", "pipeline", "lsp", env={**ENVIRONMENT, "LC_ALL": "zh_CN.UTF-8"})
    async with asyncio.timeout(SECONDS):
        await client.initialize_async(types.InitializeParams(types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    path = folder / "trade.yaml"
    found = await client.diagnostics(client.open(path, path.read_text().replace("rules:", "ruls:", 1)))
    assert "`ruls`" in found[0].message
    assert "未知的键" in found[0].message
    async with asyncio.timeout(SECONDS):
        await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]  # the same


@pytest.mark.parametrize("editor", ["zh-cn"], indirect=True)
async def test_a_chinese_editor_gets_chinese(editor: Editor, folder: Path) -> None:
    """Findings and explanations; the codes stay."""
    path = folder / "trade.yaml"
    text = path.read_text(encoding="utf-8").replace("when: event.amount_paid", "when: event.amont_paid")
    found = await editor.diagnostics(editor.open(path, text))
    assert [(one.code, one.message) for one in found if one.code == "unknown-field"] == [
        (
            "unknown-field",
            "`com.example.trade.order.paid.v1` 没有字段 `amont_paid`\n是不是 `amount_paid`？",
        )
    ]
