"""The whole system on one machine, started and stopped in order.

    with System(Path(".local")) as system:
        print(system.url)
        system.wait()

Emulator -> data stack -> sandboxes of gateways and laboratory -> environment -> application -> pumps -> HTTP
server -> websockets; the other way round at the end. A SIGTERM or Ctrl-C inside the `with` stops it cleanly; after a
SIGKILL the next start resets (see emulator.py).
"""

import importlib
import logging
import os
import secrets as random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Protocol, Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from botocore.config import Config
from chalice.app import Chalice
from waitress import create_server, wasyncore

from chalicelib.core import aws, secrets, settings
from chalicelib.organizations.service import DEFAULT
from chalicelib.payments import gateways
from infra.local import bank, identity, mailbox, stack
from infra.local.authority import Authority
from infra.local.bank import BankSandbox
from infra.local.carriers import Carriers
from infra.local.cloudpayments import CloudPaymentsSandbox
from infra.local.crypto import CryptoSandbox
from infra.local.emulator import HOST, Emulator, start_emulator
from infra.local.feedback import Simulator
from infra.local.gateway import Gateway, thread_safe
from infra.local.identity import IdentitySandbox
from infra.local.kaspi import Device, KaspiSandbox
from infra.local.mailbox import Mail, Mailbox, sent_mails
from infra.local.paypal import PayPalSandbox
from infra.local.prodigi import ProdigiSandbox
from infra.local.pumps import Pumps
from infra.local.stripe import StripeSandbox
from infra.local.websockets import PATH as LIVE_PATH
from infra.local.websockets import Websockets

THREADS = 16
CONCURRENCY = {"on_upload": 2, "on_webhook": 4}  # batches of a handler at once
FRONTENDS = tuple(f"http://{host}:{port}" for host in ("localhost", HOST) for port in (3000, 5173))
WEBHOOK_PATH = "/payments/webhook"


class Sandbox(Protocol):
    """A stand-in for a payment gateway. `url` is known once it has started."""

    @property
    def url(self) -> str: ...
    def start(self) -> object: ...
    def stop(self) -> None: ...


def project_app() -> Chalice:
    """The real application; it may read the environment when it is imported."""
    app: Chalice = importlib.import_module("app").app
    return app


def paynoi_sandbox(api_key: str, webhook_url: str, state: Path) -> Sandbox:
    from infra.local.paynoi import PayNoiSandbox

    return PayNoiSandbox(api_key, webhook_url, state=state)


