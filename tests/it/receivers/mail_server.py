"""A mail server on a free port of the loopback, until its stdin closes.

Prints its port, then a line of JSON for each mail that it took. It refuses the recipients gone@example.com (for good) and
busy@example.com (for now), and a sender of any other domain.
"""

import asyncio
import json
import os
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult

mode, user, password, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


def authenticate(server, session, envelope, mechanism, data):
    fits = (data.login, data.password) == (user.encode(), password.encode())
    return AuthResult(success=fits, handled=False, auth_data=data)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if not address.endswith("@example.com"):
            return "550 5.7.1 \x1b[31mnot your\x1b[0m address"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("gone@"):
            return "550 5.1.1 no such user here"
        if address.startswith("busy@"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.original_content.decode("utf-8"),
            "is_encrypted": server.transport.get_extra_info("sslcontext") is not None,
            "user": session.auth_data.login.decode() if session.authenticated else None,
        }
        print(json.dumps(mail), flush=True)
        return "250 OK"


def connection():
    return SMTP(
        Handler(),
        hostname="mail.example.com",
        tls_context=context if mode == "starttls" else None,
        authenticator=authenticate,
        auth_require_tls=mode == "starttls",
    )


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


async def serve():
    encryption = context if mode == "tls" else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=encryption)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


threading.Thread(target=end_with_stdin, daemon=True).start()
asyncio.run(serve())
