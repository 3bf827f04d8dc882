"""The whole local system around a small application: started and stopped in order, reachable by HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from chalice.app import Chalice

from infra.local.emulator import HomeInUse
from infra.local.stack import emulator_client
from infra.local.system import System

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[3]
Eventually = Callable[[Callable[[], bool]], None]


class Sandbox:
    """Records how it was used; `url` is known only between start and stop, as with a real one."""

    def __init__(self, api_key: str, webhook_url: str, state: Path) -> None:
        self.api_key = api_key
        self.webhook_url = webhook_url
        self.state = state
        self.life: list[str] = []

    @property
    def url(self) -> str:
        assert self.life == ["started"]
        return "http://127.0.0.1:9"

    def start(self) -> None:
        self.life.append("started")

    def stop(self) -> None:
        self.life.append("stopped")


class SmallApp:
    """Queues what it is posted, works it off in an SQS handler and relays its outbox."""

    def __init__(self) -> None:
        self.environment = {name: text for name, text in os.environ.items() if name.startswith(("PIX_", "AWS_"))}
        self.jobs: list[str] = []
        self.facts: list[str] = []
        self.app = Chalice("small", configure_logs=False)
        sqs = emulator_client("sqs", os.environ["AWS_ENDPOINT_URL"])
        dynamodb = emulator_client("dynamodb", os.environ["AWS_ENDPOINT_URL"])

        @self.app.route("/jobs", methods=["POST"], content_types=["text/plain"])
        def post_job() -> dict[str, str]:
            assert self.app.current_request is not None
            body = self.app.current_request.raw_body
            assert isinstance(body, bytes)
            text = body.decode()
            sqs.send_message(QueueUrl=os.environ["PIX_JOBS_QUEUE"], MessageBody=text)
            item = {"pk": {"S": "fact"}, "sk": {"S": text}}
            dynamodb.put_item(TableName="thepixstock-local-outbox", Item=item)
            return {"queued": text}

        @self.app.route("/jobs/{name}")
        def get_job(name: str) -> dict[str, str]:
            return {"name": name}

        @self.app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:jobs", name="on_job")
        def on_job(event: Any) -> None:
            self.jobs.extend(record.body for record in event)

        @self.app.on_dynamodb_record(
            stream_arn="arn:aws:dynamodb:us-east-1:000000000000:table/outbox/stream",
            starting_position="TRIM_HORIZON",
            name="relay",
        )
        def relay(event: Any) -> None:
            self.facts.extend(record.new_image["sk"]["S"] for record in event)


class Running:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.system = System(home, load_app=self._load, paynoi=Sandbox)

    def _load(self) -> Chalice:
        self.small = SmallApp()
        return self.small.app


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    before = dict(os.environ)
    made = Running(tmp_path_factory.mktemp("home"))
    with made.system:
        yield made
    assert dict(os.environ) == before
    assert made.system.paynoi.life == ["started", "stopped"]  # type: ignore[attr-defined]


def test_a_request_flows_through_queue_and_stream(running: Running, eventually: Eventually) -> None:
    answer = requests.post(
        f"{running.system.url}/api/v1/jobs", data=b"wash", headers={"Content-Type": "text/plain"}, timeout=10
    )

    assert (answer.status_code, answer.json()) == (200, {"queued": "wash"})
    eventually(lambda: running.small.jobs == ["wash"] and running.small.facts == ["wash"])


def test_gateway_in_process_and_over_http_answer_alike(running: Running) -> None:
    over_http = requests.get(f"{running.system.url}/api/jobs/a%2Fb?x=1", timeout=10)
    in_process = running.system.gateway.handle("GET", "/api/jobs/a%2Fb?x=1")

    assert over_http.json() == in_process.json() == {"name": "a%2Fb"}
    assert requests.delete(f"{running.system.url}/jobs", timeout=10).status_code == 405
    assert requests.get(f"{running.system.url}/nothing", timeout=10).json()["error"]["code"] == "route_not_found"


def test_the_environment_was_there_before_the_application(running: Running) -> None:
    environment = running.small.environment

    assert environment["AWS_ENDPOINT_URL"] == running.system.endpoint
    assert environment["PIX_API_URL"] == running.system.url
    assert environment["PIX_PAYNOI_URL"] == "http://127.0.0.1:9"
    assert running.system.url in environment["PIX_ALLOWED_ORIGINS"].split(",")
    assert "AWS_PROFILE" not in environment
    assert "127.0.0.1" in os.environ["NO_PROXY"]


def test_the_sandbox_knows_the_key_and_the_webhook(running: Running) -> None:
    sandbox = running.system.paynoi
    assert isinstance(sandbox, Sandbox)
    held = running.system.client("secretsmanager").get_secret_value(SecretId=running.system.outputs["SecretId"])

    assert sandbox.api_key == json.loads(held["SecretString"])["paynoi"]["api_key"]
    assert sandbox.webhook_url == f"{running.system.url}/payments/webhook"
    assert sandbox.state == running.home / "sandboxes" / "paynoi.json"


def test_a_second_system_is_refused_and_told_where_the_first_is(running: Running) -> None:
    with pytest.raises(HomeInUse) as refusal, System(running.home):
        pass

    assert f"API {running.system.url}" in str(refusal.value)
    assert f"Mailbox {running.system.mailbox_url}" in str(refusal.value)


def test_mails_are_read_back(running: Running) -> None:
    ses = running.system.client("ses")
    sender = running.system.outputs["MailFrom"]
    ses.send_email(
        Source=f"Shop <{sender}>",
        Destination={"ToAddresses": ["buyer@example.com"]},
        Message={
            "Subject": {"Data": "ภาพของคุณ ready"},
            "Body": {"Text": {"Data": "สวัสดี http://127.0.0.1/x"}, "Html": {"Data": "<p>สวัสดี</p>"}},
        },
    )
    raw = EmailMessage()
    raw["From"], raw["To"], raw["Subject"] = (
        sender,
        "Second <second@example.com>",
        "ใบเสร็จของคุณพร้อมแล้วและยาวมากจนต้องพับหัวเรื่อง",
    )
    raw.set_content("ขอบคุณ")
    raw.add_alternative("<b>ขอบคุณ</b>", subtype="html")
    ses.send_raw_email(RawMessage={"Data": raw.as_bytes()})

    first, second = running.system.mails()[-2:]

    assert first.sender == f"Shop <{sender}>"
    assert (first.subject, first.html) == ("ภาพของคุณ ready", "<p>สวัสดี</p>")
    assert first.text == "สวัสดี http://127.0.0.1/x"
    assert first.is_to("Buyer@example.com")
    assert second.subject == raw["Subject"]
    assert (second.text.strip(), second.html.strip()) == ("ขอบคุณ", "<b>ขอบคุณ</b>")
    assert second.is_to("second@example.com")
    assert not second.is_to("buyer@example.com")
    assert first.sent_at <= second.sent_at


def test_mailbox_shows_a_mail_without_trusting_it(running: Running) -> None:
    running.system.client("ses").send_email(
        Source=running.system.outputs["MailFrom"],
        Destination={"ToAddresses": ["buyer@example.com"]},
        Message={
            "Subject": {"Data": "<script>alert(1)</script>"},
            "Body": {
                "Text": {"Data": "see http://127.0.0.1/download"},
                "Html": {"Data": '<p title="x">hello</p><script>alert(2)</script>'},
            },
        },
    )
    mail = running.system.mails()[-1]

    shown = requests.get(running.system.mailbox_url, timeout=10)
    page = requests.get(f"{running.system.mailbox_url}/{mail.id}", timeout=10)

    assert "&lt;script&gt;alert(1)" in shown.text
    assert f'href="/_local/mailbox/{mail.id}"' in shown.text
    for answer in (shown, page):
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "<script>" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "&lt;p title=&#34;x&#34;&gt;hello" in page.text
    assert '<a href="http://127.0.0.1/download"' in page.text


def test_mailbox_shows_texts_without_trusting_them(running: Running) -> None:
    running.system.client("sns").publish(PhoneNumber="+66812345678", Message="<b>483920</b> is your code")

    shown = requests.get(running.system.mailbox_url, timeout=10)

    assert "&lt;b&gt;483920&lt;/b&gt; is your code" in shown.text
    assert "+66812345678" in shown.text


def test_an_unknown_mail(running: Running) -> None:
    answer = requests.get(f"{running.system.mailbox_url}/none", timeout=10)

    assert answer.status_code == 404
    assert "No such mail" in answer.text


def test_mailbox_answers_head_without_a_body(running: Running) -> None:
    answer = requests.head(running.system.mailbox_url, timeout=10)

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


PROGRAM = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
sys.path.insert(0, {root!r})
from chalice.app import Chalice
from infra.local.system import System

class Sandbox:
    url = "http://127.0.0.1:9"
    def __init__(self, *_): pass
    def start(self): pass
    def stop(self): print("sandbox stopped", flush=True)

with System(Path(sys.argv[1]), int(sys.argv[2]), load_app=lambda: Chalice("a"), paynoi=Sandbox) as system:
    print(*system.notices, sep=" | ", flush=True)
    print(system.url, system.endpoint, flush=True)
    system.wait()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_stops_cleanly_and_a_taken_port_is_told(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(root=str(ROOT)), str(tmp_path), str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        notices = program.stdout.readline()
        url, endpoint = program.stdout.readline().split()
    assert notices.startswith(f"Started with empty state. | Port {port} is taken; the API listens on ")
    assert urlsplit(url).port != port
    assert requests.get(f"{url}/x", timeout=10).status_code == 404

    program.send_signal(number)
    try:
        rest, errors = program.communicate(timeout=60)
    finally:
        program.kill()

    assert program.returncode == code
    assert rest == "sandbox stopped\n"
    assert errors.rstrip().endswith("KeyboardInterrupt" if number == signal.SIGINT else "")
    assert "During handling" not in errors
    assert not (tmp_path / "running").exists()
    assert not (tmp_path / "system.json").exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{endpoint}/_ministack/health", timeout=5)
