"""moto's server with CloudFormation as AWS documents it: python -m tests.trials.architectures.moto_engine [--port N].

moto's own stacks are made at once and in one piece: a failure leaves CREATE_IN_PROGRESS behind, nothing is rolled back,
there are no events of resources, stacks are deleted in no order, change sets know no tokens, exports in use are lost,
and drift answers 500. So its resources are used, and its functions in templates, but its stacks are replaced by those
of moto_stacks. A type that neither moto nor moto_types knows is refused. moto_answers has what else it cannot answer.
POST /faults {"delay": seconds that a resource takes, "throttle": calls of CloudFormation that are refused, "expired":
whether credentials are, "fails": logical id of a resource, "unkept": whether nothing is retained, "reset": true}.
"""

from __future__ import annotations

import argparse
import json
import threading
import uuid
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import yaml
from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.responses import ActionResult, EmptyResult
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.trials.architectures import moto_answers, moto_eks, moto_sagemaker, moto_types  # noqa: F401
from tests.trials.architectures.moto_stacks import (
    STACKS,
    WELL,
    Stack,
    apply,
    begin,
    destroy,
    exports,
    faults,
    found,
    importers,
    now,
)

PAGE = 7
"""Entries of a page: few, so that whoever forgets to turn it is found out."""


def rows(stack: Stack, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    before, after = stack.body.get("Resources", {}), body["Resources"]
    for name in [*after, *(name for name in before if name not in after)]:
        one, other = before.get(name), after.get(name)
        row = {"LogicalResourceId": name, "ResourceType": (other or one)["Type"]}
        if one is None:
            yield row | {"Action": "Add"}
        elif other is None:
            yield row | {"Action": "Remove", "PhysicalResourceId": stack.resources[name]["physical"]}
        elif one != other:
            yield row | {"Action": "Modify"} | moto_types.replacement(one, other)


def refusal(body: dict[str, Any], capabilities: list[str]) -> Exception | None:
    kinds = {one["Type"] for one in body["Resources"].values()}
    if strange := sorted(kind for kind in kinds if not moto_types.known(kind)):
        return ValidationError(message=f"Template format error: Unrecognized resource types: {strange}")
    if any(kind.startswith("AWS::IAM::") for kind in kinds) and not any("IAM" in one for one in capabilities):
        return error("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    return None


def error(code: str, message: str) -> CloudFormationError:
    one = CloudFormationError(message)
    one.code = code
    return one


def latest(name: str | None, deleted: bool = False) -> Stack:
    for one in reversed(STACKS):
        if one.id == name or (one.name == name and (deleted or one.status != "DELETE_COMPLETE")):
            return one
    raise ValidationError(name)


class Answers(CloudFormationResponse):
    """CloudFormation's answers, which are dictionaries as the service's description has them."""

    RESPONSE_KEY_PATH_TO_TRANSFORMER: ClassVar[dict[str, Any]] = {}

    def create_change_set(self) -> ActionResult:
        name, change_set = self._get_param("StackName"), self._get_param("ChangeSetName")
        kind, token = self._get_param("ChangeSetType", "UPDATE"), self._get_param("ClientToken")
        text = self._template()
        body = yaml.safe_load(text)
        existing = [one for one in STACKS if name in (one.name, one.id) and one.status != "DELETE_COMPLETE"]
        stack = existing[0] if existing else None
        if stack and change_set in stack.change_sets and stack.change_sets[change_set]["token"] == token:
            return ActionResult({"Id": stack.change_sets[change_set]["id"], "StackId": stack.id})
        if stack and change_set in stack.change_sets:
            raise AlreadyExistsException(f"ChangeSet {change_set} already exists")
        if kind == "CREATE" and stack and stack.status != "REVIEW_IN_PROGRESS":
            raise AlreadyExistsException(f"Stack [{name}] already exists and cannot be created again")
        if kind == "UPDATE" and stack is None:
            raise ValidationError(message=f"Stack [{name}] does not exist")
        if stack and (
            stack.status == "ROLLBACK_COMPLETE" or not stack.status.endswith(("_COMPLETE", "REVIEW_IN_PROGRESS"))
        ):
            raise ValidationError(message=f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        if refused := refusal(body, self._get_param("Capabilities", [])):
            raise refused
        if stack is None:
            stack = Stack(name=name, region=self.region)
            STACKS.append(stack)
            stack.event(name, "REVIEW_IN_PROGRESS", "User Initiated")
        made = {"id": f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:changeSet/{change_set}/{uuid.uuid4()}"}
        tags = self._get_param("Tags", [])
        made |= {"token": token, "type": kind, "text": text, "body": body, "tags": tags, "looked_at": 0}
        made["rows"] = [*rows(stack, body)]
        lacking = [name for name in found(body, "Fn::ImportValue") if name not in exports()]
        same = kind == "UPDATE" and body == stack.body and tags == stack.tags
        made["reason"] = f"No export named {lacking[0]} found. Rollback requested by user." if lacking else ""
        made["reason"] = made["reason"] or ("The submitted information didn't contain changes. " if same else "")
        stack.change_sets[change_set] = made
        return ActionResult({"Id": made["id"], "StackId": stack.id})

    def _template(self) -> str:
        text, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        if url:
            bucket, key = url.split("/", 3)[3].split("/", 1)
            return s3_backends[ACCOUNT]["aws"].get_object(bucket, key).value.decode()  # type: ignore[union-attr]
        if len(text.encode()) > 51200:
            raise ValidationError(message="1 validation error detected: 'templateBody' must have length <= 51200")
        return str(text)

    def _change_set(self) -> tuple[Stack, str, dict[str, Any]]:
        stack, wanted = latest(self._get_param("StackName")), self._get_param("ChangeSetName")
        for name, one in stack.change_sets.items():
            if wanted in (name, one["id"]):
                return stack, name, one
        raise error("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist")

    def describe_change_set(self) -> ActionResult:
        stack, name, one = self._change_set()
        one["looked_at"] += 1
        pending = faults["delay"] and one["looked_at"] == 1
        status = "CREATE_IN_PROGRESS" if pending else "FAILED" if one["reason"] else "CREATE_COMPLETE"
        changes = [{"Type": "Resource", "ResourceChange": row} for row in one["rows"]]
        answer = {"ChangeSetName": name, "ChangeSetId": one["id"], "StackId": stack.id, "Status": status}
        return self._page("Changes", changes, **answer, StatusReason=one["reason"] or None)

    def list_change_sets(self) -> ActionResult:
        stack = latest(self._get_param("StackName"))
        sets = [{"ChangeSetName": name, "ChangeSetId": one["id"]} for name, one in stack.change_sets.items()]
        return self._page("Summaries", sets)

    def delete_change_set(self) -> EmptyResult:  # type: ignore[override]
        stack, name, _ = self._change_set()
        del stack.change_sets[name]
        return EmptyResult()

    def execute_change_set(self) -> EmptyResult:  # type: ignore[override]
        stack, _, one = self._change_set()
        if one["reason"]:
            raise error("InvalidChangeSetStatus", f"ChangeSet [{one['id']}] cannot be executed in its current status")
        stack.change_sets, stack.token = {}, self._get_param("ClientRequestToken")
        stack.event(stack.name, f"{one['type']}_IN_PROGRESS", "User Initiated")
        keep_nothing = self._get_bool_param("RetainExceptOnCreate", False)
        begin(lambda: apply(stack, one, bool(keep_nothing)))
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        name = self._get_param("StackName")
        some = [latest(name)] if name else [one for one in STACKS if one.status != "DELETE_COMPLETE"]
        return ActionResult({"Stacks": [described(one) for one in some]})

    def describe_stack_events(self) -> ActionResult:
        return self._page("StackEvents", latest(self._get_param("StackName"), deleted=True).events[::-1])

    def list_stack_resources(self) -> ActionResult:
        stack = latest(self._get_param("StackName"))
        last = {one["LogicalResourceId"]: one for one in stack.events if not stack.is_past(one)}
        keys = ("LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus")
        told = [
            {key: one.get(key) for key in keys} | {"LastUpdatedTimestamp": one["Timestamp"]} for one in last.values()
        ]
        return self._page("StackResourceSummaries", told)

    def get_template(self) -> ActionResult:
        return ActionResult({"TemplateBody": latest(self._get_param("StackName")).text})

    def delete_stack(self) -> EmptyResult:  # type: ignore[override]
        name = self._get_param("StackName")
        if not any(name in (one.name, one.id) and one.status != "DELETE_COMPLETE" for one in STACKS):
            return EmptyResult()
        stack = latest(name)
        if stack.protected:
            raise ValidationError(message=f"Stack [{name}] cannot be deleted while TerminationProtection is enabled")
        if stack.status != "DELETE_IN_PROGRESS":
            stack.token = self._get_param("ClientRequestToken")
            stack.event(stack.name, "DELETE_IN_PROGRESS", "User Initiated")
            begin(lambda: destroy(stack))
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        stack = latest(self._get_param("StackName"))
        stack.protected = bool(self._get_bool_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.id})

    def list_exports(self) -> ActionResult:
        told = [{"ExportingStackId": one.id, "Name": name, "Value": value} for name, (one, value) in exports().items()]
        return self._page("Exports", told)

    def list_imports(self) -> ActionResult:
        if not (names := importers(self._get_param("ExportName"))):
            raise ValidationError(message=f"Export '{self._get_param('ExportName')}' is not imported by any stack.")
        return self._page("Imports", names)

    def detect_stack_drift(self) -> ActionResult:
        return ActionResult({"StackDriftDetectionId": latest(self._get_param("StackName")).id})

    def describe_stack_drift_detection_status(self) -> ActionResult:
        stack = latest(self._get_param("StackDriftDetectionId"))
        status = (
            "DRIFTED"
            if any(one["StackResourceDriftStatus"] in ("MODIFIED", "DELETED") for one in drifts(stack))
            else "IN_SYNC"
        )
        known = {"StackId": stack.id, "StackDriftDetectionId": stack.id, "Timestamp": now()}
        return ActionResult(known | {"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": status})

    def describe_stack_resource_drifts(self) -> ActionResult:
        return self._page("StackResourceDrifts", [*drifts(latest(self._get_param("StackName")))])

    def _page(self, key: str, entries: Iterable[Any], **more: Any) -> ActionResult:
        entries, start = list(entries), int(self._get_param("NextToken") or 0)
        token = str(start + PAGE) if len(entries) > start + PAGE else None
        return ActionResult({key: entries[start : start + PAGE], "NextToken": token, **more})


def described(stack: Stack) -> dict[str, Any]:
    names = {key: one["Export"]["Name"] for key, one in stack.body.get("Outputs", {}).items() if "Export" in one}
    outputs = [
        {"OutputKey": key, "OutputValue": value, "ExportName": names.get(key)} for key, value in stack.outputs.items()
    ]
    times = {"CreationTime": stack.created, "LastUpdatedTime": stack.events[-1]["Timestamp"]}
    known = {"StackId": stack.id, "StackName": stack.name, "StackStatus": stack.status, "Tags": stack.tags, **times}
    return known | {
        "StackStatusReason": stack.reason,
        "Outputs": outputs,
        "EnableTerminationProtection": stack.protected,
    }


def drifts(stack: Stack) -> Iterator[dict[str, Any]]:
    for name, one in stack.resources.items():
        known = {"StackId": stack.id, "LogicalResourceId": name, "PhysicalResourceId": one["physical"]}
        told = moto_types.drift(one["object"], one["definition"])
        if told is None:  # CloudFormation does not list what it cannot tell
            continue
        state, properties = told
        differences = [
            {"PropertyPath": f"/{path}", "DifferenceType": "NOT_EQUAL", "ExpectedValue": "", "ActualValue": ""}
            for path in properties
        ]
        known |= {"ResourceType": one["definition"]["Type"], "StackResourceDriftStatus": state, "Timestamp": now()}
        yield known | {"PropertyDifferences": differences}


class Faulty:
    """The server, with what goes wrong between it and its callers."""

    def __init__(self, server: Any) -> None:
        self.server, self.lock = server, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/faults":
            faults.update(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
            if faults.pop("reset", False):
                faults.update(WELL)
                STACKS.clear()
            start_response("200 OK", [])
            return [b""]
        if "/cloudformation/" in environ.get("HTTP_AUTHORIZATION", ""):
            if faults["expired"]:
                return self._refuse(
                    "ExpiredToken", "The security token included in the request is expired", start_response
                )
            with self.lock:
                throttled, faults["throttle"] = faults["throttle"] > 0, max(0, faults["throttle"] - 1)
            if throttled:
                return self._refuse("Throttling", "Rate exceeded", start_response)
        return self.server(environ, start_response)

    def _refuse(self, code: str, message: str, start_response: Any) -> list[bytes]:
        start_response("400 Bad Request", [("Content-Type", "text/xml")])
        text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return [text.encode()]


def told(service: str) -> Any:
    """One of moto's services, whose own errors are in the log and not only a 500."""
    application = create_backend_app(service)
    application.config["PROPAGATE_EXCEPTIONS"] = True
    return application


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    warnings.simplefilter("ignore")
    for name, method in vars(Answers).items():
        if not name.startswith("__"):  # moto asks for the class by its name
            setattr(CloudFormationResponse, name, method)
    application = Faulty(DomainDispatcherApplication(told))
    server = make_server("127.0.0.1", parser.parse_args().port, application, threaded=True)
    moto_types.server["endpoint"] = f"http://127.0.0.1:{server.server_port}"
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
