"""Whether Microsoft's own client knows the requests that Rollcall makes.

    tests/independent.py REQUESTS.jsonl

REQUESTS.jsonl has one request a line, {"method", "target", "body"}, as the test `graph` records them
(ROLLCALL_REQUESTS=FILE). Each is looked up in the request builders of the published package `msgraph-sdk`: is there
such a path, does it have this method and these query options, and does the body, read into the type that the method
takes and written again, come out as it was. Nothing is sent anywhere.

Exit code 1 when a request is unknown and not listed below with a reason.
"""

import importlib
import inspect
import json
import re
import sys
from datetime import datetime
from urllib.parse import unquote

from kiota_abstractions.base_request_builder import BaseRequestBuilder
from kiota_serialization_json.json_parse_node import JsonParseNode
from kiota_serialization_json.json_serialization_writer import JsonSerializationWriter
from msgraph import GraphServiceClient
from msgraph.graph_request_adapter import GraphRequestAdapter
from kiota_abstractions.authentication.anonymous_authentication_provider import (
    AnonymousAuthenticationProvider,
)

# What the client of v1.0 does not have, with the page that does.
KNOWN = {
    r"/beta/deviceManagement/operationApprovalRequests": "List operationApprovalRequests: in beta only",
    r"/v1\.0/devices\(deviceId='[^']*'\)/registeredOwners": "List registeredOwners: by id or deviceId; the client has nothing behind an alternate key",
    r"/v1\.0/users\('\$[^']*'\)": "Get user: a name that begins with $ is written so",
}
# What a link of a change query carries; the client follows such links whole (`with_url`), and its option for the
# first of them is missing ("Use delta query": `$deltatoken=latest`).
LINKS = {"$deltatoken", "$skiptoken"}
# What a query option is called in the client.
OPTIONS = {"$select": "select", "$filter": "filter", "$top": "top", "$expand": "expand"}


def snake(name):
    name = name.removeprefix("microsoft.graph.")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def plain(name):
    return snake(name).replace("_", "")


def builder(root, path):
    """The request builder of a path, or what is wrong with it."""
    at = root
    for segment in path.split("/"):
        segment = unquote(segment)
        keyed = re.fullmatch(r"(\w+)\((\w+)=(.*)\)", segment)
        if keyed:
            name = f"{snake(keyed[1])}_with_{snake(keyed[2])}"
            make = getattr(at, name, None)
            if make is None:
                return f"no {name}"
            at = make(keyed[3].strip("'"))
            continue
        wanted = {"$ref": "ref"}.get(segment, segment)
        found = [
            name
            for name, value in inspect.getmembers(type(at))
            if isinstance(value, property) and plain(name) == plain(wanted)
        ]
        # A cast is called graph_… there.
        if not found and segment.startswith("microsoft.graph."):
            wanted = "graph" + segment.removeprefix("microsoft.graph.")
            found = [
                name
                for name, value in inspect.getmembers(type(at))
                if isinstance(value, property) and plain(name) == plain(wanted)
            ]
        if found:
            at = getattr(at, found[0])
            continue
        by = [
            name
            for name, value in inspect.getmembers(type(at), inspect.isfunction)
            if re.fullmatch(r"by_\w+_id", name)
        ]
        if not by:
            return f"no {segment} behind {type(at).__name__}"
        at = getattr(at, by[0])(segment)
    return at


def options(at, query):
    """Query options that the builder does not have."""
    if not query:
        return []
    nested = [
        value
        for name, value in vars(type(at)).items()
        if inspect.isclass(value) and name.endswith("GetQueryParameters")
    ]
    known = {field for it in nested for field in it.__dataclass_fields__}
    names = [unquote(pair.split("=")[0]) for pair in query.split("&")]
    if type(at).__name__ == "DeltaRequestBuilder":
        names = [it for it in names if it not in LINKS]
    return [it for it in names if OPTIONS.get(it) not in known]


def body_type(at, method):
    """The type of what a method sends; its name is imported for type checkers only."""
    taken = inspect.signature(method).parameters.get("body")
    if taken is None:
        return None
    name = re.sub(r"Optional\[(\w+)\]", r"\1", str(taken.annotation))
    module = sys.modules[type(at).__module__]
    source = inspect.getsource(module)
    place = re.search(rf"from (\.[\w.]+) import {name}\b", source)[1]
    return getattr(importlib.import_module(place, module.__package__), name)


