"""What `make run` says once everything runs."""

WELCOME = """
The flight booking service is running.

  API             {web}/api/v1
  API pages       {web}/api/v1/docs
  back office     {web}/admin/   log in as admin / admin
  Flight Service  {flights}   {whose}
  webhooks        each event is sent to a receiver, which prints a line of it here{mails}

Hold two seats, then pay for them:

{token}API={web}/api/v1/bookings
ID=$(curl -sSw '\\n'{bearer} -H 'Idempotency-Key: hold-{key}' \
--json '{{"flightId": 1, "userId": 1001, "noOfSeats": 2{contact}}}' $API \
| tee /dev/stderr | sed 's/.*"data":{{"id":\\([0-9]*\\).*/\\1/')
curl -sSw '\\n'{bearer} -H 'Idempotency-Key: pay-{key}' \
--json '{{"bookingId": '$ID', "userId": 1001, "totalCost": 4000}}' $API/payments{to_payer}
{payments}
Look at `status`, `expiresAt` and `availableActions`; a line sent again gets the same answer, and nothing is done twice.
Each way in which a request can fail is to be had, too: "Try every answer" in docs/api.md. Ctrl-C stops it.
"""
# What the lines above also need where the API asks for a token.
AS_CUSTOMER = "TOKEN=$(.venv/bin/python manage.py dev_token --user 1001 | tail -n 1)\n"
BEARER = ' -H "Authorization: Bearer $TOKEN"'
# Where mails are written into a folder, the traveler of the booking gets one.
CONTACT = ', "contact": {"email": "ada@example.org"}'
MAIL = """
  mails, SMS      what travelers are told is not sent, it is shown at {web}/dev/mail"""
