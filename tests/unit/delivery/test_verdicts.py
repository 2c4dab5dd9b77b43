"""What a reply means: the whole table, row by row, and replies that nobody foresaw."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.delivery.verdicts import CODES, FAULTS, OTHER, STATUSES, VerdictSettings, VerdictTable, as_markdown
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

TABLE = VerdictTable()

DOCUMENTED = {
    Verdict.ACCEPTED: (200,),
    Verdict.RETRY: (-1, 500, 502, 503, 504, 408, 425),
    Verdict.REFRESH_TOKEN: (401, 40001, 40014, 41001, 42001),
    Verdict.THROTTLED: (429, 45011),
    Verdict.THROTTLED_RECIPIENT: (43117,),
    Verdict.QUOTA_SPENT: (45009,),
    Verdict.REJECTED_RECIPIENT: (40003, 43004, 43019, 43101, 48002, 50002, 50005),
    Verdict.REJECTED_CONTENT: (40039, 41028, 41029, 41030, 44002, 47001, 47003, 422),
    Verdict.REJECTED_CONFIG: (40013, 40036, 40037, 43116, 48001, 48004, 48008),
    Verdict.UNAUTHORISED: (403,),
    Verdict.IN_PROGRESS: (409,),
}


@pytest.mark.parametrize(
    ("code", "verdict"), [(code, verdict) for verdict, codes in DOCUMENTED.items() for code in codes]
)
def test_every_documented_code_means_what_the_page_says(code: int, verdict: Verdict) -> None:
    """A body code on HTTP 200 means what the documentation of the trade says."""
    assert TABLE.judge(Reply(200, code)) is verdict


def test_no_code_is_in_the_table_without_being_documented() -> None:
    """The table names exactly the documented codes."""
    assert set(CODES) == {code for codes in DOCUMENTED.values() for code in codes}


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.RETRY),
        (204, Verdict.RETRY),
        (301, Verdict.RETRY),
        (400, Verdict.RETRY),
        (401, Verdict.REFRESH_TOKEN),
        (403, Verdict.UNAUTHORISED),
        (404, Verdict.RETRY),
        (405, Verdict.RETRY),
        (408, Verdict.RETRY),
        (409, Verdict.IN_PROGRESS),
        (413, Verdict.REJECTED_CONTENT),
        (422, Verdict.KEY_REUSED),
        (425, Verdict.RETRY),
        (429, Verdict.THROTTLED),
        (500, Verdict.RETRY),
        (502, Verdict.RETRY),
        (503, Verdict.RETRY),
        (504, Verdict.RETRY),
        (599, Verdict.RETRY),
    ],
)
@pytest.mark.parametrize("fault", [None, Fault.BODY_INVALID, Fault.BODY_TOO_LARGE])
def test_a_status_decides_where_the_body_has_no_code(status: int, verdict: Verdict, fault: Fault | None) -> None:
    """Without a usable code the status decides, also when the body is an error page."""
    assert TABLE.judge(Reply(status, None, fault)) is verdict


@pytest.mark.parametrize("status", [None, 200, 401, 403, 500])
@pytest.mark.parametrize("code", [None, 200, 47003])
@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault.CONNECT, Verdict.RETRY),
        (Fault.TIMEOUT, Verdict.AMBIGUOUS),
        (Fault.RESET, Verdict.AMBIGUOUS),
        (Fault.BODY_CUT_SHORT, Verdict.AMBIGUOUS),
        (Fault.REDIRECT, Verdict.RETRY),
        (Fault.WITHHELD, Verdict.SHADOWED),
    ],
)
def test_a_fault_without_a_whole_reply_decides_alone(
    fault: Fault, verdict: Verdict, status: int | None, code: int | None
) -> None:
    """What was half received is not trusted, whatever its half says."""
    assert TABLE.judge(Reply(status, code, fault)) is verdict


@pytest.mark.parametrize(
    "change", [{"codes": {7: "shadowed"}}, {"statuses": {409: "shadowed"}}, {"unknown_code": "shadowed"}]
)
def test_no_reply_can_be_made_to_mean_shadowed(change: dict[str, object]) -> None:
    """It is the word for a request that was never made."""
    with pytest.raises(ValidationError, match="no reply can mean shadowed"):
        VerdictSettings.model_validate(change)


def test_every_fault_has_a_row() -> None:
    """No fault is left to chance, and what may have arrived is never judged a plain retry."""
    assert set(FAULTS) == set(Fault)
    assert {fault for fault in Fault if fault.request_may_have_arrived} == {
        fault for fault, verdict in FAULTS.items() if verdict is Verdict.AMBIGUOUS
    }


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503, 599])
def test_success_in_the_body_of_an_error_is_no_success(status: int) -> None:
    """A body code of 200 under an HTTP error is never accepted."""
    assert TABLE.judge(Reply(status, 200)) is not Verdict.ACCEPTED


@pytest.mark.parametrize("code", [0, 1, -2, 199, 201, 20_000, 99_999, 2**63, -(2**63)])
def test_an_unknown_code_on_200_is_what_the_user_says_it_is(code: int) -> None:
    """An unknown code is permanent by default, and configurable."""
    assert TABLE.judge(Reply(200, code)) is Verdict.REJECTED_CONTENT
    assert VerdictTable(VerdictSettings(unknown_code=Verdict.RETRY)).judge(Reply(200, code)) is Verdict.RETRY


@pytest.mark.parametrize(("status", "verdict"), [(500, Verdict.RETRY), (599, Verdict.RETRY), (429, Verdict.THROTTLED)])
def test_an_unknown_code_does_not_hide_a_status_that_says_later(status: int, verdict: Verdict) -> None:
    """An API that breaks down with a code of its own is not taken for a refusal of the text."""
    assert TABLE.judge(Reply(status, 12_345)) is verdict


def test_a_known_code_is_more_precise_than_the_status() -> None:
    """A gateway's 400 or 500 around a known code changes nothing."""
    assert TABLE.judge(Reply(400, 43004)) is Verdict.REJECTED_RECIPIENT
    assert TABLE.judge(Reply(500, 47003)) is Verdict.REJECTED_CONTENT
    assert TABLE.judge(Reply(403, 40001)) is Verdict.REFRESH_TOKEN