class System:
    """`port` of the API, the next one of the websockets; any free one when it is 0 or taken.

    State lives in `home` and nowhere else.
    """

    url: str
    live_url: str
    endpoint: str
    outputs: Mapping[str, str]
    paynoi: Sandbox
    stripe: StripeSandbox
    cloudpayments: CloudPaymentsSandbox
    kaspi: KaspiSandbox
    paypal: PayPalSandbox
    crypto: CryptoSandbox
    prodigi: ProdigiSandbox
    carriers: Carriers
    identity: IdentitySandbox
    bank: BankSandbox
    gateway: Gateway
    pumps: Pumps

    def __init__(
        self,
        home: Path,
        port: int = 0,
        *,
        load_app: Callable[[], Chalice] = project_app,
        paynoi: Callable[[str, str, Path], Sandbox] = paynoi_sandbox,
        frontends: Iterable[str] = FRONTENDS,
    ) -> None:
        self._home = home
        self._port = port
        self._load_app = load_app
        self._paynoi = paynoi
        self._frontends = tuple(frontends)
        self._parts = ExitStack()
        self.notices: list[str] = []
        """Lines a person should read: what became of the last run's state, a port that was taken."""
        self.seconds: dict[str, float] = {}
        """How long each part took to start."""

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            parts.enter_context(_sigterm_raises())
            self._start(parts)
            parts.callback(_ignore_signals)  # first at the end: a second Ctrl-C must not cost the state
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def wait(self) -> None:
        """Sleep until a signal ends the `with`."""
        threading.Event().wait()

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client of this system's AWS."""
        return stack.emulator_client(service, self.endpoint, config)

    def mails(self) -> list[Mail]:
        """Everything sent so far, oldest first."""
        return sent_mails(self.endpoint)

    @property
    def mailbox_url(self) -> str:
        return f"{self.url}{mailbox.PATH}"

    def _start(self, parts: ExitStack) -> None:
        with self._timed("emulator"):
            emulator = start_emulator(self._home)
            parts.callback(emulator.stop)
        self.endpoint = emulator.endpoint
        self.notices.append(emulator.message)

        listener = self._listen("the API", self._port)
        parts.callback(listener.close)
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        live_listener = self._listen("the websockets", self._port and self._port + 1)
        parts.callback(live_listener.close)
        self.live_url = f"ws://{HOST}:{live_listener.getsockname()[1]}"
        origins = (*self._frontends, self.url, self.url.replace(HOST, "localhost"))
        with self._timed("data stack"):
            self.outputs = stack.deploy(self.endpoint, origins)
            self.identity = IdentitySandbox(f"{self.url}{identity.PATH}")
            lab_key = random.token_urlsafe(32)
            self.prodigi = ProdigiSandbox(lab_key, emulator.sandboxes / "prodigi.json").start()
            parts.callback(self.prodigi.stop)
            self.carriers = parts.enter_context(Carriers())
            more = {
                **self.carriers.accounts(),
                "identity_providers": self.identity.clients(),
                "prodigi_of_organizations": {DEFAULT: {"api_key": lab_key, "url": self.prodigi.url}},
            }
            held = stack.put_secrets(self.endpoint, self.outputs, self._home, more)

        webhook_url = f"{self.url}{WEBHOOK_PATH}"
        self.paynoi = self._paynoi(held["paynoi"]["api_key"], webhook_url, emulator.sandboxes / "paynoi.json")
        self.paynoi.start()
        parts.callback(self.paynoi.stop)
        biller = held["promptpay"]
        notices = f"{webhook_url}/promptpay?key={biller['webhook_keys'][0]}"
        client = bank.Client(biller["api_key"], biller["api_secret"], biller["biller_id"])
        self.bank = BankSandbox(client, notices, emulator.sandboxes / "bank.json")
        self.bank.url = f"{self.url}{bank.PATH}"
        parts.callback(self.bank.stop)
        self.stripe = StripeSandbox(
            held["stripe"]["secret_key"],
            held["stripe"]["webhook_secrets"][0],
            f"{webhook_url}/stripe",
            state=emulator.sandboxes / "stripe.json",
        )
        parts.enter_context(self.stripe)
        site, shop = held["cloudpayments"], held["kaspi"]
        self.cloudpayments = CloudPaymentsSandbox(
            site["public_id"],
            site["api_secret"],
            f"{webhook_url}/cloudpayments",
            state=emulator.sandboxes / "cloudpayments.json",
        )
        parts.enter_context(self.cloudpayments)
        device = Device(shop["api_key"], shop["device_token"], shop["organization_bin"])
        self.kaspi = KaspiSandbox(device, state=emulator.sandboxes / "kaspi.json")
        parts.enter_context(self.kaspi)
        paypal, authority = held["paypal"], Authority()
        self.paypal = PayPalSandbox(
            (paypal["client_id"], paypal["client_secret"]),
            paypal["webhook_ids"][0],
            f"{webhook_url}/paypal",
            authority,
            state=emulator.sandboxes / "paypal.json",
        )
        parts.enter_context(self.paypal)
        crypto = held["crypto"]
        self.crypto = CryptoSandbox(
            crypto["api_key"],
            crypto["webhook_secrets"][0],
            f"{webhook_url}/crypto",
            state=emulator.sandboxes / "crypto.json",
        )
        parts.enter_context(self.crypto)

        with self._timed("application"):
            parts.enter_context(
                _environment(
                    stack.environment(
                        self.outputs,
                        endpoint=self.endpoint,
                        api_url=self.url,
                        paynoi_url=self.paynoi.url,
                        identity_url=self.identity.url,
                        promptpay_url=self.bank.url,
                        stripe_url=self.stripe.url,
                        cloudpayments_url=self.cloudpayments.url,
                        kaspi_url=self.kaspi.url,
                        paypal_url=self.paypal.url,
                        paypal_authority=authority.root,
                        crypto_url=self.crypto.url,
                        webpush_url=self.carriers.webpush.url,
                        live_url=self.live_url,
                        live_endpoint=f"{self.url}{LIVE_PATH}",
                        allowed_origins=origins,
                    )
                )
            )
            app = thread_safe(self._load_app())
            self.gateway = Gateway(app)
            queues = {queue.lower(): self.outputs[f"{queue}QueueUrl"] for queue in stack.QUEUES}
            self.pumps = Pumps(app, self.endpoint, queues, self.outputs["OutboxStreamArn"], CONCURRENCY)
            self.pumps.start()
            parts.callback(self.pumps.stop)
            simulator = Simulator(self.endpoint, self.outputs["MailEventsArn"])
            simulator.start()
            parts.callback(simulator.stop)
            websockets = Websockets(app, live_listener)
            pages: dict[str, WSGIApplication] = {mailbox.PATH: Mailbox(self.endpoint), identity.PATH: self.identity}
            pages |= {LIVE_PATH: websockets, bank.PATH: self.bank}
            server = _Server(_mounted(self.gateway, pages), listener)
            server.start()
            parts.callback(server.stop)
            websockets.start()
            parts.callback(websockets.stop)
        self._publish(emulator)

    def _publish(self, emulator: Emulator) -> None:
        emulator.publish(
            {
                "API": self.url,
                "Websockets": self.live_url,
                "Mailbox": self.mailbox_url,
                "PayNoi sandbox": self.paynoi.url,
                "Bank sandbox": self.bank.url,
                "Stripe sandbox": self.stripe.url,
                "CloudPayments sandbox": self.cloudpayments.url,
                "Kaspi sandbox": self.kaspi.url,
                "PayPal sandbox": self.paypal.url,
                "Crypto sandbox": self.crypto.url,
                "Prodigi sandbox": self.prodigi.url,
                **self.carriers.urls(),
            }
        )

    def _listen(self, who: str, wanted: int) -> socket.socket:
        """Reserve a port before anything needs to know it: the wanted one, any free one when that is 0 or taken."""
        for port in (wanted, 0):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                listener.close()
                continue
            if port != wanted:
                self.notices.append(f"Port {wanted} is taken; {who} listens on {listener.getsockname()[1]} instead.")
            return listener
        raise OSError("no free TCP port on this machine")

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - started


