"""Where a webhook may go: a corpus of what people try, names that change their mind, and how little is left."""

import pytest

from chalicelib.core.errors import Invalid
from chalicelib.webhooks import addresses, calling
from chalicelib.webhooks.addresses import Refused, choose, is_public, place_of

REFUSED_URLS = [
    # other schemes and no scheme
    "http://hooks.example.com/", "ftp://hooks.example.com/", "file:///etc/passwd", "gopher://hooks.example.com/",
    "javascript:alert(1)", "//hooks.example.com/", "hooks.example.com/a", "https:hooks.example.com", "https:///a",
    "dict://hooks.example.com:11211/", "data:text/plain,a", "HTTP://hooks.example.com/", "", "https://",
    # addresses in place of names, however they are written
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
    "https://0x7f.0.0.1/", "https://127.0.0.1.:443/", "https://0/", "https://8.8.8.8/", "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[fd00:ec2::254]/latest/meta-data/", "https://[2606:4700::1111]/", "https://[::]/",
    "https://[fe80::1%25eth0]/",
    "https://1.2.3.4.5/", "https://0x7f.com.0x1/", "https://a.127/", "https://a.1e3/",
    # names of this machine, of this network, and of nobody
    "https://localhost/", "https://LOCALHOST/", "https://a.localhost/", "https://printer.local/", "https://intranet/",
    "https://metadata.google.internal/", "https://router.home.arpa/", "https://hidden.onion/", "https://a.invalid/",
    "https://hooks.example/", "https://hooks.test/",
    # users, ports, fragments
    "https://user@hooks.example.com/", "https://user:word@hooks.example.com/", "https://hooks.example.com@127.0.0.1/",
    "https://@hooks.example.com/", "https://hooks.example.com:80/", "https://hooks.example.com:22/",
    "https://hooks.example.com:6379/", "https://hooks.example.com:0/", "https://hooks.example.com:99999/",
    "https://hooks.example.com:/", "https://hooks.example.com:443a/", "https://hooks.example.com/#a",
    # letters that are not what they seem, and breaks
    "https://hooks.example。com/", "https://１２７.0.0.1/", "https://ⓛocalhost/", "https://hooks.exаmple.com/",
    "https://hooks.example.com\\@127.0.0.1/", "https://hooks.example.com\r\nHost: a/", "https://hooks.example.com/a b",
    "https://hooks.example.com/\x00", " https://hooks.example.com/", "https://hooks.example.com/\t",
    "https://hooks.exam%70le.com/", "https://hooks_example.com/", "https://-hooks.example.com/",
    "https://hooks-.example.com/",
    "https://hooks..example.com/", "https://.example.com/", "https://hooks.example.com./", "https://com/",
    f"https://{'a' * 64}.example.com/", f"https://{'a.' * 126}example.com/", f"https://hooks.example.com/{'a' * 500}",
]  # fmt: skip

REFUSED_ADDRESSES = [
    # IPv4: this host, private, shared, link-local and metadata, loopback, protocol, documentation, 6to4, benchmarks
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "168.63.129.16",
    # multicast, reserved, broadcast
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    # IPv6: unspecified, loopback, disguises (mapped, compatible, NAT64, 6to4, Teredo), local, multicast, documentation
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8",
    "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1", "2001:0:53aa:64c::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1",
    "100::1", "2001:2::1", "4000::1", "5f00::1",
    # no addresses
    "", "localhost", "1.2.3", "0x7f.0.0.1", "2130706433",
]  # fmt: skip

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.215.14",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700::1111",
    "2a00:1450:4001:80b::200e",
]
TAKEN = {
    "https://hooks.example.com": ("hooks.example.com", 443, "/"),
    "https://Hooks.Example.COM/A?b=C": ("hooks.example.com", 443, "/A?b=C"),
    "https://hooks.example.com:8443/a%20b": ("hooks.example.com", 8443, "/a%20b"),
    "https://xn--12c1fe0br.xn--o3cw4h/": ("xn--12c1fe0br.xn--o3cw4h", 443, "/"),
    "https://127.0.0.1.nip.io/": ("127.0.0.1.nip.io", 443, "/"),  # a name like others: its address is what counts
}


def test_the_corpus_is_large():
    assert (len(set(REFUSED_URLS)) >= 70, len(set(REFUSED_ADDRESSES)) >= 50) == (True, True)


