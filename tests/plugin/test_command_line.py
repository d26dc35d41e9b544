"""``python -m pytest_kvfake``: one fake by itself."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from pytest_kvfake import FakeCloudflare

ACCOUNT = FakeCloudflare.account_id


def once(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pytest_kvfake", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def running(*arguments):
    """The process, and what it has printed until it waits."""
    command = [sys.executable, "-m", "pytest_kvfake", "cloudflare", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or "Ctrl+C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        yield process, "".join(lines)
    finally:
        process.kill()
        process.communicate()


def ended(process, number=signal.SIGTERM):
    """What it printed after a signal, and its status."""
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert err == ""
    return out, process.returncode


def ask(port, path=f"/client/v4/accounts/{ACCOUNT}/storage/kv/namespaces"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": "Bearer token"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_it_listens_on_the_port_and_prints_address_and_credentials():
    port = free_port()
    with running("--port", str(port)) as (_, printed):
        assert ask(port)[0] == 200
    assert re.search(rf"^ +url +http://127\.0\.0\.1:{port}/client/v4$", printed, re.MULTILINE)
    for name in ("account_id", "api_token", "api_email", "api_key"):
        assert re.search(rf"^ +{name} +{re.escape(getattr(FakeCloudflare, name))}$", printed, re.MULTILINE)


def test_the_export_lines_can_be_pasted_into_a_shell():
    with running() as (_, printed):
        exports = [line for line in printed.splitlines() if line.startswith("export ")]
    assert all(re.fullmatch(r"export \w+='[^']*'", line) for line in exports)
    shell = subprocess.run(
        ["sh", "-c", "\n".join([*exports, "env"])], capture_output=True, text=True, check=True, env={"PATH": os.defpath}
    )
    with FakeCloudflare() as kv:
        assert set(kv.env) <= {line.partition("=")[0] for line in shell.stdout.splitlines()}
    assert f"CLOUDFLARE_API_TOKEN={FakeCloudflare.api_token}" in shell.stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_ends_it_with_status_0_and_the_number_of_requests(number):
    port = free_port()
    with running("--port", str(port)) as (process, _):
        ask(port)
        ask(port)
        out, status = ended(process, number)
    assert (out.strip(), status) == ("Served 2 requests.", 0)


def test_log_prints_a_line_for_each_exchange():
    port = free_port()
    with running("--port", str(port), "--log") as (process, _):
        ask(port)
        out, _ = ended(process)
    assert "cloudflare #1 list_namespaces → 200" in out


def test_it_takes_the_options_of_the_fake():
    arguments = ("--dialect", "observed", "--seed", "7", "--host", "0.0.0.0", "--advertised-host", "kv.example")
    with running(*arguments) as (_, printed):
        assert printed.startswith("FakeCloudflare is running: observed, seed 7\n")
        assert re.search(r"http://kv\.example:\d+/client/v4", printed)


def test_load_begins_with_a_dumped_state(tmp_path):
    with FakeCloudflare() as kv:
        kv.create_namespace("settings", {"theme": "dark"})
        kv.dump(tmp_path / "state.json")
    port = free_port()
    with running("--port", str(port), "--load", str(tmp_path / "state.json")):
        assert b'"settings"' in ask(port)[1]


@pytest.mark.parametrize("text", [None, "{}", '{"kvfake": 1, "service": "other", "state": {}}'])
def test_a_state_that_cannot_be_loaded_is_told_with_status_1(tmp_path, text):
    path = tmp_path / "state.json"
    if text is not None:
        path.write_text(text)
    done = once("cloudflare", "--load", str(path))
    assert done.returncode == 1
    assert done.stderr.startswith("kvfake: ")
    assert "state.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told_with_status_1():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = once("cloudflare", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith("kvfake: ")
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_service_is_told_with_the_known_ones_and_status_2():
    done = once("cloudfalre")
    assert done.returncode == 2
    assert "'cloudfalre'" in done.stderr
    assert "cloudflare" in done.stderr.replace("cloudfalre", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "COMMAND"),
        (("cloudflare", "--dialect", "observd"), "Did you mean 'observed'?"),
        (("cloudflare", "--port", "99999"), "port must be a whole number from 0 to 65535, not '99999'."),
    ],
)
def test_a_wrong_command_line_ends_with_status_2(arguments, message):
    done = once(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_help_names_the_services_and_their_options():
    assert "cloudflare" in once("--help").stdout
    text = once("cloudflare", "--help").stdout
    for flag in ("--port", "--host", "--advertised-host", "--dialect", "--seed", "--load", "--log"):
        assert flag in text
