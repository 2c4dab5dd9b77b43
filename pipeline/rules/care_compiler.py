"""Compile care.yaml; its errors become findings at their exact locations."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from pipeline.care.declaration import (
    DAY,
    NO_CARE,
    WEEK,
    Cap,
    Care,
    Category,
    InQuiet,
    OverCap,
    Quiet,
    QuietHours,
    Window,
)
from pipeline.model.finding import Finding
from pipeline.model.suggestion import did_you_mean
from pipeline.phrases import joined, phrase
from pipeline.rules.functions.times import unknown_zone
from pipeline.rules.source.care_format import CapModel, CareFile, CareModel, CategoryModel
from pipeline.rules.source.document import Document, Path, parse
from pipeline.rules.source.format import CATEGORIES, duration_text
from pipeline.rules.source.report import Report
from pipeline.rules.source.structure import validate

LONGEST = 31 * 86_400
"""Seconds of the longest window of a cap or of `once`: the state of a recipient reaches back as far."""
SECURITY = "security"


class CareSource(NamedTuple):
    """care.yaml as it was read."""

    care: Care = NO_CARE
    """What it declares; nothing where there is no file, or where it has an error."""
    document: Document | None = None
    """None: there is no such file, or it is not YAML."""
    is_sound: bool = True
    """Whether the file has no error."""

    @property
    def categories(self) -> Collection[str]:
        """The categories that a rule may have."""
        return (*CATEGORIES, *(name for name in self.care.categories if name not in CATEGORIES))


NO_SOURCE = CareSource()
"""There is no care.yaml."""


def read_care(file: tuple[str, str] | None, errors: list[Finding]) -> CareSource:
    """Read and compile the file; what is wrong is added to `errors`."""
    if file is None:
        return NO_SOURCE
    document = parse(*file)
    if isinstance(document, Finding):
        errors.append(document)
        return CareSource(is_sound=False)
    model, faults = validate(document, CareFile)
    errors += faults
    if model is None:
        return CareSource(document=document, is_sound=False)
    report = Report(document)
    care = _Compiler(report, model.care).care()
    errors += report.findings
    return CareSource(care, document, not report.errors)


def held_back_by(category: Category) -> tuple[str, ...]:
    """The keys of a category for which a message may not be sent."""
    held = {
        "caps": bool(category.caps) and category.over_cap is OverCap.DROP,
        "quiet": category.quiet is not None and category.quiet.then is InQuiet.DROP,
        "opt_out": category.opt_out is not None,
    }
    return () if category.urgent else tuple(key for key, is_held in held.items() if is_held)


class _Compiler:
    def __init__(self, report: Report, model: CareModel) -> None:
        self._report = report
        self._model = model
        self._known = {*CATEGORIES, *model.categories}

    def care(self) -> Care:
        """What the file declares; without the parts that have an error."""
        model = self._model
        zone = model.timezone.default
        if (fault := unknown_zone(zone)) is not None:
            inner: Path = ("care", "timezone", "default")
            self._inside(inner if self._report.has(inner) else inner[:2], "unknown-zone", *fault)
        hours = {
            name: QuietHours(name, one.start, one.end) for name, one in model.quiet_hours.items() if self._opens(name)
        }
        caps = {name: self._cap(name, one) for name, one in model.caps.items()}
        categories = {name: self._category(name, one, caps, hours) for name, one in model.categories.items()}
        care = Care(categories, caps, zone, zone_of_preferences=model.timezone.source is not None)
        return care._replace(fingerprint=hashlib.sha256(_canonical(care).encode()).hexdigest()[:12])

    def _opens(self, name: str) -> bool:
        hours, path = self._model.quiet_hours[name], ("care", "quiet_hours", name, "to")
        if hours.start != hours.end:
            return True
        summary = phrase("quiet hours `{name}` begin and end at the same time, so they never begin", name=name)
        self._inside(
            path, "never-opens", summary, phrase('write the minute after the last: {from: "22:00", to: "08:00"}')
        )
        return False

    def _cap(self, name: str, cap: CapModel) -> Cap:
        path: Path = ("care", "caps", name)
        if cap.at_most == 0:
            hint = phrase("to stop a category, pause its rules or set `enabled: false`")
            self._inside(
                (*path, "at_most"), "never-opens", phrase("cap `{name}` lets no message through", name=name), hint
            )
        of = None if not cap.of.category else frozenset(cap.of.category)
        at: Path = (*path, "of", "category")
        for number, category in enumerate(cap.of.category):
            self._category_known((*at, number) if self._report.has((*at, number)) else at, category)
        for category in cap.reserve:
            if self._category_known((*path, "reserve", category), category, at_key=True) and of and category not in of:
                summary = phrase(
                    "cap `{name}` does not count `{category}`, so nothing is to be left free for it",
                    name=name,
                    category=category,
                )
                self._report.add(
                    (*path, "reserve", category), "unknown-category", summary, phrase("it counts {of}", of=_list(of))
                )
        reserved = sum(cap.reserve.values())
        if reserved >= cap.at_most > 0:
            summary = phrase(
                "{reserved} of {at_most} are reserved: the other categories could never send",
                reserved=reserved,
                at_most=cap.at_most,
            )
            self._report.add((*path, "reserve"), "reserve-too-large", summary, phrase("reserve less than `at_most`"))
        return Cap(name, of, cap.at_most, self._window((*path, "per"), cap.per), dict(cap.reserve))

    def _window(self, path: Path, per: str | int) -> Window:
        if per == "day":
            return DAY
        if per == "week":
            return WEEK
        seconds = int(per)
        too_long(self._report, path, phrase("a cap's window"), seconds)
        return Window(None, seconds)

    def _category(
        self, name: str, model: CategoryModel, caps: Mapping[str, Cap], hours: Mapping[str, QuietHours]
    ) -> Category:
        path: Path = ("care", "categories", name)
        for number, cap in enumerate(model.caps):
            if cap not in caps:
                hint = did_you_mean(cap, caps) or (
                    phrase("there are {caps}", caps=_list(caps)) if caps else phrase("write it below `caps:`")
                )
                self._inside((*path, "caps", number), "unknown-cap", phrase("there is no cap `{cap}`", cap=cap), hint)
        quiet = None
        if model.quiet is not None:
            known, given = self._model.quiet_hours, model.quiet.hours
            if given not in known:
                hint = did_you_mean(given, known) or (
                    phrase("there are {known}", known=_list(known))
                    if known
                    else phrase("write them below `quiet_hours:`")
                )
                summary = phrase("there are no quiet hours `{given}`", given=given)
                self._inside((*path, "quiet", "hours"), "unknown-quiet-hours", summary, hint)
            elif given in hours:
                quiet = Quiet(hours[given], InQuiet(model.quiet.then))
        self._check_urgent(path, name, model)
        held = tuple(caps[cap] for cap in model.caps if cap in caps)
        return Category(name, held, OverCap(model.over_cap), quiet, model.opt_out, model.urgent)

    def _check_urgent(self, path: Path, name: str, model: CategoryModel) -> None:
        """A message that protects the recipient's account must not be held back by anything."""
        if not model.urgent and name != SECURITY:
            return
        held = {
            "caps": bool(model.caps) and (model.urgent or model.over_cap == "drop"),
            "quiet": model.quiet is not None and (model.urgent or model.quiet.then == "drop"),
            "opt_out": model.opt_out is not None,
        }
        for key in (key for key, is_held in held.items() if is_held):
            why = phrase("is urgent") if model.urgent else phrase("protects the recipient")
            summary = phrase("`{name}` {why}, and `{key}` would hold its messages back", name=name, why=why, key=key)
            hint = (
                phrase("leave out `{key}`", key=key)
                if model.urgent
                else phrase("leave out `{key}`, and write urgent: true", key=key)
            )
            self._report.add((*path, key), "urgent-held-back", summary, hint)

    def _category_known(self, path: Path, name: str, *, at_key: bool = False) -> bool:
        if name in self._known:
            return True
        summary = phrase("there is no category `{name}`", name=name)
        hint = did_you_mean(name, sorted(self._known)) or phrase("there are {known}", known=_list(self._known))
        if at_key:
            self._report.add(path, "unknown-category", summary, hint)
        else:
            self._inside(path, "unknown-category", summary, hint)
        return False

    def _inside(self, path: Path, code: str, message: str, hint: str | None = None) -> None:
        self._report.add_inside(path, 0, code, message, hint)


def too_long(report: Report, path: Path, what: str, seconds: int) -> bool:
    """Whether a window is longer than the state reaches back, which is then reported."""
    if seconds <= LONGEST:
        return False
    hint = phrase("write at most {longest}", longest=duration_text(LONGEST))
    report.add_inside(
        path,
        0,
        "window-too-long",
        phrase("{what} may be {longest} long", what=what, longest=duration_text(LONGEST)),
        hint,
    )
    return True


def _list(names: Iterable[str]) -> str:
    return joined(", ", (f"`{name}`" for name in sorted(names)))


def _canonical(care: Care) -> str:
    """Everything that decides, as text that does not depend on the order of keys."""
    caps = [
        (*one[:1], sorted(one.of) if one.of else None, *one[2:4], sorted(one.reserve.items()))
        for one in (care.caps[name] for name in sorted(care.caps))
    ]
    categories = [
        (one.name, [cap.name for cap in one.caps], one.over_cap, one.quiet, one.opt_out, one.urgent)
        for one in (care.categories[name] for name in sorted(care.categories))
    ]
    return repr((caps, categories, care.zone, care.zone_of_preferences))
