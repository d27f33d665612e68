"""The OpenFeature client of PyPI against real servers: python clients.py API PROXY GUARDED TOKEN

API serves flags of `checkout`, whose rollout runs at 5 % behind PROXY. GUARDED wants TOKEN, and gives three evaluations
at once and one more each second.
"""

import sys
import time

import requests
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails
from track import TrackingProvider

API, PROXY, GUARDED, TOKEN = sys.argv[1:]


def client_of(name, **options):
    """A client of a provider of its own."""
    api.set_provider_and_wait(OFREPProvider(**options), name)
    return api.get_client(name)


def user(key):
    return EvaluationContext(targeting_key=key)


def same(given, wanted, what=""):
    assert given == wanted, f"{what}: {given!r}, not {wanted!r}"


def values(client):
    tester = user("tester")
    same(client.get_boolean_value("new-checkout", False, tester), True)
    same(client.get_string_value("title", "default", tester), "new")
    same(client.get_integer_value("items", 0, tester), 5)
    same(client.get_float_value("factor", 0.0, tester), 1.5)
    same(client.get_object_value("limits", {}, tester), {"items": 5, "open": True})
    forced = client.get_boolean_details("new-checkout", False, tester)
    same((forced.variant, forced.reason), ("canary", Reason.TARGETING_MATCH))
    same(forced.flag_metadata["service"], "checkout")
    same(client.get_integer_value("off", 7, tester), 7, "a flag that is off: the default of the code")
    same(client.get_integer_details("off", 7, tester).reason, Reason.DISABLED)


def errors(client):
    for flag in ["no-such-flag", "no such/flag"]:
        unknown = client.get_boolean_details(flag, True, user("tester"))
        same((unknown.value, unknown.error_code), (True, ErrorCode.FLAG_NOT_FOUND), flag)
    other = client.get_string_details("new-checkout", "default", user("tester"))
    same((other.value, other.error_code), ("default", ErrorCode.TYPE_MISMATCH))
    for context in [None, EvaluationContext(), EvaluationContext(attributes={"plan": "pro"})]:
        keyless = client.get_boolean_details("new-checkout", True, context)
        same((keyless.value, keyless.error_code), (True, ErrorCode.TARGETING_KEY_MISSING))


def users(client):
    proxy, seen = requests.Session(), {"stable": 0, "canary": 0}
    for n in range(300):
        key = f"user-{n}@example.org"
        got = client.get_boolean_details("new-checkout", False, user(key))
        routed = proxy.get(f"{PROXY}/", headers={"x-user-id": key}).text.strip()
        same(got.variant, routed, f"{key}: flag and proxy")
        same((got.value, got.reason), (routed == "canary", Reason.SPLIT), key)
        seen[routed] += 1
    assert 0 < seen["canary"] < seen["stable"], seen
    # A whole number of a flag that has fractions comes as a float: the client tells 1 from 1.0.
    factors = {client.get_float_value("factor", 0.0, user(f"user-{n}@example.org")) for n in range(300)}
    same(factors, {1.0, 1.5})
    return seen["canary"]


def unauthorized():
    for name, headers in [("none", {}), ("wrong", {"Authorization": "Bearer fw_wrong"})]:
        client = client_of(name, base_url=GUARDED, headers_factory=lambda headers=headers: headers)
        refused = client.get_string_details("title", "default", user("tester"))
        same((refused.value, refused.error_code), ("default", ErrorCode.GENERAL), name)
        same(refused.error_message, "unauthorized", name)


def too_many():
    client = client_of("token", base_url=f"{GUARDED}/", headers_factory=lambda: {"X-API-Key": TOKEN})
    same(client.get_string_value("title", "default", user("tester")), "new", "with the token")
    end = time.monotonic() + 30
    while (refused := client.get_string_details("title", "default", user("tester"))).error_code is None:
        assert time.monotonic() < end, "never too many"
    same((refused.value, refused.error_code), ("default", ErrorCode.GENERAL))
    same(refused.error_message, "Rate limited, retry after: 1")
    paused = client.get_string_details("title", "default", user("tester"))
    assert "paused due to TooManyRequests" in paused.error_message, paused
    time.sleep(1.1)
    same(client.get_string_value("title", "default", user("tester")), "new", "after the wait")


def tracked():
    """What users do counts for the experiment whose variant they had."""
    provider = TrackingProvider(base_url=API)
    api.set_provider_and_wait(provider, "tracking")
    client = api.get_client("tracking")
    staff = EvaluationContext(targeting_key="p-0", attributes={"email": "a@example.org"})
    same(client.get_string_details("button", "", staff).reason, Reason.TARGETING_MATCH, "a rule")
    sums = {"blue": 0, "green": 0}
    for n in range(100):
        variant = client.get_string_details("button", "", user(f"p-{n}")).variant
        client.track("revenue", user(f"p-{n}"), TrackingEventDetails(value=n))
        client.track("purchase", user(f"p-{n}"))
        sums[variant] += n
    provider.shutdown()
    shown = requests.get(f"{API}/api/v1/flags/button").json()["experiment"]
    purchase, revenue = (metric["variants"] for metric in shown["metrics"])
    for place, variant in enumerate(shown["variants"]):
        same(round(revenue[place]["mean"] * variant["users"]), sums[variant["name"]], variant["name"])
        same(purchase[place]["mean"], 1.0)
    print("Python: 100 users of an experiment and what they did")


api.set_provider_and_wait(OFREPProvider(base_url=API))
open_client = api.get_client()
values(open_client)
errors(open_client)
canaries = users(open_client)
print(f"Python: every type, default and error; 300 users as the proxy routes them ({canaries} canary)")
tracked()
unauthorized()
too_many()
print("Python: 401 without the token, values with it, 429 heeded for the second it says")
