"""Style `alipay`: the keys of `history`, for Alipay life accounts, which show every field whole."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.styles.history import History
from pipeline.styles.style import Mode


class _Alipay(History):
    name = "alipay"
    modes: Mapping[Mode, str] = MappingProxyType({Mode.LEGACY: "Alipay"})


ALIPAY = _Alipay()
