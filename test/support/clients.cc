#include "test/support/clients.h"

#include <vector>

#include "src/base/codec.h"
#include "src/base/text.h"

namespace signet::test {
namespace {

using Words = std::vector<std::string>;

void Append(Words* words, const Words& more) {
  words->insert(words->end(), more.begin(), more.end());
}

Words Recipients(const Submission& s) {
  Words all = {s.recipient};
  Append(&all, s.more_recipients);
  return all;
}

std::string Joined(const Words& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

Finished Swaks(const Submission& s) {
  Words words = {"swaks",
                 "--server",
                 "127.0.0.1",
                 "--port",
                 std::to_string(s.port),
                 "--from",
                 s.sender,
                 "--to",
                 Joined(Recipients(s), ","),
                 "--ehlo",
                 "client.example.org",
                 s.tls_on_connect ? "--tlsc" : "--tls",
                 "--tls-protocol",
                 std::string(s.version) == "1.2" ? "tlsv1_2" : "tlsv1_3",
                 "--data",
                 "-"};
  if (s.quiet) words.push_back("--hide-all");
  if (!s.mechanism.empty()) {
    words.push_back("--auth");
    if (s.mechanism != "ANY") words.push_back(s.mechanism);
    Append(&words, {"--auth-user", s.user, "--auth-password", s.password});
  }
  // It reads one certificate from a file; OpenSSL completes the chain from what it trusts.
  if (!s.certificate.empty()) {
    Append(&words, {"--tls-cert", s.certificate, "--tls-key", s.key, "--tls-ca-path", s.ca_chain});
  }
  return Run(words, {.input = Replace(s.content, "\r\n", "\n")});
}

Finished Curl(const Submission& s) {
  Words words = {"curl",
                 "--silent",
                 "--show-error",
                 s.quiet ? "--show-error" : "--verbose",
                 "--url",
                 (s.tls_on_connect ? "smtps://127.0.0.1:" : "smtp://127.0.0.1:") +
                     std::to_string(s.port) + "/client.example.org",
                 "--ssl-reqd",
                 "--cacert",
                 s.ca,
                 std::string("--tlsv") + s.version,
                 "--tls-max",
                 s.version,
                 "--mail-from",
                 s.sender,
                 "--upload-file",
                 "-"};
  for (const std::string& recipient : Recipients(s)) Append(&words, {"--mail-rcpt", recipient});
  if (!s.certificate.empty()) Append(&words, {"--cert", s.certificate, "--key", s.key});
  if (!s.mechanism.empty()) {
    Append(&words, {"--user", s.user + ":" + s.password});
    if (s.mechanism != "ANY") Append(&words, {"--login-options", "AUTH=" + s.mechanism});
  }
  return Run(words, {.environment = {"LC_ALL=C.UTF-8"}, .input = s.content});
}

std::string GnutlsPriority(const Submission& s) {
  return std::string("NORMAL:-VERS-ALL:+VERS-TLS") + s.version;
}

std::string MsmtpAuth(const std::string& mechanism) {
  if (mechanism.empty()) return "off";
  return mechanism == "ANY" ? "on" : Lower(mechanism);
}

Finished Msmtp(const Submission& s) {
  Words words = {"msmtp",
                 "--host=127.0.0.1",
                 "--port=" + std::to_string(s.port),
                 "--tls=on",
                 s.tls_on_connect ? "--tls-starttls=off" : "--tls-starttls=on",
                 "--tls-trust-file=" + s.ca,
                 "--auth=" + MsmtpAuth(s.mechanism),
                 "--domain=client.example.org",
                 "--tls-priorities=" + GnutlsPriority(s),
                 "--from=" + s.sender,
                 "--timeout=20"};
  if (!s.quiet) words.push_back("--debug");
  if (s.dsn) Append(&words, {"--dsn-notify=success", "--dsn-return=headers"});
  if (!s.certificate.empty()) {
    Append(&words, {"--tls-cert-file=" + s.certificate, "--tls-key-file=" + s.key});
  }
  if (!s.user.empty()) words.push_back("--user=" + s.user);
  if (!s.password.empty()) words.push_back("--passwordeval=printenv MSMTP_PASSWORD");
  Append(&words, Recipients(s));
  return Run(words, {.environment = {"MSMTP_PASSWORD=" + s.password},
                     .input = Replace(s.content, "\r\n", "\n")});
}

// A program as people write it with Python's own library.
constexpr char kPythonProgram[] = R"(
import smtplib, ssl, sys
(port, on_connect, version, ca, cert, key, mechanism, user, password, sender,
 quiet, utf8, dsn, envid, *to) = sys.argv[1:]
of_mail = ['SMTPUTF8', 'BODY=8BITMIME'] if utf8 else []
of_rcpt = []
if dsn:
    of_mail += ['RET=HDRS'] + (['ENVID=' + envid] if envid else [])
    of_rcpt = ['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;first+2Bname@example.net']
tls = ssl.create_default_context(cafile=ca)
tls.minimum_version = tls.maximum_version = getattr(ssl.TLSVersion, version)
if cert: tls.load_cert_chain(cert, key)
kind = smtplib.SMTP_SSL if on_connect else smtplib.SMTP
options = {'context': tls} if on_connect else {}
try:
    with kind('127.0.0.1', int(port), 'client.example.org', timeout=20, **options) as smtp:
        if not quiet: smtp.set_debuglevel(1)
        if not on_connect: smtp.starttls(context=tls)
        if mechanism == 'EXTERNAL':
            smtp.ehlo_or_helo_if_needed()
            smtp.auth('EXTERNAL', lambda challenge=None: user)
        elif mechanism: smtp.login(user, password)
        refused = smtp.sendmail(sender, to, sys.stdin.buffer.read(), of_mail, of_rcpt)
        if refused: print('REFUSED', refused)
except smtplib.SMTPException as e:
    sys.exit(repr(e))
)";

Finished Python(const Submission& s) {
  // Debian's own, whatever other versions stand before it.
  Words words = {"/usr/bin/python3",
                 "-c",
                 kPythonProgram,
                 std::to_string(s.port),
                 s.tls_on_connect ? "1" : "",
                 std::string(s.version) == "1.2" ? "TLSv1_2" : "TLSv1_3",
                 s.ca,
                 s.certificate,
                 s.key,
                 s.mechanism,
                 s.user,
                 s.password,
                 s.sender,
                 s.quiet ? "1" : "",
                 s.smtputf8 ? "1" : "",
                 s.dsn ? "1" : "",
                 s.envid};
  Append(&words, Recipients(s));
  return Run(words, {.environment = {"LC_ALL=C.UTF-8"}, .input = s.content});
}

// What somebody types who knows the protocol.
Words AuthLines(const Submission& s) {
  const auto base64 = [](const std::string& text) {
    return text.empty() ? std::string("=") : EncodeBase64(text);
  };
  if (s.mechanism == "EXTERNAL") return {"AUTH EXTERNAL " + base64(s.user)};
  if (s.mechanism == "PLAIN") {
    return {"AUTH PLAIN " + base64(std::string(1, '\0') + s.user + '\0' + s.password)};
  }
  if (s.mechanism == "LOGIN") return {"AUTH LOGIN", base64(s.user), base64(s.password)};
  return {};
}

// For programs that give a pipe through TLS: says one command, waits for the reply.
Finished Converse(const Words& words, const Submission& s, std::string_view greeting) {
  Process process(words, {.keep_input_open = true});
  Finished finished;
  std::size_t seen = 0;
  // The next line "NNN " in the output after what was seen; 0 where none comes.
  const auto reply = [&]() -> int {
    int code = 0;
    WaitUntil([&] {
      const std::string output = process.Output();
      for (std::size_t at = seen; at < output.size();) {
        const std::size_t end = output.find('\n', at);
        if (end == std::string::npos) break;
        const std::string line = output.substr(at, end - at);
        at = end + 1;
        if (line.size() < 4 || line.find_first_not_of("0123456789") != 3 || line[3] != ' ')
          continue;
        code = std::stoi(line);
        seen = at;
        return true;
      }
      return !process.running();
    });
    return code;
  };
  if (s.tls_on_connect) {
    reply();
  } else {
    process.WaitForOutput(greeting);
    seen = process.Output().size();
  }
  int code = 250;
  Words lines = {"EHLO client.example.org"};
  Append(&lines, AuthLines(s));
  Append(&lines, {"MAIL FROM:<" + s.sender + ">", "RCPT TO:<" + s.recipient + ">", "DATA",
                  s.content + "."});
  for (const std::string& line : lines) {
    if (code < 200 || code > 399) break;
    process.Send(line + "\r\n");
    code = reply();
  }
  process.Send("QUIT\r\n");
  process.CloseInput();
  process.Wait();
  finished.status = code == 250 ? 0 : 1;
  finished.output = process.Output();
  return finished;
}

Finished Openssl(const Submission& s) {
  // -quiet also keeps it from taking a line that begins with R for a command of its own.
  Words words = {"openssl",
                 "s_client",
                 "-quiet",
                 "-connect",
                 "127.0.0.1:" + std::to_string(s.port),
                 "-CAfile",
                 s.ca,
                 std::string(s.version) == "1.2" ? "-tls1_2" : "-tls1_3"};
  if (!s.tls_on_connect) Append(&words, {"-starttls", "smtp", "-name", "client.example.org"});
  if (!s.certificate.empty()) {
    Append(&words, {"-cert", s.certificate, "-key", s.key, "-cert_chain", s.certificate});
  }
  return Converse(words, s, "250 ");
}

Finished GnutlsCli(const Submission& s) {
  Words words = {"gnutls-cli", "--x509cafile",        s.ca, "--priority", GnutlsPriority(s),
                 "--port",     std::to_string(s.port)};
  if (!s.tls_on_connect) words.push_back("--starttls-proto=smtp");
  if (!s.certificate.empty()) {
    Append(&words, {"--x509certfile", s.certificate, "--x509keyfile", s.key});
  }
  words.push_back("127.0.0.1");
  return Converse(words, s, "- Simple Client Mode:");
}

}  // namespace

const char* Name(Program program) {
  switch (program) {
    case Program::kSwaks:
      return "Swaks";
    case Program::kOpenssl:
      return "Openssl";
    case Program::kGnutlsCli:
      return "GnutlsCli";
    case Program::kMsmtp:
      return "Msmtp";
    case Program::kCurl:
      return "Curl";
    case Program::kPython:
      return "Python";
  }
  return "?";
}

Finished SubmitWith(Program program, const Submission& submission) {
  switch (program) {
    case Program::kSwaks:
      return Swaks(submission);
    case Program::kOpenssl:
      return Openssl(submission);
    case Program::kGnutlsCli:
      return GnutlsCli(submission);
    case Program::kMsmtp:
      return Msmtp(submission);
    case Program::kCurl:
      return Curl(submission);
    case Program::kPython:
      return Python(submission);
  }
  return {};
}

}  // namespace signet::test
