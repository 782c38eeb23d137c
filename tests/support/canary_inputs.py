"""Every input that the service has, each with a canary of its own."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jwt

from tests.support.api import BOOKINGS, PAYMENTS
from tests.support.canaries import Canaries

Request = tuple[str, str, bytes | None, dict[str, Any]]

JSON = {"Content-Type": "application/json"}
ISSUER, AUDIENCE = "https://users.example.org", "bookings"
GOOD_BODY = b'{"flightId": 5, "noOfSeats": 1}'
LONGEST_BODY = 64 * 1024


def a_number() -> str:
    """A number that nothing else has."""
    return str(10**17 + secrets.randbelow(10**17))


def a_customer_token(put: Canaries, user: int, secret: str, *, of: str = "token") -> str:
    """Sign a token with canaries in its claims and its header, and look for every part of it."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(user), "iat": now, "exp": now + 600}
    claims |= {"name": put(f"{of}: name"), "email": f"{put(f'{of}: mail')}@example.org"}
    token = jwt.encode(claims, secret, algorithm="HS256", headers={"kid": put(f"{of}: kid")})
    for part, text in zip(("header", "claims", "signature"), token.split("."), strict=True):
        put.add(f"{of}: {part}", text)
    return token


def headers_of_json(token: str, put: Canaries) -> dict[str, Any]:
    """Give the headers of an ordinary request, with an idempotency key that is looked for."""
    key = put(f"idempotency key {secrets.token_hex(4)}")
    return {**JSON, "Authorization": f"Bearer {token}", "Idempotency-Key": key}


def api_inputs(put: Canaries, *, token: str, key: str) -> Iterator[Request]:
    """Give requests for the API, few of which it grants."""
    yield from _credentials(put, key)
    bearer = {**JSON, "Authorization": f"Bearer {token}"}
    yield from _headers(put, bearer)
    yield from _addresses(put, bearer)
    yield from _bodies(put, bearer)
    yield from _strange_requests(put, bearer)


def _credentials(put: Canaries, key: str) -> Iterator[Request]:
    values = [
        f"Bearer {a_customer_token(put, 1001, put.secret('a stranger: secret', 40), of='a stranger')}",
        f"Bearer {put('no token')}",
        f"Bearer {put('a long token') * 300}",
        f"Bearer {put('token: part one')}.{put('token: part two')}.{put('token: part three')}",
        f"Bearer fbs_{secrets.token_hex(8)}_{put.secret('a key that nobody has', 43)}",
        f"Bearer fbs_{put('a key in another form')}",
        f"Basic {put.encoded('basic', 'anna:' + put('basic: password'))}",
        f"{put('scheme')} {put('of a scheme')}",
        f"Digest username={put('digest')}",
    ]
    for value in values:
        yield "GET", BOOKINGS, None, {"Authorization": value}
        yield "POST", BOOKINGS, GOOD_BODY, {**JSON, "Authorization": value}
    yield "GET", f"{BOOKINGS}?limit=1", None, {"Authorization": f"Bearer {key}"}
    # A number that nobody else has: it must not be in a log because a service may name anybody.
    user = int(put.add("user of a service", a_number()))
    body = json.dumps({"flightId": 6, "userId": user, "noOfSeats": 1}).encode()
    yield "POST", BOOKINGS, body, {**JSON, "Authorization": f"Bearer {key}"}


