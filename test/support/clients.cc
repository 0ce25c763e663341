#include "test/support/clients.h"

#include <vector>

namespace signet::test {
namespace {

using Words = std::vector<std::string>;

void Append(Words* words, const Words& more) {
  words->insert(words->end(), more.begin(), more.end());
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
                 s.recipient,
                 "--ehlo",
                 "client.example.org",
                 s.tls_on_connect ? "--tlsc" : "--tls",
                 "--tls-protocol",
                 std::string(s.version) == "1.2" ? "tlsv1_2" : "tlsv1_3",
                 "--data",
                 "-"};
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
                 "--verbose",
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
                 "--mail-rcpt",
                 s.recipient,
                 "--upload-file",
                 "-"};
  if (!s.certificate.empty()) Append(&words, {"--cert", s.certificate, "--key", s.key});
  return Run(words, {.input = s.content});
}

std::string GnutlsPriority(const Submission& s) {
  return std::string("NORMAL:-VERS-ALL:+VERS-TLS") + s.version;
}

Finished Msmtp(const Submission& s) {
  Words words = {"msmtp",
                 "--host=127.0.0.1",
                 "--port=" + std::to_string(s.port),
                 "--tls=on",
                 s.tls_on_connect ? "--tls-starttls=off" : "--tls-starttls=on",
                 "--tls-trust-file=" + s.ca,
                 "--auth=off",
                 "--domain=client.example.org",
                 "--tls-priorities=" + GnutlsPriority(s),
                 "--from=" + s.sender,
                 "--debug",
                 "--timeout=20"};
  if (!s.certificate.empty()) {
    Append(&words, {"--tls-cert-file=" + s.certificate, "--tls-key-file=" + s.key});
  }
  words.push_back(s.recipient);
  return Run(words, {.input = Replace(s.content, "\r\n", "\n")});
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
  for (const std::string& line :
       {std::string("EHLO client.example.org"), "MAIL FROM:<" + s.sender + ">",
        "RCPT TO:<" + s.recipient + ">", std::string("DATA"), s.content + "."}) {
    if (code != 250 && code != 354) break;
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
  }
  return {};
}

}  // namespace signet::test
