"""A folder with thousands of rules, made of the example rules: for measuring start, reload, `check` and `/metrics`.

`python -m bench.many_rules FOLDER 5000` writes it. Each rule has an id, a description, a condition, a link and often a
text of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import copyfile

RULES_PER_FILE = 100
EXAMPLES = Path(__file__).parent.parent / "rules"
_RULES = (
    """
  - id: order-paid-{n}
    description: Tell the buyers of shop {n} that payment has arrived.
    on: com.example.trade.order.paid.v1
    when: event.amount_paid > {n}.0 && event.order_no.startsWith("T{n}")
    template: order_paid
    url: https://m.example.com/shops/{n}/orders/${{event.order_no}}
    reference: ${{event.order_no}}
    data:
      time4: ${{local_time(event.paid_at, "YYYY年M月D日 HH:mm")}}
      character_string2: ${{event.order_no}}
      thing3: ${{items(event.item_summary, event.item_count, 20)}}
      amount5: ${{money(event.amount_paid, event.currency)}}
""",
    """
  - id: order-closed-{n}
    description: Tell the buyers of shop {n} why the order was closed.
    on: com.example.trade.order.closed.v1
    when: event.reason != "CANCELLED_BY_BUYER" && event.order_no.endsWith("-{n}")
    template: order_closed
    url: https://m.example.com/shops/{n}/orders/${{event.order_no}}
    reference: ${{event.order_no}}
    data:
      character_string1: ${{event.order_no}}
      thing7: |-
        ${{label(event.reason, {{
          "UNPAID_TIMEOUT": "超时未支付，订单已关闭",
          "OUT_OF_STOCK": "店铺{n}缺货，已为您退款",
          "*": "订单已关闭，如有疑问请联系客服"
        }})}}
""",
    """
  - id: coupon-issued-{n}
    description: Tell the customers of shop {n} of new coupons.
    on: com.example.coupon.issued.v1
    when: event.source != "PURCHASE" && event.quantity > {n}
    template: coupon_issued
    url: https://m.example.com/shops/{n}/coupons/${{event.coupon_id}}
    reference: ${{event.coupon_id}}
    expires_after: 3d
    data:
      thing1: '${{truncate(event.coupon_name, 15)}}${{event.quantity > 1 ? "×" + string(event.quantity) : ""}}'
      amount2: ${{money(event.face_value, "CNY")}}
      time3: |-
        ${{local_time(event.valid_from, "YYYY年M月D日 HH:mm")}}~${{local_time(event.valid_to, "YYYY年M月D日 HH:mm")}}
""",
    """
  - id: wallet-statement-{n}
    description: For a large amount a second message of the older kind, for the customers of shop {n}.
    on: com.example.user.wallet.recharged.v1
    when: event.amount >= {n}.0 && event.currency == "CNY"
    template: wallet_statement
    url: https://m.example.com/shops/{n}/wallet
    reference: ${{event.txn_no}}
    data:
      first: 您在店铺{n}的账户有一笔大额充值
      keyword1: ${{event.txn_no}}
      keyword2: ${{local_time(event.recharged_at, "YYYY年M月D日 HH:mm")}}
      keyword3: ${{money(event.amount, event.currency)}}
      keyword4: ${{money(event.balance, event.currency)}}
      remark: 如非本人操作，请立即联系店铺{n}的客服
""",
)
_HEAD = "defaults: {owner: shops, to: '${event.sub}', category: transactional, expires_after: 24h}\nrules:"


def write(folder: Path, count: int) -> None:
    """Make `folder` with `count` rules, in files of 100, and the templates that they name."""
    folder.mkdir(parents=True, exist_ok=True)
    copyfile(EXAMPLES / "templates.yaml", folder / "templates.yaml")
    for first in range(0, count, RULES_PER_FILE):
        rules = (_RULES[n % len(_RULES)].format(n=n) for n in range(first, min(first + RULES_PER_FILE, count)))
        (folder / f"shops-{first:05}.yaml").write_text(_HEAD + "".join(rules), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
