"""The page on which a person pays in a browser: the cards, the bank's question, and the way back to the shop."""

from html import escape
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from paysim.account import Account
from paysim.cards import CARDS
from paysim.errors import Refused
from paysim.money import shown as money_shown
from paysim.payer import intent_of, play
from paysim.store import Thing
from paysim.wire import HTML, Reply, Request

PREFIX = "/pay/"

_CSS = (Path(__file__).parent / "page.css").read_text()

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
<p class="aside">This page stands in for Stripe. No money moves, and no card is real.</p>
</main>
</body>
</html>
"""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def answer(account: Account, request: Request) -> Reply:
    """
    Show the page of a client secret, or do what was pressed on it, in one transaction.

    :raises sqlite3.Error: if the store fails; then nothing was done
    """
    secret = request.path.removeprefix(PREFIX)
    error = ""
    try:
        with account.store.transaction():
            intent = intent_of(account, secret)
            back = _way_back(intent, request.query)
            if request.method == "POST":
                error = _press(account, secret, _fields(request), back)
                intent = intent_of(account, secret)
    except Refused as refused:
        return _page(HTTPStatus.NOT_FOUND, "No such payment", f"<p>{escape(str(refused))}</p>")
    status = intent.shown["status"]
    if request.method == "POST" and back and (status in ("succeeded", "processing")):
        return Reply(HTTPStatus.SEE_OTHER, b"", content_type=HTML, headers={"Location": _returned(back, intent)})
    return _page(HTTPStatus.OK, *_content(intent, error, back))


def _fields(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}


def _press(account: Account, secret: str, fields: dict[str, str], back: str) -> str:
    """Do what a button means, and return what the person must be told about it."""
    card = fields.get("number", "").strip() or fields.get("card", "")
    try:
        play(account, secret, fields.get("do", ""), card=card, return_url=back or None)
    except Refused as refused:
        return str(refused)
    if fields.get("do") == "fail_authentication":
        return "Your bank has not recognized you. Nothing was charged; try again, or take another card."
    return ""


def _way_back(intent: Thing, query: str) -> str:
    """Return where the shop wants the person back: as confirmed by its server, else as the address of the page says."""
    wanted = intent.hidden.get("return_url") or parse_qs(query).get("return_url", [""])[0]
    return wanted if urlsplit(wanted).scheme in ("http", "https") else ""


def _returned(back: str, intent: Thing) -> str:
    """Return the shop's address with what Stripe adds to it."""
    parts = urlsplit(back)
    outcome = "succeeded" if intent.shown["status"] in ("succeeded", "processing") else "failed"
    added = urlencode(
        {
            "payment_intent": intent.id,
            "payment_intent_client_secret": intent.shown["client_secret"],
            "redirect_status": outcome,
        }
    )
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def _content(intent: Thing, error: str, back: str) -> tuple[str, str]:
    shown = intent.shown
    about = f'<p class="amount">{escape(money_shown(shown["amount"], shown["currency"]).upper())}</p>'
    if shown["description"]:
        about += f"<p>{escape(shown['description'])}</p>"
    if error:
        about += f'<p class="error" role="alert">{escape(error)}</p>'
    match shown["status"]:
        case "succeeded":
            return "Paid", about + f'<p class="done" role="status">The payment has succeeded.</p>{_link(back, intent)}'
        case "processing":
            return "With the bank", about + f"<p role='status'>The bank works on the payment.</p>{_link(back, intent)}"
        case "canceled":
            return "Canceled", about + f"<p role='status'>The shop has canceled this payment.</p>{_link(back, intent)}"
        case "requires_action":
            return "Your bank asks", about + _question(intent, back)
    return "Pay by card", about + _cards(intent, back)


def _link(back: str, intent: Thing) -> str:
    return f'<p><a href="{escape(_returned(back, intent))}">Back to the shop</a></p>' if back else ""


def _form(intent: Thing, back: str, content: str) -> str:
    query = f"?return_url={quote(back, safe='')}" if back else ""
    return f'<form method="post" action="{PREFIX}{intent.shown["client_secret"]}{escape(query)}">{content}</form>'


def _cards(intent: Thing, back: str) -> str:
    options = "".join(f'<option value="{card.token}">{card.number} {escape(card.label)}</option>' for card in CARDS)
    return _form(
        intent,
        back,
        f'<label for="card">Test card</label><select id="card" name="card">{options}</select>'
        '<label for="number">or another number</label>'
        '<input id="number" name="number" inputmode="numeric" autocomplete="off">'
        '<div class="buttons"><button class="first" name="do" value="confirm">Pay</button>'
        '<button name="do" value="walk_away">Walk away</button></div>',
    )


def _question(intent: Thing, back: str) -> str:
    return _form(
        intent,
        back,
        "<p>3-D Secure: did you order this payment?</p>"
        '<div class="buttons"><button class="first" name="do" value="authenticate">Yes, it is me</button>'
        '<button name="do" value="fail_authentication">No</button>'
        '<button name="do" value="walk_away">Walk away</button></div>',
    )


def _page(status: HTTPStatus, title: str, content: str) -> Reply:
    body = _FRAME.format(title=escape(title), css=_CSS, content=content).encode()
    return Reply(status, body, content_type=HTML, headers=dict(_HEADERS))
