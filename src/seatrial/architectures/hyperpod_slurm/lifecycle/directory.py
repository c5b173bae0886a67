"""Users of the directory, by SSSD."""

from __future__ import annotations

from pathlib import Path

from . import apt
from .files import write
from .node import Node, parameter, secret
from .steps import Failure, log, run, succeeds

CERTIFICATE = Path("/etc/seatrial/directory.pem")
CONF = Path("/etc/sssd/sssd.conf")
REMEDY = "see why: journalctl --unit sssd"


def join(node: Node) -> None:
    """Users of the directory are users of the node."""
    found, region = node.places["directory"], node.settings["region"]
    apt.install(["sssd-ldap", "libnss-sss", "libpam-sss"])
    certificate = parameter(found["certificate_parameter"], region)
    if "BEGIN CERTIFICATE" not in certificate:
        raise Failure(
            f"{found['certificate_parameter']} is no certificate", "wait until the directory has set itself up"
        )
    changed = write(CERTIFICATE, certificate)
    changed |= write(
        CONF, _conf(found["uri"], found["domain"], found["reader"], secret(found["secret_arn"], region)), 0o600
    )
    if not succeeds("grep", "-q", "^session.*pam_mkhomedir.so", "/etc/pam.d/common-session"):
        run("pam-auth-update", "--enable", "mkhomedir", remedy="see what it says")
    if changed or not succeeds("systemctl", "is-active", "--quiet", "sssd"):
        run("systemctl", "enable", "sssd", remedy=REMEDY)
        run("systemctl", "restart", "sssd", remedy=REMEDY)
        log("    started sssd")


def _conf(uri: str, domain: str, reader: str, credential: str) -> str:
    base = ",".join(f"dc={part}" for part in domain.split("."))
    return f"""\
# Written by seatrial.
[sssd]
domains = default
services = nss, pam

[domain/default]
id_provider = ldap
auth_provider = ldap
ldap_uri = {uri}
ldap_search_base = {base}
ldap_default_bind_dn = {reader}
ldap_default_authtok = {credential}
ldap_tls_cacert = {CERTIFICATE}
ldap_tls_reqcert = hard
# Else SSSD looks for the attributes of an Active Directory.
ldap_schema = rfc2307
ldap_id_mapping = False
cache_credentials = True
fallback_homedir = /home/%u
default_shell = /bin/bash
"""
