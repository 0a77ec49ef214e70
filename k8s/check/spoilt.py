"""Spoils what was rendered in every way that the check is to find: each has to be found."""

import copy

import objects
from overlay import problems


def one(found, kind, name):
    return next(each for each in found if each["kind"] == kind and each["metadata"]["name"] == name)


def pod(found, name, kind="Deployment"):
    return one(found, kind, name)["spec"]["template"]["spec"]


def process(found, name="ticket"):
    return pod(found, name)["containers"][0]


def rule(found, name, way, at=0):
    return one(found, "NetworkPolicy", name)["spec"][way][at]


def config(found, name, old, new):
    for each in objects.of_kind(found, "ConfigMap"):
        if each["metadata"]["name"].startswith(f"{name}-"):
            assert old in each["data"]["config.toml"], old
            each["data"]["config.toml"] = each["data"]["config.toml"].replace(old, new)


def drop(found, kind, name):
    found.remove(one(found, kind, name))


# (what is spoilt, words the check has to find for it); of overlay prod.
SPOILT = [
    (lambda f: pod(f, "ticket").update(hostNetwrk=True), "hostNetwrk"),
    (lambda f: process(f)["livenessProbe"]["grpc"].update(prt=1), "prt"),
    (lambda f: process(f)["ports"][0].update(containerPort="x"), "containerPort"),
    (lambda f: one(f, "GRPCRoute", "kefu")["spec"].update(hostname="x"), "'hostname' was unexpected"),
    (lambda f: one(f, "HTTPRoute", "kefu-json")["spec"]["rules"][0]["matches"][0].update(pth={}), "'pth' was unexpected"),
    (lambda f: one(f, "HTTPRoute", "kefu-json")["spec"]["rules"][0]["backendRefs"][0].update(port=1), "no Service gateway at port 1"),
    (lambda f: one(f, "Gateway", "kefu")["spec"]["listeners"][0].pop("port"), "'port' is a required property"),
    (lambda f: one(f, "Certificate", "gateway")["spec"].pop("issuerRef"), "'issuerRef' is a required property"),
    (lambda f: one(f, "ExternalSecret", "objects")["spec"]["data"][0]["remoteRef"].update(ky="x"), "'ky' was unexpected"),
    (lambda f: one(f, "ServiceMonitor", "otel-collector")["spec"]["endpoints"][0].update(prt="x"), "'prt' was unexpected"),
    (lambda f: f.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {}}), "by reference only"),
    (lambda f: one(f, "Namespace", "kefu")["metadata"].update(labels={}), "enforce restricted"),
    (lambda f: pod(f, "ticket")["securityContext"].update(runAsNonRoot=False), "runs as root"),
    (lambda f: pod(f, "migrate", "Job")["securityContext"].update(runAsUser=0), "runs as root"),
    (lambda f: one(f, "CronJob", "backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"].update(runAsUser=0),
     "CronJob backup: runs as root"),
    (lambda f: drop(f, "ExternalSecret", "database-backup"), "CronJob backup-keys: there is no url in the secret database-backup"),
    (lambda f: drop(f, "ExternalSecret", "database-migrate"), "CronJob backup-by-hand: there is no url in the secret database-migrate"),
    (lambda f: drop(f, "CronJob", "backup-by-hand"), "runbook.md: there is no cronjob backup-by-hand"),
    (lambda f: pod(f, "ticket")["securityContext"].pop("seccompProfile"), "seccomp"),
    (lambda f: pod(f, "ticket").pop("automountServiceAccountToken"), "token of the API server"),
    (lambda f: process(f)["securityContext"].pop("allowPrivilegeEscalation"), "gain privileges"),
    (lambda f: process(f)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]), "capabilities"),
    (lambda f: process(f)["securityContext"].update(readOnlyRootFilesystem=False), "write to its root"),
    (lambda f: process(f)["securityContext"].update(runAsUser=0), "otherwise than its pod"),
    (lambda f: process(f)["resources"].pop("limits"), "what it needs"),
    (lambda f: process(f).update(image="kefu:latest"), "that day"),
    (lambda f: process(f).pop("startupProbe"), "no startupProbe"),
    (lambda f: drop(f, "PodDisruptionBudget", "ticket"), "0 PodDisruptionBudgets"),
    (lambda f: drop(f, "HorizontalPodAutoscaler", "ticket"), "number of replicas"),
    (lambda f: pod(f, "ticket").pop("topologySpreadConstraints"), "not spread"),
    (lambda f: pod(f, "ticket").update(terminationGracePeriodSeconds=30), "is killed after 30 s"),
    (lambda f: config(f, "ticket", "drain_seconds = 10", "drain_seconds = 20"), "is killed after 45 s"),
    (lambda f: process(f).pop("lifecycle"), "preStop.sleep"),
    (lambda f: one(f, "Deployment", "ticket")["metadata"]["labels"].pop("app.kubernetes.io/component"),
     "Deployment ticket: is not among app.kubernetes.io/component=service"),
    (lambda f: [each["metadata"]["labels"].pop("app.kubernetes.io/component", None) for each in objects.of_kind(f, "Deployment")],
     "runbook.md: nothing has app.kubernetes.io/component=service"),
    (lambda f: drop(f, "ExternalSecret", "suite-keys"), "deployment.md: there is no externalsecret suite-keys"),
    (lambda f: config(f, "ticket", ":50052", ":50053"), "health_listen is not its port"),
    (lambda f: config(f, "ticket", "/database-url", "/url"), "/url, which is not mounted"),
    (lambda f: config(f, "ticket", "max_connection_age_seconds = 300", ""), "live for ever"),
    (lambda f: config(f, "ticket", "[tls.services]", "[tls.other]"), "speaks plaintext"),
    (lambda f: config(f, "ticket", "https://customer-profile", "http://customer-profile"), "in plaintext"),
    (lambda f: one(f, "Certificate", "services-tls-ticket")["spec"].update(dnsNames=["order"]), "of its name"),
    (lambda f: drop(f, "Certificate", "services-tls-ticket"), "no tls.crt in the secret services-tls-ticket"),
    (lambda f: one(f, "Issuer", "services")["spec"].update(cs={}), "'cs' was unexpected"),
    (lambda f: process(f)["readinessProbe"]["grpc"].update(port=50051), "readinessProbe does not ask"),
    (lambda f: one(f, "Service", "ticket")["spec"].pop("clusterIP"), "not headless"),
    (lambda f: drop(f, "Service", "ticket"), "no Service of its name"),
    (lambda f: drop(f, "ServiceAccount", "kefu"), "no ServiceAccount kefu"),
    (lambda f: [f.remove(each) for each in objects.of_kind(f, "ConfigMap") if each["metadata"]["name"].startswith("migrate")],
     "Job migrate: there is no ConfigMap"),
    (lambda f: drop(f, "ExternalSecret", "objects"), "in the secret objects"),
    (lambda f: one(f, "ExternalSecret", "objects")["spec"]["data"].append({"secretKey": "old", "remoteRef": {"key": "x"}}),
     "ExternalSecret objects: nobody reads old"),
    (lambda f: pod(f, "migrate", "Job")["volumes"][1]["projected"]["sources"].pop(), "Job migrate: has a database, and no place"),
    (lambda f: process(f)["env"].append({"name": "KEFU__ENVIRONMENT", "value": "development"}), "in different environments"),
    (lambda f: one(f, "Service", "ticket")["spec"]["selector"].update({objects.NAME: "tickets"}), "stands for 0 workloads"),
    (lambda f: drop(f, "Service", "gateway"), "no Service gateway"),
    (lambda f: drop(f, "NetworkPolicy", "default-deny"), "denies what is not named"),
    (lambda f: rule(f, "ticket", "egress").pop("to"), "names not whom"),
    (lambda f: rule(f, "ticket", "ingress").pop("ports"), "at which port"),
    (lambda f: rule(f, "analytics", "egress")["to"][0]["podSelector"]["matchExpressions"][0]["values"].append("gateway"),
     "analytics → gateway:50051 is open and not in arrows.toml"),
    (lambda f: rule(f, "ticket", "ingress")["from"][0]["podSelector"]["matchExpressions"][0]["values"].remove("gateway"),
     "gateway → ticket:50051 is in arrows.toml and closed by ingress"),
    (lambda f: drop(f, "NetworkPolicy", "to-database"), "migrate → outside:5432 is in arrows.toml and closed by egress"),
    (lambda f: drop(f, "NetworkPolicy", "to-connectors"), "customer-profile → outside:443 is in arrows.toml and closed by egress"),
    (lambda f: rule(f, "to-connectors", "egress")["ports"][0].update(port=8443), "order-followup → outside:8443 is open and not in arrows.toml"),
    (lambda f: rule(f, "from-edge", "ingress")["from"][0].update(namespaceSelector={}), "ns/* → gateway:50051 is open"),
    (lambda f: drop(f, "NetworkPolicy", "dns"), "ticket → ns/kube-system:53 is in arrows.toml and closed by egress"),
]


def missed(found):
    """What is spoilt and not found; of what overlay prod was rendered to."""
    for spoil, words in SPOILT:
        spoilt = copy.deepcopy(found)
        spoil(spoilt)
        if not any(words in said for said in problems("prod", spoilt)):
            yield words
