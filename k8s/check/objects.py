"""Objects as they were rendered, and what is often asked of them."""

import yaml

NAME = "app.kubernetes.io/name"


def read(text):
    return [found for found in yaml.safe_load_all(text) if found]


def title(found):
    return f"{found['kind']} {found['metadata']['name']}"


def of_kind(found, *kinds):
    return [one for one in found if one["kind"] in kinds]


def workloads(found):
    """Everything that makes pods: (object, template)."""
    jobs = [(one, one["spec"]["jobTemplate"]["spec"]["template"]) for one in of_kind(found, "CronJob")]
    return [(one, one["spec"]["template"]) for one in of_kind(found, "Deployment", "StatefulSet", "Job")] + jobs


def name_of(template):
    """What its pods are called in policies and selectors."""
    return template["metadata"]["labels"][NAME]


def services(found):
    """The deployments that run `kefu serve`."""
    return [one for one in of_kind(found, "Deployment") if container(one).get("args", [""])[0] == "serve"]


def container(workload):
    return workload["spec"]["template"]["spec"]["containers"][0]


def selects(selector, labels):
    """Whether a LabelSelector takes these labels; the empty one takes all."""
    exact = selector.get("matchLabels", {}).items()
    if any(labels.get(key) != value for key, value in exact):
        return False
    return all(_holds(rule, labels) for rule in selector.get("matchExpressions", []))


def _holds(rule, labels):
    value, operator = labels.get(rule["key"]), rule["operator"]
    if operator == "In":
        return value in rule["values"]
    if operator == "NotIn":
        return value not in rule["values"]
    return (value is not None) == (operator == "Exists")
