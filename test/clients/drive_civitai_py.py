"""Calls every method of civitai-py, unmodified but for its base path, and prints what each answered as JSON.

Usage: CIVITAI_API_TOKEN=... python drive_civitai_py.py <base URL> <mode>
"""

import asyncio
import inspect
import json
import sys

import civitai
from civitai import services  # noqa: F401
from civitai.models import QueryJobsRequest, TaintJobRequest, TaintJobsRequest
from civitai.models import JobTemplateList
from civitai.services import (
    Consumption_service,
    Coverage_service,
    Jobs_service,
    Request_service,
    async_Consumption_service,
    async_Coverage_service,
    async_Jobs_service,
    async_Request_service,
)

BASE, MODE = sys.argv[1], sys.argv[2]
civitai.civitai.base_path = BASE
MODEL = "urn:air:sd1:checkpoint:civitai:4384@128713"
PARAMS = {"prompt": "a fox", "width": 64, "height": 64, "steps": 1, "cfgScale": 7}
SERVICES = (
    Consumption_service,
    Coverage_service,
    Jobs_service,
    Request_service,
    async_Consumption_service,
    async_Coverage_service,
    async_Jobs_service,
    async_Request_service,
)

calls = []


def plain(value):
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True)
    raise TypeError(type(value))


def call(name, function, *args, **kwargs):
    """Calls it, notes the answer or the error under the name, and returns the answer."""
    try:
        value = function(*args, **kwargs)
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        calls.append({"name": name, "value": value})
        return value
    except Exception as error:  # noqa: BLE001
        calls.append({"name": name, "error": f"{type(error).__name__}: {error}"})
        return None


def low(module, name, *args, **kwargs):
    label = f"{module.__name__.rsplit('.', 1)[-1]}.{name}"
    return call(label, getattr(module, name), *args, api_config_override=civitai.civitai, **kwargs)


def methods():
    """Names of everything that the package has to call a server with."""
    high = [
        f"{group}.{name}"
        for group in ("image", "jobs")
        for name, _ in inspect.getmembers(getattr(civitai, group), inspect.ismethod)
        if not name.startswith("_")
    ]
    generated = [
        f"{module.__name__.rsplit('.', 1)[-1]}.{name}"
        for module in SERVICES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    ]
    return sorted(high + generated)


def main():
    job = {"model": MODEL, "params": PARAMS, "properties": {"by": f"py-{MODE}"}}
    made = call("image.create", civitai.image.create, job)
    waited = call("image.create", civitai.image.create, {**job, "quantity": 2}, wait=True)
    job_id, token = made["jobs"][0]["jobId"], made["token"]
    call("jobs.get", civitai.jobs.get, token=token)
    call("jobs.get", civitai.jobs.get, token=waited["token"], job_id=job_id)
    call("jobs.get", civitai.jobs.get, job_id=job_id)
    query = {"properties": {"by": f"py-{MODE}"}}
    call("jobs.query", civitai.jobs.query, query=query, detailed=True)
    call("jobs.cancel", civitai.jobs.cancel, job_id)

    taint_one = TaintJobRequest(reason="no fox", context={"by": "a test"})
    taint_all = TaintJobsRequest(reason="no fox")
    templates = JobTemplateList(jobs=[{"model": MODEL, "params": PARAMS}])
    for module, request in (
        (Jobs_service, QueryJobsRequest(**query)),
        (async_Jobs_service, query),
    ):
        posted = low(module, "post_v1consumerjobs", templates, wait=True, detailed=True)
        token, job_id = posted.token, posted.jobs[0].jobId
        low(module, "get_v1consumerjobs", token, wait=True, detailed=True)
        low(module, "get_v1consumerjobsjobId", job_id, detailed=True)
        low(module, "post_v1consumerjobsquery", request, detailed=True)
        low(module, "put_v1consumerjobsjobId", job_id, taint_one)
        low(module, "put_v1consumerjobs", taint_all, token=token)
        low(module, "delete_v1consumerjobsjobId", job_id, force=True)
        low(module, "delete_v1consumerjobs", token, force=True)
    for module in (Coverage_service, async_Coverage_service):
        low(module, "get_v1consumercoverage", [MODEL, "@civitai/87153"])
    for module in (Consumption_service, async_Consumption_service):
        low(module, "get_v1consumerconsumption", startDate="2020-01-01T00:00:00Z", endDate="2100-01-01T00:00:00Z")
    for module in (Request_service, async_Request_service):
        low(module, "get_v1consumerrequests", take=2)
    json.dump({"methods": methods(), "calls": calls}, sys.stdout, default=plain)


main()
