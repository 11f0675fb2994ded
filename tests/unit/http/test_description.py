"""The description: what ``docs/openapi.yaml`` says of paths and problems is what there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

import chatcomet
from chatcomet.http.description import read_description
from chatcomet.http.resource import ChatResource
from chatcomet.http.wire import PROBLEM_TYPES
from tests.unit.http.peer import Answer, PeerTransport
from tests.unit.http.running_edge import EdgeTestCase
from tests.unit.http.running_sockets import HANDSHAKE

CHECKOUT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = yaml.safe_load((CHECKOUT / "docs" / "openapi.yaml").read_text())

PLACES = {"room": "lobby", "seq": "0", "whom": "eve", "number": "0", "rest": "x"}
"""What may stand in a path for each of its parameters."""
FORM = "application/x-www-form-urlencoded"
BODIES = {
    "/rooms/{room}/messages": (b'{"text":"hello"}', "application/json"),
    "/session": (b'{"name":"ada"}', "application/json"),
    "/chat/post": (b"message=hello", FORM),
}
"""What is well-formed where a body has to be."""

_ANY = re.compile(r"<any\((.*)\):\w+>")


def served() -> Iterator[tuple[str, str]]:
    """Every path that Klein routes, as OpenAPI writes it, with each of its methods but HEAD, which is GET's."""
    for rule in ChatResource.app.url_map.iter_rules():
        for path in expanded(rule.rule):
            # A route for all methods is there to refuse all but GET.
            for method in (rule.methods or {"GET"}) - {"HEAD"}:
                yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path), method.lower()


def expanded(path: str) -> list[str]:
    """`path`, for each of the names that it lists."""
    listed = _ANY.search(path)
    names = re.findall(r"'([^']+)'", listed[1]) if listed else [""]
    return [_ANY.sub(name, path) for name in names]


def problems_in_code() -> Iterator[str]:
    """The names of problems in the edge's source: the second argument of what makes one."""
    for source in (Path(chatcomet.__file__).parent / "http").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and len(node.args) > 1 and _called(node.func) in MAKERS:
                name = node.args[1]
                if isinstance(name, ast.Constant):
                    yield PROBLEM_TYPES + str(name.value)


MAKERS = {"problem", "refuse", "_Kind"}


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def problems_explained() -> dict[str, int]:
    """The types and statuses in ``docs/problems.md``."""
    rows = re.findall(r"^\| `(/problems/[a-z-]+)` \| (\d+) \|", (CHECKOUT / "docs" / "problems.md").read_text(), re.M)
    return {name: int(status) for name, status in rows}


class DescriptionTests(SynchronousTestCase):
    def test_lists_exactly_what_is_routed(self) -> None:
        verbs = {"get", "post", "put", "patch", "delete"}
        listed = [(path, verb) for path, item in DOCUMENT["paths"].items() for verb in item if verb in verbs]
        self.assertEqual(sorted(listed), sorted(set(served())))

    def test_names_each_operation_once(self) -> None:
        names = [
            operation["operationId"]
            for item in DOCUMENT["paths"].values()
            for operation in item.values()
            if isinstance(operation, dict) and "operationId" in operation
        ]
        self.assertEqual(len(set(names)), len(set(served())))
        self.assertEqual(len(set(names)), len(names))

    def test_problems_are_those_of_the_code_and_of_their_page(self) -> None:
        types = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
        self.assertEqual(sorted(types), sorted(set(problems_in_code())))
        self.assertEqual(sorted(types), sorted(problems_explained()))

    def test_problems_come_with_the_statuses_of_their_page(self) -> None:
        explained = problems_explained()
        said = set()
        for response in DOCUMENT["components"]["responses"].values():
            if "content" in response:
                members = response["content"]["application/problem+json"]["schema"]["properties"]
                said |= {(each, members["status"]["const"]) for each in members["type"]["enum"]}
        self.assertEqual(said, set(explained.items()))

    def test_each_response_that_is_a_problem_stands_under_its_status(self) -> None:
        responses = DOCUMENT["components"]["responses"]
        for path, item in DOCUMENT["paths"].items():
            for operation in item.values():
                for status, response in operation["responses"].items() if isinstance(operation, dict) else ():
                    shared = responses.get(response.get("$ref", "").rpartition("/")[2], {})
                    for media in shared.get("content", {}).values():
                        self.assertEqual(media["schema"]["properties"]["status"]["const"], int(status), path)


class NotKnownTests(EdgeTestCase):
    """401 is listed where it can come, and nowhere else."""

    def ask_badly(self, path: str, method: str) -> Answer:
        """What comes of asking with a ticket that is none."""
        target = re.sub(r"\{(\w+)\}", lambda match: PLACES[match[1]], path)
        target += {"/poll": "?at=lobby:k3v9.0"}.get(path, "")
        body, kind = BODIES.get(path, (b"", "application/json")) if method in ("POST", "PUT") else (b"", "")
        headers = HANDSHAKE if path.endswith("/socket") else {}
        headers = {**headers, "Authorization": "Bearer none", **({"Content_Type": kind} if kind else {})}
        return self.connect().ask(target, method, body, **headers)

    def test_where_it_can_come(self) -> None:
        listing = 0
        for path, item in DOCUMENT["paths"].items():
            for verb, operation in item.items():
                if verb != "parameters":
                    answer = self.ask_badly(path, verb.upper())
                    self.assertEqual("401" in operation["responses"], answer.status == 401, (verb, path, answer))
                    listing += answer.status == 401
        self.assertEqual(self.texts(), [])
        self.assertGreater(listing, 15)


class NotKnownWithoutLaneTests(NotKnownTests):
    plain_transport = PeerTransport


class ServedTests(EdgeTestCase):
    def test_is_served_as_it_stands_in_the_docs(self) -> None:
        answer = self.peer.ask("/openapi.yaml")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "application/yaml")
        self.assertEqual(answer.body, (CHECKOUT / "docs" / "openapi.yaml").read_bytes())
        self.assertEqual(answer.body, read_description().body)
