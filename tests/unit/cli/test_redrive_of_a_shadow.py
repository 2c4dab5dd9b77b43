"""A shadow sends nothing, not even by way of its dead letters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.cli.app import MISUSE, main

CONFIGURATION = """\
shadow: true
kafka: {bootstrap_servers: '127.0.0.1:1', group_id: shop, topics: [orders]}
schemas: {directory: schemas}
notices: {url: 'http://127.0.0.1:1/message/v2/notices', token: none}
"""


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--yes"], ["--key", "\udcff"]])
def test_a_shadow_s_dead_letters_are_not_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """They would land on the topic that the live service reads: refused before anything is asked of a broker.

    A key may be any bytes.
    """
    file = tmp_path / "pipeline.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["notice-pipeline", "redrive", "--config", str(file), *more])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == MISUSE
    assert "dead letters of a shadow are not sent again" in capsys.readouterr().err