def bare(value):
    """Without what is about the protocol and not about the type."""
    if isinstance(value, dict):
        return {
            name: bare(inner)
            for name, inner in value.items()
            if not name.startswith("@odata.") and not name.endswith("@odata.bind")
        }
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    return value


def instant(text):
    """The instant that a text is, if it is one."""
    if not re.match(r"\d{4}-\d\d-\d\dT", text):
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def same(sent, back):
    """Whether what was read is what was sent. The client adds `false` where a parameter has that default, and spells
    instants in its own way."""
    if isinstance(sent, dict) and isinstance(back, dict):
        added = [back[name] for name in set(back) - set(sent)]
        return all(name in back and same(sent[name], back[name]) for name in sent) and not any(added)
    if isinstance(sent, list) and isinstance(back, list):
        return len(sent) == len(back) and all(map(same, sent, back))
    if isinstance(sent, str) and isinstance(back, str) and instant(sent):
        return instant(sent) == instant(back)
    return sent == back


def unknown(read, path=""):
    """Members of what was read that the type does not have."""
    out = []
    extra = getattr(read, "additional_data", None) or {}
    for name in extra:
        if not name.startswith("@odata.") and not name.endswith("@odata.bind"):
            out.append(f"{path}{name}")
    for name, value in vars(read).items():
        for inner in value if isinstance(value, list) else [value]:
            if hasattr(inner, "additional_data"):
                out.extend(unknown(inner, f"{path}{name}."))
    return out


def body_problem(kind, body):
    if kind is None:
        return "the client sends no body here" if body else None
    if not body:
        return None if kind is None else "the client sends a body here"
    read = JsonParseNode(body).get_object_value(kind)
    extra = unknown(read)
    if extra:
        return f"{kind.__name__} has no {', '.join(extra)}"
    # What is null is left out by the client's writer: it is compared without.
    def full(value):
        if isinstance(value, dict):
            return {name: full(inner) for name, inner in value.items() if inner is not None}
        if isinstance(value, list):
            return [full(inner) for inner in value]
        return value

    writer = JsonSerializationWriter()
    writer.write_object_value(None, read)
    back = json.loads(writer.get_serialized_content() or b"{}")
    sent = full(bare(body))
    if not same(sent, full(bare(back))):
        lost = [name for name in sent if not same(sent[name], bare(back).get(name))]
        return f"{kind.__name__} reads {', '.join(lost) or 'the body'} as something else"
    return None


def problem(root, request):
    path, _, query = request["target"].partition("?")
    if any(re.fullmatch(known, unquote(path)) for known in KNOWN):
        return None
    if not path.startswith("/v1.0/"):
        return "is not of v1.0"
    at = builder(root, path.removeprefix("/v1.0/"))
    if not isinstance(at, BaseRequestBuilder):
        return at
    method = getattr(at, request["method"].lower(), None)
    if method is None:
        return f"{type(at).__name__} has no {request['method']}"
    missing = options(at, query)
    if missing:
        return f"{type(at).__name__} has no {', '.join(missing)}"
    return body_problem(body_type(at, method), request["body"])


def main():
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider())
    root = GraphServiceClient(request_adapter=adapter)
    with open(sys.argv[1], encoding="utf-8") as file:
        requests = [json.loads(line) for line in file]
    wrong = {}
    for request in requests:
        why = problem(root, request)
        if why:
            path = request["target"].partition("?")[0]
            wrong.setdefault(f"{request['method']} {path}: {why}", 0)
            wrong[f"{request['method']} {path}: {why}"] += 1
    for line, times in wrong.items():
        print(f"{line} ({times}x)", file=sys.stderr)
    print(f"{len(requests)} requests, {sum(wrong.values())} unknown to msgraph-sdk")
    # A checker that finds nothing wrong anywhere proves nothing.
    broken = {"method": "PATCH", "target": "/v1.0/users/1", "body": {"employeId": "1"}}
    odd = {"method": "PATCH", "target": "/v1.0/users/1", "body": {"accountEnabled": "no"}}
    if not problem(root, broken) or not problem(root, odd):
        print("the check itself finds no mistake", file=sys.stderr)
        return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
