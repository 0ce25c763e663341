#include "src/smtp/received.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "src/base/text.h"
#include "src/smtp/header.h"

namespace signet::smtp {
namespace {

// "from [192.0.2.1] (helo=name)", "from name ([192.0.2.1] helo=other)"
std::string FromClause(const facts::Session& session, ClientPort port) {
  std::string ip = "[" + session.connection.client_ip + "]";
  if (port == ClientPort::kShown) ip += ':' + std::to_string(session.connection.client_port);
  const std::string helo = CommentText(session.helo);
  const bool named = !session.host_name.empty();
  const bool show_helo = !helo.empty() && session.helo != session.host_name;
  if (named)
    return CommentText(session.host_name) + " (" + ip + (show_helo ? " helo=" + helo : "") + ")";
  return show_helo ? ip + " (helo=" + helo + ")" : ip;
}

std::string WithClause(const facts::Session& session) {
  std::string with = session.ReceivedProtocol();
  if (session.tls.active)
    with +=
        "  (" + CommentText(session.tls.version) + ") tls " + CommentText(session.tls.cipher_std);
  return with;
}

}  // namespace

std::string CommentText(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c <= ' ' || c >= 0x7f) {
      out += '?';
      continue;
    }
    if (c == '(' || c == ')' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string MailDate(WallTime when) {
  // Not strftime's names: they follow a locale.
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm t{};
  localtime_r(&seconds, &t);
  const long zone = t.tm_gmtoff / 60;
  const long away = zone < 0 ? -zone : zone;
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld",
                kDays[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour, t.tm_min,
                t.tm_sec, zone < 0 ? '-' : '+', away / 60, away % 60);
  return text;
}

std::vector<std::string> ReceivedHeader(const facts::Session& session, WallTime now,
                                        ClientPort port) {
  std::vector<std::string> lines;
  lines.push_back("Received: from " + FromClause(session, port));
  lines.push_back("\tby " + CommentText(session.primary_hostname) + " with " + WithClause(session));
  lines.push_back("\t(Signet)");
  lines.push_back("\t(envelope-from <" + CommentText(session.envelope.sender) + ">)");
  std::string id = "\tid " + session.envelope.message_id;
  if (session.envelope.recipients.size() == 1) {
    lines.push_back(std::move(id));
    lines.push_back("\tfor " + CommentText(session.envelope.recipients.front().address) + ";");
  } else {
    lines.push_back(id + ";");
  }
  lines.push_back("\t" + MailDate(now));
  return lines;
}

std::vector<std::string> ReceivedHeader(const Value& text, WallTime now) {
  std::string field;
  for (std::size_t at = 0; at < text.text.size();) {
    const auto segment = std::find_if(text.segments.begin(), text.segments.end(),
                                      [&](const Segment& part) { return at < part.end; });
    const bool ours = segment == text.segments.end() || segment->origins == kFromAdministrator;
    const std::size_t end = segment == text.segments.end() ? text.text.size() : segment->end;
    const std::string_view octets = std::string_view(text.text).substr(at, end - at);
    field += ours ? std::string(octets) : CommentText(octets);
    at = end;
  }
  while (!field.empty() && IsSpace(field.back())) field.pop_back();
  return HeaderLines(field + ";\n\t" + MailDate(now));
}

std::vector<std::string> HeaderLines(std::string_view header) {
  constexpr std::size_t kLineBytes = 990;  // leaves room for the tab
  std::vector<std::string> lines;
  std::string text(FieldName(header.substr(0, header.find('\n'))).empty() ? "X-ACL-Warn: " : "");
  text += header;
  while (!text.empty() && IsSpace(text.back())) text.pop_back();
  std::string line;
  const auto finish = [&] {
    // A blank line would end the header.
    if (!Trim(line).empty()) lines.push_back(std::move(line));
    line = "\t";
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      finish();
      while (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\t')) ++i;
    } else if (c != '\r' || i + 1 == text.size() || text[i + 1] != '\n') {
      line += IsControl(c) && c != '\t' ? '?' : c;
    }
    if (line.size() >= kLineBytes) finish();
  }
  finish();
  return lines;
}

}  // namespace signet::smtp
