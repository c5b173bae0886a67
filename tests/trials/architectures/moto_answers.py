"""What a look before a deployment asks, and moto cannot answer: AWS's default of a quota, and what IAM would allow."""

from __future__ import annotations

import json

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.servicequotas.responses import ServiceQuotasResponse

QUOTA = 1000
"""Of whatever quota nobody changed: this account has room. A real one that is new has less."""


def _default_quota(self: ServiceQuotasResponse) -> str:
    return json.dumps({"Quota": {**json.loads(self.body), "Value": QUOTA}})


def _simulated(self: IamResponse) -> ActionResult:
    told = [{"EvalActionName": action, "EvalDecision": "allowed"} for action in self._get_param("ActionNames")]
    return ActionResult({"EvaluationResults": told, "IsTruncated": False})


ServiceQuotasResponse.get_aws_default_service_quota = _default_quota  # type: ignore[attr-defined]
IamResponse.simulate_principal_policy = _simulated  # type: ignore[attr-defined]
