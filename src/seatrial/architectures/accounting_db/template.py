"""The database's template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from troposphere import GetAtt, Ref, Split, Sub, rds, secretsmanager

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import export, imported, kept, plan, tags, template
from seatrial.architectures._groups import CLIENT, SERVER, server_and_client
from seatrial.architectures.accounting_db import OUTPUTS, Params
from seatrial.plan import Plan
from seatrial.versions import AURORA_MYSQL

if TYPE_CHECKING:
    from troposphere import Template

ENGINE = "aurora-mysql"
PORT = 3306


def render(params: Params, facts: Facts) -> Plan:
    """Its plan. All of it is kept: a database leans on its groups, and is nothing without its password."""
    made = template("Seatrial: a database for Slurm's accounting")
    _password(made, params, facts)
    for group in server_and_client(facts, "MySQL", PORT):
        made.add_resource(kept(group))
    _database(made, params, facts)
    values = {
        "DatabaseHost": GetAtt("Cluster", "Endpoint.Address"),
        "DatabasePort": GetAtt("Cluster", "Endpoint.Port"),
        "DatabaseUser": params.user,
        "DatabaseSecretArn": Ref("Password"),
        "DatabaseClientSecurityGroup": CLIENT,
    }
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made)


def _password(made: Template, params: Params, facts: Facts) -> None:
    # ParallelCluster reads the secret as the password itself, so it is no JSON, as RDS would make it. Slurm takes no #
    # and Aurora no /, @, " or ', and 41 characters at most: without any punctuation, 40 of them are enough.
    generated = secretsmanager.GenerateSecretString(ExcludePunctuation=True, PasswordLength=40)
    secret = secretsmanager.Secret(
        "Password",
        Description=f"Password of {params.user} in the accounting database, as plain text",
        GenerateSecretString=generated,
        Tags=tags(f"{facts.stack}-password"),
    )
    made.add_resource(kept(secret))


def _database(made: Template, params: Params, facts: Facts) -> None:
    subnets = rds.DBSubnetGroup(
        "Subnets",
        DBSubnetGroupDescription="Private subnets of the network",
        SubnetIds=Split(",", imported(facts, "network", "PrivateSubnets")),
        Tags=tags(f"{facts.stack}-subnets"),
    )
    settings = rds.DBClusterParameterGroup(
        "Settings",
        Description="TLS alone",
        Family=ENGINE + AURORA_MYSQL.partition(".mysql_aurora")[0],
        Parameters={"require_secure_transport": "ON"},
        Tags=tags(f"{facts.stack}-settings"),
    )
    cluster = rds.DBCluster(
        "Cluster",
        Engine=ENGINE,
        EngineVersion=AURORA_MYSQL,
        MasterUsername=params.user,
        MasterUserPassword=Sub("{{resolve:secretsmanager:${Password}}}"),
        ServerlessV2ScalingConfiguration=rds.ServerlessV2ScalingConfiguration(
            MinCapacity=params.min_acu, MaxCapacity=params.max_acu
        ),
        Port=PORT,
        DBSubnetGroupName=Ref("Subnets"),
        DBClusterParameterGroupName=Ref("Settings"),
        VpcSecurityGroupIds=[SERVER],
        StorageEncrypted=True,
        BackupRetentionPeriod=params.backup_days,
        CopyTagsToSnapshot=True,
        # Nobody deletes it by mistake. It is kept with its stack, so that the stack never tries to.
        DeletionProtection=True,
        Tags=tags(f"{facts.stack}-cluster"),
    )
    instance = rds.DBInstance(
        "Instance",
        Engine=ENGINE,
        DBClusterIdentifier=Ref("Cluster"),
        DBInstanceClass="db.serverless",
        PubliclyAccessible=False,
        AutoMinorVersionUpgrade=False,  # A long-term support release would be left for one that is none.
        Tags=tags(f"{facts.stack}-instance"),
    )
    for resource in (subnets, settings, cluster, instance):
        made.add_resource(kept(resource))
