"""What a reply means: the whole table, row by row, and replies that no one foresaw."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.delivery.verdicts import CODES, FAULTS, STATUSES, VerdictSettings, VerdictTable, as_markdown
from pipeline.model.reply import Fault, Reply
from pipeline.model.verdict import Verdict

TABLE = VerdictTable()

DOCUMENTED = {
    Verdict.ACCEPTED: (200,),
    Verdict.RETRY: (-1, 500, 502, 503, 504, 408, 425, 20000),
    Verdict.REFRESH_TOKEN: (401, 40001, 40014, 41001, 42001, 20001),
    Verdict.THROTTLED: (429, 45011),
    Verdict.THROTTLED_RECIPIENT: (43117,),
    Verdict.QUOTA_SPENT: (45009,),
    Verdict.REJECTED_RECIPIENT: (40003, 43004, 43019, 43101, 48002, 50002, 50005),
    Verdict.REJECTED_CONTENT: (40039, 41028, 41029, 41030, 44002, 47001, 47003, 422),
    Verdict.REJECTED_CONFIG: (40013, 40036, 40037, 43116, 48001, 48004, 48008),
    Verdict.UNAUTHORISED: (403, 40006, 40125, 40164, 40243, 61004, 61007, 89503),
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
        (200, Verdict.AMBIGUOUS),
        (201, Verdict.AMBIGUOUS),
        (204, Verdict.AMBIGUOUS),
        (299, Verdict.AMBIGUOUS),
        (400, Verdict.RETRY),
        (401, Verdict.REFRESH_TOKEN),
        (403, Verdict.UNAUTHORISED),
        (404, Verdict.RETRY),
        (405, Verdict.RETRY),
        (408, Verdict.RETRY),
        (409, Verdict.IN_PROGRESS),
        (413, Verdict.REJECTED_CONTENT),
        (422, Verdict.REJECTED_CONTENT),
        (425, Verdict.RETRY),
        (429, Verdict.THROTTLED),
        (500, Verdict.RETRY),
        (502, Verdict.RETRY),
        (503, Verdict.RETRY),
        (504, Verdict.RETRY),
        (599, Verdict.RETRY),
    ],
)
@pytest.mark.parametrize("fault", [None, Fault.BODY_INVALID, Fault.BODY_TOO_LARGE, Fault.BODY_CUT_SHORT, Fault.TIMEOUT])
def test_a_status_decides_where_the_body_has_no_code(status: int, verdict: Verdict, fault: Fault | None) -> None:
    """Without a usable code the status decides, also when the body is an error page."""
    assert TABLE.judge(Reply(status, None, fault)) is verdict


@pytest.mark.parametrize("status", [None, 200, 401, 403, 500])
@pytest.mark.parametrize("code", [None, 200, 47003])
@pytest.mark.parametrize(
    ("fault", "verdict"),
    [(Fault.CONNECT, Verdict.RETRY), (Fault.REDIRECT, Verdict.RETRY), (Fault.WITHHELD, Verdict.SHADOWED)],
)
def test_a_fault_that_leaves_no_reply_decides_alone(
    fault: Fault, verdict: Verdict, status: int | None, code: int | None
) -> None:
    """The request was not acted on, whatever else the reply seems to say."""
    assert TABLE.judge(Reply(status, code, fault)) is verdict


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.RESET, Fault.BODY_CUT_SHORT])
@pytest.mark.parametrize("status", [None, 200])
@pytest.mark.parametrize("code", [None, 200, 47003])
def test_half_a_reply_is_ambiguous(fault: Fault, status: int | None, code: int | None) -> None:
    """Without a status, or with a 2xx status, the API may have accepted the notice."""
    assert TABLE.judge(Reply(status, code, fault)) is Verdict.AMBIGUOUS


def test_a_users_row_for_a_2xx_status_decides_without_a_code() -> None:
    """An API whose 202 says nothing can be configured."""
    table = VerdictTable(VerdictSettings(statuses={202: Verdict.RETRY}))
    assert table.judge(Reply(202, None, Fault.BODY_INVALID)) is Verdict.RETRY
    assert table.judge(Reply(200, None, Fault.BODY_INVALID)) is Verdict.AMBIGUOUS


def test_a_reused_key_needs_the_evidence_of_a_key() -> None:
    """422 is a refused text, unless the reply mentions the key or the user reports it."""
    assert TABLE.judge(Reply(422, None, names_key=True)) is Verdict.KEY_REUSED
    assert TABLE.judge(Reply(422, None)) is Verdict.REJECTED_CONTENT
    assert TABLE.judge(Reply(422, 99_999)) is Verdict.REJECTED_CONTENT
    assert TABLE.judge(Reply(200, 422, names_key=True)) is Verdict.REJECTED_CONTENT
    by_user = VerdictTable(VerdictSettings(statuses={422: Verdict.KEY_REUSED}))
    assert by_user.judge(Reply(422, None)) is Verdict.KEY_REUSED


def test_codes_can_be_texts() -> None:
    """For an API whose table names texts; a text that is a number is that number."""
    table = VerdictTable(
        VerdictSettings.model_validate(
            {"codes": {"OK": "accepted", "isv.MOBILE_NUMBER_ILLEGAL": "rejected_recipient", "7": "retry"}}
        )
    )
    assert table.judge(Reply(200, "OK")) is Verdict.ACCEPTED
    assert table.judge(Reply(200, "isv.MOBILE_NUMBER_ILLEGAL")) is Verdict.REJECTED_RECIPIENT
    assert table.judge(Reply(200, 7)) is Verdict.RETRY
    assert table.judge(Reply(200, "isv.NEW")) is Verdict.REJECTED_CONTENT
    assert table.is_unknown(Reply(200, "isv.NEW"))
    assert table.judge(Reply(503, "OK")) is Verdict.RETRY


def test_a_text_is_not_a_usable_code_for_other_apis() -> None:
    """Where the table names no text, the status decides."""
    assert TABLE.judge(Reply(200, "OK")) is Verdict.AMBIGUOUS
    assert TABLE.judge(Reply(503, "OK")) is Verdict.RETRY


@pytest.mark.parametrize(
    "change", [{"codes": {7: "shadowed"}}, {"statuses": {409: "shadowed"}}, {"unknown_code": "shadowed"}]
)
def test_no_reply_can_be_made_to_mean_shadowed(change: dict[str, object]) -> None:
    """It is the word for a request that was never made."""
    with pytest.raises(ValidationError, match="a reply cannot mean shadowed"):
        VerdictSettings.model_validate(change)


def test_every_fault_has_a_row() -> None:
    """Only where the request surely did not arrive is the verdict not ambiguous."""
    assert set(FAULTS) == set(Fault)
    unsent = {Fault.CONNECT, Fault.REDIRECT, Fault.WITHHELD}
    assert {fault for fault, verdict in FAULTS.items() if verdict is Verdict.AMBIGUOUS} == set(Fault) - unsent


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503, 599])
def test_success_in_the_body_of_an_error_is_no_success(status: int) -> None:
    """A body code of 200 under an HTTP error is never accepted."""
    assert TABLE.judge(Reply(status, 200)) is not Verdict.ACCEPTED


@pytest.mark.parametrize("code", [0, 1, -2, 199, 201, 20_002, 99_999, 2**63, -(2**63)])
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
    """422 in body and status may be a reused idempotency key, 422 in the body alone is a refused text."""
    assert TABLE.judge(Reply(422, 422, names_key=True)) is Verdict.KEY_REUSED
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
    """5xx is transient unless someone said what it means here."""
    table = VerdictTable(VerdictSettings(statuses={503: Verdict.THROTTLED}))
    assert table.judge(Reply(503, 99_999)) is Verdict.THROTTLED
