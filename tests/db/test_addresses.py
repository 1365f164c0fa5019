"""Servers behind one name: every address has its chance, whatever the others and the names do."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crisis.clock import MachineClock, new_id
from crisis.errors import Unavailable
from dispatch.store import addresses
from dispatch.store.addresses import Addresses
from dispatch.store.hosts import Hosts
from dispatch.store.pool import Database
from tests.db.cutting_proxy import CuttingProxy
from tests.db.pair import Pair
from tests.db.test_failover import BACK_WITHIN_S, TOLD_WITHIN_S, Sending, watched

Eventually = Callable[..., Awaitable[None]]
NAME = "database.example"
#: Addresses that are nobody's: what is sent there is lost, or comes back at once.
NOWHERE = ("2001:db8::1", "192.0.2.1")


class NameService:
    """Answers for names as it is told, or not at all."""

    def __init__(self) -> None:
        self.leads_to: dict[str, tuple[str, ...]] = {}
        self.speaks = threading.Event()
        self.speaks.set()
        self.asked = 0

    def look_up(self, name: str) -> tuple[str, ...]:
        self.asked += 1
        assert self.speaks.wait(60)
        if name not in self.leads_to:
            raise OSError(f"{name} is not known")
        return self.leads_to[name]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameService]:
    service = NameService()
    monkeypatch.setattr(addresses, "look_up", service.look_up)
    yield service
    service.speaks.set()


@asynccontextmanager
async def named_pair(folder: Path, names: NameService) -> AsyncIterator[tuple[Pair, str]]:
    """A pair whose servers have one name and one port, each an address of its own."""
    async with Pair.running(folder) as pair, AsyncExitStack() as stack:
        port = 0
        proxies = []
        for server, address in ((pair.primary, "127.0.0.2"), (pair.standby, "127.0.0.3")):
            proxy = await stack.enter_async_context(
                CuttingProxy.before(server.dsn(), (address, port))
            )
            port = urlsplit(proxy.dsn).port or 0
            proxies.append(proxy)
        pair.proxies = proxies
        names.leads_to[NAME] = ("127.0.0.2", "127.0.0.3")
        yield pair, f"postgresql://postgres@{NAME}:{port}/crisis?sslmode=disable"


async def go_over(pair: Pair) -> None:
    """The first server's host is gone without a word, and the second takes over."""
    pair.proxies[0].go_silent()
    await pair.primary.end()
    await pair.promote()


@pytest.mark.parametrize("changes", [False, True], ids=["all addresses", "another address"])
async def test_a_standby_of_the_same_name_takes_over(
    open_folder: Path, names: NameService, eventually: Eventually, changes: bool
) -> None:
    async with named_pair(open_folder / f"pair-{new_id()}", names) as (pair, dsn):
        if changes:
            names.leads_to[NAME] = ("127.0.0.2",)
        async with watched(dsn) as (_, pulse, desk):
            clients = [Sending(desk) for _ in range(4)]
            tasks = [asyncio.create_task(client.run()) for client in clients]
            await eventually(lambda: all(len(client.acknowledged) > 3 for client in clients))
            await go_over(pair)
            if changes:
                names.leads_to[NAME] = ("127.0.0.3",)
            await eventually(lambda: all(client.refused for client in clients))
            before = {client: len(client.acknowledged) for client in clients}
            await eventually(
                lambda: all(len(client.acknowledged) > before[client] for client in clients),
                within_s=BACK_WITHIN_S,
            )
            assert pulse.trouble is None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert max(client.longest_s for client in clients) < TOLD_WITHIN_S


async def test_a_name_service_that_hangs_keeps_nobody_from_where_the_name_led(
    open_folder: Path, names: NameService, eventually: Eventually
) -> None:
    async with (
        named_pair(open_folder / f"pair-{new_id()}", names) as (pair, dsn),
        watched(dsn) as (database, pulse, _),
    ):
        await eventually(lambda: not pulse.is_stale and pulse.trouble is None)
        names.speaks.clear()
        await go_over(pair)
        await eventually(lambda: pulse.trouble is not None)
        await eventually(lambda: pulse.trouble is None, within_s=BACK_WITHIN_S)
        asked = names.asked
        # One thread waits for it, however often it is asked.
        for con in await asyncio.gather(*(database.hosts.connect() for _ in range(5))):
            con.terminate()
        assert names.asked == asked


async def test_a_name_service_that_hangs_from_the_start_is_told_in_time(names: NameService) -> None:
    names.speaks.clear()
    async with asyncio.timeout(TOLD_WITHIN_S):
        with pytest.raises(Unavailable):
            async with Database.open(f"postgresql://postgres@{NAME}/crisis"):
                pytest.fail("it opened")