def _headers(put: Canaries, bearer: dict[str, Any]) -> Iterator[Request]:
    names = (
        *("Cookie", "User-Agent", "Referer", "Origin", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
        *("Forwarded", "X-Real-IP", "X-Custom", "X-CSRFToken", "Prefer", "Accept", "Accept-Language", "From"),
        *("If-None-Match", "Range", "traceparent", "X-HTTP-Method-Override", "Expect", "Proxy-Authorization"),
    )
    for name in names:
        yield "GET", BOOKINGS, None, {**bearer, name: put(f"header {name}")}
    yield "GET", BOOKINGS, None, {**bearer, f"X-{put('name of a header')}": "1"}
    yield "GET", BOOKINGS, None, {**bearer, "Host": f"{put('host')}.example.org"}
    yield "GET", "/admin/", None, {"Host": f"{put('host of the back office')}.example.org"}
    cookies = f"__Host-session={put('cookie: session')}; __Host-csrf={put('cookie: csrf')}; {put('cookie')}=1"
    yield "GET", "/admin/", None, {"Cookie": cookies}
    for number, insane in enumerate(("{} {}", "{};{}", "<script>{}</script>", "{}é", "{}" * 9, "${{jndi:{}}}")):
        canary = put(f"X-Request-ID {number}")
        value = insane.replace("{}", canary).replace("{{", "{").replace("}}", "}")
        yield "GET", BOOKINGS, None, {**bearer, "X-Request-ID": value.encode("latin-1")}
    for name in ("traceparent", "tracestate"):
        yield "GET", BOOKINGS, None, {**bearer, name: put(name)}
    trace = f"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-{put('what a later version adds')}"
    yield "GET", BOOKINGS, None, {**bearer, "traceparent": trace, "tracestate": f"k={put('the state of a trace')}"}
    for name in ("Idempotency-Key", "x-idempotency-key"):
        yield "POST", BOOKINGS, GOOD_BODY, {**bearer, name: put(name)}
        yield "POST", BOOKINGS, GOOD_BODY, {**bearer, name: f"{put(f'{name} of two words')} x"}
        yield "POST", BOOKINGS, GOOD_BODY, {**bearer, name: f"{put(f'{name} not in ASCII')}é".encode()}
        yield "POST", PAYMENTS, b"{}", {**bearer, name: put(f"{name} of a payment")}
    two = {"Idempotency-Key": put("one key"), "x-idempotency-key": put("another key")}
    yield "POST", BOOKINGS, GOOD_BODY, {**bearer, **two}
    yield "GET", BOOKINGS, None, {**bearer, "X-Long": put("a long header") * 1000}


def _addresses(put: Canaries, bearer: dict[str, Any]) -> Iterator[Request]:
    paths = ("/{}", "/api/{}", "/api/v1/{}", f"{BOOKINGS}/{{}}", f"{BOOKINGS}/{{}}/events", f"{BOOKINGS}/1.{{}}")
    others = ("/admin/{}/", "/admin/bookings/{}/", "/admin/bookings/booking/{}/change/", "/static/{}.css", "/health/{}")
    for path in (*paths, *others):
        yield "GET", path.format(put(f"path {path}")), None, bearer
    for path in (f"{BOOKINGS}/{{}}/cancel", "/api/{}", "/{}"):
        yield "POST", path.format(put(f"path of a POST {path}")), b"{}", bearer
    yield "GET", f"/api/{put('a long path') * 200}", None, bearer
    yield "GET", f"{BOOKINGS}/%ff%00{put('path of bytes')}%0a", None, bearer
    names = ("userId", "flightId", "status", "createdAfter", "createdBefore", "limit", "cursor")
    for name in (*names, "clientReference", "flightNumber", "departureDay"):
        yield "GET", f"{BOOKINGS}?{name}={put(f'query {name}')}", None, bearer
        yield "GET", f"{BOOKINGS}?{name}=1&{name}={put(f'query {name} twice')}", None, bearer
    yield "GET", f"{BOOKINGS}?{put('name in a query')}={put('value in a query')}", None, bearer
    yield "GET", f"{BOOKINGS}?%0d%0a%00{put('query of bytes')}%ff", None, bearer
    cursor = base64.b64encode(f"p={put('cursor')}".encode()).decode()
    yield "GET", f"{BOOKINGS}?cursor={quote(put.add('cursor as sent', cursor))}", None, bearer
    yield "GET", f"{BOOKINGS}?userId={put.add('user in a query', a_number())}", None, bearer


def _bodies(put: Canaries, bearer: dict[str, Any]) -> Iterator[Request]:
    places = {
        BOOKINGS: {"flightId": 5, "userId": 1, "noOfSeats": 1, "clientReference": "x", "metadata": {}},
        PAYMENTS: {"bookingId": 1, "userId": 1, "totalCost": 1, "paymentToken": "x"},
        f"{BOOKINGS}/1/cancel": {"userId": 1, "reason": "x"},
    }
    for path, fields in places.items():
        keyed = {**bearer, "Idempotency-Key": put(f"idempotency key of {path}")}
        for name in fields:
            sent = {**fields, name: [put(f"body {path} {name}")]}
            yield "POST", path, json.dumps(sent).encode(), keyed
        yield "POST", path, json.dumps({**fields, put(f"unknown field {path}"): 1}).encode(), keyed
        yield "POST", path, json.dumps(put(f"text {path}")).encode(), keyed
    body = f'{{"bookingId": 1, "totalCost": {put.add("cost", a_number())}}}'.encode()
    yield "POST", PAYMENTS, body, {**bearer, "Idempotency-Key": "a"}
    order = {"bookingId": 1, "userId": 1, "totalCost": 1, "paymentToken": put("payment token")}
    yield "POST", PAYMENTS, json.dumps(order).encode(), {**bearer, "Idempotency-Key": "b"}
    cancel = f"{BOOKINGS}/1/cancel"
    yield "POST", cancel, json.dumps({"reason": put("long reason") * 20}).encode(), bearer
    yield "POST", cancel, f'{{"reason": "{put("half a pair")}\\ud800"}}'.encode(), bearer
    yield "POST", cancel, f'{{"reason": "{put("NUL")}\\u0000"}}'.encode(), bearer
    broken_bodies = ('{{"a": "{}"', '{{"{}": NaN}}', '{{"{0}": 1, "{0}": 2}}', "{}", "[" * 50 + '"{}"')
    for number, broken in enumerate(broken_bodies):
        yield "POST", BOOKINGS, broken.format(put(f"broken body {number}")).encode(), bearer
    yield "POST", BOOKINGS, b"\xff" + put("not UTF-8").encode(), bearer
    yield "POST", BOOKINGS, b'{"a": "' + put("huge body").encode() * (LONGEST_BODY // 20) + b'"}', bearer


def _strange_requests(put: Canaries, bearer: dict[str, Any]) -> Iterator[Request]:
    media_types = ("{}", "text/{}", "application/json; charset={}", "multipart/form-data; boundary={}")
    for number, media_type in enumerate(media_types):
        yield "POST", BOOKINGS, GOOD_BODY, {**bearer, "Content-Type": media_type.format(put(f"type {number}"))}
    line = put("boundary")
    part = f'--{line}\r\nContent-Disposition: form-data; name="{put("part")}"; filename="{put("file")}"\r\n\r\n'
    form = f"{part}{put('content of a part')}\r\n--{line}--\r\n".encode()
    for path in (BOOKINGS, "/admin/login/"):
        yield "POST", path, form, {**bearer, "Content-Type": f"multipart/form-data; boundary={line}"}
    for path in (BOOKINGS, "/admin/", f"{BOOKINGS}/1"):
        yield put(f"method of {path}"), path, None, bearer
        yield "TRACE", path, None, {**bearer, "X-Trace": put(f"trace {path}")}
        yield "PUT", path, json.dumps({put(f"put {path}"): 1}).encode(), bearer
    chunk = put("chunk").encode()
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunk), chunk)
    yield "POST", BOOKINGS, chunks, {**bearer, "Transfer-Encoding": "chunked"}


