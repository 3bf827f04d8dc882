"""Domains of one's own, proven against a name server on this machine that speaks DNS."""

import socketserver
import threading
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from chalicelib.core import ids
from chalicelib.core.auth import Principal
from chalicelib.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable, Unprocessable
from chalicelib.organizations import dns as lookup
from chalicelib.organizations import service
from chalicelib.organizations.model import Organization

pytestmark = pytest.mark.usefixtures("aws", "fresh_cache")
HOST = "photos.river.example"


@pytest.fixture
def fresh_cache():
    service.forget()
    yield
    service.forget()


class NameServer(socketserver.ThreadingUDPServer):
    """Answers TXT queries out of `zone`: name -> texts. With `failing` it has trouble of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.zone: dict[str, list[str]] = {}
        self.failing = False
        self.asked: list[str] = []


class _Question(socketserver.BaseRequestHandler):
    server: NameServer

    def handle(self) -> None:
        raw, socket = self.request
        asked = dns.message.from_wire(raw)
        name = str(asked.question[0].name).rstrip(".").lower()
        self.server.asked.append(name)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        if self.server.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.server.zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif texts := self.server.zone[name]:
            quoted = (" ".join(f'"{part}"' for part in _parts(text)) for text in texts)
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *quoted))
        socket.sendto(answer.to_wire(), self.client_address)


def _parts(text: str) -> list[str]:
    """A long text travels in strings of up to 255 bytes; ours in short ones, to see that they are joined."""
    return [text[start : start + 40] for start in range(0, len(text), 40)]


@pytest.fixture
def server(monkeypatch) -> Iterator[NameServer]:
    with NameServer() as running:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = running.server_address[1]
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def shop() -> Organization:
    return service.create("River")


@pytest.fixture
def admin(shop) -> Principal:
    return Principal(shop.id, user="usr_1")


@pytest.fixture
def publish(server) -> Callable[..., None]:
    def publish(admin: Principal, host: str = HOST) -> None:
        domain = next(each for each in service.domains_of(admin) if each.host == host)
        name, value = service.record_of(domain)
        server.zone[name] = ["v=spf1 -all", value]

    return publish


def test_a_domain_leads_here_once_its_record_is_found(server, shop, admin, publish):
    added = service.add_domain(admin, "Photos.River.example.")
    assert (added.host, added.verified) == (HOST, False)
    assert service.tenant_of(HOST) == service.DEFAULT
    publish(admin)

    proven = service.prove_domain(admin, HOST)

    assert proven.verified
    assert server.asked == [f"_thepixstock.{HOST}"]
    assert service.tenant_of(HOST) == shop.id
    assert service.url_of(shop.id) == f"https://{HOST}"
    assert service.prove_domain(admin, HOST) == proven


@pytest.mark.parametrize("texts", [None, [], ["another text"]])
def test_without_the_record_nothing_is_proven(server, shop, admin, texts):
    service.add_domain(admin, HOST)
    if texts is not None:
        server.zone[f"_thepixstock.{HOST}"] = texts

    with pytest.raises(Unprocessable, match="domain_not_proven"):
        service.prove_domain(admin, HOST)
    assert service.tenant_of(HOST) == service.DEFAULT


def test_name_servers_in_trouble_are_not_a_missing_record(server, admin):
    service.add_domain(admin, HOST)
    server.failing = True

    with pytest.raises(Unavailable, match="dns_unavailable"):
        service.prove_domain(admin, HOST)


def test_anybody_may_claim_a_domain_and_its_owner_gets_it(admin, publish):
    stranger = Principal(service.create("Stranger").id, user="usr_2")
    service.add_domain(stranger, HOST)
    service.add_domain(admin, HOST)
    publish(admin)

    with pytest.raises(Unprocessable, match="domain_not_proven"):
        service.prove_domain(stranger, HOST)
    service.prove_domain(admin, HOST)

    assert service.tenant_of(HOST) == admin.organization


def test_a_host_that_is_taken_is_not_taken_away(admin, publish):
    other = service.create("Other").id
    service.map_host(HOST, other)
    service.add_domain(admin, HOST)
    publish(admin)

    with pytest.raises(Conflict, match="host_taken"):
        service.prove_domain(admin, HOST)
    assert service.tenant_of(HOST) == other
    assert not service.domains_of(admin)[0].verified


def test_a_removed_domain_leads_nowhere_and_mails_lead_to_another(shop, admin, publish):
    for host in (HOST, "www.river.example"):
        service.add_domain(admin, host)
        publish(admin, host)
        service.prove_domain(admin, host)

    service.remove_domain(admin, HOST)

    assert service.tenant_of(HOST) == service.DEFAULT
    assert service.get(shop.id).host == "www.river.example"
    service.remove_domain(admin, "www.river.example")
    assert service.get(shop.id).host is None
    with pytest.raises(NotFound, match="domain_not_found"):
        service.remove_domain(admin, HOST)


def test_a_domain_is_listed_once(admin):
    service.add_domain(admin, HOST)

    with pytest.raises(Conflict, match="domain_exists"):
        service.add_domain(admin, HOST.upper())
    assert [each.host for each in service.domains_of(admin)] == [HOST]


def test_a_plan_without_domains_takes_none():
    free = Principal(service.create("Free", plan="free").id, user="usr_1")

    with pytest.raises(Forbidden, match="plan_limit"):
        service.add_domain(free, HOST)
    assert service.domains_of(free) == []


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "10.0.0.8:80", "shops.example", "x.shops.example", "no host", "", "[::1]"],
)
def test_what_can_not_be_somebodys_own_is_refused(admin, host):
    with pytest.raises(Invalid, match="invalid_host"):
        service.add_domain(admin, host)


def test_the_domain_of_another_organization_is_none(admin):
    stranger = Principal(service.create("Stranger").id, user="usr_2")
    service.add_domain(stranger, HOST)

    for attempt in (service.prove_domain, service.remove_domain):
        with pytest.raises(NotFound, match="domain_not_found"):
            attempt(admin, HOST)
        with pytest.raises(NotFound, match="domain_not_found"):
            attempt(admin, f"{ids.code().lower()}.example")


def test_a_name_that_is_not_there_has_no_texts(server):
    assert lookup.txt("nobody.example") == []
