#include "drivers/auth/dovecot_protocol.h"

#include <signet/driver_cpp.h>

#include <algorithm>

namespace signet::dovecot {
namespace {

constexpr char kEscape = '\1';
constexpr std::string_view kEscaped("\0\1\t\r\n", 5), kNames = "01trn";

// Cuts the first field off.
std::string_view TakeField(std::string_view* line) {
  const std::size_t tab = std::min(line->find('\t'), line->size());
  const std::string_view field = line->substr(0, tab);
  line->remove_prefix(std::min(tab + 1, line->size()));
  return field;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

void ReadParameters(std::string_view line, Reply* reply) {
  while (!line.empty()) {
    const std::string_view field = TakeField(&line);
    if (field.starts_with("user=")) reply->user = Unescape(field.substr(5));
    if (field.starts_with("reason=")) reply->reason = Unescape(field.substr(7));
    if (field == "temp" || field == "code=temp_fail") reply->temporary = true;
  }
}

}  // namespace

std::string Greeting::Take(std::string_view line) {
  if (++lines_ > kGreetingLinesMax) return kProtocolError;
  const std::string_view word = TakeField(&line);
  if (word == "VERSION") {
    if (has_version_ || TakeField(&line) != "1")
      return "authentication socket protocol version mismatch";
    has_version_ = true;
  } else if (word == "MECH") {
    some_mechanism_ = true;
    if (EqualsIgnoreCase(TakeField(&line), mechanism_)) offered_ = true;
  } else if (word == "SPID") {
    if (!some_mechanism_)
      return "authentication socket type mismatch (connected to auth-master instead of "
             "auth-client)";
  } else if (word == "DONE") {
    if (!has_version_) return kProtocolError;
    done_ = true;
  }
  return "";
}

std::string ReadReply(std::string_view line, Reply* reply) {
  const std::string_view word = TakeField(&line);
  if (word != "CONT" && word != "OK" && word != "FAIL") return kProtocolError;
  if (TakeField(&line) != "1") return "authentication socket connection id mismatch";
  if (word == "CONT") {
    reply->kind = Reply::kContinue;
    auto challenge = driver::DecodeBase64(TakeField(&line));
    if (!challenge) return kProtocolError;
    reply->challenge = std::move(*challenge);
    return "";
  }
  ReadParameters(line, reply);
  reply->kind = word == "OK" ? Reply::kAccepted : Reply::kRefused;
  if (word == "OK" && reply->user.empty())
    return std::string(kProtocolError) + ", username missing";
  return "";
}

std::string Hello(std::uint32_t client) {
  return "VERSION\t1\t0\nCPID\t" + std::to_string(client) + "\n";
}

std::string Request(std::string_view mechanism, const Facts& facts,
                    const std::string_view* response) {
  std::string line = "AUTH\t1\t" + Escape(mechanism) + "\tservice=smtp";
  if (facts.secured) line += "\tsecured";
  if (facts.verified_cert) line += "\tvalid-client-cert";
  line += "\trip=" + Escape(facts.client_ip) + "\tlip=" + Escape(facts.local_ip) + "\tnologin";
  // An empty response is "="; nothing behind "resp=" would be none.
  if (response != nullptr)
    line += "\tresp=" + (response->empty() ? std::string("=") : driver::EncodeBase64(*response));
  return line + '\n';
}

std::string Continuation(std::string_view response) {
  return "CONT\t1\t" + driver::EncodeBase64(response) + '\n';
}

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const std::size_t known = kEscaped.find(c);
    if (known == std::string_view::npos) {
      escaped += c;
    } else {
      escaped += kEscape;
      escaped += kNames[known];
    }
  }
  return escaped;
}

std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t known = text[i] == kEscape && i + 1 < text.size() ? kNames.find(text[i + 1])
                                                                        : std::string_view::npos;
    if (known == std::string_view::npos) {
      plain += text[i];
    } else {
      plain += kEscaped[known];
      ++i;
    }
  }
  return plain;
}

}  // namespace signet::dovecot