@pytest.mark.parametrize("url", REFUSED_URLS, ids=ascii)
def test_a_url_that_leads_elsewhere_is_refused(url):
    with pytest.raises(Invalid, match="can not be called") as refusal:
        place_of(url)

    assert (refusal.value.code, refusal.value.field) == ("invalid_url", "url")


@pytest.mark.parametrize("url", [url for url in REFUSED_URLS if "localhost" not in url.lower()], ids=ascii)
def test_what_this_machine_may_be_called_opens_nothing_else(url):
    with pytest.raises(Invalid):
        place_of(url, local=True)


@pytest.mark.parametrize(("url", "place"), TAKEN.items())
def test_a_public_name_is_taken(url, place):
    found = place_of(url)

    assert (found.host, found.port, found.target, found.local) == (*place, False)


@pytest.mark.parametrize("address", REFUSED_ADDRESSES, ids=ascii)
def test_an_address_that_is_no_public_host_is_refused(address):
    assert not is_public(address)
    with pytest.raises(Refused):
        choose(place_of("https://hooks.example.com/"), [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address):
    assert choose(place_of("https://hooks.example.com/"), [address]) == address


@pytest.mark.parametrize("bad", REFUSED_ADDRESSES, ids=ascii)
def test_one_bad_address_among_good_ones_spoils_the_name(bad):
    for found in (["8.8.8.8", bad], [bad, "8.8.8.8"]):
        with pytest.raises(Refused):
            choose(place_of("https://hooks.example.com/"), found)


def test_a_name_without_addresses_is_refused():
    with pytest.raises(Refused):
        choose(place_of("https://hooks.example.com/"), [])


def test_ipv4_comes_first():
    assert choose(place_of("https://hooks.example.com/"), ["2606:4700::1111", "1.1.1.1"]) == "1.1.1.1"


@pytest.mark.parametrize(
    ("url", "port", "authority"),
    [
        ("http://127.0.0.1:9000/hooks", 9000, "127.0.0.1:9000"),
        ("http://localhost/hooks", 80, "localhost"),
    ],
)
def test_this_machine_is_called_only_where_a_setting_says_so(url, port, authority):
    place = place_of(url, local=True)

    assert (choose(place, ["8.8.8.8"]), place.port, place.authority) == ("127.0.0.1", port, authority)
    with pytest.raises(Invalid):
        place_of(url)


# --- names that change their mind -----------------------------------------------------------------------------


@pytest.fixture
def connections(monkeypatch):
    """Where somebody tried to connect to."""
    tried = []

    def refuse(address, timeout):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(calling.socket, "create_connection", refuse)
    return tried


def test_a_name_is_asked_once_and_what_was_looked_at_is_called(monkeypatch, connections):
    answers = iter([["1.1.1.1"], ["127.0.0.1"], ["169.254.169.254"]])
    monkeypatch.setattr(calling, "names", lambda host: next(answers))

    answer = calling.call("https://rebinding.example.com/a", {}, b"{}", local=False)

    assert (answer.error, connections) == ("connection_failed", [("1.1.1.1", 443)])
    assert next(answers) == ["127.0.0.1"], "nobody asked a second time"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1"])
def test_a_name_that_leads_inside_is_not_called(monkeypatch, connections, address):
    monkeypatch.setattr(calling, "names", lambda host: [address])

    answer = calling.call("https://inside.example.com/a", {}, b"{}", local=False)

    assert (answer.error, answer.taken, connections) == ("address_refused", False, [])


def test_a_name_that_nobody_knows_is_not_called(monkeypatch, connections):
    def unknown(host):
        raise LookupError(host)

    monkeypatch.setattr(calling, "names", unknown)

    assert calling.call("https://nobody.example.com/a", {}, b"{}", local=False).error == "name_unknown"
    assert connections == []


def test_the_network_is_left_as_it_is_by_no_proxy(monkeypatch, connections):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setattr(calling, "names", lambda host: ["1.1.1.1"])

    calling.call("https://hooks.example.com/a", {}, b"{}", local=False)

    assert connections == [("1.1.1.1", 443)]


def test_no_url_of_the_corpus_is_called(monkeypatch, connections):
    monkeypatch.setattr(calling, "names", lambda host: ["1.1.1.1"])

    for url in REFUSED_URLS:
        with pytest.raises(Invalid):
            calling.call(url, {}, b"{}", local=False)

    assert connections == []
    assert addresses.LONGEST_URL == 500