async def test_addresses_where_nobody_is_cost_the_others_no_time(
    open_folder: Path, names: NameService
) -> None:
    async with named_pair(open_folder / f"pair-{new_id()}", names) as (pair, dsn):
        pair.proxies[1].go_silent()
        names.leads_to[NAME] = (*NOWHERE, "127.0.0.3", "127.0.0.2")
        async with asyncio.timeout(TOLD_WITHIN_S), Database.open(dsn) as database:
            await database.ping()
        # Beside another host, and behind the silent one.
        port = urlsplit(dsn).port
        names.leads_to["gone.example"] = NOWHERE
        two = dsn.replace(f"{NAME}:{port}", f"gone.example:{port},{NAME}:{port}")
        async with asyncio.timeout(TOLD_WITHIN_S), Database.open(two) as database:
            await database.ping()


#: Whether the server that is found is a copy; ``None`` = either may be.
KINDS = {
    None: False,
    "any": None,
    "primary": False,
    "read-write": False,
    "standby": True,
    "read-only": True,
    "prefer-standby": True,
}


async def test_each_kind_of_server_is_found_behind_one_name(
    open_folder: Path, names: NameService
) -> None:
    async with named_pair(open_folder / f"pair-{new_id()}", names) as (pair, dsn):
        both = names.leads_to[NAME]
        for leads_to in (both, both[::-1]):
            names.leads_to[NAME] = leads_to
            for wanted, is_copy in KINDS.items():
                said = dsn if wanted is None else f"{dsn}&target_session_attrs={wanted}"
                con = await Hosts(said).connect()
                found = await con.fetchval("SELECT pg_is_in_recovery()")
                con.terminate()
                assert is_copy is None or found is is_copy, wanted
        pair.proxies[1].go_silent()
        async with asyncio.timeout(TOLD_WITHIN_S):
            con = await Hosts(f"{dsn}&target_session_attrs=prefer-standby").connect()
        assert not await con.fetchval("SELECT pg_is_in_recovery()")
        con.terminate()


async def test_a_name_that_stopped_being_known_leads_where_it_led_and_an_unknown_one_nowhere(
    names: NameService,
) -> None:
    known = Addresses()
    names.leads_to[NAME] = ("127.0.0.1",)
    assert await known.of(NAME) == ("127.0.0.1",)
    del names.leads_to[NAME]
    assert await known.of(NAME) == ("127.0.0.1",)
    with pytest.raises(OSError, match="not known"):
        await known.of("other.example")
    asked = names.asked
    for address in ("127.0.0.9", "::1", "fe80::1%lo"):
        assert await known.of(address) == (address,)
    assert names.asked == asked


def certified(name: str) -> tuple[bytes, bytes]:
    """A key, and a certificate that it signed for a name itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = MachineClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kept = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return kept, certificate.public_bytes(pem)


@asynccontextmanager
async def in_tls(target: str, address: str, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A way to a server that is open to whoever speaks TLS; gives its port."""
    passing: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        passing.add(task)
        try:
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(context)
            theirs, to_server = await asyncio.open_connection(*target.split(":"))
            try:
                await asyncio.wait(
                    {
                        asyncio.create_task(copy(reader, to_server)),
                        asyncio.create_task(copy(theirs, writer)),
                    },
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                to_server.transport.abort()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            passing.discard(task)

    server = await asyncio.start_server(serve, address, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        while passing:
            await asyncio.wait(set(passing))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)


async def test_a_certificate_is_checked_by_name_and_a_statement_is_cancelled_where_it_runs(
    open_folder: Path, names: NameService, server_dsn: str
) -> None:
    key, certificate = certified(NAME)
    both = open_folder / f"{new_id()}.pem"
    both.write_bytes(key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    names.leads_to[NAME] = ("127.0.0.3", "127.0.0.2")
    names.leads_to["another.example"] = ("127.0.0.2",)
    async with (
        CuttingProxy.before(server_dsn) as proxy,
        in_tls(proxy.host, "127.0.0.2", context) as port,
    ):
        sealed = f"sslmode=verify-full&sslrootcert={both}"
        dsn = proxy.dsn.replace("sslmode=disable", sealed)
        con = await Hosts(dsn.replace(proxy.host, f"{NAME}:{port}")).connect()
        with pytest.raises(TimeoutError):
            await con.fetchval("SELECT pg_sleep(60)", timeout=0.2)
        # It was cancelled, or this would wait for it to end.
        async with asyncio.timeout(30):
            assert await con.fetchval("SELECT 1") == 1
        con.terminate()
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await Hosts(dsn.replace(proxy.host, f"another.example:{port}")).connect()
