"""Run by the Python that has aws-parallelcluster: what the package itself says of configurations.

It gets JSON on standard input and answers with JSON on standard output.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def lists() -> dict[str, Any]:
    """What this version takes."""
    from pcluster import constants, utils
    from pcluster.validators.slurm_settings_validator import SLURM_SETTINGS_DENY_LIST

    return {
        "version": utils.get_installed_version(),
        "systems": {name: constants.OS_MAPPING[name]["user"] for name in constants.SUPPORTED_OSES},
        "without_ami": constants.PRIVATE_OSES,
        "regions": [one for one in utils.retrieve_supported_regions() if one],
        "taken": SLURM_SETTINGS_DENY_LIST["SlurmConf"],
        "most_queues": constants.MAX_NUMBER_OF_QUEUES,
    }


def load(name: str, configurations: dict[str, Any]) -> dict[str, Any]:
    """Configuration -> what the schema finds wrong; without those in which it finds nothing."""
    from marshmallow import ValidationError
    from pcluster.schemas.cluster_schema import ClusterSchema

    found: dict[str, Any] = {}
    for key, configuration in configurations.items():
        try:
            ClusterSchema(cluster_name=name).load(configuration)
        except ValidationError as error:
            found[key] = error.messages
    return found


def dryrun(name: str, configurations: dict[str, Any], moto_cannot: list[str]) -> dict[str, Any]:
    """Configuration -> what its creation would be told, called as AWS's CloudFormation provider calls it."""
    import pcluster.lib
    from pcluster.api.errors import exception_message
    from pcluster.aws.aws_api import AWSApi

    found = {}
    for key, configuration in configurations.items():
        AWSApi.reset()
        try:
            pcluster.lib.create_cluster(
                cluster_name=name,
                cluster_configuration=configuration,
                region=configuration["Region"],
                dryrun=True,
                suppress_validators=[f"type:{one}" for one in moto_cannot],
            )
        except Exception as error:  # a dry run that succeeds raises, too
            found[key] = exception_message(error).to_dict()
    return found


def answer(answers: dict[str, Any]) -> None:
    """Answer these operations, ``ec2.DescribeVpcs``, without AWS, by those of the resources that are asked for."""
    from botocore.client import BaseClient

    asked = BaseClient._make_api_call

    def call(self: Any, operation: str, given: dict[str, Any]) -> Any:
        known = answers.get(f"{self.meta.service_model.service_name}.{operation}")
        if known is None:
            return asked(self, operation, given)
        ids = {one for key, value in given.items() if key.endswith("Ids") for one in value}
        return {
            key: [one for one in resources if not ids or ids & {*map(str, one.values())}]
            for key, resources in known.items()
        }

    BaseClient._make_api_call = call


def main() -> None:
    asked = json.load(sys.stdin)
    answer(asked.pop("answers"))
    verbs = {"lists": lists, "load": load, "dryrun": dryrun}
    print(json.dumps(verbs[asked.pop("verb")](**asked), default=str))


if __name__ == "__main__":
    main()
