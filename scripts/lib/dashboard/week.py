#!/usr/bin/env python3
"""A made-up week of ingest, runs, sweeps and the broker, as OpenMetrics, so that the dashboard has something to show.

    week.py END    END is a time in seconds since 1970
"""
import random
import sys
from collections import defaultdict

STEP = 600
DAYS = 7
DAY = 24 * 3600
END = int(sys.argv[1]) // STEP * STEP
START = END - DAYS * DAY
MODEL = {"gen_ai_provider_name": "anthropic", "gen_ai_request_model": "claude-sonnet-5-5"}
RUN_SECONDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 2700]
WAIT_SECONDS = [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400]
CALL_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]

chance = random.Random(7)
repairs = random.Random(8)
counters = defaultdict(float)
gauges = {}


def labeled(name, labels):
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


def count(name, by=1.0, **labels):
    counters[labeled(name, labels)] += by


def measure(name, value, bounds, **labels):
    for bound in [*bounds, "+Inf"]:
        counters[labeled(f"{name}_bucket", {**labels, "le": bound})] += bound == "+Inf" or value <= bound
    counters[labeled(f"{name}_sum", labels)] += value
    counters[labeled(f"{name}_count", labels)] += 1


def call(tokens, error=None):
    labels = {"gen_ai_operation_name": "chat", **MODEL, **({"error_type": error} if error else {})}
    measure("gen_ai_client_operation_duration_seconds", 4 + chance.lognormvariate(1.8, 0.6), CALL_SECONDS, **labels)
    if not error:
        for kind, used in [("input", tokens), ("output", tokens // 40)]:
            sums = labeled("gen_ai_client_token_usage_sum", {**labels, "gen_ai_token_type": kind})
            counters[sums] += used


def run(mode, asks_model=True):
    outcome, error = "done", None
    if chance.random() < 0.14:
        outcome = "failed"
        error = chance.choice(["declined", "edits-do-not-apply", "syntax", "edits-do-not-apply", "budget"])
    labels = {"agent_mode": mode, "agent_outcome": outcome}
    measure("agent_run_duration_seconds", 8 + chance.lognormvariate(3.4, 0.5), RUN_SECONDS, **labels)
    count("agent_runs_total", **labels, **({"error_type": error} if error else {}))
    if asks_model:
        if chance.random() < 0.05:
            call(0, chance.choice(["429", "timeout"]))
        if chance.random() < 0.12:
            count("agent_corrections_total", error_type=chance.choice(["syntax", "edits-do-not-apply"]))
        tokens = int(chance.lognormvariate(10.6, 0.5))
        call(tokens)
        cost = tokens * 2.5e-6 + tokens / 40 * 1e-5
        counters[labeled("agent_run_cost_sum", {"agent_mode": mode, **MODEL})] += cost
        return outcome == "done", cost
    return outcome == "done", 0.0


def issue():
    mode = chance.choice(["plan", "quickfix", "quickfix"])
    ok, cost = run(mode)
    if ok:
        count("agent_pull_requests_opened_total", agent_mode=mode)
        measure("agent_pull_request_wait_seconds", 15 + chance.lognormvariate(3.9, 0.7), WAIT_SECONDS, agent_mode=mode)
        for more in (["approve"] if mode == "plan" else []) + (["fix"] if chance.random() < 0.3 else []) + ["checks", "closed"]:
            cost += run(more, more in ("approve", "fix"))[1]
        if repairs.random() < 0.25:
            count("agent_repairs_total", agent_repair_outcome=repairs.choice(["committed", "committed", "not-made", "given-up"]))
        count("agent_pull_requests_closed_total", agent_result="merged" if chance.random() < 0.78 else "declined")
    return cost


def webhooks(busy):
    for outcome, often in [("accepted", busy), ("ignored", 9 * busy), ("refused", 0.02)]:
        many = sum(chance.random() < often for _ in range(3))
        if many:
            count("ingest_webhooks_total", many, outcome=outcome)


def main():
    lines = defaultdict(list)
    left = {"day": 20.0, "month": 300.0}
    count("agent_pull_requests_closed_total", 0, agent_result="merged")
    count("agent_pull_requests_closed_total", 0, agent_result="declined")
    for time in range(START, END + 1, STEP):
        hour, weekday = time % DAY / 3600, time // DAY % 7
        # 1970 began on a Thursday.
        busy = (0.5 if 8 <= hour <= 18 else 0.05) * (0.2 if weekday in (2, 3) else 1.0)
        if time % DAY == 0:
            left["day"] = 20.0
        webhooks(busy)
        waiting = held = 0
        if chance.random() < busy:
            held = chance.choice([1, 1, 2])
            waiting = chance.choice([0, 0, 0, 1, 3])
            cost = issue()
            left = {period: amount - cost for period, amount in left.items()}
        for period, ceiling in [("day", 20.0), ("month", 300.0)]:
            labels = {"agent_budget_scope": "installation", "agent_budget_period": period}
            if time % 1800 == 0 or time == START:
                gauges[labeled("agent_budget_left", labels)] = left[period]
                gauges[labeled("agent_budget_ceiling", labels)] = ceiling
                end = (time // DAY + 1) * DAY if period == "day" else END + DAY
                gauges[labeled("agent_budget_end_seconds", labels)] = end
        gauges[labeled("rabbitmq_queue_messages_ready", {"queue": "agent-tasks"})] = waiting
        gauges[labeled("rabbitmq_queue_messages_unacked", {"queue": "agent-tasks"})] = held
        gauges[labeled("rabbitmq_queue_messages_ready", {"queue": "agent-tasks.dlq"})] = 0
        for name, value in [*counters.items(), *gauges.items()]:
            lines[name].append(f"{name} {value:.6g} {time}")
    print("\n".join(line for series in sorted(lines) for line in lines[series]))
    print("# EOF")


main()
