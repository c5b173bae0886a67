"""Recorded signatures, and a walk through our program that holds every use of them against those."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from pathlib import Path

RECORDED = Path(__file__).with_name("recorded") / "neuronx_distributed_api.txt"
ROOTS = ("neuronx_distributed", "torch_neuronx", "torch_xla")


@dataclass
class Thing:
    """A function, a class or a module of the record."""

    signature: Signature | None = None
    """How it is called; None: it is not."""
    returns: str | None = None
    """Name of the class whose instance a call gives."""
    members: dict[str, Thing] = field(default_factory=dict)


class Record:
    """Module -> what is in it. Raises KeyError for what is not recorded."""

    def __init__(self, text: str) -> None:
        self.modules: dict[str, Thing] = {}
        self.classes: dict[str, Thing] = {}
        sections = text.split("\n# --- ")[1:]
        for section in sections:
            name, _, body = section.partition("\n")
            self.modules[name.strip()] = Thing()
        for section in sections:
            name, _, body = section.partition("\n")
            for node in ast.parse(body).body:
                self._add(self.modules[name.strip()], node)
        for section in sections:  # at last, when what they name is there
            name, _, body = section.partition("\n")
            for node in ast.parse(body).body:
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        self.modules[name.strip()].members[alias.name] = self.find(f"{node.module}.{alias.name}")

    def _add(self, module: Thing, node: ast.stmt) -> None:
        if isinstance(node, ast.FunctionDef):
            module.members[node.name] = Thing(signature(node.args), _name(node.returns))
        elif isinstance(node, ast.ClassDef):
            made = Thing(Signature(), node.name)
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    made.signature = signature(item.args, bound=True)
                elif isinstance(item, ast.FunctionDef):
                    made.members[item.name] = Thing(signature(item.args, bound=True), _name(item.returns))
                elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    made.members[item.target.id] = Thing(None, _name(item.annotation))
            module.members[node.name] = self.classes[node.name] = made

    def find(self, path: str) -> Thing:
        """The thing at a dotted path."""
        module = path
        while module not in self.modules:
            module = module.rpartition(".")[0]
            if not module:
                raise KeyError(path)
        found = self.modules[module]
        for name in path[len(module) + 1 :].split(".") if path != module else ():
            found = found.members[name]
        return found


def signature(arguments: ast.arguments, *, bound: bool = False) -> Signature:
    """Of a definition; `bound`: without its self."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    found = [
        Parameter(a.arg, Parameter.POSITIONAL_OR_KEYWORD, default=inspect.Parameter.empty if i < required else None)
        for i, a in enumerate(positional)
    ]
    found += [Parameter(arguments.vararg.arg, Parameter.VAR_POSITIONAL)] if arguments.vararg else []
    found += [Parameter(a.arg, Parameter.KEYWORD_ONLY, default=None) for a in arguments.kwonlyargs]
    found += [Parameter(arguments.kwarg.arg, Parameter.VAR_KEYWORD)] if arguments.kwarg else []
    return Signature(found[1:] if bound else found)


def _name(node: ast.expr | None) -> str | None:
    return node.id if isinstance(node, ast.Name) else None


def problems(record: Record, modules: Mapping[str, str], api: str) -> tuple[list[str], int]:
    """What is wrong with the uses of recorded names in `modules`, file -> text; and how many uses there are.

    `api` is the module that the others import those names from.
    """
    exported = {local: path for local, path in _imports(ast.parse(modules[api])) if path.split(".")[0] in ROOTS}
    found: list[str] = []
    seen = 0
    for file, text in modules.items():
        tree = ast.parse(text)
        names = {
            local: exported[path.rpartition(".")[2]]
            for local, path in _imports(tree)
            if path.partition(f"{api}.")[0] == "" and path.rpartition(".")[2] in exported
        }
        names |= {local: path for local, path in _imports(tree) if path.split(".")[0] in ROOTS}
        walk = _Walk(record, file, names)
        walk.visit(tree)
        found += walk.problems
        seen += walk.seen
    return found, seen


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Local name -> dotted path, of every import anywhere in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


class _Walk(ast.NodeVisitor):
    """Holds each use of a name, and of what calls give, against the record."""

    def __init__(self, record: Record, file: str, names: Mapping[str, str]) -> None:
        self.record, self.file, self.names = record, file, names
        self.instances: dict[str, str] = {}
        self.problems: list[str] = []
        self.seen = 0

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and node.module.split(".")[0] in ROOTS:
            for alias in node.names:
                self._look(node, lambda alias=alias: self.record.find(f"{node.module}.{alias.name}"), alias.name)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name.split(".")[0] in ROOTS:
                self._look(node, lambda alias=alias: self.record.find(alias.name), alias.name)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        before = dict(self.instances)
        for argument in (*node.args.args, *node.args.kwonlyargs):
            name = _name(argument.annotation)
            if name in self.names and name in self.record.classes:
                self.instances[argument.arg] = name
            else:
                self.instances.pop(argument.arg, None)
        self.generic_visit(node)
        self.instances = before

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        made = self._resolve(node.value.func) if isinstance(node.value, ast.Call) else None
        if made is not None and made.returns in self.record.classes:
            self.instances |= {target.id: made.returns for target in node.targets if isinstance(target, ast.Name)}

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        thing = self._resolve(node.func)
        if isinstance(node.func, ast.Name) and node.func.id in self.instances:  # an instance that is called
            thing = self.record.classes[self.instances[node.func.id]].members.get("__call__")
        if thing is None or any(isinstance(a, ast.Starred) for a in node.args):
            return
        if thing.signature is None:
            self._say(node, f"{ast.unparse(node.func)} is not called")
            return
        try:
            keywords = {keyword.arg: 0 for keyword in node.keywords if keyword.arg is not None}
            bind = thing.signature.bind if len(keywords) == len(node.keywords) else thing.signature.bind_partial
            bind(*node.args, **keywords)
        except TypeError as error:
            self._say(node, f"{ast.unparse(node.func)}: {error}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        owner = self._resolve(node.value)
        if owner is not None:
            owner = self.record.classes.get(owner.returns or "", owner) if owner.signature is None else owner
            self._look(node, lambda: owner.members[node.attr], ast.unparse(node))

    def _resolve(self, node: ast.expr) -> Thing | None:
        """What an expression is, if it is recorded; None: nothing of ours, or a problem that is told already."""
        if isinstance(node, ast.Name):
            if node.id in self.instances:
                return Thing(members=self.record.classes[self.instances[node.id]].members)
            try:
                return self.record.find(self.names[node.id]) if node.id in self.names else None
            except KeyError:
                return None
        if isinstance(node, ast.Attribute):
            owner = self._resolve(node.value)
            if owner is None:
                return None
            if owner.signature is None and owner.returns in self.record.classes:
                owner = self.record.classes[owner.returns]
            return owner.members.get(node.attr)
        return None

    def _look(self, node: ast.AST, find: object, what: str) -> None:
        self.seen += 1
        try:
            find()  # type: ignore[operator]
        except KeyError:
            self._say(node, f"{what} is not recorded")

    def _say(self, node: ast.AST, what: str) -> None:
        self.problems.append(f"{self.file}:{getattr(node, 'lineno', 0)}: {what}")
