"""The requests of a benchmark, and the SQL that it writes down for the ceiling."""

import itertools
import socket
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from benchmarks.__main__ import main
from benchmarks.cells import Booking, Cell, Made, Requests
from benchmarks.load import Clients, get
from benchmarks.recording import halves
from benchmarks.round_trips import RoundTrips
from benchmarks.targets import NotInstalled, all_targets
from devtools.processes import HOST

OURS = b'{"success":true,"data":{"id":61,"reference":"VJC7XN3X","flightId":2,"userId":1001,"status":"initiated"}}'
BUSY = b'{"success":false,"data":{},"error":{"statusCode":503,"code":"service_busy","retryable":true}}'
NODES = b'{"success":true,"data":{"status":"initiated","flightId":2,"userId":7,"noOfSeats":1,"id":12}}'


def test_bookings_are_read_out_of_the_answers_of_every_target():
    made = Made()

    made.add([OURS, NODES, b'{"success":false,"data":{}}'])

    assert made.unused == made.known == [Booking(61, 1001), Booking(12, 7)]


def test_cells_that_use_bookings_up_divide_them():
    made = Made(unused=[Booking(number, 1) for number in range(6)])

    assert [len(made.take(share)) for share in (3, 2, 1)] == [2, 2, 2]
    assert made.unused == []


def test_no_booking_is_paid_for_twice():
    made = Made(unused=[Booking(number, 1) for number in range(4)])
    requests = Requests()

    sent = [list(requests.of(Cell("pay", 16, 0), made, share=share, seconds=1)) for share in (2, 1)]

    assert len({request for each in sent for request in each}) == 4


def test_no_user_creates_twice_and_the_requests_end():
    requests = Requests()

    first, second = (list(requests.of(Cell("create", 16, 0), Made(), share=1, seconds=0.001)) for _ in range(2))

    assert len(first) == len(second) == 20
    assert len({*first, *second}) == 40


def test_reads_go_round_among_what_is_known():
    made = Made(known=[Booking(1, 1), Booking(2, 1)])

    sent = itertools.islice(Requests().of(Cell("read", 16, 0), made, share=1, seconds=1), 4)

    assert [request.split()[1] for request in sent] == [b"/api/v1/bookings/1", b"/api/v1/bookings/2"] * 2


def test_a_recording_is_parted_at_the_call_for_the_seats_and_has_fields():
    key, lease = "'4deffb01-3807-44de-82ac-73b13f108dd9'", "'e319c46c-84f2-466c-a39a-fdf52c8237ba'"
    log = [
        (0.00, "SELECT @@global.read_only"),
        (0.30, "START TRANSACTION"),
        (0.31, f"INSERT INTO `booking` (`reference`) VALUES ('VJC7XN3X', 987654000, {key}, {lease}, '{{}}')"),
        (0.32, "COMMIT"),
        (0.61, f"START TRANSACTION;UPDATE `booking` SET `hold_lease` = {lease} WHERE `booking`.`id` = 61 AND {key}"),
        (0.62, "COMMIT"),
    ]
    own = {"987654000": "{user}", "'VJC7XN3X'": "'{reference}'", "`id` = 61": "`id` = {booking}"}

    before, after = halves(log, own)

    insert = "INSERT INTO `booking` (`reference`) VALUES ('{reference}', {user}, '{uuid[0]}', '{uuid[1]}', '{{}}')"
    update = "UPDATE `booking` SET `hold_lease` = '{uuid[1]}' WHERE `booking`.`id` = {booking} AND '{uuid[0]}'"
    assert before == ["START TRANSACTION", insert, "COMMIT"]
    assert after == [f"START TRANSACTION;{update}", "COMMIT"]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(NotInstalled, match="no checkout"):
        all_targets(old=tmp_path, python="")


def test_a_folder_that_is_not_there_is_refused_before_anything_is_measured(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--docs", str(tmp_path / "none")])

    assert "there is no folder" in capsys.readouterr().err


class Refusing(StreamRequestHandler):
    """Answers each second request with 503, and closes the connection after it."""

    numbers = itertools.count()

    def handle(self):
        while True:
            head = b"".join(iter(self.rfile.readline, b"\r\n")) if self.rfile.peek(1) else b""
            if not head:
                return
            refuses = next(self.numbers) % 2
            status, body = (b"503 Service Unavailable", BUSY) if refuses else (b"200 OK", b"{}")
            self.wfile.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
            if refuses:
                return


def test_a_refusal_is_counted_by_its_status_and_code_and_its_connection_is_not_used_again():
    with ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever).start()
        try:
            with Clients(server.server_address[1], count=1) as clients:
                load = clients.drive(itertools.repeat(get("/"), 6), seconds=5)
        finally:
            server.shutdown()

    assert load.failed == {"503 service_busy": 3}
    assert (load.in_time, load.bodies) == (6, [b"{}", BUSY] * 3)
    assert 0 < load.seconds == load.whole_seconds < 5


@pytest.mark.slow
def test_a_round_trip_is_a_request_however_many_statements_it_has():
    class Echo(StreamRequestHandler):
        def handle(self):
            while question := self.rfile.readline():
                self.wfile.write(question)

    def ask(times):
        for _ in range(times):
            client.sendall(b"one; two; three\n")
            assert client.recv(100)

    with ThreadingTCPServer((HOST, 0), Echo) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        counted = RoundTrips(port)
        with socket.create_connection((HOST, port)) as client:
            ask(2)
            first = counted.count()
            ask(3)
            second = counted.count()
        with socket.create_connection((HOST, port)) as client:
            ask(4)
            third = counted.count()
        server.shutdown()

    assert (first, second, third) == (2, 5, 9)
