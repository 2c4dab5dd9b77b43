"""The protocol: documents in, findings, completion and hover out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from pipeline import __version__
from pipeline.adapters.authoring.language_server.folders import Folders
from pipeline.authoring.completion.complete import Item, ItemKind, complete
from pipeline.authoring.completion.hover import hover
from pipeline.authoring.completion.shapes import FileKind
from pipeline.authoring.positions import Positions
from pipeline.errors import UserError
from pipeline.languages import ENGLISH, language_of, speaking
from pipeline.model.finding import Finding, Level
from pipeline.phrases import Say, joined

NAME = "notice-pipeline"
QUIET_SECONDS = 0.2
"""How long nothing must be typed before a folder is checked."""
TRIGGERS = [".", "{", '"', "'", " "]
"""Characters after which editors ask by themselves."""
_LEVELS: Mapping[Level, types.DiagnosticSeverity] = {
    Level.ERROR: types.DiagnosticSeverity.Error,
    Level.WARNING: types.DiagnosticSeverity.Warning,
    Level.NOTE: types.DiagnosticSeverity.Information,
}
_KINDS: Mapping[ItemKind, types.CompletionItemKind] = {
    ItemKind.KEY: types.CompletionItemKind.Property,
    ItemKind.FIELD: types.CompletionItemKind.Field,
    ItemKind.FUNCTION: types.CompletionItemKind.Function,
    ItemKind.VALUE: types.CompletionItemKind.EnumMember,
    ItemKind.VARIABLE: types.CompletionItemKind.Variable,
    ItemKind.TEMPLATE: types.CompletionItemKind.Struct,
    ItemKind.TYPE: types.CompletionItemKind.Event,
    ItemKind.RULE: types.CompletionItemKind.Reference,
}


class Documents:
    """The open documents, and the checks of their folders that are due."""

    def __init__(self, server: LanguageServer, folders: Folders) -> None:
        self._server = server
        self._folders = folders
        self._texts: dict[str, tuple[Path, str]] = {}
        self._due: dict[Path, asyncio.Task[None]] = {}
        self._checking = asyncio.Lock()
        self.say: Say = str
        """Has the language of the editor."""

    def put(self, uri: str, text: str) -> None:
        """Take the text of a document that is opened or changed, and check its folder soon."""
        path = to_fs_path(uri)
        if path is None or (folder := self._folders.of(Path(path))) is None:
            return
        self._texts[uri] = (Path(path), text)
        self._check_soon(folder)

    def drop(self, uri: str) -> None:
        """Forget a document that is closed; its file counts again."""
        known = self._texts.pop(uri, None)
        if known is None:
            return
        self._publish(uri, "", ())
        folder = self._folders.of(known[0])
        if folder is not None:
            self._check_soon(folder)

    def check_all(self) -> None:
        """Read everything again: schemas or files have changed."""
        self._folders.forget()
        for folder in {self._folders.of(path) for path, _ in self._texts.values()} - {None}:
            assert folder is not None  # noqa: S101 - it is taken away above
            self._check_soon(folder)

    def complete(self, uri: str, position: types.Position) -> list[types.CompletionItem]:
        """What can be written there."""
        found = self._at(uri, position)
        if found is None:
            return []
        path, folder, text, positions, offset = found
        items = complete(_kind(folder, path), text, offset, self._folders.known(folder))
        return [_item(item, number, positions, position, self.say) for number, item in enumerate(items)]

    def hover(self, uri: str, position: types.Position) -> types.Hover | None:
        """What is there."""
        found = self._at(uri, position)
        if found is None:
            return None
        path, folder, text, positions, offset = found
        shown = hover(_kind(folder, path), text, offset, self._folders.known(folder))
        if shown is None:
            return None
        # Plain: documentation of schemas and templates must not become links or images.
        content = types.MarkupContent(
            types.MarkupKind.PlainText, f"{self.say(shown.title)}\n\n{self.say(shown.body)}".strip()
        )
        return types.Hover(content, _range(positions, *shown.span))

    def _at(self, uri: str, position: types.Position) -> tuple[Path, Path, str, Positions, int] | None:
        known = self._texts.get(uri)
        folder = self._folders.of(known[0]) if known is not None else None
        if known is None or folder is None:
            return None
        positions = Positions(known[1])
        return known[0], folder, known[1], positions, positions.offset(position.line, position.character)

    def _check_soon(self, folder: Path) -> None:
        if (before := self._due.get(folder)) is not None:
            before.cancel()
        self._due[folder] = asyncio.create_task(self._check(folder))

    async def _check(self, folder: Path) -> None:
        await asyncio.sleep(QUIET_SECONDS)
        async with self._checking:
            mine = {uri: one for uri, one in self._texts.items() if self._folders.of(one[0]) == folder}
            try:
                checked = await asyncio.to_thread(self._folders.check, folder, dict(mine.values()))
            except UserError as error:
                self._server.window_log_message(
                    types.LogMessageParams(types.MessageType.Error, self.say(error.message))
                )
                return
        for uri, (path, text) in mine.items():
            if uri in self._texts:
                self._publish(uri, text, checked.findings[path])

    def _publish(self, uri: str, text: str, findings: tuple[Finding, ...]) -> None:
        positions = Positions(text)
        diagnostics = [_diagnostic(one, positions, self.say) for one in findings]
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics))


def make_server(folders: Folders, language: str | None = None, otherwise: str = ENGLISH) -> LanguageServer:
    """The server, to be started on standard input and output.

    Without `language` it has that of the editor; where the editor names none, `otherwise`.
    """
    server = LanguageServer(NAME, __version__, types.TextDocumentSyncKind.Full)
    documents = Documents(server, folders)

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        documents.say = speaking(language or (language_of(params.locale) if params.locale else otherwise))

    @server.feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        capabilities = server.client_capabilities.workspace
        watched = capabilities.did_change_watched_files if capabilities is not None else None
        if watched is not None and watched.dynamic_registration:
            patterns = [types.FileSystemWatcher(f"**/*.{end}") for end in ("avsc", "yaml", "yml")]
            options = types.DidChangeWatchedFilesRegistrationOptions(patterns)
            registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            server.client_register_capability(types.RegistrationParams([registration]), lambda _: None)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        documents.put(params.text_document.uri, params.text_document.text)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        documents.put(params.text_document.uri, server.workspace.get_text_document(params.text_document.uri).source)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        documents.drop(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(_: types.DidChangeWatchedFilesParams) -> None:
        documents.check_all()

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=TRIGGERS))
    async def completion(params: types.CompletionParams) -> list[types.CompletionItem]:
        return documents.complete(params.text_document.uri, params.position)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hovered(params: types.HoverParams) -> types.Hover | None:
        return documents.hover(params.text_document.uri, params.position)

    return server


def _kind(folder: Path, document: Path) -> FileKind:
    return FileKind.of(document.relative_to(folder).as_posix())


def _range(positions: Positions, start: int, end: int) -> types.Range:
    return types.Range(types.Position(*positions.position(start)), types.Position(*positions.position(end)))


def _diagnostic(finding: Finding, positions: Positions, say: Say) -> types.Diagnostic:
    message = say(joined("\n", filter(None, (finding.message, finding.hint))))
    where = _range(positions, *positions.marked(finding.line, finding.column))
    return types.Diagnostic(where, message, _LEVELS[finding.level], finding.code, source=NAME)


def _item(item: Item, number: int, positions: Positions, cursor: types.Position, say: Say) -> types.CompletionItem:
    return types.CompletionItem(
        item.label,
        kind=_KINDS[item.kind],
        detail=say(item.detail) if item.detail else None,
        documentation=types.MarkupContent(types.MarkupKind.PlainText, say(item.doc)) if item.doc else None,
        sort_text=f"{number:04}",
        text_edit=types.TextEdit(types.Range(types.Position(*positions.position(item.start)), cursor), item.insert),
    )
