"""Every scenario, by name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.by_api import API
from tests.chaos.by_care import RECIPIENT_CARE
from tests.chaos.by_cluster import CLUSTER
from tests.chaos.by_identity import IDENTITY
from tests.chaos.by_kafka import KAFKA
from tests.chaos.by_members import MEMBERS
from tests.chaos.by_operators import OPERATORS
from tests.chaos.scenario import Scenario

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario for scenario in (*MEMBERS, *OPERATORS, *IDENTITY, *KAFKA, *API, *RECIPIENT_CARE, *CLUSTER)
}
