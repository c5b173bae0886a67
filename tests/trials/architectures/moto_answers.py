"""What a look before a deployment asks, and moto cannot answer: AWS's default of a quota, SageMaker's quotas, what IAM
would allow, where a file system is."""

from __future__ import annotations

import json
from typing import Any

from botocore.session import get_session
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.fsx.models import FileSystem
from moto.iam.responses import IamResponse
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

QUOTA = 1000
"""Of whatever quota nobody changed: this account has room. A real one that is new has less."""


def _default_quota(self: ServiceQuotasResponse) -> str:
    return json.dumps({"Quota": {**json.loads(self.body), "Value": QUOTA}})


def _listed(self: ServiceQuotasBackend, service_code: str) -> list[dict[str, Any]]:
    """SageMaker's are of its instance types."""
    if service_code != "sagemaker":
        return _list(self, service_code)
    kinds = get_session().get_service_model("sagemaker").shape_for("ClusterInstanceType").enum
    return [
        {"QuotaName": f"{kind} for cluster usage", "QuotaCode": f"L-{place:08X}", "Value": QUOTA}
        for place, kind in enumerate(kinds)
    ]


def _own(self: ServiceQuotasResponse) -> str:
    """Nobody changed any."""
    return json.dumps({"Quotas": []})


def _simulated(self: IamResponse) -> ActionResult:
    told = [{"EvalActionName": action, "EvalDecision": "allowed"} for action in self._get_param("ActionNames")]
    return ActionResult({"EvaluationResults": told, "IsTruncated": False})


def _made_in_a_network(self: FileSystem, *arguments: Any, **more: Any) -> None:
    _made(self, *arguments, **more)
    network = ec2_backends[self.backend.account_id][self.backend.region_name]
    self.vpc_id = network.get_subnet(self.subnet_ids[0]).vpc_id  # type: ignore[attr-defined]


def _file_system(self: FileSystem) -> dict[str, Any]:
    mounted = {"LustreConfiguration": {"MountName": self.file_system_id[-8:]}} if self.lustre_configuration else {}
    return {**_described(self), **mounted, "Lifecycle": "AVAILABLE", "VpcId": self.vpc_id}  # type: ignore[attr-defined]


_made, FileSystem.__init__ = FileSystem.__init__, _made_in_a_network  # type: ignore[method-assign]
_described, FileSystem.to_dict = FileSystem.to_dict, _file_system  # type: ignore[method-assign]
_list = ServiceQuotasBackend.list_aws_default_service_quotas
ServiceQuotasBackend.list_aws_default_service_quotas = _listed  # type: ignore[method-assign]
ServiceQuotasResponse.list_service_quotas = _own  # type: ignore[attr-defined]
ServiceQuotasResponse.get_aws_default_service_quota = _default_quota  # type: ignore[attr-defined]
IamResponse.simulate_principal_policy = _simulated  # type: ignore[attr-defined]
