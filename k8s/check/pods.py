"""What schemas do not say: how pods are secured, watched over and kept."""

from objects import of_kind, selects, services, title, workloads


def problems(found):
    for one in of_kind(found, "Secret"):
        yield f"{title(one)}: secrets come by reference only"
    for one in of_kind(found, "Namespace"):
        if one["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{title(one)}: does not enforce restricted pods"
    for one, template in workloads(found):
        for said in _pod(template["spec"]):
            yield f"{title(one)}: {said}"
    for one in of_kind(found, "Deployment"):
        for said in _deployment(one, found):
            yield f"{title(one)}: {said}"
    for one in services(found):
        for said in _spread(one):
            yield f"{title(one)}: {said}"


def _pod(spec):
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
        yield "runs as root, or not as a user with a number"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "is given a token of the API server"
    for shared in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(shared):
            yield f"has {shared}"
    if any("hostPath" in volume for volume in spec.get("volumes", [])):
        yield "mounts a path of the node"
    for container in spec.get("initContainers", []) + spec["containers"]:
        for said in _container(container):
            yield f"container {container['name']} {said}"


def _container(container):
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        yield "may gain privileges"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if security.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root"
    if any(key in security for key in ("runAsNonRoot", "runAsUser", "seccompProfile")):
        yield "says otherwise than its pod as whom it runs"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "takes a port of the node"
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys() or "memory" not in resources.get("limits", {}):
        yield "says not what it needs"
    image = container["image"].rsplit("/", 1)[-1]
    if "@sha256:" not in image and (":" not in image or image.endswith(":latest")):
        yield f"runs whatever {container['image']} is that day"


def _deployment(one, found):
    for container in one["spec"]["template"]["spec"]["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe not in container:
                yield f"container {container['name']} has no {probe}"
    labels = one["spec"]["template"]["metadata"]["labels"]
    kept = [pdb for pdb in of_kind(found, "PodDisruptionBudget") if selects(pdb["spec"]["selector"], labels)]
    if len(kept) != 1:
        yield f"has {len(kept)} PodDisruptionBudgets"
    scaled = [
        scaler for scaler in of_kind(found, "HorizontalPodAutoscaler")
        if scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": one["metadata"]["name"]}
    ]
    if len(scaled) + ("replicas" in one["spec"]) != 1:
        yield "is to have a number of replicas or one HorizontalPodAutoscaler"


def _spread(one):
    template = one["spec"]["template"]
    spread = template["spec"].get("topologySpreadConstraints", [])
    if {rule["topologyKey"] for rule in spread} != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
        yield "is not spread over zones and nodes"
    wanted = one["spec"]["selector"]["matchLabels"]
    if any(rule["labelSelector"]["matchLabels"] != wanted for rule in spread):
        yield "is spread among other pods than its own"
