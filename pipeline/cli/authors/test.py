"""`test`: run the tests of rules, in the service's own engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from pipeline.adapters.authoring.rule_test_events import read_test_events
from pipeline.adapters.rule_files import read_rules_and_tests
from pipeline.authoring.rule_tests.accepting import completed
from pipeline.authoring.rule_tests.reports import Timed, as_json, as_junit, as_text
from pipeline.authoring.rule_tests.running import Result, run
from pipeline.cli.app import FINDINGS, FINE
from pipeline.cli.authors.accept import ask_and_write, changed_files, with_test
from pipeline.cli.authors.check import EnvironmentOption, SchemasOption, schemas_beside
from pipeline.cli.authors.rule_set import Named
from pipeline.cli.printing import finding_lines, paragraph, plain, print_json, say, values
from pipeline.errors import RulesRefused, UserError
from pipeline.model.finding import Finding
from pipeline.phrases import counted, joined, phrase
from pipeline.rules.lint.cases import Case, read_cases
from pipeline.rules.lint.check import CheckResult, SkippedCase, check
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.schema.event_schema import SchemaCatalogue
from pipeline.terminal_escape import terminal_escape

DEBOUNCE_MS = 150
"""Time for an editor to finish saving."""
BEGIN_MS = 200
"""Timeout of the first wait, after which the watch is active."""
MOST_NAMED = 3
"""Changed files that are listed."""
WAITING = phrase("waiting for a change (Ctrl-C ends) …")
WATCHED = frozenset({".yaml", ".yml", ".json", ".avsc"})

TestsArgument = Annotated[
    Path, typer.Argument(help="Folder of rules, or one file of rules or of tests in it.", metavar="RULES")
]


def command(
    rules: TestsArgument = Path("rules"),
    schemas: SchemasOption = None,
    environment: EnvironmentOption = None,
    only: Annotated[
        str | None, typer.Option("--filter", "-k", help="Only tests with this text in name, file or rule.")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", "-x", help="Stop at the first failure.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also list the tests that pass.")] = False,
    output: Annotated[Literal["text", "json", "junit"], typer.Option(help="Output format.")] = "text",
    junit: Annotated[
        Path | None, typer.Option(help="Also write a report in JUnit's XML format to this file.", metavar="FILE")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Write what came as the expectation of failed tests, after a question.")
    ] = False,
    event: Annotated[
        str | None,
        typer.Option("--event", help="With --accept: add a test of this event, as for `explain`.", metavar="EVENT"),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="With --event: name of the test.", metavar="NAME")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --accept: write without a question.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Run again at every change. Ctrl-C ends it.")] = False,
) -> None:
    """Run the tests in `RULES/tests`: each gives the rules an event and names the messages that they must make.

    A test with `timeline:` gives them several, each at its moment in virtual time, and recipient care (care.yaml,
    `once`) decides about each message as well.

    A failure shows the expected and the actual value, and the location of the expectation. Rules with errors are not
    tested; their errors are shown as by `check`. `--accept` shows the new expectations as a diff, asks, and writes them
    into the test files, whose comments stay; a test without `expect:` gets one. With `--event`, a test of that event is
    added, personal data included.

    Exit 0: all tests passed, or are accepted; 1: a test failed, or the rules have errors; 2: misuse, or no test to run.

    Examples: `notice-pipeline test` · `notice-pipeline test rules/tests/trade.yaml -k "no receipt"` ·
    `notice-pipeline test --watch`
    """
    job = _Job(rules, schemas, environment, only, fail_fast)
    if accept:
        if watch or output != "text" or junit is not None:
            raise UserError(phrase("--accept goes with none of --watch, --output and --junit"))
        if event is not None:
            raise typer.Exit(job.add(event, name, is_agreed=yes))
        raise typer.Exit(job.accept(is_agreed=yes))
    if event is not None:
        raise UserError(
            phrase("--event goes with --accept"),
            hint=phrase("it adds a test; `notice-pipeline explain` shows an event"),
        )
    if watch:
        if output != "text":
            raise UserError(
                phrase("--watch prints text only"),
                hint=phrase("leave out --output; --junit FILE is written at each run"),
            )
        raise typer.Exit(_watch(job, junit, verbose=verbose))
    report = job.run()
    _print(report, output, verbose=verbose)
    _write(report, junit)
    raise typer.Exit(report.exit_code)


class _Report(NamedTuple):
    """One run of the tests."""

    name: str
    findings: tuple[Finding, ...]
    """Errors of the rules, because of which no test was run."""
    results: tuple[Timed, ...]
    left_out: int
    """Tests that were not run after the first failure."""
    seconds: float
    skipped: tuple[SkippedCase, ...] = ()

    @property
    def failed(self) -> int:
        return sum(not timed.result.passed for timed in self.results)

    @property
    def exit_code(self) -> int:
        return FINDINGS if self.findings or self.failed else FINE


class _Job(NamedTuple):
    """What to run. The files are read at each run."""

    rules: Path
    schemas: Path | None
    environment: str | None
    only: str | None
    fail_fast: bool

    @property
    def folder(self) -> Path:
        """The folder of rules: the argument, or the folder of the file that it names."""
        if not self.rules.is_file():
            return self.rules
        parent = self.rules.parent
        return (parent.parent if parent.name else Path("..")) if self._is_test_file else parent

    @property
    def _is_test_file(self) -> bool:
        return self.rules.is_file() and self.rules.absolute().parent.name == "tests"

    def run(self) -> _Report:
        """Check the rules, then run the tests.

        Raises:
            UserError: files cannot be read, or no test fits.
        """
        started = time.perf_counter()
        catalogue = schemas_beside(self.folder, self.schemas)
        checked = check(read_rules_and_tests(self.folder), catalogue, environment=self.environment)
        if checked.ruleset is None:
            errors = tuple(finding for finding in checked.findings if finding.is_error)
            return _Report(str(self.rules), errors, (), 0, time.perf_counter() - started)
        cases = self._chosen(checked, checked.ruleset)
        results = tuple(self._results(cases, checked.ruleset, catalogue))
        seconds = time.perf_counter() - started
        return _Report(str(self.rules), (), results, len(cases) - len(results), seconds, checked.skipped)

    def accept(self, *, is_agreed: bool) -> int:
        """Run the tests, and write what came as the expectation of those that fail; return the exit code.

        Raises:
            UserError: files cannot be read or written, no test fits, or the question cannot be asked.
        """
        sources = read_rules_and_tests(self.folder)
        return self._accept(sources.tests, sources.tests, None, is_agreed=is_agreed)

    def _accept(
        self, tests: Mapping[str, str], originals: Mapping[str, str], only: str | None, *, is_agreed: bool
    ) -> int:
        """Accept what comes of the chosen `tests`, or of the one of that name; `originals` are the files.

        Tests that are not chosen and expect nothing yet stay as they are.
        """
        catalogue = schemas_beside(self.folder, self.schemas)
        sources = read_rules_and_tests(self.folder)
        every = {path: completed(text) for path, text in tests.items()}
        checked = check(sources._replace(tests=every), catalogue, environment=self.environment)
        rules = checked.ruleset
        if rules is None:
            raise RulesRefused([finding for finding in checked.findings if finding.is_error])
        cases = [case for case in self._chosen(checked, rules) if only in {None, case.name}]
        results = [one.result for one in self._results(cases, rules, catalogue)]
        texts = {
            path: completed(text, {case.path for case in cases if case.document.path == path})
            for path, text in tests.items()
        }

        def again(path: str, text: str) -> list[Result]:
            cases, _ = read_cases(path, completed(text))
            return [run(case, rules, catalogue, read_test_events(cases)) for case in cases]

        return ask_and_write(*changed_files(originals, texts, results, again), is_agreed=is_agreed)

    def add(self, event: str, name: str | None, *, is_agreed: bool) -> int:
        """Add a test of the event, with what comes of it; return the exit code.

        Raises:
            UserError: as `accept` and `with_test`.
        """
        path, text, chosen = with_test(Named(self.folder, self.schemas, self.environment, None), event, name)
        sources = read_rules_and_tests(self.folder)
        tests = {**sources.tests, str(path): text}
        return self._accept(tests, {**tests, str(path): sources.tests.get(str(path), "")}, chosen, is_agreed=is_agreed)

    def _chosen(self, checked: CheckResult, rules: RuleSet) -> list[Case]:
        cases = list(checked.cases)
        if self._is_test_file:
            cases = [case for case in cases if Path(case.document.path).resolve() == self.rules.resolve()]
        elif self.rules.is_file():
            own = {name for name, locations in checked.locations.items() if Path(locations.path) == self.rules}
            types = {kind for rule in rules.rules if rule.id in own for kind in rule.on}
            cases = [case for case in cases if case.event.type in types]
        if not cases and not checked.skipped:
            raise UserError(
                phrase("{rules}: there are no tests", rules=self.rules),
                hint=phrase("tests are in {folder}/*.yaml", folder=self.folder / "tests"),
            )
        if self.only is not None:
            found = [case for case in cases if _fits(case, self.only)]
            if not found and not any(_fits(one.case, self.only) for one in checked.skipped):
                raise UserError(
                    phrase(
                        "none of {count} tests has `{only}` in its name, file or rule", count=len(cases), only=self.only
                    )
                )
            return found
        return cases

    def _results(self, cases: Sequence[Case], rules: RuleSet, catalogue: SchemaCatalogue) -> Iterator[Timed]:
        files = read_test_events(cases)
        for case in cases:
            started = time.perf_counter()
            result = run(case, rules, catalogue, files)
            yield Timed(result, time.perf_counter() - started)
            if self.fail_fast and not result.passed:
                return


def _fits(case: Case, message: str) -> bool:
    return any(message.casefold() in text.casefold() for text in (case.name, case.document.path, *case.rules))


def _print(report: _Report, output: str, *, verbose: bool = False) -> None:
    if output == "json":
        print_json(_as_json(report))
    elif output == "junit":
        print(as_junit([*report.results], report.seconds, report.findings, report.skipped), end="")
    else:
        for line in _lines(report, verbose=verbose):
            say(plain(line))  # names and paths may contain control characters


def _as_json(report: _Report) -> dict[str, object]:
    return {
        "passed": len(report.results) - report.failed,
        "failed": report.failed,
        "left_out": report.left_out,
        "skipped": [
            {"name": one.case.name, "path": one.case.document.path, "rules_off": list(one.rules)}
            for one in report.skipped
        ],
        "seconds": round(report.seconds, 3),
        "findings": [values(finding) for finding in report.findings],
        "tests": [as_json(timed) for timed in report.results],
    }


def _lines(report: _Report, *, verbose: bool) -> Iterator[str]:
    for timed in report.results:
        if not timed.result.passed:
            yield from as_text(timed.result)
            yield ""
        elif verbose:
            case = timed.result.case
            location = case.document.location(case.path)
            yield phrase(
                "passed {path}:{line}:{column}: {name}",
                path=case.document.path,
                line=location.line,
                column=location.column,
                name=case.name,
            )
    if report.findings:
        yield from finding_lines(report.findings)
        errors = counted(len(report.findings), "{count} error", "{count} errors")
        yield phrase("{name}: {errors} in the rules: no test was run", name=report.name, errors=errors)
        return
    for one in report.skipped if verbose else ():
        location = one.case.document.location(one.case.path)
        where = f"{one.case.document.path}:{location.line}:{location.column}"
        yield phrase("skipped {where}: {name} ({rules})", where=where, name=one.case.name, rules=_off(one.rules))
    passed = len(report.results) - report.failed
    parts = [phrase("{count} passed", count=passed)]
    if report.failed:
        parts.insert(0, phrase("{count} failed", count=report.failed))
    if report.skipped:
        off = _off(sorted({rule for one in report.skipped for rule in one.rules}))
        parts.append(phrase("{count} skipped ({off})", count=len(report.skipped), off=off))
    if report.left_out:
        parts.append(phrase("{count} not run after the first failure", count=report.left_out))
    yield phrase(
        "{name}: {summary} in {seconds:.2f} s", name=report.name, summary=joined(", ", parts), seconds=report.seconds
    )


def _off(rules: Sequence[str]) -> str:
    names = joined(", ", (f"`{rule}`" for rule in rules))
    return phrase("{rules} is off", rules=names) if len(rules) == 1 else phrase("{rules} are off", rules=names)


def _write(report: _Report, junit: Path | None) -> None:
    if junit is None:
        return
    try:
        junit.parent.mkdir(parents=True, exist_ok=True)
        junit.write_text(as_junit([*report.results], report.seconds, report.findings, report.skipped), encoding="utf-8")
    except OSError as error:
        raise UserError(
            phrase("{junit}: cannot be written: {strerror}", junit=junit, strerror=error.strerror)
        ) from None


def _watch(job: _Job, junit: Path | None, *, verbose: bool) -> int:
    """Run at once and at every change until Ctrl-C; return the exit code of the last run."""
    from watchfiles import watch  # noqa: PLC0415 - 60 ms, needed only here

    paths = [path for path in (job.folder, job.schemas or job.folder.resolve().parent / "schemas") if path.is_dir()]
    if not paths:
        raise UserError(phrase("{folder}: there is no such folder to watch", folder=job.folder))
    changes = watch(
        *paths,
        watch_filter=lambda _, path: Path(path).suffix in WATCHED,
        debounce=DEBOUNCE_MS,
        rust_timeout=BEGIN_MS,
        yield_on_timeout=True,
    )
    code = FINE
    try:
        next(changes, None)  # the watch begins here, so that no change during the first run is missed
        code = _once(job, junit, verbose=verbose)
        say(plain(WAITING))
        for changed in changes:
            if changed:
                names = sorted({Path(path).name for _, path in changed})
                changed_names = terminal_escape(", ".join(names[:MOST_NAMED])) + " …" * (len(names) > MOST_NAMED)
                say()
                say(plain(phrase("{names} changed", names=changed_names)))
                code = _once(job, junit, verbose=verbose)
                say(plain(WAITING))
    except KeyboardInterrupt:
        pass  # Ctrl-C has the same effect while tests run
    say()
    say(plain(phrase("ended")))
    return code


def _once(job: _Job, junit: Path | None, *, verbose: bool) -> int:
    try:
        report = job.run()
        _print(report, "text", verbose=verbose)
        _write(report, junit)
    except UserError as error:  # a half-saved file, or no tests yet: the next change may fix it
        say(paragraph(phrase("error: {message}", message=error.message)))
        if error.hint:
            say(paragraph(phrase("hint: {hint}", hint=error.hint)))
        return FINDINGS
    return report.exit_code
