"""What the fuzzer needs to know of this API beyond its document."""

import os
import re

import schemathesis

URL = re.compile(r"(?i)^\s*[a-z][a-z0-9+.-]*://")
MODEL = "urn:air:sd1:checkpoint:civitai:4384@128713"


def tamed(value):
    """The same with every URL on a name that does not exist (RFC 2606): nobody else is called."""
    if isinstance(value, dict):
        return {key: tamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tamed(item) for item in value]
    if isinstance(value, str) and URL.match(value):
        return re.sub(r"://[^/?#]*", "://fuzz.invalid", value, count=1)
    return value


@schemathesis.hook
def map_body(context, body):
    body = tamed(body)
    if context.operation.label != "POST /v1/consumer/jobs" or not isinstance(body, dict):
        return body
    # Every second job can be drawn, so that sequences get beyond their first call.
    if len(repr(body)) % 2 == 0 and isinstance(body.get("params"), dict):
        params = {**body["params"], "prompt": "a fox", "width": 64, "height": 64}
        kept = ("properties", "quantity", "name", "priority", "retries")
        extra = {key: body[key] for key in kept if key in body}
        simple = ("prompt", "width", "height", "seed", "steps")
        return {
            **extra,
            "$type": "textToImage",
            "model": MODEL,
            "params": {key: params[key] for key in simple if key in params},
        }
    return body


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path.startswith("/internal/"):
        case.headers = {**(case.headers or {}), "Authorization": "Bearer " + os.environ["FUZZ_WORKER_KEY"]}