class _Server(threading.Thread):
    """waitress on a bound socket. Its loop is stepped here, so that the thread that runs it closes it."""

    def __init__(self, application: WSGIApplication, listener: socket.socket) -> None:
        super().__init__(name="http", daemon=True)
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of any request that waits at all
        self._stopping = threading.Event()
        self._sockets: dict[int, Any] = {}
        self._server = create_server(
            application,
            map=self._sockets,
            sockets=[listener],
            threads=THREADS,
            ident=None,
            clear_untrusted_proxy_headers=False,  # the application must meet what a client may send
        )

    def run(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=0.2, use_poll=True, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=10)
        wasyncore.close_all(self._sockets)

    def stop(self) -> None:
        self._stopping.set()
        self.join(15)


def _mounted(gateway: WSGIApplication, pages: Mapping[str, WSGIApplication]) -> WSGIApplication:
    """Pages of this machine beside the API."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        page = next((page for at, page in pages.items() if path == at or path.startswith(f"{at}/")), gateway)
        return page(environ, start_response)

    return application


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Exactly these PIX_* and AWS_* variables for the process, and no proxy on the way to this machine."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("AWS_", "PIX_")):
            del os.environ[name]
    os.environ.update(values)
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (before.get(name), HOST, "localhost")))
    _forget_environment()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget_environment()


def _forget_environment() -> None:
    """Drop what the application derived from the environment, which a test process changes more than once."""
    aws.forget()
    secrets.forget()
    settings.settings.cache_clear()
    gateways.of_name.cache_clear()


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """Let SIGTERM unwind the main thread as Ctrl-C does; at the end everything is as it was."""

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    if not _in_main_thread():  # only there may handlers be set
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    if _in_main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
