"""An SMTP server for tests that knows one account, over TLS of OpenSSL. Commands are printed.

    smtp_server.py PORT CERTIFICATE KEY starttls|on-connect [USER]
"""
import base64
import socket
import ssl
import sys
import threading

USER = sys.argv[5] if len(sys.argv) > 5 else "ann"
GOOD = base64.b64encode(b"\0" + USER.encode() + b"\0sesame & co").decode()


def talk(plain, context, starttls):
    connection = plain if starttls else context.wrap_socket(plain, server_side=True)
    secure = not starttls
    lines = connection.makefile("rwb")

    def say(text):
        lines.write(text.encode() + b"\r\n")
        lines.flush()

    say("220 other.example.org ESMTP")
    for line in iter(lambda: lines.readline(), b""):
        command = line.decode("latin-1").rstrip("\r\n")
        print("COMMAND", command, flush=True)
        verb = command.split(" ")[0].upper()
        if verb == "EHLO":
            say("250-other.example.org")
            say("250 AUTH PLAIN" if secure else "250 STARTTLS")
        elif verb == "STARTTLS" and not secure:
            say("220 go ahead")
            connection = context.wrap_socket(plain, server_side=True)
            lines, secure = connection.makefile("rwb"), True
        elif verb == "AUTH" and secure:
            say("235 welcome" if command == "AUTH PLAIN " + GOOD else "535 5.7.8 no")
        elif verb == "QUIT":
            say("221 bye")
            break
        else:
            say("500 what")
    connection.close()


def serve(port, certificate, key, mode):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        plain, _ = listener.accept()
        arguments = (plain, context, mode == "starttls")
        threading.Thread(target=lambda: attempt(arguments), daemon=True).start()


def attempt(arguments):
    try:
        talk(*arguments)
    except OSError as error:
        print("ERROR", error, flush=True)


serve(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4])
