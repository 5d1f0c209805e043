#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Alert rules and the dashboard against what a proxy exports: each metric that they name is exported, with each label
that they select by, and each runbook is a heading of the guide.

    monitoring.py METRICS

METRICS is what `gossipctl metrics` printed. Run from the top of the tree. Says what is wrong, and ends with 1 then.
"""
import json
import pathlib
import re
import sys

RULES = pathlib.Path("scripts/monitoring/xpro.rules.yml")
DASHBOARD = pathlib.Path("scripts/monitoring/xpro-dashboard.json")
ADDED = {"instance", "member"}  # by Prometheus; of members, who may not be there now


def exported(text):
    """Labels by metric, and the conditions with their severities."""
    labels, conditions = {}, []
    for name, inner in re.findall(r"^(xpro_\w+)(?:\{(.*)\})? ", text, re.M):
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', inner))
        labels.setdefault(name, set()).update(pairs)
        if name == "xpro_condition":
            conditions.append((pairs["condition"], pairs["severity"]))
    return labels, conditions


def expressions():
    yield from ((str(RULES), e) for e in re.findall(r"^\s+expr: (.*)$", RULES.read_text(encoding="utf-8"), re.M))
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        yield from ((f"{DASHBOARD}: {panel['title']}", target["expr"]) for target in panel["targets"])


def misnamed(labels):
    for where, expression in expressions():
        for name, selector in re.findall(r"(xpro_\w+)(?:\{([^}]*)\})?", expression):
            if name not in labels:
                yield f"{where}: {name} is not exported"
                continue
            for label in set(re.findall(r"(\w+)=", selector)) - ADDED - labels[name]:
                yield f"{where}: {name} has no label {label}"


def anchors(path):
    for heading in re.findall(r"^#+\s+(.*)$", path.read_text(encoding="utf-8"), re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def lost(conditions):
    alerts = re.split(r"^\s+- alert: ", RULES.read_text(encoding="utf-8"), flags=re.M)[1:]
    for alert in alerts:
        name, runbook = alert.split("\n")[0], re.search(r'runbook: "?([^"\n]+)', alert)
        if not runbook:
            yield f"{name} has no runbook"
            continue
        severity = re.search(r"severity=\"(\w+)\"", alert)
        targets = {runbook.group(1)}
        if severity:  # one entry for each condition of the severity
            targets = {
                runbook.group(1).replace("{{ $labels.condition }}", condition)
                for condition, its in conditions
                if its == severity.group(1)
            }
        for target in targets:
            path, _, anchor = target.partition("#")
            if not pathlib.Path(path).is_file() or anchor not in anchors(pathlib.Path(path)):
                yield f"{name}: there is no {target}"


def main():
    labels, conditions = exported(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    wrong = [*misnamed(labels), *lost(conditions)]
    print(*wrong, f"{len(labels)} metrics, {len(conditions)} conditions", sep="\n")
    return 1 if wrong or not conditions else 0


sys.exit(main())