def test_a_code_that_repeats_the_status_says_no_more_than_the_status() -> None:
    """422 in body and status is a reused idempotency key, 422 in the body alone a refused text."""
    assert TABLE.judge(Reply(422, 422)) is Verdict.KEY_REUSED
    assert TABLE.judge(Reply(200, 422)) is Verdict.REJECTED_CONTENT


def test_the_users_own_rows_win() -> None:
    """Overrides of codes and statuses are used, also where the code repeats the status."""
    table = VerdictTable(
        VerdictSettings(
            codes={0: Verdict.ACCEPTED, 403: Verdict.REJECTED_CONFIG, 47003: Verdict.RETRY},
            statuses={404: Verdict.REJECTED_CONFIG},
        )
    )
    assert table.judge(Reply(200, 0)) is Verdict.ACCEPTED
    assert table.judge(Reply(403, 403)) is Verdict.REJECTED_CONFIG
    assert table.judge(Reply(403)) is Verdict.UNAUTHORISED
    assert table.judge(Reply(200, 47003)) is Verdict.RETRY
    assert table.judge(Reply(404)) is Verdict.REJECTED_CONFIG


def test_a_reply_that_says_nothing_is_transient() -> None:
    """Neither status nor code nor fault: nothing is known, so it is tried again."""
    assert TABLE.judge(Reply()) is Verdict.RETRY
    assert TABLE.judge(Reply(None, 12_345)) is Verdict.REJECTED_CONTENT


@pytest.mark.parametrize(
    "statuses", [{200: "accepted"}, {99: "retry"}, {600: "retry"}, {"four": "retry"}, {404: "perhaps"}]
)
def test_settings_that_make_no_sense_are_refused(statuses: dict[object, str]) -> None:
    """A status cannot mean accepted, must be one, and verdicts are the closed vocabulary's."""
    with pytest.raises(ValidationError):
        VerdictSettings.model_validate({"statuses": statuses})


def test_labels_are_bounded() -> None:
    """Codes as metric labels: those of the table, `none`, and one for all others."""
    table = VerdictTable(VerdictSettings(codes={7: Verdict.RETRY}))
    assert table.label(47003) == "47003"
    assert table.label(7) == "7"
    assert table.label(None) == "none"
    assert table.label(123_456) == OTHER


def test_the_reference_shows_every_row() -> None:
    """The generated page names each code, status and fault."""
    page = as_markdown()
    for key in (*CODES, *STATUSES, *FAULTS):
        assert f"`{key}`" in page


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, 200, Verdict.REFRESH_TOKEN),
        (403, 200, Verdict.UNAUTHORISED),
        (451, 200, Verdict.RETRY),
        (500, 200, Verdict.RETRY),
        (503, 99_999, Verdict.RETRY),
    ],
)
def test_a_status_that_contradicts_the_code_decides(status: int, code: int, verdict: Verdict) -> None:
    """A success in an error's body is none: the status' own row counts, and without one it is tried again."""
    assert TABLE.judge(Reply(status, code)) is verdict


def test_a_users_row_for_a_status_beats_the_unknown_code_in_its_body() -> None:
    """5xx is transient unless somebody said what it means here."""
    table = VerdictTable(VerdictSettings(statuses={503: Verdict.THROTTLED}))
    assert table.judge(Reply(503, 99_999)) is Verdict.THROTTLED