def admin_inputs(put: Canaries, *, cookies: str, form_token: str) -> Iterator[Request]:
    """Give requests for the back office: of a stranger, then of somebody who is logged in."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    csrf = {**form, "Cookie": f"__Host-csrf={form_token}"}
    for number in range(7):  # the sixth and seventh are one too many
        name = "anna" if number else put("name of a stranger")
        fields = f"csrfmiddlewaretoken={form_token}&username={name}&password={put(f'password {number}')}"
        yield "POST", f"/admin/login/?next=/{put(f'next {number}')}", fields.encode(), csrf
    wrong = f"csrfmiddlewaretoken={put.secret('wrong token of a form', 32)}&username={put('without a token')}"
    yield "POST", "/admin/login/", wrong.encode(), {**csrf, "Referer": f"https://{put('referer')}.example.org/"}
    staff = {**form, "Cookie": cookies}
    for model in ("booking", "seatcall", "payment", "refund", "bookingevent", "idempotencyrecord", "apikey"):
        yield "GET", f"/admin/bookings/{model}/?q={put(f'search {model}')}", None, staff
        yield "GET", f"/admin/bookings/{model}/?{put(f'filter {model}')}={put(f'value {model}')}", None, staff
    yield "GET", f"/admin/bookings/booking/?created_at__gte={put('date')}&e=1", None, staff
    key = f"csrfmiddlewaretoken={form_token}&name={put('name of a key')}&scopes={put('scope')}&days={put('days')}"
    yield "POST", "/admin/bookings/apikey/add/", key.encode(), staff
    old = f"csrfmiddlewaretoken={form_token}&old_password={put('old password')}&new_password1={put('new password')}"
    yield "POST", "/admin/password_change/", old.encode(), staff
