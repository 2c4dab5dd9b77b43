"""The tables of foreign errors are complete: a new release cannot bring one that no one has judged."""

from __future__ import annotations

import inspect
from types import ModuleType

import httpx
import pytest
from pyreqwest import exceptions

from pipeline.adapters.notices_api import httpx as notices_httpx
from pipeline.adapters.notices_api import pyreqwest as notices_pyreqwest
from pipeline.adapters.notices_api.exchange import cut_off, fault_of
from pipeline.model.reply import Fault


def errors_of(module: ModuleType, *roots: type[Exception]) -> set[type[BaseException]]:
    """Every public error of the library below its roots."""
    return {kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, roots)}


def test_every_error_of_pyreqwest_has_its_fault() -> None:
    """The table of the fast transport names every error that the library has."""
    assert errors_of(exceptions, exceptions.PyreqwestError) == set(notices_pyreqwest.FAULTS)


def test_every_error_of_httpx_has_its_fault() -> None:
    """The table of the other transport names every error that the library has, and three of Python's own."""
    library = errors_of(httpx, httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
    assert set(notices_httpx.FAULTS) - library == {OSError, TimeoutError, RuntimeError}
    assert library <= set(notices_httpx.FAULTS)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (httpx.ConnectTimeout("x"), Fault.CONNECT),
        (type("NewTimeout", (httpx.TimeoutException,), {})("x"), Fault.TIMEOUT),
        (type("NewConnectError", (httpx.ConnectError,), {})("x"), Fault.CONNECT),
        (OSError(), Fault.RESET),
        (TimeoutError(), Fault.TIMEOUT),
    ],
)
def test_an_error_of_a_later_release_has_its_parents_fault(error: Exception, fault: Fault) -> None:
    """What the table does not name is judged as its nearest parent, or as something that may have left."""
    assert fault_of(error, notices_httpx.FAULTS) is fault


@pytest.mark.parametrize("fault", Fault)
def test_within_a_body_no_fault_claims_that_nothing_left(fault: Fault) -> None:
    """A broken connection within a reply's body is a body cut short; every other fault stays what it is."""
    assert cut_off(fault) is (Fault.BODY_CUT_SHORT if fault is Fault.RESET else fault)


@pytest.mark.parametrize("kind", [exceptions.ConnectError, exceptions.ConnectTimeoutError])
def test_a_connect_error_is_not_taken_by_its_name(kind: type[exceptions.TransportError]) -> None:
    """The library calls a reset after the request by the same name: without hyper's own word it counts as left."""

    def judged(*causes: str) -> Fault:
        return notices_pyreqwest._fault(kind("x", {"causes": [{"message": cause} for cause in causes]}))

    assert judged("error sending request", "client error (Connect)", "refused") is Fault.CONNECT
    for causes in (("error sending request", "client error (SendRequest)"), ("operation timed out",), ()):
        assert judged(*causes) in {Fault.RESET, Fault.TIMEOUT}
