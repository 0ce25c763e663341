"""talk.py PORT CERTIFICATES: asks a daemon who it takes its clients for. Status 0 if it is right."""
import smtplib
import ssl
import sys
import time

port, directory = int(sys.argv[1]), sys.argv[2]


def connect(certificate):
    tls = ssl.create_default_context(cafile=directory + "/ca.pem")
    tls.check_hostname = False
    if certificate:
        tls.load_cert_chain(directory + "/" + certificate + ".pem", directory + "/" + certificate + ".key")
    for attempt in range(100):  # until the daemon listens
        try:
            smtp = smtplib.SMTP("127.0.0.1", port, "client.example.org", timeout=20)
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    smtp.starttls(context=tls)
    smtp.ehlo()
    return smtp


def expect(what, reply, code, text):
    if reply[0] != code or text not in reply[1].decode():
        sys.exit("%s: wanted %d %s, got %r" % (what, code, text, reply))


def riddle(smtp, *answers):
    code, text = smtp.docmd("AUTH", "RIDDLE")
    for answer in answers:
        if code != 334:
            break
        code, text = smtp.docmd(answer)
    return code, text


def base64(text):
    import base64 as codec
    return codec.b64encode(text.encode()).decode()


right, wrong = base64("alice the first"), base64("alice something")

smtp = connect("alice")
expect("badge", smtp.docmd("MAIL FROM:<a@example.org>"), 250, "you are alice@")
smtp.quit()
smtp = connect("bob")
expect("another badge", smtp.docmd("MAIL FROM:<a@example.org>"), 550, "who are you")
smtp.quit()
smtp = connect(None)
expect("initial response", smtp.docmd("AUTH", "RIDDLE " + right), 553, "")
expect("two wrong answers", riddle(smtp, wrong, wrong), 535, "5.7.8")
expect("no answer", riddle(smtp, base64("alice")), 535, "5.7.8")
expect("nobody", riddle(smtp, base64("carol the third")), 535, "5.7.8")
expect("right answer after a wrong one", riddle(smtp, wrong, right), 235, "2.7.0")
expect("riddle", smtp.docmd("MAIL FROM:<a@example.org>"), 250, "you are alice by riddle")
smtp.quit()
