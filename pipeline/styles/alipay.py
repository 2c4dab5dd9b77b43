"""Style `alipay`: the keys of `history`, for Alipay life accounts, which show every field whole."""

from __future__ import annotations

from pipeline.styles.history import History
from pipeline.styles.style import Mode


class _Alipay(History):
    name = "alipay"
    mode = Mode.LEGACY


ALIPAY = _Alipay()
