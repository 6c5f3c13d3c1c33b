"""The deployment examples: they call `duri watch` as it is, and keep what they promise."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
from tests.conftest import Component

from duri.cli import watch
from duri.cli.options import from_table

EXAMPLES = Path(__file__).parents[3] / "examples"
UNIT = EXAMPLES / "systemd" / "duri-watch.service"
PODS = EXAMPLES / "kubernetes" / "watch-sidecar.yaml"
# Debian's interpreter has Debian's PyYAML.
READ_YAML = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))"
MOST_EXPOSURE = 2.0


def called(words: list[str]) -> dict[str, Any]:
    """Return what `duri watch` reads from its arguments; wrong ones raise."""
    assert words[:2] == ["duri", "watch"]
    with from_table("watch", watch).make_context("watch", words[2:]) as context:
        return dict(context.params)


def settings_of(unit: str) -> dict[str, list[str]]:
    """Return the assignments of a unit, by name."""
    found: dict[str, list[str]] = {}
    joined = re.sub(r"\\\n\s*", "", unit)
    for name, value in re.findall(r"^(\w+)=(.*)$", joined, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def pods(component: Component) -> dict[str, Any]:
    """Return each example's pod, by name."""
    python = component("/usr/bin/python3")
    probe = subprocess.run([python, "-c", "import yaml"], capture_output=True, check=False)
    component("python3-yaml", present=probe.returncode == 0)
    with PODS.open() as file:
        read = subprocess.run(
            [python, "-c", READ_YAML], stdin=file, capture_output=True, check=True
        )
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in json.loads(read.stdout)
    }


def container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in pod["containers"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


def test_option_that_does_not_exist_is_found() -> None:
    with pytest.raises(click.UsageError):
        called(["duri", "watch", "/app", "--no-such-option"])


def test_unit_calls_the_command_as_it_is() -> None:
    (line,) = settings_of(UNIT.read_text())["ExecStart"]
    program, *rest = shlex.split(line)
    values = called([Path(program).name, *rest])
    assert values["root"] == "/srv/shop"
    assert values["listen"] == "127.0.0.1:9101"
    assert values["receipts"].startswith("%S/duri/")


def test_unit_is_one_that_systemd_accepts(component: Component, tmp_path: Path) -> None:
    analyze = component("systemd-analyze")
    copy = tmp_path / UNIT.name
    # The program is not installed where tests run.
    text = UNIT.read_text().replace("/opt/duri/bin/duri ", "/bin/true ")
    for content, accepted in ((text, True), (text.replace("Type=notify", "Type=x"), False)):
        copy.write_text(content)
        ran = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
        assert (not ran.stderr.strip()) == accepted, ran
    copy.write_text(text)
    ran = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", copy],
        capture_output=True,
        text=True,
        check=False,
    )
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", ran.stdout)
    assert exposure is not None, ran
    assert float(exposure[1]) < MOST_EXPOSURE


def test_unit_lets_the_watcher_write_to_its_state_only() -> None:
    settings = settings_of(UNIT.read_text())
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["StateDirectory"] == ["duri"]
    assert "ReadWritePaths" not in settings
    assert settings["CapabilityBoundingSet"] == [""]
    assert settings["Type"] == ["notify"]
    assert settings["Restart"] == ["on-failure"]


def test_pods_call_the_command_as_it_is(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        values = called(container(pod, "duri-watch")["command"])
        assert values["listen"] == ":9101"
        assert values["keyring"] == "/etc/duri/public.json"


def test_pods_take_the_watcher_for_their_readiness(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        watcher = container(pod, "duri-watch")
        assert watcher["ports"] == [{"name": "duri", "containerPort": 9101}]
        ready, live = watcher["readinessProbe"], watcher["livenessProbe"]
        assert ready["httpGet"] == {"path": "/readyz", "port": "duri"}
        assert (ready["periodSeconds"], ready["failureThreshold"]) == (1, 1)
        assert live["httpGet"] == {"path": "/livez", "port": "duri"}


def test_pods_have_no_right_that_they_do_not_need(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for one in [*pod["containers"], *pod.get("initContainers", [])]:
            rights = one["securityContext"]
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert one["resources"]["limits"]["memory"]
            assert not any("subPath" in mount for mount in one.get("volumeMounts", []))


def test_keyring_comes_from_a_projected_secret(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        (volume,) = [one for one in pod["volumes"] if one["name"] == "duri-keyring"]
        (source,) = volume["projected"]["sources"]
        assert source["secret"]["items"] == [{"key": "public.json", "path": "public.json"}]
        (mount,) = [
            one
            for one in container(pod, "duri-watch")["volumeMounts"]
            if one["name"] == "duri-keyring"
        ]
        assert mount == {"name": "duri-keyring", "mountPath": "/etc/duri", "readOnly": True}


def test_shared_volume_is_what_both_containers_see(pods: dict[str, Any]) -> None:
    pod = pods["shop-volume"]
    watcher, shop = container(pod, "duri-watch"), container(pod, "shop")
    release = {"name": "release", "mountPath": "/release", "readOnly": True}
    assert release in watcher["volumeMounts"]
    assert release in shop["volumeMounts"]
    assert called(watcher["command"])["root"] == "/release/app"
    assert "shareProcessNamespace" not in pod
    assert watcher["securityContext"]["runAsUser"] != shop["securityContext"]["runAsUser"]


def test_shared_processes_are_of_one_user(pods: dict[str, Any]) -> None:
    pod = pods["shop-processes"]
    watcher, shop = container(pod, "duri-watch"), container(pod, "shop")
    assert pod["shareProcessNamespace"] is True
    values = called(watcher["command"])
    assert values["root"] == "/app"
    assert values["target_process"] == shop["command"][0]
    for whom in ("runAsUser", "runAsGroup"):
        assert watcher["securityContext"][whom] == shop["securityContext"][whom]
